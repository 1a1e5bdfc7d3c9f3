"""Cutting patches from photos whose every pixel is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facesmith.detection.patches import CONTEXT, cut_squares, patch_squares
from facesmith.patches import cut_patch, cut_patches
from patch_photos import noise


def test_squares_are_about_the_centre_and_wider_by_the_context() -> None:
    # Centre (14, 15), longer side 10; 30 % wider: 13, so 6.5 to each side.
    boxes = np.float32([[10, 10, 18, 20]])
    np.testing.assert_allclose(patch_squares(boxes), [[7.5, 8.5, 20.5, 21.5]])
    assert CONTEXT == 0.3
    assert patch_squares(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_square_of_patch_size_is_copied_pixel_by_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    before = image.copy()
    patch = cut_squares(image, np.float32([[30, 20, 94, 84]]))[0]
    np.testing.assert_array_equal(patch, image[20:84, 30:94])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("x", "y"),
    [(-10, 20), (90, 20), (30, -20), (30, 70), (-40, -40), (100, 80), (-200, 20), (300, 300)],
)
def test_beyond_the_border_the_outermost_pixels_are_repeated(x: int, y: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    room = 400
    padded = np.pad(image, ((room, room), (room, room), (0, 0)), mode="edge")
    expected = padded[y + room : y + room + 64, x + room : x + room + 64]
    patch = cut_squares(image, np.float32([[x, y, x + 64, y + 64]]))[0]
    np.testing.assert_array_equal(patch, expected)


def test_shrinking_averages_and_enlarging_interpolates() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200  # columns of one pixel
    shrunk = cut_squares(stripes, np.float32([[0, 0, 256, 256]]))[0]
    assert np.abs(shrunk.astype(int) - 100).max() <= 15
    ramp = np.repeat(np.arange(0, 240, 15, dtype=np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    enlarged = cut_squares(ramp, np.float32([[0, 0, 16, 16]]))[0]
    assert (np.diff(enlarged[32, :, 0].astype(int)) >= 0).all()
    assert np.diff(enlarged[32, :, 0].astype(int)).max() <= 5  # 15 a pixel over 4 patch pixels


def test_patches_are_what_the_whole_photo_gives() -> None:
    """Cut from a corner of the photo or from all of it, one by one or together: up to rounding."""
    image, generator = noise(5), np.random.default_rng(6)
    centres, sides = generator.uniform(45, 110, (12, 2)), generator.uniform(5, 90, (12, 1))
    squares = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    together = cut_squares(image, squares)
    for square, patch in zip(squares, together, strict=True):
        box = (float(square[0]), float(square[1]), float(square[2]), float(square[3]))
        whole = Image.fromarray(image).resize(
            (64, 64), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0
        )
        alone = cut_squares(image, square[None])[0]
        for other in (alone, np.asarray(whole)):
            difference = np.abs(patch.astype(int) - other)
            assert difference.max() <= 1
            assert difference.mean() < 0.05


def test_scaling_photo_and_box_together_changes_little() -> None:
    image = noise(3)
    doubled = np.asarray(Image.fromarray(image).resize((400, 320), Image.Resampling.BICUBIC))
    box = np.float32([60, 40, 120, 100])
    difference = cut_patch(image, box).astype(int) - cut_patch(doubled, box * 2)
    assert np.abs(difference).mean() < 2


def test_channels_and_face_keep_their_places() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:80, 20:80] = (250, 10, 60)  # blue
    patch = cut_patch(image, np.float32([20, 20, 80, 80]))
    assert patch[32, 32].tolist() == [250, 10, 60]
    # 60 of the square's 78 pixels show the face: 49 of 64.
    assert int((patch[32, :, 0] > 125).sum()) in (49, 50)
    assert patch[2, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape_hw", [(1, 1), (1, 80), (80, 1)])
def test_photos_of_one_pixel(shape_hw: tuple[int, int]) -> None:
    image = np.full((*shape_hw, 3), 77, np.uint8)
    for square in ([0, 0, 1, 1], [-5, -5, 5, 5], [0.2, 0.2, 0.4, 0.4], [-100, 3, -90, 13]):
        assert (cut_squares(image, np.float32([square])) == 77).all()


def test_no_box_gives_no_patch_and_bad_ones_an_error() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    assert cut_patches(image, np.zeros((0, 4), np.float32)).shape == (0, 64, 64, 3)
    for box in ([0, 0, 0, 0], [np.nan, 0, 5, 5], [0, 0, np.inf, 5]):
        with pytest.raises(ValueError, match="finite and have an area"):
            cut_patches(image, np.float32([[1, 1, 5, 5], box]))
