"""Cameras and streams: always the newest frame, and a new connection where one is lost."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

from facesmith.errors import FacesmithError, VideoError
from facesmith.video.frames import VideoFrame
from facesmith.video.libav import import_av, opening_errors, reason

TIME_BASE = Fraction(1, 90_000)  # of the frames' time stamps
_STREAM = re.compile(r"(rtsps?|rtmps?|rtp|udp|tcp|srt|https?)://", re.IGNORECASE)
_DEVICE = re.compile(r"/dev/video\d+")
_OPEN_SECONDS, _READ_SECONDS = 10.0, 5.0  # without an answer, after which a stream is given up
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before connecting again; doubled each time
_POLL_SECONDS = 0.2  # how often a wait for a frame looks whether to stop
_STREAM_OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay"}


def is_camera(name: str) -> bool:
    """Whether an input is a camera by number or device, or a stream such as `rtsp://...`."""
    if _STREAM.match(name) or _DEVICE.fullmatch(name):
        return True
    return name.isdecimal() and not Path(name).exists()


def shown_name(name: str) -> str:
    """The name without the user and password in it, for messages and results."""
    return re.sub(r"(?<=://)[^/@]*@", "", name)


def open_stream(name: str) -> Any:
    """PyAV's container of a camera or stream.

    Raises:
        VideoError: If it cannot be opened.
    """
    av = import_av()
    with opening_errors(shown_name(name) if _STREAM.match(name) else f"Camera {name}"):
        if _STREAM.match(name):
            options = _STREAM_OPTIONS if name.lower().startswith("rtsp") else {}
            return av.open(name, options=options, timeout=(_OPEN_SECONDS, _READ_SECONDS))
        if sys.platform == "darwin":
            return av.open(f"{name}:none", format="avfoundation", options={"framerate": "30"})
        if sys.platform == "win32":
            return av.open(f"video={_windows_camera(name)}", format="dshow")
        return av.open(f"/dev/video{name}" if name.isdecimal() else name, format="v4l2")


def _windows_camera(number: str) -> str:
    """The name of a camera by its number: Windows knows cameras by names only."""
    found = [
        device.name
        for device in import_av().enumerate_input_devices("dshow")
        if "video" in device.media_types
    ]
    if int(number) >= len(found):
        raise VideoError(f"There is no camera {number}. Found: {', '.join(found) or 'none'}.")
    return str(found[int(number)])


class Camera:
    """A camera or stream; use it with `with`.

    A thread reads it all the time and keeps the newest frame alone, so that a slow detector sees
    what happens now, not what happened before. A connection that is lost is made again, after half
    a second, one, two and so on up to 30. Times are those at which frames arrived, since the first.

    Args:
        name: A number, a device such as `/dev/video0`, or an address such as `rtsp://...`.
        say: Called with a line where a connection is lost or made again.
        opened: Opens it, for tests.

    Attributes:
        dropped: Frames that came while the one before was worked on.
        lost: Connections that were lost.

    Raises:
        VideoError: If it cannot be opened at first.
    """

    def __init__(
        self,
        name: str,
        say: Callable[[str], None] = lambda _: None,
        opened: Callable[[str], Any] = open_stream,
    ) -> None:
        self.name = shown_name(name)
        self.dropped = self.lost = 0
        self._address, self._say, self._open = name, say, opened
        self._arrived = threading.Condition()
        self._stopped = threading.Event()
        self._newest: tuple[float, Any] | None = None
        self._first: Any = opened(name)
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End `frames` with the frame that it gave last; from a signal's handler too."""
        self._stopped.set()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(_READ_SECONDS + 1)

    def frames(
        self, *, max_seconds: float | None = None, max_frames: int | None = None
    ) -> Iterator[VideoFrame]:
        """The newest frame each time one is asked for; without limits until it is closed.

        Args:
            max_seconds: Ends so many seconds after the first frame, or after the call where none
                comes.
            max_frames: Ends after so many frames.
        """
        begun: float | None = None
        deadline = time.monotonic() + max_seconds if max_seconds is not None else None
        number, last = 0, -1
        while max_frames is None or number < max_frames:
            arrived = self._next(deadline)
            if arrived is None:
                return
            at, raw = arrived
            if begun is None:
                begun = at
                deadline = at + max_seconds if max_seconds is not None else None
            pts = max(round((at - begun) / TIME_BASE), last + 1)
            yield VideoFrame(number, pts, TIME_BASE, raw)
            number, last = number + 1, pts

    def _next(self, deadline: float | None) -> tuple[float, Any] | None:
        """When the newest frame arrived, and the frame; `None` after the deadline."""
        with self._arrived:
            while self._newest is None:
                if self._stopped.is_set() or (deadline and time.monotonic() >= deadline):
                    return None
                self._arrived.wait(_POLL_SECONDS)
            newest, self._newest = self._newest, None
        return None if deadline and newest[0] >= deadline else newest

    def _read(self) -> None:
        wait = _FIRST_WAIT
        container = self._first
        while not self._stopped.is_set():
            why = "it could not be opened again"
            if container is not None:
                try:
                    got_frames, why = self._read_until_lost(container)
                finally:
                    container.close()
                if self._stopped.is_set():
                    return
                self.lost += 1
                if got_frames:
                    wait = _FIRST_WAIT
            self._say(f"{self.name}: lost ({why}); connecting again in {wait:g} s.")
            if self._stopped.wait(wait):
                return
            wait = min(2 * wait, _LONGEST_WAIT)
            try:
                container = self._open(self._address)
            except FacesmithError:
                container = None

    def _read_until_lost(self, container: Any) -> tuple[bool, str]:
        """Whether frames came, and why they ended."""
        av = import_av()
        got_frames = False
        try:
            for packet in container.demux(container.streams.video[0]):
                if self._stopped.is_set():
                    break
                try:
                    decoded = packet.decode()
                except av.InvalidDataError:
                    continue  # the next key frame mends it
                for raw in decoded:
                    got_frames = True
                    with self._arrived:
                        self.dropped += self._newest is not None
                        self._newest = time.monotonic(), raw
                        self._arrived.notify()
        except av.FFmpegError as error:
            return got_frames, reason(error)
        except IndexError:
            return False, "it has no video"
        return got_frames, "it ended"
