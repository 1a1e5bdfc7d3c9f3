"""Turning a detector's raw outputs into probabilities, on photos that it has not learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import clip_boxes
from facesmith.detection.calibration import Calibration, logit, sigmoid
from facesmith.detection.detector import Detector
from facesmith.detection.refiner import Refiner, refine
from facesmith.detection.suppression import suppress_overlapping
from facesmith.evaluation import MATCH_IOU, MIN_FACE_HEIGHT, MIN_SCORE
from facesmith.faces import Faces
from facesmith.metrics.average_precision import AnnotatedFaces, match_faces
from facesmith.metrics.operating_point import OperatingPoint, Target, choose_threshold
from facesmith.metrics.reliability import reliability
from facesmith.metrics.scored_rows import ScoredRows, match_scores
from facesmith.training.arrays import Flags, Floats
from facesmith.training.learned_photos import Photos
from facesmith.training.whole_photos import accuracy, accuracy_curves

# From the simplest to the freest; `Fitted` says what each is.
METHODS = ("temperature", "logistic", "isotonic")
METHODS_OF_FEW = METHODS[:2]  # of few faces any rising curve is mostly chance
EVEN_ODDS = 0.5  # a probability: the threshold unless a target asks for another
N_FOLDS = 5  # of the cross-validation that chooses one, by photo
# For those who would rather look at a false box than miss a face: one false box a photo.
FIND_ALL = Target("false_per_photo", 1.0)


@dataclass(frozen=True, eq=False)
class HeldOutBoxes:
    """What is found in photos held out from both trainings.

    Attributes:
        logits: float32 `(n, 2)`, of the proposal and of the refiner, 0 without one.
        labels: bool `(n,)`, whether the box is a face.
        photos: int64 `(n,)`, the number of its photo.
        weights: float64 `(n,)`; all sources of photos with faces have the same total. Detectors are
            more confident on the sources that they know best.
    """

    logits: Floats
    labels: Flags
    photos: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluated:
    """How good a whole detector is on held-out photos.

    Attributes:
        figures: `ap` and `ap_iou40`, average precision at an IoU of 0.5 and 0.4; `recall_at_0.1`,
            recall at 0.1 false boxes a photo; `threshold`; and `precision`, `recall` and
            `false_per_photo` at the threshold.
        point: How the threshold was chosen; `None`: it was not, no target was given.
        boxes: All boxes found, and whether they are right.
    """

    figures: dict[str, float]
    point: OperatingPoint | None
    boxes: ScoredRows

    def find_all(self) -> OperatingPoint | None:
        """The threshold for `FIND_ALL`; `None` where no box or no face was held out."""
        if not len(self.boxes.scores) or not self.boxes.faces_per_photo.any():
            return None
        return choose_threshold(self.boxes, FIND_ALL)


@dataclass(frozen=True)
class Fitted:
    """A calibration and how it was chosen.

    Attributes:
        calibration: What to store with the weights.
        method: What was done to the sum of both logits, each with its own factor: `temperature`:
            one factor more; `logistic`: a factor and an offset; `isotonic`: any rising curve.
        log_losses: Weighted log loss of each method, cross-validated by photo; the lowest is taken.
        calibration_error: Expected calibration error of the method taken, cross-validated likewise,
            each box counted once; NaN where nothing was fitted.
    """

    calibration: Calibration
    method: str
    log_losses: dict[str, float]
    calibration_error: float


def held_out_boxes(
    detector: Detector,
    refiner: Refiner | None,
    photos: Photos,
    sources: Sequence[str],
    gate: Calibration,
) -> HeldOutBoxes:
    """Both logits of everything that is found, and whether it is a face.

    A second box on a face counts as false. Boxes on ignored or low faces are left out.

    Args:
        detector: Proposes.
        refiner: Corrects scores and boxes; `None` for the proposals alone.
        photos: Held out from both trainings.
        sources: Where each photo comes from.
        gate: Which proposals are refined; its factors do not matter here.
    """
    logits = [np.zeros((0, 2), np.float32)]
    labels = [np.zeros(0, bool)]
    numbers = [np.zeros(0, np.int64)]
    for i in range(len(photos)):
        image, faces, ignored = photos[i]
        boxes, raw = detector.candidates(image, gate.candidate_score)
        first = logit(raw)
        second = np.zeros_like(first)
        if refiner is not None:
            second, boxes = refine(refiner, image, boxes, raw, gate)
        ranking = sigmoid(first if refiner is None else second)
        boxes = clip_boxes(boxes, image.shape[1], image.shape[0])
        inside = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        kept = inside[suppress_overlapping(boxes[inside], ranking[inside])]
        ignored = ignored | (faces[:, 3] - faces[:, 1] < MIN_FACE_HEIGHT)
        counts, face = match_faces(faces, ignored, Faces(boxes[kept], ranking[kept]), MATCH_IOU)
        logits.append(np.stack([first, second], axis=1)[kept][counts])
        labels.append(face[counts] >= 0)
        numbers.append(np.full(int(counts.sum()), i))
    photo = np.concatenate(numbers)
    return HeldOutBoxes(
        np.concatenate(logits), np.concatenate(labels), photo, _weights(photo, sources)
    )


def held_out_sources(photos: Sequence[AnnotatedPhoto]) -> list[str]:
    """The source of each photo; all face-free ones of unnamed sources are one."""
    return [photo.source or ("" if len(photo.boxes) else "face-free") for photo in photos]


def _weights(photo: npt.NDArray[np.int64], sources: Sequence[str]) -> npt.NDArray[np.float64]:
    """One weight a box: those of face-free photos 1, of the others so that sources weigh alike."""
    source = np.array(sources, dtype=object)[photo]
    weights = np.ones(len(photo))
    named = [name for name in dict.fromkeys(source.tolist()) if name != "face-free"]
    total = sum(int((source == name).sum()) for name in named)
    for name in named:
        weights[source == name] = total / len(named) / (source == name).sum()
    return weights


def with_mean_logits(
    gate: Calibration, detector: Detector, refiner: Refiner, photos: Photos
) -> Calibration:
    """`gate` with the refiner's mean logits of the proposals below and above the gate."""
    raw, logits = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    for i in range(len(photos)):
        image = photos[i][0]
        boxes, scores = detector.candidates(image, gate.candidate_score)
        raw.append(scores)
        logits.append(refiner(image, boxes)[0])
    every, scores = np.concatenate(logits), np.concatenate(raw)
    below, above = every[scores < gate.gate_lower], every[scores >= gate.gate_upper]
    return replace(
        gate,
        logit_below_gate=float(below.mean()) if len(below) else 0.0,
        logit_above_gate=float(above.mean()) if len(above) else 0.0,
    )


