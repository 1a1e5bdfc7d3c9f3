"""What a camera shows, covered: times, tracks that see a second ahead, memory, an end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from facesmith.anonymisation import CoverConfig  # noqa: E402
from facesmith.anonymisation.film_job import CameraJob  # noqa: E402
from facesmith.anonymisation.film_live import camera_film_name, cover_camera  # noqa: E402
from facesmith.anonymisation.films import FilmConfig, tracks_that_miss_little  # noqa: E402
from facesmith.anonymisation.verifying import VerifyConfig  # noqa: E402
from facesmith.detection import load_detector  # noqa: E402
from facesmith.errors import VideoError  # noqa: E402
from facesmith.video import LookConfig, VideoFrame, open_video  # noqa: E402
from spot_detector import spots  # noqa: E402

TIME_BASE = Fraction(1, 90_000)


@pytest.fixture(scope="module")
def detector(spot_weights: Path) -> Any:
    return load_detector(spot_weights)


def config(detector: Any) -> FilmConfig:
    tracking = tracks_that_miss_little(detector)
    return FilmConfig(CoverConfig(colour=(200, 0, 0)), tracking, LookConfig(tracking.lowest))


def shown(times: list[float], dark: tuple[int, ...] = ()) -> Iterator[VideoFrame]:
    """Frames with a spot, but for the dark ones."""
    for number, time in enumerate(times):
        image = spots(160, 120, *(() if number in dark else ((40, 32),)))
        raw = av.VideoFrame.from_ndarray(image, format="bgr24")
        yield VideoFrame(number, round(time / TIME_BASE), TIME_BASE, raw)


def test_frames_are_written_at_the_times_they_came(tmp_path: Path, detector: Any) -> None:
    times = [0.0, 0.04, 0.1, 0.11, 0.9, 1.0, 1.3, 1.7, 4.0, 4.1]
    out = tmp_path / "a.mp4"
    covered = list(cover_camera(shown(times), "0", out, detector, config(detector)))
    assert [each.found.number for each in covered] == list(range(10))
    with open_video(out) as video:
        frames = list(video.frames())
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-5)
    for frame in frames:
        assert np.abs(frame.image()[20:52, 28:60].astype(int) - (0, 0, 200)).max() < 20


def test_a_gap_is_covered_by_what_comes_after_it(tmp_path: Path, detector: Any) -> None:
    times = [n / 25 for n in range(60)]
    hidden = (0, 1, 2, 30, 31, 32, 33, 34, 35, 36, 37, 38)  # 0.4 s in the middle
    frames = shown(times, hidden)
    covered = list(cover_camera(frames, "0", tmp_path / "a.mp4", detector, config(detector)))
    assert [len(each.found.faces) for each in covered] == [1] * 60
    assert [bool(each.found.filled[0]) for each in covered] == [n in hidden for n in range(60)]
    assert {int(each.found.tracks[0]) for each in covered} == {1}


def test_little_more_than_a_second_of_frames_is_held_back(tmp_path: Path, detector: Any) -> None:
    taken: list[float] = []

    def told() -> Iterator[VideoFrame]:
        for frame in shown([n / 25 for n in range(200)]):
            taken.append(frame.time)
            yield frame

    behind = [
        taken[-1] - each.found.time
        for each in cover_camera(told(), "0", tmp_path / "a.mp4", detector, config(detector))
    ]
    assert len(behind) == 200
    assert 1.1 < max(behind) < 1.3  # tracks a second, boxes a fifth more


def test_an_error_leaves_no_file(tmp_path: Path, detector: Any) -> None:
    def broken() -> Iterator[VideoFrame]:
        yield from shown([n / 25 for n in range(60)])
        raise VideoError("it burns")

    with pytest.raises(VideoError, match="burns"):
        list(cover_camera(broken(), "0", tmp_path / "a.mp4", detector, config(detector)))
    with pytest.raises(VideoError, match="0 sent no frame"):
        list(cover_camera(iter(()), "0", tmp_path / "a.mp4", detector, config(detector)))
    assert list(tmp_path.iterdir()) == []


def test_the_result_is_looked_at_again(tmp_path: Path, detector: Any) -> None:
    frames = shown([n / 25 for n in range(30)])
    job = CameraJob(frames, detector, config(detector), tmp_path, VerifyConfig(0.3, step=0.5))
    lines = list(job.cover("0", "camera-0.mp4"))
    assert [line["file"] for line in lines] == ["0"] * 30
    result = job.result()
    assert result["film"]["frames"] == 30
    assert result["film"]["looked_again"] == 3
    assert result["left"] == []
    assert result["input"] == {"bytes": None, "mtime_ns": None, "sha256": None}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("1", "camera-1.mp4"),
        ("/dev/video2", "camera-video2.mp4"),
        ("rtsp://me:secret@10.0.0.4:554/a/b.sdp?token=secret", "camera-10.0.0.4-554-a-b.sdp.mp4"),
        ("http://host/", "camera-host.mp4"),
        ("udp://@:1234", "camera-1234.mp4"),
    ],
)
def test_the_name_of_a_camera_s_film_holds_no_secret(name: str, wanted: str) -> None:
    assert camera_film_name(name) == wanted
