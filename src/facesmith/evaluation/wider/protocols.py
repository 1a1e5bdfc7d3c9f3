"""Two ways to average precision on WIDER FACE: as everybody's program does it, and strictly.

`common` gives the figures of the Python program that most repositories quote from
(`WiderFace-Evaluation`, a port of the official MATLAB tools), with all it does:

1. Scores are stretched over the whole prediction set, the lowest to 0 and the highest to 1. The
   search starts from 1 and 0: scores that all lie above 1 are stretched from 1, scores that all lie
   below 0 up to 0. If all scores are equal, nothing counts and AP is 0.
2. A box is one pixel wider and higher than its edges say, in area and in overlap.
3. A detection looks at one face only, the one it overlaps most, the first of equals. If that one is
   taken already the detection is false, though it might match another.
4. A detection whose best match is ignored is dropped, however well it matches a face that counts.
5. Detections are matched in the order of the file, not of their scores; a threshold takes in all up
   to the *last* one that reaches it, worse ones before it included.
6. The curve has 1,000 points, at 0.999, 0.998 ... 0 of the stretched score.
7. An image without any face is passed over, so boxes on it cost nothing. One whose faces are all
   ignored is not.

`strict` has none of these: scores as they are, continuous edges, every distinct score a threshold,
the rule of VOC (`facesmith.metrics.average_precision`), false boxes counted on every image. The
lists of faces that count are the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.detections import Detections
from facesmith.evaluation.wider.truth import SETTINGS, WiderImage
from facesmith.files import finite_or_none
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall

Protocol = Literal["common", "strict"]
Array = npt.NDArray[np.float64]
_IOU = 0.5
_N_THRESHOLDS = 1000


@dataclass(frozen=True, eq=False)
class SettingScore:
    """How good the predictions are in one setting."""

    average_precision: float  # area under the curve; NaN if no face counts
    n_faces: int  # faces that count
    precision: Array  # by falling threshold, float64 `(k,)`; NaN where nothing reaches it
    recall: Array  # the same, float64 `(k,)`


@dataclass(frozen=True, eq=False)
class WiderScores:
    """How good predictions for WIDER FACE are."""

    protocol: Protocol  # `common` or `strict`
    n_images: int  # images
    n_detections: int  # boxes predicted
    settings: dict[str, SettingScore]  # by name, `easy`, `medium`, `hard`

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined figure is `None`."""
        return {
            "protocol": self.protocol,
            "images": self.n_images,
            "detections": self.n_detections,
            "ap": finite_or_none({n: s.average_precision for n, s in self.settings.items()}),
            "faces": {name: s.n_faces for name, s in self.settings.items()},
        }


def evaluate_wider(
    images: Sequence[WiderImage], predictions: Sequence[Array], protocol: Protocol = "common"
) -> WiderScores:
    """Average precision in the three settings, by one of the protocols above.

    `predictions` are for each image float64 `(n, 5)`: x, y, width, height, score; not modified.
    """
    if len(images) != len(predictions):
        raise ValueError(
            f"`predictions` must have one entry per image; got {len(predictions)} for "
            f"{len(images)} images."
        )
    if protocol not in ("common", "strict"):
        raise ValueError(f"`protocol` must be common or strict; got protocol={protocol!r}.")
    score = _common if protocol == "common" else _strict
    n_detections = sum(map(len, predictions))
    return WiderScores(protocol, len(images), n_detections, score(images, predictions))


def _common(images: Sequence[WiderImage], predictions: Sequence[Array]) -> dict[str, SettingScore]:
    all_scores = np.concatenate([np.zeros(0), *(rows[:, 4] for rows in predictions)])
    lowest, highest = float(all_scores.min(initial=1)), float(all_scores.max(initial=0))
    if lowest == highest:
        warnings.warn(
            f"all scores are {lowest:g}: the common protocol divides by their range and finds "
            "nothing. Use the strict protocol.",
            UserWarning,
            stacklevel=3,
        )
    thresholds = 1 - np.arange(1, _N_THRESHOLDS + 1) / _N_THRESHOLDS
    proposed = {setting: np.zeros(_N_THRESHOLDS) for setting in SETTINGS}
    right = {setting: np.zeros(_N_THRESHOLDS) for setting in SETTINGS}
    for image, rows in zip(images, predictions, strict=True):
        if not len(image.boxes) or not len(rows) or lowest == highest:
            continue
        scores = (rows[:, 4] - lowest) / (highest - lowest)
        # How many are let in: all up to the last that reaches the threshold.
        best_from_here = np.maximum.accumulate(scores[::-1])[::-1]
        n_in = np.searchsorted(-best_from_here, -thresholds, side="right")
        overlap = _overlaps_of_wider_boxes(rows[:, :4], image.boxes)
        face = overlap.argmax(axis=1)
        matched = overlap.max(axis=1) >= _IOU
        for setting in SETTINGS:
            counts = np.zeros(len(image.boxes), bool)
            counts[image.counted[setting]] = True
            dropped = matched & ~counts[face]
            # A face is found by the first detection that matches it.
            hits = np.flatnonzero(matched & counts[face])
            first = hits[np.unique(face[hits], return_index=True)[1]]
            found = np.zeros(len(rows))
            found[first] = 1
            proposed[setting] += np.concatenate([[0], np.cumsum(~dropped)])[n_in]
            right[setting] += np.concatenate([[0], np.cumsum(found)])[n_in]
    settings = {}
    for setting in SETTINGS:
        n_faces = sum(len(image.counted[setting]) for image in images)
        with np.errstate(invalid="ignore"):  # nothing proposed: an undefined precision, recall 0
            precision = right[setting] / proposed[setting]
        recall = right[setting] / n_faces if n_faces else np.full(_N_THRESHOLDS, np.nan)
        settings[setting] = SettingScore(_area(precision, recall), n_faces, precision, recall)
    return settings


def _strict(images: Sequence[WiderImage], predictions: Sequence[Array]) -> dict[str, SettingScore]:
    found = [Detections(_corners(rows), rows[:, 4]) for rows in predictions]
    settings = {}
    for setting in SETTINGS:
        truths = []
        for image in images:
            ignored = np.ones(len(image.boxes), bool)
            ignored[image.counted[setting]] = False
            truths.append(AnnotatedFaces(_corners(image.boxes).astype(np.float32), ignored))
        curve = precision_recall(truths, found, iou_threshold=_IOU)
        settings[setting] = SettingScore(
            curve.average_precision, curve.n_faces, curve.precision, curve.recall
        )
    return settings


def _corners(boxes: Array) -> Array:
    """x, y, width, height as edges."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]], axis=1)


def _overlaps_of_wider_boxes(a: Array, b: Array) -> Array:
    """Intersection over union `(n, m)` of boxes that are one pixel wider and higher each."""
    a, b = _corners(a), _corners(b)
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - np.maximum(a[:, None, :2], b[None, :, :2]) + 1, 0)
    shared = sides[..., 0] * sides[..., 1]
    areas = [(c[:, 2] - c[:, 0] + 1) * (c[:, 3] - c[:, 1] + 1) for c in (a, b)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared))


def _area(precision: Array, recall: Array) -> float:
    """Area under the curve with falling precision; an undefined precision adds nothing."""
    if np.isnan(recall).any():
        return float("nan")
    envelope = np.fmax.accumulate(precision[::-1])[::-1]
    steps = np.diff(recall, prepend=0.0)
    return float(np.sum(steps[steps != 0] * envelope[steps != 0]))
