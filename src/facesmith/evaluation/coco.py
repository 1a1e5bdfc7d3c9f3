"""The rule of COCO for average precision, and the figures of `facesmith benchmark coco`.

How COCO differs from `facesmith.metrics.average_precision`, the rule of VOC 2010:

- The area under the curve is the mean of the precision at 101 recalls, 0, 0.01 ... 1.
- Only the best 100 detections of a photo count.
- Equal scores enter one after the other, in the order given: the order of a file counts.
- A detection that no face takes is dropped where an ignored region covers it: its overlap is the
  part of the *detection's* area that lies inside.
- A face that is too low takes one detection at most; but a detection that nothing takes and that is
  too low itself is dropped too.
- Of two faces with the same overlap the later takes the detection.

Source:
    The COCO detection evaluation, cocodataset.org, "Detection Evaluate", and its program
    `pycocotools`, with which the figures agree. COCO bounds faces by their area, we by their
    height.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation import IOU_THRESHOLDS, MIN_FACE_HEIGHT, MIN_SCORE
from facesmith.evaluation.detections import find_faces
from facesmith.faces import Faces
from facesmith.files import finite_or_none
from facesmith.metrics.average_precision import (
    AnnotatedFaces,
    PrecisionRecall,
    ScoredBoxes,
    curve_of,
    match_photos,
    precision_recall,
)

Rule = Literal["voc", "coco"]
RULES: tuple[Rule, ...] = ("voc", "coco")
COCO_MAX_DETECTIONS = 100
FALSE_BOXES_A_PHOTO = (0.1, 1.0)  # at which recall is given
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class PhotoScores:
    """How good detections are."""

    scored: str  # what was scored, in words
    rule: Rule  # `voc` or `coco`
    min_height: float  # faces lower than this, in pixels, were ignored
    max_detections: int | None  # how many detections of a photo count, best first; `None`: all
    n_ignored: int  # faces that do not count
    n_detections: int  # detections, before any are dropped
    average_precision: dict[float, float]  # by IoU threshold; NaN without faces
    curves: dict[float, PrecisionRecall]  # by IoU threshold

    @property
    def n_photos(self) -> int:
        """Photos."""
        return next(iter(self.curves.values())).n_photos

    @property
    def n_faces(self) -> int:
        """Faces that count."""
        return next(iter(self.curves.values())).n_faces

    def recall(self, iou_threshold: float) -> float:
        """Part of the faces that any detection found; NaN without faces."""
        return self.curves[iou_threshold].recall_at(np.inf)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the keys of IoU thresholds are texts, an undefined figure `None`.

        Example: `{"ap": {"0.5": 0.91, "0.4": 0.96}, "photos": 458, ...}`.
        """
        values = {
            "scored": self.scored,
            "rule": self.rule,
            "min_height": self.min_height,
            "max_detections": self.max_detections,
            "photos": self.n_photos,
            "faces": self.n_faces,
            "ignored_faces": self.n_ignored,
            "detections": self.n_detections,
            "ap": {str(iou): ap for iou, ap in self.average_precision.items()},
            "recall": {str(iou): self.recall(iou) for iou in self.curves},
            "recall_at_false_per_photo": {
                str(iou): {str(n): curve.recall_at(n) for n in FALSE_BOXES_A_PHOTO}
                for iou, curve in self.curves.items()
            },
        }
        return dict(finite_or_none(values))


def evaluate(
    detector: Callable[..., Faces],
    photos: Sequence[AnnotatedPhoto],
    *,
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
    min_height: float = MIN_FACE_HEIGHT,
    min_score: float | None = MIN_SCORE,
) -> PhotoScores:
    """How good a detector is on annotated photos: average precision and recall.

    It is what `facesmith benchmark coco` prints.

    Args:
        detector: Called as `detector(image, min_score=...)`, with uint8 BGR; returns `Faces`.
        photos: As `load_annotations` returns them.
        iou_thresholds: A match needs at least this overlap, each in (0, 1]; a figure for each.
        min_height: Annotated faces lower than this are ignored, pixels.
        min_score: Boxes with a lower score are left out; low, for the curves to be whole.

    Raises:
        ImageError: If a photo cannot be read.
        EvaluationError: If there is no photo.
    """
    found = find_faces(detector, photos, min_score=min_score)
    return score_photos(photos, found, iou_thresholds=iou_thresholds, min_height=min_height)


