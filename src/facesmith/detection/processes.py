"""Finding the faces in a big folder: several processes, each decoding and detecting by itself.

What crosses between processes is small: a path to a worker, boxes back. The order of the results
is that of the photos, and memory does not grow with their number.

Where a worker dies, for example in a decoder, each photo that it held is tried once more, alone in
a process. A photo with which that process ends too gets an error.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from facesmith.detection.photos import (
    DetectionConfig,
    PhotoFaces,
    PhotoSource,
)
from facesmith.detection.sessions import available_cores
from facesmith.detection.window_plan import WindowConfig
from facesmith.detection.worker import READY, WorkerConfig, run_worker
from facesmith.errors import FacesmithError

# Photos that a worker holds: one in the network, one that is decoded meanwhile. More would take
# memory and save no time: its two threads together keep a core busy.
_HELD = 2
# How far, for each worker, results may run ahead of the slowest photo before it.
_WINDOW = 16
# A process takes about as long to start as it needs for this many large photos.
_PHOTOS_A_WORKER = 16
# Windows waits for at most 63 things at once.
_MAX_WORKERS = 60
# Processes that end in a row, without a single photo done between, before it is given up.
_MAX_LOST = 10
_GRACE_SECONDS = 5.0


class WorkerError(FacesmithError):
    """The processes that look at photos cannot be started, or keep ending."""


def default_workers(n_photos: int) -> int:
    """How many processes pay: one for few photos, one a core for many.

    Example:
        >>> default_workers(31)
        1
    """
    return max(min(available_cores(), n_photos // _PHOTOS_A_WORKER, _MAX_WORKERS), 1)


def detect_in_workers(
    model: str | Path | None,
    sources: Iterable[PhotoSource],
    *,
    workers: int,
    threads: int = 1,
    config: DetectionConfig | None = None,
    windows: WindowConfig | None = None,
) -> Iterator[PhotoFaces]:
    """Find the faces in photos with several processes; see `detect_photos` for one.

    Processes are started afresh ("spawn") on every system. A script that calls this needs
    `if __name__ == "__main__":` around what it does, as with any of Python's process pools.

    Args:
        model: As `open_detector` takes it.
        sources: The photos; read as far ahead as the workers need.
        workers: Processes, at least 1. Each takes 100 MB, and some 70 more with photos of 12
            million pixels decoded at half size, 300 where they are decoded in full.
        threads: CPU threads of each worker's detector. More than one does not pay here.
        config: How to look at photos. Its `finish` is called in the worker, where the photo's
            image is at hand, not in the order of the photos: a module's function or an object
            that can be pickled.
        windows: As `open_detector` takes it.

    Yields:
        One result a photo, in the order of `sources`, without `decoded`. A photo that cannot be
        read, or with which a process ends, has an error in its result and does not end the work.

    Raises:
        WeightsError: If the weights are missing or damaged.
        WorkerError: If processes cannot be started, or end one after the other.
        ValueError: If a count is not positive.
    """
    for name, count in (("workers", workers), ("threads", threads)):
        if count < 1:
            raise ValueError(f"`{name}` must be at least 1; got {name}={count}.")
    worker = WorkerConfig(model, threads, config or DetectionConfig(), windows)
    return _in_order(worker, sources, min(workers, _MAX_WORKERS))


@dataclass(frozen=True, eq=False)
class _Task:
    number: int
    source: PhotoSource
    alone: bool = False  # it was held by a worker that ended


@dataclass(eq=False)
class _Worker:
    """One process, seen from the one that hands out the photos."""

    process: BaseProcess
    tasks: Connection
    results: Connection
    ready: bool = False
    held: deque[_Task] = field(default_factory=deque)

    def has_room(self) -> bool:
        return self.ready and len(self.held) < _HELD and not any(task.alone for task in self.held)

    def take(self, task: _Task) -> None:
        self.held.append(task)
        with suppress(OSError):  # it has ended; `results` will say so
            self.tasks.send(task.source)

    def receive(self) -> Any:
        """Its next answer, `None` if it has ended."""
        try:
            return self.results.recv()
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        self.tasks.close()
        self.results.close()


def _in_order(
    config: WorkerConfig, sources: Iterable[PhotoSource], n_workers: int
) -> Iterator[PhotoFaces]:
    pool = _Pool(config, sources)
    try:
        pool.start(n_workers)
        while pool.hand_out():
            pool.collect()
            yield from pool.next_results()
    finally:
        pool.end()


class _Pool:
    """The workers, and what has become of each photo."""

    def __init__(self, config: WorkerConfig, sources: Iterable[PhotoSource]) -> None:
        self._config = config
        self._workers: list[_Worker] = []
        self._fresh = (_Task(number, source) for number, source in enumerate(sources))
        self._again: deque[_Task] = deque()
        self._done: dict[int, PhotoFaces] = {}
        self._n_given = self._n_passed_on = self._n_lost = 0

    def start(self, n_workers: int) -> None:
        for _ in range(n_workers):
            self._workers.append(_start(self._config))

    def hand_out(self) -> bool:
        """Gives photos to all workers that have room; false if nothing is left to wait for."""
        for worker in self._workers:
            if self._again and worker.ready and not worker.held:
                worker.take(self._again.popleft())
        while self._n_given - self._n_passed_on < _WINDOW * len(self._workers):
            free = [worker for worker in self._workers if worker.has_room()]
            task = next(self._fresh, None) if free else None
            if task is None:
                break
            min(free, key=lambda worker: len(worker.held)).take(task)
            self._n_given += 1
        waiting = self._again or any(worker.held for worker in self._workers)
        return bool(waiting or not any(worker.ready for worker in self._workers))

    def collect(self) -> None:
        """Waits for answers, at least one."""
        answered = wait([worker.results for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.results in answered]:
            answer = worker.receive()
            if answer is None:
                self._replace(worker)
            elif isinstance(answer, Exception):
                raise answer
            elif answer == READY:
                worker.ready = True
            else:
                self._n_lost = 0
                task = worker.held.popleft()
                self._done[task.number] = replace(answer, source=task.source)

    def next_results(self) -> Iterator[PhotoFaces]:
        """What has become complete, in the order of the photos."""
        while (found := self._done.pop(self._n_passed_on, None)) is not None:
            self._n_passed_on += 1
            yield found

    def end(self) -> None:
        for worker in self._workers:
            worker.close()
        for worker in self._workers:
            _end(worker)

    def _replace(self, worker: _Worker) -> None:
        """Another worker for one that has ended; its photos are tried again, each alone."""
        self._workers.remove(worker)
        how = _end(worker)
        self._n_lost += 1
        if not worker.ready or self._n_lost > _MAX_LOST:
            raise WorkerError(_why_given_up(worker.ready, how))
        for task in worker.held:
            if task.alone:
                self._done[task.number] = _lost(task.source, how)
            else:
                self._again.append(replace(task, alone=True))
        self._workers.append(_start(self._config))


def _start(config: WorkerConfig) -> _Worker:
    return _Worker(*start_process(run_worker, config, "facesmith-detect"))


def start_process(
    target: Callable[[Any, Connection, Connection], None], config: object, name: str
) -> tuple[BaseProcess, Connection, Connection]:
    """Start a process that is told `config`, and that reads and writes pipes.

    It sees the end of its first pipe when the process that started it ends, and never sees Ctrl-C.

    Args:
        target: A function of a module: called with `config`, the pipe to read from and the pipe to
            write to.
        config: Anything that can be pickled.
        name: Of the process.

    Returns:
        The process, the pipe to write to and the pipe to read from.

    Raises:
        WorkerError: If it cannot be started.
    """
    # Never forked: a copy of a process whose threads hold locks can wait for them for ever.
    context = multiprocessing.get_context("spawn")
    theirs_in, ours_out = context.Pipe(duplex=False)
    ours_in, theirs_out = context.Pipe(duplex=False)
    process = context.Process(
        target=target, args=(config, theirs_in, theirs_out), name=name, daemon=True
    )
    with _no_interrupts():
        try:
            process.start()
        except OSError as error:
            raise WorkerError(
                f"Cannot start a process ({error}). Pass fewer --workers, or 1 for none."
            ) from error
    # Only the worker has these ends now, so that its end is seen at ours.
    theirs_in.close()
    theirs_out.close()
    return process, ours_out, ours_in


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Processes started in here never see Ctrl-C, from their first moment on.

    The terminal sends it to all processes at once; the one that hands out photos ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows: `run_worker` comes to it a little later
        yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415 - not on Windows

    resource_tracker.ensure_running()  # it would lift the mask again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(worker: _Worker) -> str:
    """Waits for a worker whose pipes are closed, or broken, and says how it ended."""
    worker.close()
    return end_process(worker.process)


def end_process(process: BaseProcess, grace_seconds: float = _GRACE_SECONDS) -> str:
    """Wait for a process whose pipes are closed, end it if need be, and say how it ended."""
    process.join(grace_seconds)
    if process.is_alive():
        process.kill()
        process.join()
    code = process.exitcode or 0
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def _lost(source: PhotoSource, how: str) -> PhotoFaces:
    return PhotoFaces.failed(
        source,
        f"{source.name}: the process that looked at it ended twice ({how}). The file may be "
        "harmful to its decoder, or memory has run out: try it alone, or with fewer --workers.",
    )


def _why_given_up(was_ready: bool, how: str) -> str:
    if was_ready:
        return (
            f"{_MAX_LOST + 1} processes in a row ended while looking at photos ({how}). If memory "
            "has run out, pass fewer --workers, or 1 for none."
        )
    return (
        f"A process ended before it could look at a photo ({how}). Pass fewer --workers, or 1 for "
        'none; a Python script needs `if __name__ == "__main__":` around what it does.'
    )
