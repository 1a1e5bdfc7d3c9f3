"""A small copy of an image and windows of it side by side, so that one look goes over all of it.

Each call of a detector has costs of its own, and a large image has few places that matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.faces import Faces

Image3 = npt.NDArray[np.uint8]
_AROUND = 1.0  # of a place's longer side, from its middle to each edge of its window
_WIDER = 1.25  # a canvas is a little wider than high: windows leave room at the end of a row


@dataclass(frozen=True)
class _Window:
    """A part of the image: whole pixels, from the first to those behind the last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    def overlaps(self, other: _Window) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def joined(self, other: _Window) -> _Window:
        return _Window(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Canvas:
    """A whole image, made smaller, and windows of it in full size.

    Args:
        image: uint8 `(height, width, 3)`.
        smaller: Whole factor by which the copy of all of it is smaller.
    """

    def __init__(self, image: Image3, smaller: int) -> None:
        self._image, self._smaller = image, smaller
        self._windows: list[_Window] = []
        # Of each part that is drawn: its pixels, its corner in the image, and pixels of the image a
        # pixel; then, once it is drawn, its corner on the canvas.
        self._parts: list[tuple[Image3, tuple[int, int], int]] = []
        self._corners: list[tuple[int, int]] = []

    def add(self, places: npt.NDArray[np.floating], smallest: float, most: float) -> None:
        """Add windows around boxes, cut off at the border; those that overlap are one.

        Args:
            places: Boxes `(n, 4)`, pixels of the image, the best first.
            smallest: Of a window's sides, pixels, where the border leaves so much.
            most: Pixels of all windows together: what comes after is left out.
        """
        limits = np.array(self._image.shape[1::-1])
        middles = (places[:, :2] + places[:, 2:]) / 2
        half = np.maximum((places[:, 2:] - places[:, :2]).max(axis=1, initial=0) * _AROUND,
                          smallest / 2)[:, None]  # fmt: skip
        low = np.clip(np.floor(middles - half), 0, limits).astype(int)
        high = np.clip(np.ceil(middles + half), 0, limits).astype(int)
        for corners in np.concatenate([low, high], axis=1).tolist():
            new, others = _Window(*corners), self._windows
            if not new.area:
                continue
            while (each := next(filter(new.overlaps, others), None)) is not None:
                new = new.joined(each)
                others = [other for other in others if other is not each]
            if new.area + sum(each.area for each in others) <= most:
                self._windows = [*others, new]

    def drawn(self) -> Image3:
        """The canvas, uint8 `(height, width, 3)`: parts in rows, black where none is."""
        copy = np.asarray(Image.fromarray(self._image).reduce(self._smaller))
        self._parts = [(copy, (0, 0), self._smaller)]
        for each in self._windows:
            part = self._image[each.top : each.bottom, each.left : each.right]
            self._parts.append((part, (each.left, each.top), 1))
        self._parts.sort(key=lambda part: -len(part[0]))
        self._corners, width, height = _in_rows([part.shape for part, _, _ in self._parts])
        canvas = np.zeros((height, width, 3), np.uint8)
        for (part, _, _), (x, y) in zip(self._parts, self._corners, strict=True):
            canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
        return canvas

    def faces_in_image(self, faces: Faces) -> Faces:
        """Faces of the canvas that was drawn in pixels of the image.

        Boxes are cut off where their part ends; one whose middle lies in no part is none.
        """
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        boxes, scores = [], []
        for (part, corner, factor), (x, y) in zip(self._parts, self._corners, strict=True):
            begin = np.array([x, y])
            end = begin + part.shape[1::-1]
            inside = ((middles >= begin) & (middles < end)).all(axis=1)
            cut = np.clip(faces.boxes[inside], np.tile(begin, 2), np.tile(end, 2))
            boxes.append((cut - np.tile(begin, 2)) * factor + np.tile(corner, 2))
            scores.append(faces.scores[inside])
        return Faces(np.concatenate(boxes).astype(np.float32), np.concatenate(scores))


def _in_rows(shapes: Sequence[tuple[int, ...]]) -> tuple[list[tuple[int, int]], int, int]:
    """The corner of each part, the highest first, and width and height of all."""
    room = math.ceil(math.sqrt(sum(height * width for height, width, _ in shapes)) * _WIDER)
    widest = max(room, *(width for _, width, _ in shapes))
    corners = []
    x = y = row = right = 0
    for height, width, _ in shapes:
        if x + width > widest:
            x, y, row = 0, y + row, 0
        corners.append((x, y))
        x, row = x + width, max(row, height)
        right = max(right, x)
    return corners, right, y + row
