"""The FDDB evaluation as the official C++ tool does it, for the output of any detector.

Overlaps are counted in pixels of the image. For every score of an image, detections and faces are
matched one to one with the largest total overlap. In the discrete curve a pair counts 1 if its
intersection over union is above one half; in the continuous one it counts its overlap.

Source:
    V. Jain, E. Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings",
    2010, section 5, and the behaviour of its evaluation program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facesmith.errors import AnnotationError
from facesmith.evaluation.fddb.curves import (
    FALSE_POSITIVES,
    FOLD_FALSE_POSITIVES,
    FddbCurves,
    pool,
    score_images,
)
from facesmith.evaluation.fddb.detections import (
    FddbDetections,
    Shape,
    fit_ellipses,
    read_fddb_detections,
    write_fddb_detections,
)
from facesmith.evaluation.fddb.folds import Fold, read_folds
from facesmith.evaluation.fddb.images import read_sizes

__all__ = [
    "FALSE_POSITIVES", "FOLD_FALSE_POSITIVES", "FddbCurves", "FddbDetections", "FddbResult",
    "Fold", "choose_folds", "evaluate", "evaluate_fddb", "fit_ellipses", "read_fddb_detections",
    "read_folds", "read_sizes", "write_fddb_detections",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class FddbResult:
    """The curves of a detector."""

    curves: FddbCurves  # over all images of the chosen folds together
    by_fold: dict[int, FddbCurves]  # of each chosen fold alone, by its number
    shape: Shape  # what the detections were evaluated as


def evaluate_fddb(
    folds_dir: str | Path,
    detections: Sequence[str | Path] | str | Path,
    *,
    image_sizes: str | Path | None = None,
    images_dir: str | Path | None = None,
    folds: Sequence[int] = (),
    shape: Shape | None = None,
    ellipses: bool = False,
) -> FddbResult:
    """Evaluate files of detections.

    Args:
        folds_dir: Folder of `FDDB-fold-01-ellipseList.txt`, `FDDB-fold-01.txt` and so on.
        detections: One file for all folds, or several, in the order of the folds.
        image_sizes: CSV file `image,width,height`; needed for images that are not in `images_dir`.
        images_dir: Folder that the images' names start from.
        folds: Numbers of the folds to evaluate; none: all.
        shape: What the detections are; `None`: told from the columns.
        ellipses: Fit an ellipse to each box before, see `fit_ellipses`.

    Raises:
        AnnotationError: If a file cannot be used; the message has file and line.
    """
    every_fold = read_folds(folds_dir)
    chosen = choose_folds(every_fold, folds)
    paths = [detections] if isinstance(detections, str | Path) else detections
    found = read_fddb_detections(paths, every_fold, shape=shape, wanted=chosen)
    if ellipses:
        found = fit_ellipses(found)
    return evaluate(chosen, found, image_sizes=image_sizes, images_dir=images_dir)


def evaluate(
    folds: Sequence[Fold],
    detections: FddbDetections,
    *,
    image_sizes: str | Path | None = None,
    images_dir: str | Path | None = None,
) -> FddbResult:
    """Evaluate detections that are in memory; arguments as for `evaluate_fddb`.

    Raises:
        AnnotationError: If a size is unknown, or the folds have no face.
    """
    if not any(fold.n_faces for fold in folds):
        numbers = ", ".join(str(fold.number) for fold in folds)
        raise AnnotationError(f"The folds {numbers} have no face: no rate is defined.")
    names = [name for fold in folds for name in fold.names]
    sizes = read_sizes(names, image_sizes, images_dir)
    scored = score_images(folds, detections, sizes)
    by_fold = {fold.number: pool(scored, [fold], detections) for fold in folds if fold.n_faces}
    return FddbResult(pool(scored, folds, detections), by_fold, detections.shape)


def choose_folds(folds: Sequence[Fold], numbers: Sequence[int]) -> list[Fold]:
    """The folds with these numbers, in their own order; all of them for no numbers."""
    existing = [fold.number for fold in folds]
    unknown = ", ".join(map(str, sorted(set(numbers) - set(existing))))
    if unknown:
        known = ", ".join(map(str, existing))
        raise AnnotationError(f"There is no fold {unknown}; the folder has {known}.")
    return [fold for fold in folds if not numbers or fold.number in numbers]
