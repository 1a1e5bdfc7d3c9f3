"""Average precision and recall of a detector over annotated photos.

Detections are compared in order of falling score, each face matched at most once, by the best
overlap among the free faces. A detection that matches none, but overlaps an ignored face (marked,
or too low to count), is dropped; the rest is false. `evaluation.coco` has the rule of COCO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from facesmith.boxes import box_iou

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
_RATES = ("precision", "recall", "false_per_photo")


class ScoredBoxes(Protocol):
    """What is compared with the faces: `Faces`, or `Detections`, whose scores are any numbers."""

    @property
    def boxes(self) -> FloatArray:
        """Boxes `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels."""

    @property
    def scores(self) -> FloatArray:
        """Scores `(n,)`, finite."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: npt.NDArray[np.intp], /) -> ScoredBoxes: ...


AnyScored = TypeVar("AnyScored", bound=ScoredBoxes)


@dataclass(frozen=True)
class AnnotatedFaces:
    """The true faces of one photo: boxes float32 `(n, 4)`, pixels, and which to ignore, `(n,)`."""

    boxes: npt.NDArray[np.float32]
    ignored: npt.NDArray[np.bool_]


# The rule for one photo, with the result of `match_photo`.
Match = Callable[[AnnotatedFaces, AnyScored], tuple[FloatArray, BoolArray, int]]


@dataclass(frozen=True)
class PrecisionRecall:
    """The curve over all thresholds, from the highest score to the lowest."""

    scores: FloatArray  # of the detections that count, falling, `(n,)`
    precision: npt.NDArray[np.float64]  # of the detections with at least that score, float64 `(n,)`
    recall: npt.NDArray[np.float64]  # of the faces that count, float64 `(n,)`; NaN without faces
    false_per_photo: npt.NDArray[np.float64]  # false boxes a photo at that score, float64 `(n,)`
    n_faces: int  # faces that count
    n_photos: int  # photos

    def points(self) -> dict[str, list[float]]:
        """Precision, recall and false boxes a photo of each point, for JSON."""
        return {name: getattr(self, name).tolist() for name in _RATES}

    @property
    def envelope(self) -> npt.NDArray[np.float64]:
        """At each point the highest precision from there on, float64 `(n,)`."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]

    @property
    def average_precision(self) -> float:
        """Area under the precision-recall curve after making precision fall; NaN without faces.

        Source:
            The VOC 2010 rule: Everingham et al., "The PASCAL visual object classes challenge: a
            retrospective", 2015, section 4.1; every point of the curve counts.
        """
        if self.n_faces == 0:
            return float("nan")
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.envelope))

    def recall_at(self, false_per_photo: float) -> float:
        """Highest recall with at most so many false boxes a photo; NaN without faces."""
        if self.n_faces == 0:
            return float("nan")
        allowed = self.recall[self.false_per_photo <= false_per_photo]
        return float(allowed.max()) if len(allowed) else 0.0

    def at_score(self, threshold: float) -> dict[str, float]:
        """`precision`, `recall` and `false_per_photo` of what scores at least the threshold.

        Where that is nothing, precision is NaN and the others are 0; recall is NaN without faces.
        """
        n_kept = int((self.scores >= threshold).sum())
        if not n_kept:
            recall = 0.0 if self.n_faces else float("nan")
            return {"precision": float("nan"), "recall": recall, "false_per_photo": 0.0}
        return {name: float(getattr(self, name)[n_kept - 1]) for name in _RATES}


def precision_recall(
    truths: Sequence[AnnotatedFaces],
    found: Sequence[ScoredBoxes],
    *,
    iou_threshold: float = 0.5,
    min_height: float = 0.0,
) -> PrecisionRecall:
    """Match what was found with what is there, photo by photo, in the same order.

    A match needs at least the overlap `iou_threshold`, in (0, 1]. Faces lower than `min_height`,
    pixels, are ignored.
    """
    scores, hits, _, n_faces = match_photos(
        truths, found, lambda truth, faces: match_photo(truth, faces, iou_threshold, min_height)
    )
    curve = curve_of(scores, hits, int(n_faces.sum()), len(truths))
    # Detections of equal score enter together: keep the last of each run of equals.
    last = np.append(np.diff(curve.scores) != 0, True) if len(scores) else np.zeros(0, bool)
    return replace(curve, **{name: getattr(curve, name)[last] for name in ("scores", *_RATES)})


def match_photos(
    truths: Sequence[AnnotatedFaces], found: Sequence[AnyScored], match: Match[AnyScored]
) -> tuple[FloatArray, BoolArray, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Match the detections of many photos, each photo by the rule `match`.

    Returns:
        Of the detections that count scores, whether each is right, and its photo, `(n,)` each; the
        number of faces that count in each photo.

    Raises:
        ValueError: If the lengths differ.
    """
    check_lengths(truths, found)
    matched = [match(truth, faces) for truth, faces in zip(truths, found, strict=True)]
    photos = np.repeat(np.arange(len(matched)), [len(hits) for _, hits, _ in matched])
    return (
        np.concatenate([*(scores for scores, _, _ in matched), np.zeros(0, np.float32)]),
        np.concatenate([*(hits for _, hits, _ in matched), np.zeros(0, bool)]),
        photos.astype(np.int64),
        np.array([n_faces for _, _, n_faces in matched], np.int64),
    )


def check_lengths(photos: Sequence[object], found: Sequence[object]) -> None:
    """Raise a `ValueError` unless `found` has one entry per photo."""
    if len(photos) != len(found):
        raise ValueError(
            f"`found` must have one entry per photo; got {len(found)} for {len(photos)} photos."
        )


def curve_of(scores: FloatArray, hits: BoolArray, n_faces: int, n_photos: int) -> PrecisionRecall:
    """The curve of scored detections, one point each, in order of falling score."""
    order = np.argsort(-scores, kind="stable")
    true, false = np.cumsum(hits[order]), np.cumsum(~hits[order])
    return PrecisionRecall(
        scores=scores[order],
        precision=true / np.maximum(true + false, 1),
        recall=true / n_faces if n_faces else np.full(len(true), np.nan),
        false_per_photo=false / max(n_photos, 1),
        n_faces=n_faces,
        n_photos=n_photos,
    )


def match_photo(
    truth: AnnotatedFaces, faces: ScoredBoxes, iou_threshold: float, min_height: float = 0.0
) -> tuple[FloatArray, BoolArray, int]:
    """Match the detections of one photo with its faces, those below `min_height` pixels ignored.

    Returns:
        Of the detections that count the scores `(n,)`, and whether each is right, bool `(n,)`; the
        number of faces that count.
    """
    ignored = truth.ignored | (truth.boxes[:, 3] - truth.boxes[:, 1] < min_height)
    counts, face = match_faces(truth.boxes, ignored, faces, iou_threshold)
    return faces.scores[counts], face[counts] >= 0, int((~ignored).sum())


def match_faces(
    boxes: npt.NDArray[np.float32], ignored: BoolArray, faces: ScoredBoxes, iou_threshold: float
) -> tuple[BoolArray, npt.NDArray[np.intp]]:
    """Match the detections of one photo with its faces, best score first.

    The faces have `boxes`, float32 `(n, 4)`, pixels, of which some are `ignored`, bool `(n,)`; a
    match needs at least the overlap `iou_threshold`, in (0, 1]. Returns of each detection whether
    it counts at all, and the index of the face that it matched, -1 without one.
    """
    matched = np.full(len(faces), -1, np.intp)
    enough = box_iou(faces.boxes, boxes)
    enough[enough < iou_threshold] = 0
    # Only pairs that overlap enough are looked at, of which even thousands of boxes have few: the
    # best score first, of one detection the best overlap first, of equals the first face.
    found, face = np.nonzero(enough)
    rank = np.empty(len(faces), np.intp)
    rank[np.argsort(-faces.scores, kind="stable")] = np.arange(len(faces))
    order = np.lexsort((face, -enough[found, face], rank[found]))
    free = (~ignored).tolist()
    for i, j in zip(found[order].tolist(), face[order].tolist(), strict=True):
        if free[j] and matched[i] < 0:
            matched[i] = j
            free[j] = False
    return (matched >= 0) | ~enough[:, ignored].any(axis=1), matched
