"""Turning a detector's raw outputs into probabilities, on photos that it has not learned from."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from facesmith.boxes import box_iou
from facesmith.detector import Calibration, Detector, logit
from facesmith.evaluation.average_precision import AnnotatedFaces, precision_recall
from facesmith.second_look import SecondLook
from facesmith.training.proposals import Photos

JUDGED_HEIGHT = 16.0  # faces lower than this neither count nor calibrate, pixels
MATCH_IOU = 0.4  # a box that overlaps a face at least this much has found it
LEAST_SCORE = 0.02  # detectors are judged from this score on


def held_out_logits(
    detector: Detector, second_look: SecondLook, photos: Photos, candidate_score: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Both logits of every candidate, and whether it is a face.

    Candidates on ignored or low faces are left out.

    Args:
        detector: Proposes.
        second_look: Judges and corrects.
        photos: Held out from both trainings.
        candidate_score: Raw score from which on a proposal is a candidate.

    Returns:
        Logits float32 `(n, 2)` and labels bool `(n,)`.
    """
    logits = [np.zeros((0, 2), np.float32)]
    labels = [np.zeros(0, bool)]
    for i in range(len(photos)):
        image, faces, ignored = photos[i]
        boxes, raw = detector.candidates(image, candidate_score)
        second, corrected = second_look(image, boxes)
        overlap = box_iou(corrected, faces)
        ignored = ignored | (faces[:, 3] - faces[:, 1] < JUDGED_HEIGHT)
        is_face = overlap[:, ~ignored].max(axis=1, initial=0) >= MATCH_IOU
        unclear = overlap[:, ignored].max(axis=1, initial=0) >= MATCH_IOU
        counts = is_face | ~unclear
        logits.append(np.stack([logit(raw), second], axis=1)[counts])
        labels.append(is_face[counts])
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
