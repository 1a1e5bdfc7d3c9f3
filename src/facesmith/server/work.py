"""The detector of a process, the one thread that works with it, and how much may wait for it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from facesmith.detection import DetectionConfig, PhotoFaces, PhotoSource, open_detector
from facesmith.detection.photos import PlannedPhoto, decode, look_at
from facesmith.errors import ImageError
from facesmith.server.config import MB, ServeConfig
from facesmith.server.metrics import Metrics
from facesmith.server.problems import busy

Result = TypeVar("Result")
_FIRST_GUESS = 0.05  # seconds a request takes, before any has
_WEIGHT = 0.1  # of the newest in the mean
_LONGEST_WAIT = 60  # seconds to ask of a client at most


class Place:
    """The place of one request among those that wait, and the bytes that it holds."""

    def __init__(self, work: Work) -> None:
        self._work, self.held = work, 0

    def hold(self, n_bytes: int) -> None:
        """Count bytes that the request takes in memory from now on to its end.

        Raises:
            Problem: If all requests together would hold too many; a 503.
        """
        work = self._work
        if work.held + n_bytes > work.config.max_held:
            raise busy(
                f"The photos that wait take {work.held / MB:,.0f} MB, and more than "
                f"{work.config.max_held / MB:,.0f} MB are not held. Send it again later.",
                work.retry_after(),
            )
        self.held += n_bytes
        work.held += n_bytes
        work.tell()

    def release(self, n_bytes: int) -> None:
        """Count bytes that it holds no longer."""
        self.held -= n_bytes
        self._work.held -= n_bytes
        self._work.tell()


class Work:
    """All that one process does with photos: one after the other, in the order of arrival.

    Attributes:
        config: Limits.
        detector: What finds the faces.
        n_requests: Requests that have a place now.
        held: Bytes that they hold.
    """

    def __init__(self, config: ServeConfig, metrics: Metrics) -> None:
        self.config, self._metrics = config, metrics
        self.detector = open_detector(config.model)
        if self.detector.has_landmarks:
            self.detector.landmark_finder()  # before any photo
        self.n_requests = self.held = 0
        self._seconds = _FIRST_GUESS
        self._pool: ThreadPoolExecutor | None = None

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place among those that wait, until the request is done.

        Raises:
            Problem: If all places are taken; a 503 that says when to come again.
        """
        if self.n_requests >= self.config.max_requests:
            raise busy(
                f"{self.n_requests} requests wait already, which is all that fit. Send it again "
                "later.",
                self.retry_after(),
            )
        place = Place(self)
        self.n_requests += 1
        self.tell()
        try:
            yield place
        finally:
            self.n_requests -= 1
            self.held -= place.held
            self.tell()

    def tell(self) -> None:
        """Have it counted what waits now."""
        self._metrics.waiting(self.n_requests, self.held)

    def retry_after(self) -> int:
        """In how many seconds half of what waits now will be done, at least 1."""
        return min(max(math.ceil(self._seconds * self.n_requests / 2), 1), _LONGEST_WAIT)

    async def run(self, request: Request, call: Callable[[], Result]) -> Result:
        """What a call gives that is made in the thread of the detector.

        Raises:
            ClientDisconnect: If nobody waits for it any more; it is not begun then.
        """
        if self._pool is None:  # a server may start the application again that it has ended
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="detect")
        future = asyncio.wrap_future(self._pool.submit(self._timed, call))
        gone = asyncio.ensure_future(_gone(request))
        try:
            waiting: set[asyncio.Future[Any]] = {future, gone}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not future.done():
                future.cancel()
        if future.cancelled():
            raise ClientDisconnect
        return future.result()

    def look(self, name: str, content: bytes, config: DetectionConfig) -> PhotoFaces:
        """The faces in a photo, or its error: what `facesmith detect` makes of it."""
        source = PhotoSource(name, content)
        decoding: Future[PlannedPhoto] = Future()
        try:
            decoding.set_result(decode(self.detector, source, config))
        except ImageError as error:
            decoding.set_exception(error)
        found = look_at(self.detector, source, decoding, config)
        return replace(found, decoded=None)  # as large as the photo; a request may bring many

    def close(self) -> None:
        """Waits for what runs, and leaves out what has not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _timed(self, call: Callable[[], Result]) -> Result:
        start = perf_counter()
        try:
            return call()
        finally:
            self._seconds += _WEIGHT * (perf_counter() - start - self._seconds)


async def _gone(request: Request) -> None:
    """Waits until the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
