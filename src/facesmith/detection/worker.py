"""What one process of several does: it decodes photos that it is sent and finds the faces."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from facesmith.detection.opening import open_detector
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.photos import (
    DetectionConfig,
    PhotoSource,
    PlannedPhoto,
    decode,
    look_at,
)
from facesmith.detection.window_plan import WindowConfig
from facesmith.errors import FacesmithError

# A worker's first answer, unless it is an error; then comes a `PhotoFaces` for each of its photos.
READY = "ready"

# Stands for the source in these answers: it may be megabytes, and who asked has it.
_NO_SOURCE = PhotoSource("", b"")


@dataclass(frozen=True)
class WorkerConfig:
    """What each worker is told at its start; sent to it, so all of it can be pickled."""

    model: str | Path | None
    threads: int
    detection: DetectionConfig
    windows: WindowConfig | None  # of a classifier


def run_worker(config: WorkerConfig, tasks: Connection, results: Connection) -> None:
    """All that a worker does, until nobody waits for its results any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        try:
            detector = open_detector(config.model, config.threads, config.windows)
            if config.detection.landmarks:
                detector.landmark_finder()  # before any photo
        except FacesmithError as error:
            results.send(error)
        else:
            results.send(READY)
            _look_at_all(detector, config.detection, tasks, results)


def _look_at_all(
    detector: PhotoDetector, config: DetectionConfig, tasks: Connection, results: Connection
) -> None:
    """Decodes photos ahead in one thread, and looks at them in another."""
    decoded: SimpleQueue[tuple[PhotoSource, Future[PlannedPhoto]] | None] = SimpleQueue()
    pool = ThreadPoolExecutor(1, thread_name_prefix="decode")

    def receive() -> None:
        # Waits for no other thread, so that who hands out photos never waits for this process.
        with suppress(EOFError, OSError):
            while True:
                source = tasks.recv()
                try:
                    photo = pool.submit(decode, detector, source, config)
                except RuntimeError:  # the pool is shut down: nobody waits for results any more
                    break
                decoded.put((source, photo))
        decoded.put(None)

    threading.Thread(target=receive, name="receive", daemon=True).start()
    try:
        while (item := decoded.get()) is not None:
            found = look_at(detector, *item, config)
            results.send(replace(found, source=_NO_SOURCE, decoded=None))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
