"""Detections of FDDB's images: the official text form, and boxes as ellipses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Literal

import numpy as np

from facesmith.errors import AnnotationError
from facesmith.evaluation.fddb.folds import Fold
from facesmith.evaluation.fddb.lists import FloatArray, read_entries
from facesmith.files import write_bytes

Shape = Literal["rectangle", "ellipse"]
SHAPES: tuple[Shape, ...] = ("rectangle", "ellipse")
_DETECTION: dict[Shape, str] = {
    "rectangle": "left top width height score",
    "ellipse": "major minor angle x y score",
}
_N_NUMBERS: dict[Shape, int] = {shape: len(_DETECTION[shape].split()) for shape in SHAPES}


@dataclass(frozen=True, eq=False)
class FddbDetections:
    """What a detector found in some images."""

    shape: Shape  # what `regions` are
    # By image name: float64 `(n, 4)` rectangles as left, top, width, height, or `(n, 5)` ellipses
    # as in `Fold`; pixels.
    regions: Mapping[str, FloatArray]
    scores: Mapping[str, FloatArray]  # by image name, float64 `(n,)`: any finite numbers


def read_fddb_detections(
    paths: Sequence[str | Path],
    folds: Sequence[Fold],
    *,
    shape: Shape | None = None,
    wanted: Sequence[Fold] | None = None,
) -> FddbDetections:
    """Detections of FDDB images, from one file or several, one after the other.

    `folds` are all there are: they say which names exist; files may have them in any order. The
    images of the `wanted` folds, `None` being all, must have an entry; others are left out. Of
    lines without a `shape` five numbers are a rectangle, six an ellipse.

    Raises:
        AnnotationError: If a file cannot be used, an image is unknown, missing or comes twice.
    """
    fold_of = {name: fold.number for fold in folds for name in fold.names}
    columns = [_N_NUMBERS[each] for each in SHAPES if shape in (None, each)]
    meaning = " or ".join(_DETECTION[each] for each in SHAPES if shape in (None, each))
    rows: dict[str, FloatArray] = {}
    seen: dict[str, str] = {}
    told_by = ""
    for path in map(Path, paths):
        n_before = len(seen)
        for entry in read_entries(path, columns, meaning, seen):
            if entry.name not in fold_of:
                raise AnnotationError(f"{entry.where}: no fold lists the image {entry.name!r}.")
            if len(entry.rows):
                found = SHAPES[entry.rows.shape[1] - min(_N_NUMBERS.values())]
                if shape not in (None, found):
                    raise AnnotationError(
                        f"{entry.where}: {entry.name} has {found}s, {told_by} {shape}s. Pass files "
                        "of one kind."
                    )
                shape, told_by = found, told_by or entry.where
            rows[entry.name] = entry.rows
        if len(seen) == n_before:
            raise AnnotationError(f"{path} is empty: expected names of images and detections.")
    shape = shape or "rectangle"
    needed = [name for fold in (folds if wanted is None else wanted) for name in fold.names]
    missing = [name for name in needed if name not in rows]
    if missing:
        raise AnnotationError(
            f"{', '.join(map(str, paths))}: {len(missing):,} of {len(needed):,} images have no "
            f"entry, the first is {missing[0]} (fold {fold_of[missing[0]]}). Write an image "
            "without detections with the count 0, or choose folds with --fold."
        )
    width = _N_NUMBERS[shape]
    tables = {name: rows[name].reshape(-1, width) for name in needed}
    return FddbDetections(
        shape,
        {name: table[:, :-1] for name, table in tables.items()},
        {name: table[:, -1] for name, table in tables.items()},
    )


def write_fddb_detections(
    detections: FddbDetections, names: Iterable[str], path: str | Path
) -> None:
    """Write the detections of some images, in that order, in the official form."""
    lines = []
    for name in names:
        regions, scores = detections.regions[name], detections.scores[name]
        lines += [name, str(len(regions))]
        lines += [
            " ".join([*(f"{value:.6f}" for value in region), f"{score:.9g}"])
            for region, score in zip(regions.tolist(), scores.tolist(), strict=True)
        ]
    write_bytes(path, ("\n".join(lines) + "\n").encode() if lines else b"")


# FDDB's ellipses reach from the crown of the head to the chin. In parts of the box: the median of
# what fits them best over one public detector's boxes, 1.215, 1.089 and 0.085, rounded.
HEIGHT_FACTOR = 1.2
WIDTH_FACTOR = 1.1
RISE = 0.08


def fit_ellipses(detections: FddbDetections) -> FddbDetections:
    """Replace each box by an upright ellipse around the head that it marks; scores stay.

    The ellipse is 1.2 times as high as the box and 1.1 times as wide, and its centre lies 0.08 of
    the box's height above the box's: proportions of our own. Ellipses stay as they are.
    """
    if detections.shape == "ellipse":
        return detections
    ellipses = {}
    for name, boxes in detections.regions.items():
        left, top, width, height = boxes.T
        radii = HEIGHT_FACTOR * height / 2, WIDTH_FACTOR * width / 2
        centre = left + width / 2, top + height / 2 - RISE * height
        ellipses[name] = np.stack([*radii, np.full(len(boxes), pi / 2), *centre], axis=1)
    return FddbDetections("ellipse", ellipses, detections.scores)