def fit_calibration(
    boxes: HeldOutBoxes, use_second: bool, gate: Calibration, methods: Sequence[str] = METHODS
) -> Fitted:
    """Fit the probability of a face to one logit or both, by the best of several methods.

    How much each logit says of the order of the boxes is fitted first, on all boxes alike. Then
    the methods compete at turning their sum into a probability, where sources weigh the same.

    Args:
        boxes: What was found in held-out photos.
        use_second: Whether to use the refiner's logit.
        gate: Which proposals are refined; stored with the calibration.
        methods: Those that compete, of `METHODS`.

    Returns:
        The calibration. Where all boxes are faces, or none is, there is nothing to fit: logits are
        taken as they are, and the method is `none`.

    Source:
        Guo et al., "On calibration of modern neural networks", 2017 (temperature); Platt,
        "Probabilistic outputs for support vector machines", 1999 (logistic); Zadrozny and Elkan,
        "Transforming classifier scores into accurate multiclass probability estimates", 2002
        (isotonic).
    """
    if boxes.labels.all() or not boxes.labels.any():
        plain = replace(gate, refiner_weight=float(use_second))
        return Fitted(plain, "none", {}, math.nan)
    every = np.ones(len(boxes.labels), bool)
    folds = np.random.default_rng(0).integers(0, N_FOLDS, int(boxes.photos.max()) + 1)
    fold = folds[boxes.photos]
    losses, errors = {}, {}
    for method in methods:
        scores = np.zeros(len(boxes.labels), np.float32)
        for k in range(N_FOLDS):
            validation, learned = fold == k, fold != k
            if not validation.any():
                continue
            model = _fit(boxes, learned, method, use_second, gate)
            scores[validation] = model.scores(*boxes.logits[validation].T)
        losses[method] = _log_loss(scores, boxes.labels, boxes.weights)
        errors[method] = reliability(scores, boxes.labels).expected_error
    method = min(methods, key=lambda name: losses[name])
    calibration = _fit(boxes, every, method, use_second, gate)
    return Fitted(calibration, method, losses, errors[method])