def score_photos(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[ScoredBoxes],
    scored: str = "detections",
    *,
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
    min_height: float = MIN_FACE_HEIGHT,
    rule: Rule = "voc",
    max_detections: int | None = None,
) -> PhotoScores:
    """Average precision and recall of what was found in annotated photos.

    `scored` says in words what was scored. A match needs at least an overlap of `iou_thresholds`,
    each in (0, 1], with a figure for each; faces lower than `min_height` pixels are ignored. Of
    each photo the best `max_detections` count; `None`: all, by the rule `coco` 100.

    Raises:
        ValueError: If the lengths differ or an argument is out of range.
    """
    if rule not in RULES:
        raise ValueError(f"`rule` must be voc or coco; got rule={rule!r}.")
    if not iou_thresholds or not all(0 < iou <= 1 for iou in iou_thresholds):
        raise ValueError(
            f"`iou_thresholds` must be fractions above 0, up to 1; got {list(iou_thresholds)}."
        )
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    if max_detections is None and rule == "coco":
        max_detections = COCO_MAX_DETECTIONS
    kept = (
        found
        if max_detections is None
        else [each[np.argsort(-each.scores, kind="stable")[:max_detections]] for each in found]
    )
    compare = coco_precision_recall if rule == "coco" else precision_recall
    curves, figures = {}, {}
    for iou in map(float, iou_thresholds):
        curve = compare(truths, kept, iou_threshold=iou, min_height=min_height)
        curves[iou] = curve
        figures[iou] = mean_precision(curve) if rule == "coco" else curve.average_precision
    n_boxes = sum(len(truth.boxes) for truth in truths)
    n_ignored, n_detections = n_boxes - curve.n_faces, sum(map(len, found))
    return PhotoScores(
        scored, rule, min_height, max_detections, n_ignored, n_detections, figures, curves
    )


def coco_precision_recall(
    truths: Sequence[AnnotatedFaces],
    found: Sequence[ScoredBoxes],
    *,
    iou_threshold: float = 0.5,
    min_height: float = 0.0,
) -> PrecisionRecall:
    """The curve by the rule of COCO, of all detections given; one point a detection.

    Arguments as for `precision_recall`; faces marked ignored are regions (`iscrowd`).
    """
    scores, hits, _, n_faces = match_photos(
        truths, found, lambda truth, each: _match(truth, each, iou_threshold, min_height)
    )
    return curve_of(scores, hits, int(n_faces.sum()), len(truths))


def mean_precision(curve: PrecisionRecall) -> float:
    """Average precision by the rule of COCO: mean of the falling precision at 101 recalls.

    A recall that is never reached has precision 0. NaN without faces.
    """
    if curve.n_faces == 0:
        return float("nan")
    reached = np.searchsorted(curve.recall, _RECALLS, side="left")
    return float(np.append(curve.envelope, 0.0)[reached].mean())


def _match(
    truth: AnnotatedFaces, detections: ScoredBoxes, iou_threshold: float, min_height: float
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_], int]:
    """Scores of the detections that count, whether each is right, and the faces that count."""
    low = truth.boxes[:, 3].astype(np.float64) - truth.boxes[:, 1] < min_height
    boxes = detections.boxes.astype(np.float64)
    overlap = _overlaps(boxes, truth.boxes.astype(np.float64), truth.ignored)
    min_iou = min(
        iou_threshold, 1 - 1e-10
    )  # COCO's, so that rounding leaves a threshold of 1 usable
    counts = np.ones(len(boxes), bool)
    hit = np.zeros(len(boxes), bool)
    free = ~truth.ignored & ~low
    absorbing = truth.ignored | low
    for i in np.argsort(-detections.scores, kind="stable"):
        face = _last_best(np.where(free, overlap[i], -1), min_iou)
        if face is not None:
            hit[i] = True
            free[face] = False
            continue
        face = _last_best(np.where(absorbing, overlap[i], -1), min_iou)
        if face is not None:
            counts[i] = False
            absorbing[face] = truth.ignored[face]  # a region absorbs any number, a low face one
        elif boxes[i, 3] - boxes[i, 1] < min_height:
            counts[i] = False
    return detections.scores[counts], hit[counts], int((~truth.ignored & ~low).sum())


def _last_best(overlap: npt.NDArray[np.float64], min_iou: float) -> int | None:
    """Index of the largest overlap, the last of equals, if it is large enough."""
    if not len(overlap):
        return None
    best = len(overlap) - 1 - int(overlap[::-1].argmax())
    return best if overlap[best] >= min_iou else None


def _overlaps(
    boxes: npt.NDArray[np.float64], faces: npt.NDArray[np.float64], regions: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """IoU `(n, m)`, and for regions the part of the box's area inside.

    In float64, unlike `box_iou`: pycocotools computes so, and a rounding decides at the threshold.
    """
    low = np.maximum(boxes[:, None, :2], faces[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], faces[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    box_areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[:, None]
    face_areas = np.prod(faces[:, 2:] - faces[:, :2], axis=1)[None]
    whole = np.where(regions, box_areas, box_areas + face_areas - shared)
    overlap = np.zeros(shared.shape)
    np.divide(shared, whole, out=overlap, where=whole > 0)
    return overlap
