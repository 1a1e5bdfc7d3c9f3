"""Boxes of films: as large as shortly before and after, and wider where a face is cut."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.anonymisation.film_boxes import steadied
from facesmith.faces import Faces
from facesmith.video import FrameFaces

SIZE = (400, 300)


def frame(number: int, *boxes: tuple[float, ...], tracks: tuple[int, ...] = (1,)) -> FrameFaces:
    faces = Faces(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32))
    ids = np.array(tracks[: len(boxes)], np.int64)
    return FrameFaces(number, number / 25, SIZE, faces, ids)


def test_a_box_is_as_large_as_its_track_is_nearby() -> None:
    """A width of 60 px in frame 10 reaches five frames to both sides, not six."""
    frames = [frame(n, (100 + n, 100, 140 + n, 150)) for n in range(20)]
    frames[10] = frame(10, (100, 100, 160, 150))
    got = list(steadied(frames))
    assert [each.number for each in got] == list(range(20))
    for each in got:
        n = each.number
        near = abs(n - 10) <= 5
        width = 60 if near else 40
        middle = 130 if n == 10 else 120 + n
        more = 0.1 * max(width, 50)
        x_min, y_min, x_max, y_max = each.faces.boxes[0]
        assert (x_min, x_max) == pytest.approx(
            (middle - width / 2 - more, middle + width / 2 + more), abs=1e-4
        )
        assert (y_min, y_max) == pytest.approx((100 - more, 150 + more), abs=1e-4)


def test_tracks_do_not_widen_each_other() -> None:
    small, large = (100.0, 100.0, 120.0, 120.0), (200.0, 100.0, 280.0, 180.0)
    got = list(steadied(frame(n, small, large, tracks=(4, 9)) for n in range(3)))
    expected = [[98, 98, 122, 122], [192, 92, 288, 188]]
    for each in got:
        assert each.faces.boxes == pytest.approx(np.array(expected), abs=1e-4)
        assert each.tracks.tolist() == [4, 9]


@pytest.mark.parametrize(
    ("box", "margin"),
    [((100, 100, 150, 150), 10 / 100), ((3, 100, 53, 150), 25 / 100), ((100, 248, 150, 298), 0.25),
     ((5, 100, 55, 150), 0.1), ((350, 100, 400, 150), 0.25), ((100, -10, 150, 40), 0.25)],
)  # fmt: skip
def test_faces_cut_by_the_edge_grow_more(box: tuple[float, ...], margin: float) -> None:
    [got] = steadied([frame(0, box)])
    more = 50 * margin
    expected = np.array(box) + np.array([-more, -more, more, more])
    assert got.faces.boxes[0] == pytest.approx(expected, abs=1e-3)


def test_frames_without_faces_and_gaps_stay() -> None:
    frames = [frame(n) if n % 3 else frame(n, (100, 100, 140, 150)) for n in range(12)]
    got = list(steadied(frames))
    assert [len(each.faces) for each in got] == [len(each.faces) for each in frames]
    assert list(steadied([])) == []


def test_no_more_than_a_moment_is_held_back() -> None:
    """Frames come out as soon as all that decides their boxes is known."""
    given = 0

    def told() -> object:
        nonlocal given
        for n in range(100):
            given = n
            yield frame(n, (100, 100, 140, 150))

    for each in steadied(told()):  # type: ignore[arg-type]
        assert given - each.number <= 6 or given == 99
