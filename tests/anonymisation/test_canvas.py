"""Parts of an image side by side on one canvas, and boxes back."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.anonymisation.canvas import Canvas
from facesmith.faces import Faces


def numbered(width: int, height: int) -> np.ndarray:
    """Each pixel says where it lies: red is the column, green the row."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 2] = np.arange(width)
    image[..., 1] = np.arange(height)[:, None]
    return image


@pytest.mark.parametrize("seed", range(5))
def test_boxes_come_back_to_the_pixels_that_they_had(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = numbered(200, 150)
    corners = rng.uniform(0, (180, 130), (6, 2))
    places = np.concatenate([corners, corners + rng.uniform(4, 20, (6, 1))], axis=1)
    canvas = Canvas(image, 3)
    canvas.add(places, 24, 1e9)
    drawn = canvas.drawn()
    # Every bright pixel of the canvas as a box of one pixel.
    y, x = np.nonzero(drawn.any(axis=2))
    boxes = np.stack([x, y, x + 1, y + 1], axis=1).astype(np.float32)
    found = canvas.faces_in_image(Faces(boxes, np.linspace(1, 0.1, len(boxes), dtype=np.float32)))
    single = (found.boxes[:, 2] - found.boxes[:, 0]) == 1
    colours = {tuple(box[:2].astype(int)) for box in found.boxes[single]}
    shown = set(map(tuple, drawn.reshape(-1, 3).tolist()))
    assert {tuple(image[top, left].tolist()) for left, top in colours} <= shown
    # All of each place is in a window, in full size.
    for x_min, y_min, x_max, y_max in places.astype(int):
        assert {(x_min, y_min), (x_max - 1, y_max - 1)} <= colours | {(0, 0)}
    # The copy shows all of the image, in a third of the size.
    copies = found.boxes[~single]
    assert copies.min() == 0
    assert copies[:, 2].max() >= 200
    assert copies[:, 3].max() >= 150


def test_windows_stop_at_the_area_that_is_allowed() -> None:
    places = np.float32([[10, 10, 20, 20], [100, 10, 110, 20], [60, 100, 70, 110]])
    sizes = []
    for most in (0, 700, 900, 1300, 1e9):
        canvas = Canvas(np.full((150, 200, 3), 9, np.uint8), 10)
        canvas.add(places, 1, most)
        sizes.append(int((canvas.drawn() > 0).all(axis=2).sum()) - 20 * 15)
    assert sizes == [0, 400, 800, 1200, 1200]


def test_an_image_without_places_is_looked_at_all_the_same() -> None:
    canvas = Canvas(numbered(90, 60), 3)
    canvas.add(np.zeros((0, 4), np.float32), 40, 1e9)
    assert canvas.drawn().shape == (20, 30, 3)
    face = Faces(np.float32([[1, 2, 11, 12], [40, 2, 50, 12]]), np.float32([0.9, 0.8]))
    assert canvas.faces_in_image(face).boxes.tolist() == [[3, 6, 33, 36]]
