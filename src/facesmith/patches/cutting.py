"""Cutting the 64x64 patches that the classifier sees.

The same function cuts them for training and for the detector's second look, so that both see the
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
    source = Image.fromarray(image)
    for patch, square in zip(patches, squares, strict=True):
        _cut(source, square, patch)
    return patches


def _cut(source: Image.Image, square: npt.NDArray[np.float64], patch: Image3) -> None:
    """Fill `patch` with what `square` covers of `source`."""
    size = len(patch)
    limit = np.array(source.size, np.float64)
    low = square[:2]
    step = (square[2:] - low) / size  # photo pixels per patch pixel
    # The patch pixels that lie wholly inside the photo, at least the one nearest to it.
    first = np.clip(np.ceil(-low / step), 0, size - 1).astype(int)
    last = np.clip(np.floor((limit - low) / step), first + 1, size).astype(int)
    corners = np.concatenate([low + first * step, low + last * step])
    # A square (nearly) outside: the sliver of photo closest to it, at least a pixel wide.
    corners[:2] = np.clip(corners[:2], 0, limit - 1)
    corners[2:] = np.clip(corners[2:], corners[:2] + np.minimum(step, 1), limit)
    box = (float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3]))
    columns, rows = int(last[0] - first[0]), int(last[1] - first[1])
    inner = source.resize((columns, rows), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    patch[first[1] : last[1], first[0] : last[0]] = np.asarray(inner)
    patch[first[1] : last[1], : first[0]] = patch[first[1] : last[1], first[0], None]
    patch[first[1] : last[1], last[0] :] = patch[first[1] : last[1], last[0] - 1, None]
    patch[: first[1]] = patch[first[1]]
    patch[last[1] :] = patch[last[1] - 1]
