"""Turning a detector's raw outputs into probabilities, on photos that it has not learned from."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from facesmith.boxes import clip_boxes, non_maximum_suppression
from facesmith.detector import NMS_IOU, Calibration, Detector, logit, sigmoid
from facesmith.evaluation.average_precision import AnnotatedFaces, match_faces, precision_recall
from facesmith.faces import Faces
from facesmith.second_look import SecondLook
from facesmith.training.proposals import Photos

JUDGED_HEIGHT = 16.0  # faces lower than this neither count nor calibrate, pixels
MATCH_IOU = 0.4  # a box that overlaps a face at least this much has found it
LEAST_SCORE = 0.02  # detectors are judged from this score on


def held_out_logits(
    detector: Detector, second_look: SecondLook | None, photos: Photos, candidate_score: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Both logits of everything that would be found, and whether it is a face.

    Each face is found once, by the box with the highest logit that overlaps it enough: a second box
    on it is as wrong as one beside it. Boxes on ignored or low faces are left out.

    Args:
        detector: Proposes.
        second_look: Judges and corrects; `None` for the proposals alone.
        photos: Held out from both trainings.
        candidate_score: Raw score from which on a proposal is a candidate.

    Returns:
        Logits float32 `(n, 2)`, the second 0 without a second look, and labels bool `(n,)`.
    """
    logits = [np.zeros((0, 2), np.float32)]
    labels = [np.zeros(0, bool)]
    for i in range(len(photos)):
        image, faces, ignored = photos[i]
        boxes, raw = detector.candidates(image, candidate_score)
        first = logit(raw)
        second = np.zeros_like(first)
        if second_look is not None:
            second, boxes = second_look(image, boxes)
        ranking = sigmoid(first if second_look is None else second)
        boxes = clip_boxes(boxes, image.shape[1], image.shape[0])
        inside = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        kept = inside[non_maximum_suppression(boxes[inside], ranking[inside], NMS_IOU)]
        ignored = ignored | (faces[:, 3] - faces[:, 1] < JUDGED_HEIGHT)
        counts, hit = match_faces(faces, ignored, Faces(boxes[kept], ranking[kept]), MATCH_IOU)
        logits.append(np.stack([first, second], axis=1)[kept][counts])
        labels.append(hit[counts])
    return np.concatenate(logits), np.concatenate(labels)


def fit_calibration(
    logits: npt.NDArray[np.float32],
    labels: npt.NDArray[np.bool_],
    use_second: bool,
    candidate_score: float,
) -> Calibration:
    """Fit the probability of a face to one logit or both.

    Args:
        logits: float32 `(n, 2)`, of the proposal and of the second look.
        labels: bool `(n,)`.
        use_second: Whether the second look has a say.
        candidate_score: Stored with the calibration.

    Source:
        Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    if labels.all() or not labels.any():
        return Calibration(second=float(use_second), candidate_score=candidate_score)
    features = logits if use_second else logits[:, :1]
    model = LogisticRegression(C=1e4).fit(features, labels)
    return Calibration(
        first=float(model.coef_[0, 0]),
        second=float(model.coef_[0, 1]) if use_second else 0.0,
        offset=float(model.intercept_[0]),
        candidate_score=candidate_score,
    )


def judge(detector: Detector, photos: Photos) -> dict[str, float]:
    """How good a whole detector is on held-out photos, and the threshold to use it with.

    Returns:
        `ap` and `ap_iou40`, average precision at an IoU of 0.5 and 0.4; `recall_at_0.1`, recall
        at 0.1 false boxes a photo (IoU 0.4); `threshold`, the score with the highest F1 (IoU 0.4,
        two decimals), or 0.5 where nothing is found; and `precision`, `recall` and
        `false_per_photo` from that score on.
    """
    truths, found = [], []
    for i in range(len(photos)):
        image, faces, ignored = photos[i]
        truths.append(AnnotatedFaces(faces, ignored))
        found.append(detector(image, min_score=LEAST_SCORE))
    strict = precision_recall(truths, found, min_height=JUDGED_HEIGHT)
    loose = precision_recall(truths, found, iou_threshold=MATCH_IOU, min_height=JUDGED_HEIGHT)
    figures = {
        "ap": strict.average_precision,
        "ap_iou40": loose.average_precision,
        "recall_at_0.1": loose.recall_at(0.1),
        "threshold": 0.5,
        "precision": 1.0,
        "recall": 0.0,
        "false_per_photo": 0.0,
    }
    if len(loose.scores) and loose.n_faces:
        best = loose.best_f1
        figures |= {
            "threshold": math.floor(float(loose.scores[best]) * 100) / 100,
            "precision": float(loose.precision[best]),
            "recall": float(loose.recall[best]),
            "false_per_photo": float(loose.false_per_photo[best]),
        }
    return figures
