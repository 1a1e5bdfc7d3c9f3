"""Which of the faces that were found are covered: regions and box files to keep to or to spare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.records import BoxFile
from facesmith.boxes import box_area, box_intersection
from facesmith.faces import Faces

Region = tuple[float, float, float, float]
_SHARED = 0.5  # of the smaller of two boxes, from which they are the same face


@dataclass(frozen=True)
class Choice:
    """Which faces are covered.

    Attributes:
        only: Regions as `(x_min, y_min, x_max, y_max)`, pixels of the upright photo, and box files:
            only faces in one of them are covered; empty: all are.
        spared: Regions and box files: faces in one of them are not covered.
    """

    only: Sequence[Region | BoxFile] = ()
    spared: Sequence[Region | BoxFile] = ()

    def check_size(self, name: str, size_wh: tuple[int, int], frame: int = 0) -> None:
        """Raise an `ImageError` where a box file is for a photo or frame of another size."""
        for each in (*self.only, *self.spared):
            if isinstance(each, BoxFile):
                each.check_size(name, size_wh, frame)

    def of(self, faces: Faces, name: str, frame: int = 0) -> npt.NDArray[np.bool_]:
        """Which faces of a photo, or a frame of a film, are covered, bool `(n,)`."""
        chosen = np.ones(len(faces), bool)
        if self.only:
            chosen = np.any([_within(faces, each, name, frame) for each in self.only], axis=0)
        for each in self.spared:
            chosen &= ~_within(faces, each, name, frame)
        return chosen

    def by_region(self, covered: Faces, spared: Faces) -> bool:
        """Whether a region, not a box file, chose any face of a photo."""
        pairs = [(covered, each) for each in self.only] + [(spared, each) for each in self.spared]
        return any(
            _within(faces, place, "", 0).any()
            for faces, place in pairs
            if not isinstance(place, BoxFile)
        )


def same_faces(boxes: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which boxes share half of the smaller one with any of the others, bool `(n,)`."""
    if not len(others):
        return np.zeros(len(boxes), bool)
    smaller = np.minimum(box_area(boxes)[:, None], box_area(others)[None])
    same: npt.NDArray[np.bool_] = np.any(
        box_intersection(boxes, others) > _SHARED * smaller, axis=1
    )
    return same


def _within(faces: Faces, place: Region | BoxFile, name: str, frame: int) -> npt.NDArray[np.bool_]:
    """Faces whose middle is in a region, or that share half of a smaller box with a listed one."""
    if isinstance(place, BoxFile):
        listed = place.faces(name, frame)
        if listed is None:
            return np.zeros(len(faces), bool)
        return same_faces(faces.boxes, listed.boxes)
    x, y = (faces.boxes[:, :2] + faces.boxes[:, 2:]).T / 2
    x_min, y_min, x_max, y_max = place
    inside: npt.NDArray[np.bool_] = (x_min <= x) & (x <= x_max) & (y_min <= y) & (y <= y_max)
    return inside
