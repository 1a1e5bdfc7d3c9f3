"""The hard views of photos that `benchmarks/hard_faces.py` measures on."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmark_modules import load_benchmark
from facesmith.annotations import AnnotatedPhoto


@pytest.fixture(scope="module")
def hard() -> ModuleType:
    return load_benchmark("hard_views")


FACES = np.float32([[60, 40, 90, 80], [200, 100, 320, 240], [20, 150, 26, 162]])


def photo(name: str = "a.jpg") -> tuple[AnnotatedPhoto, np.ndarray]:
    """400x300: faces of 40, 140 and 12 pixels, ellipses on black; the second is the brightest."""
    image = np.zeros((300, 400, 3), np.uint8)
    y, x = np.mgrid[:300, :400] + 0.5
    for grey, (x_min, y_min, x_max, y_max) in zip((100, 240, 60), FACES, strict=True):
        across = (x - (x_min + x_max) / 2) / (x_max - x_min) * 2
        down = (y - (y_min + y_max) / 2) / (y_max - y_min) * 2
        image[across**2 + down**2 <= 1] = grey
    annotated = AnnotatedPhoto(Path(name), FACES, np.zeros(3, bool), name, 400, 300)
    return annotated, image


def views(hard: ModuleType, name: str, of: str = "a.jpg") -> list:
    (condition,) = (each for each in hard.CONDITIONS if each.name == name)
    annotated, image = photo(of)
    return hard.views_of(condition, annotated, hard.whole(annotated, image))


def brightest(image: np.ndarray) -> list[int]:
    """The box of the second face, from the pixels."""
    y, x = np.nonzero(image[..., 0] > 170)
    return [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]


@pytest.mark.parametrize("name", ["all faces", "turned by 15", "turned by 45", "turned by 90",
                                  "turned by 180"])  # fmt: skip
def test_boxes_hold_the_ellipses_of_turned_photos(hard: ModuleType, name: str) -> None:
    (view,) = views(hard, name)
    assert view.ignored.tolist() == [False, False, True]  # 12 pixels are fewer than 16
    assert view.boxes[1] == pytest.approx(brightest(view.image), abs=2)
    x, y = (view.boxes[0, :2] + view.boxes[0, 2:]).astype(int) // 2
    assert abs(int(view.image[y, x, 0]) - 100) < 5


def test_filling_faces_are_whole_and_as_large_as_said(hard: ModuleType) -> None:
    shares = []
    for number in range(20):
        for name, low, high in (("filling 50-75 %", 0.5, 0.75), ("filling 75-100 %", 0.75, 1.0)):
            (view,) = views(hard, name, f"{number}.jpg")
            height, width = view.image.shape[:2]
            assert min(height, width) == 480
            (face,) = np.flatnonzero(~view.ignored)
            box = view.boxes[face]
            assert box == pytest.approx(brightest(view.image), abs=6)
            share = (box[2:] - box[:2]).max() / 480
            assert low - 0.02 < share < high + 0.02
            shares.append(share)
    assert max(shares) - min(shares) > 0.3


def test_cuts_leave_a_half_to_three_quarters_of_a_face(hard: ModuleType) -> None:
    sides = set()
    for number in range(30):
        name = f"{number}.jpg"
        (control,) = views(hard, "faces to be cut", name)
        cut = views(hard, "cut by the border", name)
        chosen = np.flatnonzero(~control.ignored)
        assert len(cut) == len(chosen) == 2  # the third face is too small
        for view in cut:
            height, width = view.image.shape[:2]
            assert width >= 200
            assert height >= 150
            (face,) = np.flatnonzero(~view.ignored)
            box = view.boxes[face]
            whole = 30 * 40 if box[3] - box[1] <= 40 else 120 * 140
            assert 0.47 < np.prod(box[2:] - box[:2]) / whole < 0.78
            touched = [box[0] == 0, box[1] == 0, box[2] == width, box[3] == height]
            assert sum(touched) == 1
            sides.add(touched.index(True))
    assert len(sides) >= 3


def test_small_faces_are_those_of_10_to_24_pixels(hard: ModuleType) -> None:
    (real,) = views(hard, "small faces, 10-24 px")
    assert real.ignored.tolist() == [True, True, False]
    for number in range(10):
        for view in views(hard, "shrunk to 10-24 px", f"{number}.jpg"):
            heights = view.boxes[:, 3] - view.boxes[:, 1]
            assert ((heights >= 10) & (heights < 24)).tolist() == (~view.ignored).tolist()
            assert view.boxes[1] == pytest.approx(brightest(view.image), abs=3)
    assert views(hard, "crowds") == []


def test_views_depend_on_the_name_alone(hard: ModuleType) -> None:
    for condition in hard.CONDITIONS:
        first, again = views(hard, condition.name), views(hard, condition.name)
        assert len(first) == len(again)
        for a, b in zip(first, again, strict=True):
            assert np.array_equal(a.image, b.image)
            assert np.array_equal(a.boxes, b.boxes)