def _fit(
    boxes: HeldOutBoxes, rows: Flags, method: str, use_second: bool, gate: Calibration
) -> Calibration:
    """One method on some of the boxes; logits as they are where they show one label only."""
    labels, weights = boxes.labels[rows], boxes.weights[rows]
    if labels.all() or not labels.any():
        return replace(gate, refiner_weight=float(use_second))
    logits = boxes.logits[rows].astype(np.float64)
    features = logits if use_second else logits[:, :1]
    order = LogisticRegression(C=1e4).fit(features, labels)
    summed = order.decision_function(features)[:, None]
    model = LogisticRegression(C=1e4, fit_intercept=method != "temperature")
    model.fit(summed, labels, weights)
    factors = order.coef_[0] * model.coef_[0, 0]
    offset = order.intercept_[0] * model.coef_[0, 0] + np.ravel(model.intercept_)[0]
    knots: tuple[tuple[float, float], ...] = ()
    if method == "isotonic":
        knots = _knots(features @ factors + offset, labels, weights)
    return replace(
        gate,
        proposal_weight=float(factors[0]),
        refiner_weight=float(factors[1]) if use_second else 0.0,
        offset=float(offset),
        knots=knots,
    )


def _knots(
    logits: npt.NDArray[np.float64], labels: Flags, weights: npt.NDArray[np.float64]
) -> tuple[tuple[float, float], ...]:
    """A point for each step of the isotonic fit, at its mean logit; straight lines between."""
    steps = IsotonicRegression(y_min=0, y_max=1).fit(logits, labels, weights).predict(logits)
    heights, step = np.unique(steps, return_inverse=True)
    at = np.bincount(step, weights * logits) / np.bincount(step, weights)
    return tuple(zip(at.tolist(), heights.tolist(), strict=True))


def _log_loss(scores: Floats, labels: Flags, weights: npt.NDArray[np.float64]) -> float:
    given = np.clip(np.where(labels, scores, 1 - scores).astype(np.float64), 1e-4, 1)
    return float(-(weights * np.log(given)).sum() / weights.sum())


def equal_sources(sources: Sequence[str]) -> npt.NDArray[np.float64]:
    """Weights of photos `(n,)` with the same total for each source, their mean 1."""
    names, source, counts = np.unique(
        np.array(sources, dtype=str), return_inverse=True, return_counts=True
    )
    return np.asarray(len(sources) / len(names) / counts[source], np.float64)


def evaluate(
    detector: Detector,
    photos: Photos,
    target: Target | None = None,
    photo_weights: npt.NDArray[np.float64] | None = None,
    *,
    threshold: float = EVEN_ODDS,
) -> Evaluated:
    """How good a whole detector is on held-out photos, and the thresholds to use it with.

    Args:
        detector: With its calibration.
        photos: Held out from training.
        target: What the threshold is to meet; `None`: see `threshold`.
        photo_weights: How much each photo counts for the target, `(n,)`; `None`: all alike.
        threshold: The threshold without a target.

    Raises:
        EvaluationError: If no threshold keeps the target.
    """
    truths, found = [], []
    for i in range(len(photos)):
        image, faces, ignored = photos[i]
        truths.append(AnnotatedFaces(faces, ignored))
        found.append(detector(image, min_score=MIN_SCORE))
    strict, loose = accuracy_curves(truths, found)
    boxes = match_scores(truths, found, iou_threshold=MATCH_IOU, min_height=MIN_FACE_HEIGHT)
    point = None
    if target is not None:
        point = choose_threshold(boxes, target, photo_weights=photo_weights)
        threshold = point.threshold
    figures = {**accuracy(strict, loose), "threshold": threshold, **loose.at_score(threshold)}
    return Evaluated(figures, point, boxes)
