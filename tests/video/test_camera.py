"""Cameras: the newest frame, new connections, and an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesmith.errors import VideoError
from facesmith.video import Camera, is_camera
from facesmith.video.camera import shown_name
from made_films import serving, write_film

av = pytest.importorskip("av")


class FakePacket:
    def __init__(self, shade: int) -> None:
        self._shade = shade

    def decode(self) -> list[Any]:
        return [av.VideoFrame.from_ndarray(np.full((16, 16, 3), self._shade, np.uint8), "bgr24")]


class FakeStream:
    """Sends frames of the shades that a function gives; then the connection is lost."""

    def __init__(self, shades: Callable[[], Iterator[int]]) -> None:
        self._shades = shades
        self.streams = self
        self.video = [None]
        self.closed = False

    def demux(self, _: Any) -> Iterator[FakePacket]:
        return map(FakePacket, self._shades())

    def close(self) -> None:
        self.closed = True


def test_only_the_newest_frame_is_given() -> None:
    sent, go_on = threading.Event(), threading.Event()

    def shades() -> Iterator[int]:
        yield from (10, 20, 30, 40)
        sent.set()
        go_on.wait(10)
        yield 50
        time.sleep(0.3)

    with Camera("0", opened=lambda _: FakeStream(shades)) as camera:
        assert sent.wait(10)
        frames = camera.frames()
        first = next(frames)
        go_on.set()
        second = next(frames)
        assert camera.dropped == 3
    assert [frame.image()[0, 0, 0] for frame in (first, second)] == [40, 50]
    assert [frame.number for frame in (first, second)] == [0, 1]
    assert first.time == 0
    assert second.time > 0


def test_a_lost_connection_is_made_again_and_said() -> None:
    tries: list[int] = []
    said: list[str] = []

    def opened(_: str) -> FakeStream:
        tries.append(len(tries))
        if len(tries) == 2:
            raise VideoError("not yet")
        return FakeStream(lambda: iter([len(tries)]))

    begun = time.monotonic()
    with Camera("rtsp://me:secret@cam/1", said.append, opened) as camera:
        frames = list(camera.frames(max_frames=2))
        assert camera.lost >= 1
    assert [int(frame.image()[0, 0, 0]) for frame in frames] == [1, 3]
    assert time.monotonic() - begun >= 0.5 + 1
    assert said[0] == "rtsp://cam/1: lost (it ended); connecting again in 0.5 s."
    assert "connecting again in 1 s" in said[1]
    assert frames[1].time > frames[0].time


def test_a_camera_stops_after_its_time_even_without_frames() -> None:
    def silent() -> Iterator[int]:
        time.sleep(2)
        yield from ()

    begun = time.monotonic()
    with Camera("0", opened=lambda _: FakeStream(silent)) as camera:
        assert list(camera.frames(max_seconds=0.3)) == []
        assert time.monotonic() - begun < 1.5


def test_a_camera_can_be_stopped_from_outside() -> None:
    go_on = threading.Event()

    def shades() -> Iterator[int]:
        while not go_on.wait(0.02):
            yield 10

    with Camera("0", opened=lambda _: FakeStream(shades)) as camera:
        seen = []
        for frame in camera.frames():
            seen.append(frame.number)
            if len(seen) == 3:
                camera.stop()
        go_on.set()
    assert 3 <= len(seen) <= 4


def test_streams_are_closed() -> None:
    streams = [FakeStream(lambda: iter([1, 2, 3]))]
    with Camera("0", opened=lambda _: streams[0]) as camera:
        next(camera.frames())
    assert streams[0].closed


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("0", True), ("/dev/video2", True), ("rtsp://host/live", True), ("RTSP://host", True),
     ("http://host/a.mp4", True), ("clip.mp4", False), ("12a", False), ("/dev/null", False)],
)  # fmt: skip
def test_what_is_a_camera(name: str, wanted: bool) -> None:
    assert is_camera(name) is wanted


def test_a_file_called_by_a_number_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("7").touch()
    assert not is_camera("7")


def test_passwords_are_not_shown() -> None:
    assert shown_name("rtsp://me:secret@cam:554/1") == "rtsp://cam:554/1"
    assert shown_name("0") == "0"


def test_a_camera_that_is_not_there_is_named() -> None:
    with pytest.raises(VideoError, match="Camera 63 does not exist"):
        Camera("63")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A stream over HTTP on this machine: a film that is sent and then ends."""
    with serving(write_film(tmp_path / "a.ts", options={"crf": "10", "bf": "0"})) as address:
        yield address


def test_a_stream_over_the_network(address: str) -> None:
    """It is read again and again: each connection ends after ten frames."""
    with Camera(address) as camera:
        frames = []
        for frame in camera.frames(max_seconds=30):
            frames.append(frame)
            if camera.lost >= 2:
                break
        assert camera.lost >= 2
    assert {frame.size_wh for frame in frames} == {(64, 48)}
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))


def test_a_stream_that_nobody_sends_is_an_error() -> None:
    with pytest.raises(VideoError, match=r"http://127\.0\.0\.1:9/ cannot be opened: Connection"):
        Camera("http://me:secret@127.0.0.1:9/")
