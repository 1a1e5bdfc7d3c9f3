"""Who does the work: this process, processes of this machine, or a Dask cluster.

All do the same: they call a function with the job and one task after the other, hand back results
as they come, and hold a bounded number of tasks at a time. A task whose workers keep ending comes
back as `Died`; other errors are raised.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from facesmith.detection.processes import end_process, start_process
from facesmith.errors import UnfinishedError

# A task may be under way at the end of so many processes before it is told to be their cause.
MAX_DEATHS = 2
# Tasks given to each worker: one under way, one that waits.
HELD = 2
# Processes that end in a row without a task done between, before it is given up.
_MAX_LOST = 10

Function = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Died:
    """Stands for the result of a task whose workers ended, `how` at last."""

    how: str


class Engine(Protocol):
    """Calls functions with tasks, somewhere."""

    def results(
        self, function: Function, job: object, tasks: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each task with its result, in any order; `tasks` is read as far as needed."""
        ...

    def describe(self) -> str:
        """What the manifest calls it."""
        ...


class HereEngine:
    """Works in this process: for what only this process can see."""

    def results(
        self, function: Function, job: object, tasks: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """See `Engine`."""
        for task in tasks:
            yield task, function(job, task)

    def describe(self) -> str:
        """See `Engine`."""
        return "this process"


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    tasks: Connection
    answers: Connection
    held: deque[Any] = field(default_factory=deque)


class LocalEngine:
    """Works in processes of this machine, which end when this one does.

    Args:
        workers: Processes.
    """

    def __init__(self, workers: int) -> None:
        self._n_workers = workers
        self._workers: list[_Worker] = []

    def describe(self) -> str:
        """See `Engine`."""
        return f"{self._n_workers} local processes"

    def results(
        self, function: Function, job: object, tasks: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """See `Engine`.

        Raises:
            UnfinishedError: If processes keep ending.
        """
        fresh = iter(tasks)
        again: deque[Any] = deque()
        deaths: dict[Any, int] = {}
        n_lost = 0
        self._workers = [self._start(function, job) for _ in range(self._n_workers)]
        try:
            while True:
                self._hand_out(again, fresh)
                busy = [worker for worker in self._workers if worker.held]
                if not busy:
                    return
                answered = set(wait([worker.answers for worker in busy]))
                for worker in [each for each in busy if each.answers in answered]:
                    answer = _answer(worker)
                    if isinstance(answer, Died):
                        n_lost += 1
                        if n_lost > _MAX_LOST:
                            raise UnfinishedError(
                                f"{n_lost} processes in a row ended ({answer.how}). If memory has "
                                "run out, pass fewer --workers."
                            )
                        yield from self._replace(worker, answer, function, job, deaths, again)
                        continue
                    n_lost = 0
                    if isinstance(answer, BaseException):
                        raise answer
                    task = worker.held.popleft()
                    deaths.pop(task, None)
                    yield task, answer
        finally:
            self._end()

    def _hand_out(self, again: deque[Any], fresh: Iterator[Any]) -> None:
        for _ in range(HELD):
            for worker in self._workers:
                if len(worker.held) >= HELD:
                    continue
                task = again.popleft() if again else next(fresh, None)
                if task is None:
                    return
                worker.held.append(task)
                with suppress(OSError):  # it has ended; its answers will say so
                    worker.tasks.send(task)

    def _replace(
        self,
        worker: _Worker,
        died: Died,
        function: Function,
        job: object,
        deaths: dict[Any, int],
        again: deque[Any],
    ) -> Iterator[tuple[Any, Any]]:
        """Another worker for one that has ended; the task that it was at is tried again."""
        self._workers.remove(worker)
        self._workers.append(self._start(function, job))
        first, *waiting = worker.held
        again.extend(waiting)
        deaths[first] = deaths.get(first, 0) + 1
        if deaths[first] < MAX_DEATHS:
            again.append(first)
        else:
            yield first, died

    @staticmethod
    def _start(function: Function, job: object) -> _Worker:
        return _Worker(*start_process(_work, (function, job), "facesmith-bulk"))

    def _end(self) -> None:
        for worker in self._workers:
            worker.tasks.close()
            worker.answers.close()
        for worker in self._workers:
            if worker.held:  # what it is at is not waited for: the next run does it
                worker.process.kill()
            end_process(worker.process)
        self._workers = []


def _answer(worker: _Worker) -> Any:
    """Its next answer, `Died` if it has ended."""
    try:
        return worker.answers.recv()
    except (EOFError, OSError):
        worker.tasks.close()
        worker.answers.close()
        return Died(end_process(worker.process))


def _work(config: tuple[Function, object], tasks: Connection, answers: Connection) -> None:
    """All that a process does, until nobody sends tasks any more."""
    import signal  # noqa: PLC0415 - of processes only

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    function, job = config
    with suppress(EOFError, OSError):
        while True:
            task = tasks.recv()
            try:
                answer = function(job, task)
            except MemoryError:
                sys.exit(1)  # as where the system ends it: the photos are tried one by one
            except Exception as error:  # noqa: BLE001 - raised again by `LocalEngine`
                answer = error
            answers.send(answer)
