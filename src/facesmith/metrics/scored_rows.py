"""Boxes of photos, or patches, with their scores and whether each is a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.faces import Faces
from facesmith.metrics.average_precision import AnnotatedFaces, match_photo, match_photos
from facesmith.metrics.bootstrap import FloatArray


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """What scores are compared with the truth on, photo by photo."""

    scores: FloatArray  # float64 `(n,)`, in [0, 1]
    right: npt.NDArray[np.bool_]  # bool `(n,)`: a box that matched a face, a patch of one
    photos: npt.NDArray[np.int64]  # int64 `(n,)`, the number of its photo, from 0 on
    faces_per_photo: FloatArray  # float64 `(k,)`, faces that count in each photo, found or not

    @property
    def n_photos(self) -> int:
        """Photos, those without a row included."""
        return len(self.faces_per_photo)


def match_scores(
    truths: Sequence[AnnotatedFaces],
    found: Sequence[Faces],
    *,
    iou_threshold: float,
    min_height: float = 0.0,
) -> ScoredRows:
    """Which of the boxes found are right; arguments as for `precision_recall`."""
    scores, right, numbers, n_faces = match_photos(
        truths, found, lambda truth, faces: match_photo(truth, faces, iou_threshold, min_height)
    )
    return ScoredRows(scores.astype(np.float64), right, numbers, n_faces.astype(np.float64))


def patch_rows(labels: npt.ArrayLike, scores: npt.ArrayLike, photos: npt.ArrayLike) -> ScoredRows:
    """Patches as rows: every row that is a face is one that can be found.

    `labels`, `scores` and `photos` are `(n,)`; photos any integers, equal for the same photo.
    """
    right = np.asarray(labels).astype(bool)
    numbers = np.unique(np.asarray(photos), return_inverse=True)[1].astype(np.int64)
    n_photos = int(numbers.max(initial=-1)) + 1
    return ScoredRows(
        np.asarray(scores, np.float64),
        right,
        numbers,
        np.bincount(numbers, right, n_photos).astype(np.float64),
    )
