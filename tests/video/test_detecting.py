"""Which frames of a film are looked at, and how."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from facesmith.detection.pyramid import Pyramid  # noqa: E402
from facesmith.faces import Faces  # noqa: E402
from facesmith.video import LookConfig, VideoFrame, detect_frames  # noqa: E402

RATE = 25


class Listing:
    """A detector that finds one face, at a fifth of the picture, and lists what it was shown."""

    pyramid = Pyramid(smallest_face=10, tallest_face=240, enlarged_to=0)
    spare_size = 2.0

    def __init__(self) -> None:
        self.shown: list[tuple[int, int, float | None]] = []

    def __call__(
        self, image: np.ndarray, *, min_face: float | None = None, **_options: Any
    ) -> Faces:
        height, width = image.shape[:2]
        self.shown.append((width, height, min_face))
        box = np.float32([[width / 5, height / 5, width / 4, height / 4]])
        return Faces(box, np.float32([0.9]))


def film(shades: list[int], size_wh: tuple[int, int] = (1280, 720)) -> list[VideoFrame]:
    """Frames of a bright and a dark half; the line between them is at `shade` of 255."""
    frames = []
    for number, shade in enumerate(shades):
        image = np.full((size_wh[1], size_wh[0], 3), 30, np.uint8)
        image[:, : size_wh[0] * shade // 255] = 200
        raw = av.VideoFrame.from_ndarray(image, format="bgr24")
        frames.append(VideoFrame(number, number, Fraction(1, RATE), raw))
    return frames


def look(frames: list[VideoFrame], **options: Any) -> tuple[list[bool], Listing, list[Faces]]:
    detector: Any = Listing()
    found = list(detect_frames(frames, detector, LookConfig(**options)))
    return [each.looked for each in found], detector, [each.faces for each in found]


def test_all_frames_are_looked_at_unless_asked_otherwise() -> None:
    looked, detector, _ = look(film([100] * 4))
    assert looked == [True] * 4
    assert detector.shown == [(1280, 720, None)] * 4


def test_every_other_frame_of_a_calm_film_is_passed_over() -> None:
    looked, detector, _ = look(film([100] * 5), full_seconds=0.06)
    assert looked == [True, False, True, False, True]
    assert detector.shown == [(1280, 720, None)] * 3


def test_a_slow_film_is_looked_at_frame_by_frame() -> None:
    looked, _, _ = look(film([100] * 4), full_seconds=0.04)
    assert looked == [True] * 4


def test_frames_in_motion_are_looked_at_at_half_the_scale() -> None:
    # The line moves by a thirteenth of the width: 170 of 255 shades there, 13 on average.
    looked, detector, faces = look(film([100, 120, 140]), full_seconds=0.06)
    assert looked == [True, True, True]
    # 1/80 of 1280 pixels are the 10 of the network at a scale of 0.625; at half of that it needs
    # no more than 800 pixels, in which the smallest face of 32 is one of 20.
    assert detector.shown[1] == (800, 450, 20.0)
    assert detector.shown[0] == detector.shown[2] == (1280, 720, None)
    for each in faces:
        np.testing.assert_allclose(each.boxes, [[256, 144, 320, 180]], rtol=1e-5)


def test_a_small_moving_film_is_not_shrunk_for_the_coarse_look() -> None:
    _, detector, faces = look(film([100, 120], (320, 180)), full_seconds=0.06)
    assert detector.shown[1] == (320, 180, 20.0)
    np.testing.assert_allclose(faces[1].boxes, [[64, 36, 80, 45]], rtol=1e-5)


def test_the_first_frame_of_a_scene_gets_a_full_look() -> None:
    frames = film([40, 40, 40, 255, 255, 255])
    for each in (3, 4, 5):
        rows = np.tile(np.linspace(0, 255, 720, dtype=np.uint8)[:, None, None], (1, 1280, 3))
        raw = av.VideoFrame.from_ndarray(rows, format="bgr24")
        frames[each] = VideoFrame(each, each, Fraction(1, RATE), raw)
    detector: Any = Listing()
    found = list(detect_frames(frames, detector, LookConfig(full_seconds=0.06)))
    assert [each.cut for each in found] == [False, False, False, True, False, False]
    assert [each.looked for each in found] == [True, False, True, True, False, True]
    assert {shown[:2] for shown in detector.shown} == {(1280, 720)}


def test_small_faces_are_looked_for_at_steps_of_time_and_in_each_new_scene() -> None:
    _, detector, _ = look(film([100] * 6 + [250] * 2), fine_seconds=0.2)
    faces = [shown[2] for shown in detector.shown]
    assert faces == [10, None, None, None, None, 10, 10, None]


def test_a_fine_look_is_no_finer_than_the_frame() -> None:
    _, detector, _ = look(film([100], size_wh=(2560, 1440)), fine_seconds=0.2)
    assert detector.shown[0][2] == pytest.approx(10 / (0.3125 * 1.6))
    _, detector, _ = look(film([100], size_wh=(640, 360)), fine_seconds=0.2)
    assert detector.shown[0][2] == 10


@pytest.mark.parametrize("name", ["full_seconds", "fine_seconds"])
@pytest.mark.parametrize("bad", [-0.1, float("nan")])
def test_a_step_that_is_no_time_is_refused(name: str, bad: float) -> None:
    options: Any = {name: bad}
    with pytest.raises(ValueError, match=name):
        LookConfig(**options)
