"""What the virtual camera looks at: one photo, or several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.images import read_photo

ROW_HEIGHT = 0.75  # of photos side by side, as a part of the frame's height
SINGLE_WIDTH = 1.25  # of a photo alone, as a part of the frame's width
WALL_WIDTH = 1.6  # of photos side by side, about


@dataclass(frozen=True, eq=False)
class Scene:
    """A still picture and the faces in it.

    Attributes:
        image: RGB.
        boxes: float32 `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of the picture.
        counts: bool `(n,)`; `False` for what the annotations ignore.
    """

    image: Image.Image
    boxes: npt.NDArray[np.float32]
    counts: npt.NDArray[np.bool_]


def single(photo: AnnotatedPhoto, size_wh: tuple[int, int]) -> Scene:
    """One photo, enlarged so that the camera has room to move over it."""
    width = round(SINGLE_WIDTH * size_wh[0])
    height = max(round(photo.height * width / photo.width), round(SINGLE_WIDTH * size_wh[1]))
    width = max(width, round(photo.width * height / photo.height))
    image, boxes = _resized(photo, (width, height))
    return Scene(image, boxes, ~photo.ignored)


def wall(rows: Sequence[Sequence[AnnotatedPhoto]], size_wh: tuple[int, int]) -> Scene:
    """Photos in rows of the same width; none is cut."""
    width = round(WALL_WIDTH * size_wh[0])
    parts: list[tuple[Image.Image, int, int]] = []
    boxes: list[npt.NDArray[np.float32]] = []
    counts: list[npt.NDArray[np.bool_]] = []
    top = 0
    for row in rows:
        ratios = np.array([photo.width / photo.height for photo in row])
        height = max(round(width / ratios.sum()), 1)
        edges = np.round(np.concatenate([[0], np.cumsum(ratios)]) / ratios.sum() * width)
        for photo, left, right in zip(row, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            image, placed = _resized(photo, (max(int(right - left), 1), height))
            parts.append((image, int(left), top))
            boxes.append(placed + np.array([left, top, left, top], np.float32))
            counts.append(~photo.ignored)
        top += height
    whole = Image.new("RGB", (width, top))
    for image, left, above in parts:
        whole.paste(image, (left, above))
    return Scene(whole, np.concatenate(boxes), np.concatenate(counts))


def fills_row(photos: Sequence[AnnotatedPhoto], size_wh: tuple[int, int]) -> bool:
    """Whether photos side by side make a row that is no higher than `ROW_HEIGHT`."""
    needed = WALL_WIDTH * size_wh[0] / (ROW_HEIGHT * size_wh[1])
    return sum(photo.width / photo.height for photo in photos) >= needed


def _resized(
    photo: AnnotatedPhoto, size_wh: tuple[int, int]
) -> tuple[Image.Image, npt.NDArray[np.float32]]:
    image = read_photo(photo.path).image
    shown = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    scale = np.array([size_wh[0] / photo.width, size_wh[1] / photo.height])
    shown = shown.resize(size_wh, Image.Resampling.LANCZOS)
    return shown, (photo.boxes * np.tile(scale, 2)).astype(np.float32)
