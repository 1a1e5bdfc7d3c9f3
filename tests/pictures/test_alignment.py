"""Aligned faces: known transforms are undone, order and orientation are the person's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import facesmith
from facesmith.faces import Faces
from facesmith.pictures.alignment import TEMPLATE, align_faces

ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip


def faces(*landmarks: Any) -> Faces:
    points = np.float32(landmarks).reshape(-1, 5, 2)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return Faces(boxes, np.ones(len(points), np.float32), points)


def matrix(degrees: float, scale: float) -> np.ndarray:
    """What brings the template to a face that is rotated clockwise in the photo."""
    angle = np.radians(degrees)
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def waves(x: np.ndarray, y: np.ndarray, length: float) -> np.ndarray:
    """A smooth picture that differs everywhere, defined at every place."""
    waves = [np.sin(x / length), np.cos(y / length), np.sin((x + 2 * y) / (2 * length) + 1)]
    return 127 + 90 * np.stack(waves, axis=-1)


def photo_of(length: float, width: int = 700, height: int = 600) -> np.ndarray:
    y, x = np.indices((height, width)) + 0.5
    return np.rint(waves(x, y, length)).astype(np.uint8)


def places(size: int) -> np.ndarray:
    """The centres of all pixels of a result, x first."""
    y, x = np.indices((size, size)) + 0.5
    return np.stack([x, y], axis=-1)


@pytest.mark.parametrize("size", [112, 64, 200])
@pytest.mark.parametrize(
    ("degrees", "scale"),
    [(0, 1), (0, 2.5), (20, 0.4), (-75, 1.7), (90, 1), (180, 1), (180, 3), (135, 2.2), (-90, 0.7)],
)
def test_a_known_transform_is_undone(degrees: float, scale: float, size: int) -> None:
    """Each pixel is what the picture is where it comes from, by hand: `turn @ place + shift`."""
    turn, shift = matrix(degrees, scale), np.array([350, 300]) - matrix(degrees, scale) @ [56, 56]
    length = 12 * max(scale * 112 / min(size, 112), 1)
    image = photo_of(length)
    image.setflags(write=False)
    (aligned,) = align_faces(image, faces(ARCFACE @ turn.T + shift), size)
    there = places(size) * (112 / size) @ turn.T + shift
    expected = waves(there[..., 0], there[..., 1], length)
    assert aligned.shape == (size, size, 3)
    assert aligned.dtype == np.uint8
    assert np.abs(aligned - expected).max() < 4


def test_the_template_and_the_name_at_the_top() -> None:
    assert np.array_equal(TEMPLATE, ARCFACE)
    assert facesmith.align_faces is align_faces


def test_the_image_itself_comes_back_where_nothing_has_to_move() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (aligned,) = align_faces(image, faces(ARCFACE))
    assert np.abs(aligned.astype(int) - image).max() <= 1


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_right_eye_is_on_the_left_and_on_top_however_the_face_lies(degrees: int) -> None:
    """A face of coloured spots, one a landmark."""
    image = np.zeros((300, 300, 3), np.uint8)
    points = ARCFACE @ matrix(degrees, 1).T + np.array([150, 150]) - matrix(degrees, 1) @ [56, 56]
    for (x, y), colour in zip(points, np.arange(50, 300, 50), strict=True):
        image[round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3] = colour
    (aligned,) = align_faces(image, faces(points))
    for (x, y), colour in zip(ARCFACE, np.arange(50, 300, 50), strict=True):
        assert abs(int(aligned[int(y), int(x), 0]) - colour) < 6


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    """Right and left exchanged: the best rotation is kept, and the picture is no mirror image."""
    image = photo_of(length=12, width=112, height=112)
    mirrored = ARCFACE[[1, 0, 2, 4, 3]]
    (aligned,) = align_faces(image, faces(mirrored))
    # By hand: with `z` about the centre, the sum of conj(z) w is real but for the few hundredths by
    # which the template is not symmetric: it is turned upright or upside down, and scaled.
    given, goal = (points @ [1, 1j] for points in (mirrored, ARCFACE))
    given, goal = given - given.mean(), goal - goal.mean()
    factor = (np.abs(given) ** 2).sum() / (np.conj(given) * goal).sum()
    there = (places(112) @ [1, 1j] - ARCFACE.mean(axis=0) @ [1, 1j]) * factor
    there += mirrored.mean(axis=0) @ [1, 1j]
    inside = (there.real > 2) & (there.real < 110) & (there.imag > 2) & (there.imag < 110)
    expected = waves(there.real, there.imag, 12)
    assert inside.sum() > 500
    assert np.abs(aligned - expected)[inside].max() < 12


def test_the_fit_is_by_least_squares() -> None:
    """No other rotation, scale or shift brings the points closer to the template."""
    rng = np.random.default_rng(1)
    points = ARCFACE * 2 + rng.normal(0, 6, (5, 2)) + [100, 80]
    image = photo_of(length=40)
    (aligned,) = align_faces(image, faces(points))
    columns = np.concatenate([
        np.stack([points[:, 0], -points[:, 1], np.ones(5), np.zeros(5)], axis=1),
        np.stack([points[:, 1], points[:, 0], np.zeros(5), np.ones(5)], axis=1),
    ])  # fmt: skip
    a, b, right, down = np.linalg.lstsq(columns, ARCFACE.T.ravel(), rcond=None)[0]
    there = (places(112) - [right, down]) @ np.linalg.inv([[a, -b], [b, a]]).T
    expected = waves(there[..., 0], there[..., 1], 40)
    assert np.abs(aligned - expected).max() < 3


@pytest.mark.parametrize("degrees", [0, 33, 180])
def test_a_fine_pattern_becomes_grey_instead_of_a_coarse_one(degrees: float) -> None:
    y, x = np.indices((600, 700))
    image = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    turn = matrix(degrees, 3.3)
    (aligned,) = align_faces(image, faces(ARCFACE @ turn.T + [350, 300] - turn @ [56, 56]))
    assert np.abs(aligned.astype(int) - 127).max() < 8


def test_beyond_the_border_all_is_black() -> None:
    """The photo is a part of the face: 40x30 pixels, from (20, 50) of the result on."""
    image = np.full((30, 40, 3), 200, np.uint8)
    (aligned,) = align_faces(image, faces(ARCFACE - [20, 50]))
    inside = np.zeros((112, 112), bool)
    inside[50:80, 20:60] = True
    assert (aligned[inside] == 200).all()
    assert (aligned[~inside] == 0).all()
    far = align_faces(image, faces(ARCFACE + 1000, ARCFACE - 1e5, ARCFACE * 1e6))
    assert not far[:2].any()


def test_a_photo_of_one_pixel_and_a_result_of_one_pixel() -> None:
    image = np.full((1, 1, 3), 90, np.uint8)
    assert align_faces(image, faces(ARCFACE)).shape == (1, 112, 112, 3)
    image = photo_of(length=40)
    assert align_faces(image, faces(ARCFACE * 3), size=1).shape == (1, 1, 1, 3)


def test_several_faces_in_their_order_and_none() -> None:
    image = photo_of(length=12)
    first, second = ARCFACE + np.array([10, 20]), ARCFACE * 2 + [200, 150]
    both = align_faces(image, faces(first, second))
    assert np.array_equal(both[0], align_faces(image, faces(first))[0])
    assert np.array_equal(both[1], align_faces(image, faces(second))[0])
    assert align_faces(image, Faces.empty(), 96).shape == (0, 96, 96, 3)


def test_what_cannot_be_aligned_is_refused() -> None:
    image = photo_of(length=12)
    without = Faces(np.float32([[1, 2, 3, 4]]), np.float32([0.9]))
    with pytest.raises(ValueError, match=r"landmarks; got faces without.*landmarks=True"):
        align_faces(image, without)
    with pytest.raises(ValueError, match=r"different places; face 1 \(from 0\) has \[\[5\.0, 5\.0"):
        align_faces(image, faces(ARCFACE, np.full((5, 2), 5)))
    with pytest.raises(ValueError, match="`size` must be at least 1 pixel; got size=0"):
        align_faces(image, faces(ARCFACE), 0)
    with pytest.raises(ValueError, match="`image` must be uint8"):
        align_faces(image[..., 0], faces(ARCFACE))
