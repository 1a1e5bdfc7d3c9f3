"""Drawings and crops."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.faces import Faces
from facesmith.pictures.drawing import crop_faces, draw_faces

BOX_BGR = (118, 230, 0)


def faces(*boxes: tuple[float, float, float, float]) -> Faces:
    return Faces(np.float32(boxes).reshape(-1, 4), np.full(len(boxes), 0.5, np.float32))


def gradient(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, (x // 256) * 16 + y // 256], axis=-1).astype(np.uint8)


def test_no_face_leaves_the_photo_as_it_is() -> None:
    image = gradient(40, 30)
    drawn = draw_faces(image, Faces.empty())
    assert np.array_equal(drawn, image)
    assert drawn is not image


def test_the_box_runs_along_its_edges_and_the_input_stays() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    drawn = draw_faces(image, faces((20, 10, 60, 50)), scores=False)
    coloured = (drawn == BOX_BGR).all(axis=-1)
    rows, columns = np.nonzero(coloured)
    # The box spans pixels 20..59 and 10..49: its right and lower edges are those of these pixels.
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (20, 59, 10, 49)
    assert coloured[10, 20:60].all()
    assert coloured[10:50, 59].all()
    assert not coloured[12:48, 22:58].any()
    assert image.max() == 0


@pytest.mark.parametrize("side", [100, 600, 3000])
def test_lines_grow_with_the_photo(side: int) -> None:
    image = np.zeros((side, side, 3), np.uint8)
    box = (side * 0.25, side * 0.25, side * 0.75, side * 0.75)
    drawn = draw_faces(image, faces(box), scores=False)
    across = (drawn[side // 2] == BOX_BGR).all(axis=-1)
    assert across.sum() == 2 * max(side // 300, 1)


def test_boxes_in_another_colour_and_width() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    drawn = draw_faces(image, faces((20, 10, 60, 50)), colour=(255, 112, 67), line_width=3)
    assert not (drawn == BOX_BGR).all(axis=-1).any(), "the label has the colour of the box"
    across = (drawn[40] == (67, 112, 255)).all(axis=-1)
    assert np.flatnonzero(across).tolist() == [20, 21, 22, 57, 58, 59]


@pytest.mark.parametrize("background", [0, 128, 255])
def test_labels_can_be_read_on_any_background(background: int) -> None:
    image = np.full((200, 300, 3), background, np.uint8)
    drawn = draw_faces(image, faces((100, 80, 180, 170)))
    without = draw_faces(image, faces((100, 80, 180, 170)), scores=False)
    label = drawn[(drawn != without).any(axis=-1)].astype(float)
    brightness = label @ [0.114, 0.587, 0.299]
    # Letters and plate: the darkest and the brightest are far apart whatever lies below.
    assert brightness.max() - brightness.min() > 100


@pytest.mark.parametrize(
    "box",
    [(0, 0, 40, 40), (-30, -30, 10, 10), (260, 170, 330, 230), (0, 0, 300, 200), (150, 9, 150, 9)],
)  # fmt: skip
def test_boxes_at_and_beyond_the_border_are_drawn(box: tuple[float, float, float, float]) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    drawn = draw_faces(image, faces(box))
    assert drawn.shape == image.shape
    assert drawn.max() > 0


def test_a_photo_of_one_pixel_can_be_drawn_into() -> None:
    assert draw_faces(np.zeros((1, 1, 3), np.uint8), faces((0, 0, 1, 1))).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((20, 10, 60, 50), 0, (20, 10, 60, 50)),
        ((20, 10, 60, 50), 0.25, (10, 0, 70, 60)),
        ((20.6, 10.4, 59.2, 49.9), 0, (20, 10, 60, 50)),  # outwards to whole pixels
        ((0, 0, 100, 80), 0.5, (0, 0, 100, 80)),  # the photo ends there
        ((90, 70, 130, 120), 0, (90, 70, 100, 80)),
        ((30, 30, 30, 30), 0.2, (30, 30, 31, 31)),  # no area: one pixel
        ((100, 80, 100, 80), 0, (99, 79, 100, 80)),
    ],
)
def test_crops(box: tuple[float, ...], margin: float, expected: tuple[int, int, int, int]) -> None:
    image = gradient(100, 80)
    left, top, right, bottom = expected
    (crop,) = crop_faces(image, faces(box), margin=margin)  # type: ignore[arg-type]
    assert np.array_equal(crop, image[top:bottom, left:right])


def test_crops_are_copies_in_the_order_of_the_faces() -> None:
    image = gradient(100, 80)
    first, second = crop_faces(image, faces((0, 0, 10, 10), (50, 50, 70, 60)), margin=0)
    assert (first.shape, second.shape) == ((10, 10, 3), (10, 20, 3))
    first[:] = 9
    assert np.array_equal(image, gradient(100, 80))
    assert crop_faces(image, Faces.empty()) == []


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`margin` must be at least 0; got margin=-0\.1"):
        crop_faces(gradient(10, 10), Faces.empty(), margin=-0.1)


def with_landmarks(side: float, scores: np.ndarray | None = None) -> Faces:
    """One square face at (10, 10)."""
    points = 10 + side * np.float32(
        [[[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]]
    )
    box = np.float32([[10, 10, 10 + side, 10 + side]])
    return Faces(box, np.float32([0.5]), points, scores)


@pytest.mark.parametrize("side", [12, 40, 200, 1500])
@pytest.mark.parametrize("background", [0, 255])
def test_landmarks_are_dots_in_the_colour_of_their_side(side: int, background: int) -> None:
    image = np.full((side + 20, side + 20, 3), background, np.uint8)
    found = with_landmarks(side)
    drawn = draw_faces(image, found, scores=False)
    # Blue, green, red: the person's right in blue, left in yellow, the nose in white.
    right, left, nose = (255, 196, 64), (0, 214, 255), (255, 255, 255)
    assert found.landmarks is not None
    for (x, y), colour in zip(found.landmarks[0], (right, left, nose, right, left), strict=True):
        assert (drawn[round(y) - 1 : round(y) + 1, round(x) - 1 : round(x) + 1] == colour).all()
    for colour in (right, left):
        n_pixels = (drawn == colour).all(axis=-1).sum()
        assert 8 <= n_pixels <= 2 * (0.05 * side + 2) ** 2
    if side >= 100:  # a dark edge around the white dot
        x, y = found.landmarks[0, 2].round().astype(int)
        assert drawn[y, x : x + side // 20].max(axis=1).min() < 40


def test_hidden_landmarks_are_rings() -> None:
    scores = np.float32([[0.9, 0.4, 0.9, 0.9, 0.9]])
    image = np.full((220, 220, 3), 120, np.uint8)
    drawn = draw_faces(image, with_landmarks(200, scores), scores=False)
    assert (drawn[90, 150] == 120).all(), "the hole of the left eye's ring"
    assert (drawn[86:95, 145:155] == (0, 214, 255)).all(axis=-1).any()
    assert (drawn[90, 70] == (255, 196, 64)).all()


def test_landmarks_far_outside_are_no_trouble() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    far = Faces(np.float32([[0, 0, 9, 9]]), np.float32([0.5]), np.full((1, 5, 2), 1e30, np.float32))
    assert np.array_equal(draw_faces(image, far), draw_faces(image, Faces(far.boxes, far.scores)))
