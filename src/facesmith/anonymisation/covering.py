"""Covers faces in an array of pixels of any number of channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.anonymisation.config import CoverConfig
from facesmith.detection.photo_detector import check_image
from facesmith.faces import Faces

Pixels = npt.NDArray[Any]
_BLUR_CELLS = 64  # a blurred face is made from this many squares along a side at most


def anonymise(
    image: npt.NDArray[np.uint8], faces: Faces, config: CoverConfig | None = None
) -> npt.NDArray[np.uint8]:
    """The image with its faces covered, a new array of the same shape.

    Args:
        image: uint8 `(height, width, 3)`, BGR. Not modified.
        faces: What to cover, in pixels of the image; none: the result is a copy.
        config: How; `None`: black boxes, grown by a fifth on each side.

    Raises:
        ValueError: If the image has another shape or type.

    Example:
        >>> import numpy as np
        >>> image = np.full((40, 40, 3), 200, np.uint8)
        >>> face = Faces(np.float32([[10, 10, 20, 20]]), np.float32([0.9]))
        >>> covered = anonymise(image, face)
        >>> covered[8:22, 8:22].max(), covered[7, 7], (covered == 0).all(axis=2).sum()
        (np.uint8(0), array([200, 200, 200], dtype=uint8), np.int64(196))
    """
    check_image(image)
    covered = image.copy()
    config = config or CoverConfig()
    cover(covered, faces.boxes, config, Paint(config.colour[::-1], config.picture))
    return covered


@dataclass(frozen=True, eq=False)
class Paint:
    """Colour and picture in the channels of the pixels that are covered.

    Attributes:
        colour: One value a channel.
        picture: `(height, width, channels)`, `None` for other fills.
    """

    colour: tuple[float, ...]
    picture: Pixels | None = None


@dataclass(frozen=True, eq=False)
class Mask:
    """What covers one face.

    Attributes:
        left: First column.
        top: First row.
        inside: bool `(height, width)`, which pixels from there on are covered.
    """

    left: int
    top: int
    inside: npt.NDArray[np.bool_]


def cover(
    pixels: Pixels,
    boxes: npt.NDArray[np.floating],
    config: CoverConfig,
    paint: Paint,
    scale_xy: tuple[float, float] = (1.0, 1.0),
) -> None:
    """Cover faces in place.

    Args:
        pixels: `(height, width, channels)`, of any type of number; a view will do.
        boxes: `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of the whole photo.
        config: How.
        paint: In the channels of `pixels`.
        scale_xy: Pixels of `pixels` a pixel of the photo, across and down: 0.5 in the colour planes
            of most films.
    """
    height, width = pixels.shape[:2]
    masks = list(masks_of(boxes, config, (width, height), scale_xy))
    # All read what was there before: of faces that overlap, none shows through another's mosaic.
    filled = [filling(_part(pixels, mask), config, paint, scale_xy) for mask in masks]
    for mask, values in zip(masks, filled, strict=True):
        np.copyto(_part(pixels, mask), values, where=mask.inside[:, :, None])


def masks_of(
    boxes: npt.NDArray[np.floating],
    config: CoverConfig,
    size_wh: tuple[int, int],
    scale_xy: tuple[float, float] = (1.0, 1.0),
) -> Iterator[Mask]:
    """What covers each box: whole pixels, cut off at the border; none where nothing is left."""
    grown = grown_boxes(boxes, config.margin) * np.array([*scale_xy, *scale_xy])
    for x_min, y_min, x_max, y_max in grown.tolist():
        left, right = _whole(x_min, x_max, size_wh[0])
        top, bottom = _whole(y_min, y_max, size_wh[1])
        if left >= right or top >= bottom:
            continue
        inside = np.ones((bottom - top, right - left), bool)
        if config.shape == "ellipse":
            x = _distances(np.arange(left, right), x_min, x_max)
            y = _distances(np.arange(top, bottom), y_min, y_max)
            inside = (x**2)[None, :] + (y**2)[:, None] <= 1
        yield Mask(left, top, inside)


def grown_boxes(boxes: npt.NDArray[np.floating], margin: float) -> npt.NDArray[np.float64]:
    """Boxes with `margin` of their longer side added on each side, float64 `(n, 4)`."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    more = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)[:, None] * margin
    return np.concatenate([boxes[:, :2] - more, boxes[:, 2:] + more], axis=1)


def covered_area(
    boxes: npt.NDArray[np.floating], config: CoverConfig, size_wh: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Which pixels of an image are covered, bool `(height, width)`."""
    area = np.zeros(size_wh[::-1], bool)
    for mask in masks_of(boxes, config, size_wh):
        _part(area, mask)[mask.inside] = True
    return area


def _part(pixels: Pixels, mask: Mask) -> Pixels:
    height, width = mask.inside.shape
    return pixels[mask.top : mask.top + height, mask.left : mask.left + width]


def _whole(low: float, high: float, length: int) -> tuple[int, int]:
    """All pixels that a stretch touches; at least one wherever it lies within the image."""
    # Boxes are stored in 32 bits: what lies a hair beyond an edge is no pixel more.
    begin, end = int(np.floor(low + 1e-3)), int(np.ceil(high - 1e-3))
    return max(begin, 0), min(max(end, begin + 1), length)


def _distances(pixels: npt.NDArray[np.int64], low: float, high: float) -> npt.NDArray[np.float64]:
    """How far the nearest point of each pixel lies from the centre, in half the length."""
    off = np.maximum(np.abs(pixels + 0.5 - (low + high) / 2) - 0.5, 0)
    distances: npt.NDArray[np.float64] = off / max((high - low) / 2, 0.5)
    return distances


def filling(
    part: Pixels, config: CoverConfig, paint: Paint, scale_xy: tuple[float, float]
) -> Pixels:
    """What takes the place of the pixels around a face: their shape, or one that spreads to it.

    Args:
        part: The pixels of a `Mask`'s rectangle, `(height, width, channels)`.
        config: How.
        paint: In the channels of `part`.
        scale_xy: See `cover`.
    """
    if config.fill == "solid":
        return np.array(paint.colour).astype(part.dtype)
    height, width = part.shape[:2]
    if config.fill == "image":
        assert paint.picture is not None
        return _stretched(paint.picture, width, height).astype(part.dtype)
    # Squares of the photo; in a plane of colours, which has fewer pixels, they may be oblong.
    longer = max(width / scale_xy[0], height / scale_xy[1])
    if config.fill == "mosaic":
        side = np.ceil(longer / config.cells)
        columns = _cells(width, max(round(side * scale_xy[0]), 1))
        rows = _cells(height, max(round(side * scale_xy[1]), 1))
        values = _means(part, rows, columns)
        return _rounded(values[rows][:, columns], part.dtype)
    rows, columns = (_cells(each, -(-each // _BLUR_CELLS)) for each in (height, width))
    spread = config.strength * longer / (1 + 2 * config.margin)
    down = _gaussian(rows, spread * scale_xy[1])
    across = _gaussian(columns, spread * scale_xy[0])
    small = _means(part, rows, columns)
    return _rounded(np.einsum("yr,rcn,xc->yxn", down, small, across, optimize=True), part.dtype)


def _cells(length: int, side: int) -> npt.NDArray[np.int64]:
    """The square that each pixel belongs to, from 0."""
    return np.arange(length) // side


def _means(
    part: Pixels, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The mean of each square, float64 `(rows, columns, channels)`."""
    first_rows, first_columns = (
        np.flatnonzero(np.diff(each, prepend=-1)) for each in (rows, columns)
    )
    sums = np.add.reduceat(part, first_columns, axis=1, dtype=np.float64)
    sums = np.add.reduceat(sums, first_rows, axis=0)
    counts = np.bincount(rows)[:, None, None] * np.bincount(columns)[None, :, None]
    means: npt.NDArray[np.float64] = sums / counts
    return means


def _gaussian(cells: npt.NDArray[np.int64], spread: float) -> npt.NDArray[np.float64]:
    """Weights of the squares for each pixel, float64 `(pixels, squares)`; each row sums to 1."""
    at = np.arange(len(cells))
    centres = np.bincount(cells, at) / np.bincount(cells)
    weights = np.exp(-0.5 * ((at[:, None] - centres) / max(spread, 0.5)) ** 2)
    normalised: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _rounded(values: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> Pixels:
    whole = np.rint(values) if np.issubdtype(dtype, np.integer) else values
    pixels: Pixels = whole.astype(dtype)
    return pixels


def _stretched(picture: Pixels, width: int, height: int) -> Pixels:
    """The picture at that size, each channel by itself."""
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture[..., i], np.float32)).resize(
                (width, height), Image.Resampling.BOX
            )
        )
        for i in range(picture.shape[2])
    ]
    stretched: Pixels = np.rint(np.stack(channels, axis=2))
    return stretched
