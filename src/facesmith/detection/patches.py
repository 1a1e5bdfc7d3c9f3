"""Cutting the 64x64 patches that the classifier sees.

The same function cuts them for training and for the detector's refiner, so that both see the
same thing. NumPy and Pillow only.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

PATCH_SIZE = 64  # pixels, width and height
# A patch is this much wider than the face box: hair, ears and chin say human where eyes and a mouth
# may be an animal's. At 0.3 the face fills 49 of the 64 pixels.
CONTEXT = 0.3

Image3: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.floating]


def patch_squares(boxes: FloatArray, context: float = CONTEXT) -> npt.NDArray[np.float32]:
    """The squares that patches of these boxes show.

    Boxes of different annotators differ in shape, some as wide as high, some narrower. A square
    about the centre shows the same of a face whichever it was.

    Args:
        boxes: float `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels.
        context: By how much the square is wider than the longer side of the box; 0.3 is 30 %.

    Returns:
        float32 `(n, 4)`; they may leave the photo.

    Example:
        >>> patch_squares(np.float32([[10, 10, 18, 20]]), context=0.5)
        array([[ 6.5,  7.5, 21.5, 22.5]], dtype=float32)
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) * np.float32((1 + context) / 2)
    with np.errstate(invalid="ignore"):  # infinite boxes give NaN, for the caller to refuse
        return np.concatenate([centre - half, centre + half], axis=1)


def cut_patches(
    image: Image3, boxes: FloatArray, size: int = PATCH_SIZE, context: float = CONTEXT
) -> Image3:
    """Cut the patch of every box out of one photo.

    Pixels are averaged over the area that they cover when the photo is shrunk, and interpolated
    when it is enlarged. Beyond the border of the photo its outermost pixels are repeated.

    Args:
        image: uint8 `(height, width, 3)`, BGR. Not modified.
        boxes: Face boxes, float `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of `image`.
        size: Width and height of the patches, pixels.
        context: See `patch_squares`.

    Returns:
        uint8 `(n, size, size, 3)`, BGR.

    Raises:
        ValueError: If a box is not finite or has no area.
    """
    return cut_squares(image, patch_squares(boxes, context), size)


def cut_patch(
    image: Image3, box: FloatArray, size: int = PATCH_SIZE, context: float = CONTEXT
) -> Image3:
    """Cut one patch, uint8 `(size, size, 3)`; see `cut_patches`."""
    patch: Image3 = cut_patches(image, np.asarray(box, np.float32)[None], size, context)[0]
    return patch


def cut_squares(image: Image3, squares: FloatArray, size: int = PATCH_SIZE) -> Image3:
    """Cut exactly these squares, with no context added; see `cut_patches`."""
    squares = np.asarray(squares, np.float64).reshape(-1, 4)
    patches = np.empty((len(squares), size, size, 3), np.uint8)
    if not len(squares):
        return patches
    if not (np.isfinite(squares).all() and (squares[:, 2:] > squares[:, :2]).all()):
        bad = ~(np.isfinite(squares).all(axis=1) & (squares[:, 2:] > squares[:, :2]).all(axis=1))
        raise ValueError(
            "`boxes` must be finite and have an area; "
            f"got a box whose square is {squares[bad][0].tolist()}."
        )
    height, width = image.shape[:2]
    limits = np.array([width, height], np.float64)
    low = squares[:, :2]
    steps = (squares[:, 2:] - low) / size  # photo pixels per patch pixel
    # The patch pixels that lie wholly inside the photo, at least the one nearest to it.
    first = np.clip(np.ceil(-low / steps), 0, size - 1)
    last = np.clip(np.floor((limits - low) / steps), first + 1, size)
    # A square (nearly) outside: the sliver of photo closest to it, at least a pixel wide.
    start = np.clip(low + first * steps, 0, limits - 1)
    end = np.clip(low + last * steps, start + np.minimum(steps, 1), limits)
    # Pillow is given no more of the photo than it looks at: it copies what it is given.
    margin = np.ceil(np.maximum(steps, 1)) + 2
    around_start = np.maximum(np.floor(start) - margin, 0).astype(int)
    around_end = np.minimum(np.ceil(end) + margin, limits).astype(int)
    whole_start, whole_end = around_start.min(axis=0), around_end.max(axis=0)
    if (around_end - around_start).prod(axis=1).sum() > (whole_end - whole_start).prod():
        around_start[:], around_end[:] = whole_start, whole_end  # once for all is less
    boxes = np.concatenate([start - around_start, end - around_start], axis=1).tolist()
    arounds = np.concatenate([around_start, around_end], axis=1).tolist()
    inner = np.concatenate([first, last], axis=1).astype(int).tolist()
    given: list[int] = []
    for patch, box, around, (left, top, right, bottom) in zip(
        patches, boxes, arounds, inner, strict=True
    ):
        if around != given:
            source = Image.fromarray(image[around[1] : around[3], around[0] : around[2]])
            given = around
        filled = source.resize(
            (right - left, bottom - top),
            Image.Resampling.BILINEAR,
            box=tuple(box),
            reducing_gap=2.0,
        )
        patch[top:bottom, left:right] = np.asarray(filled)
        _repeat_border(patch, left, top, right, bottom)
    return patches


def _repeat_border(patch: Image3, left: int, top: int, right: int, bottom: int) -> None:
    """Fill a patch around the part of it that is inside the photo, in place."""
    if left:
        patch[top:bottom, :left] = patch[top:bottom, left, None]
    if right < len(patch):
        patch[top:bottom, right:] = patch[top:bottom, right - 1, None]
    if top:
        patch[:top] = patch[top]
    if bottom < len(patch):
        patch[bottom:] = patch[bottom - 1]
