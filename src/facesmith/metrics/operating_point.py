"""The threshold that keeps a target: a false positive rate, a precision, false boxes a photo.

It is the lowest threshold that keeps the target on the rows given. A bootstrap over whole photos
tells how far threshold and rates would move with other photos of the same kind.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.errors import EvaluationError
from facesmith.metrics.bootstrap import FloatArray, Interval, percentile_interval, resampled_counts
from facesmith.metrics.scored_rows import ScoredRows
from facesmith.printable import counted

Promise = Literal["fpr", "precision", "false_per_photo"]

_WORDS = {
    "fpr": "a false positive rate of at most",
    "precision": "a precision of at least",
    "false_per_photo": "false boxes a photo of at most",
}
_SHORT = {"fpr": "FPR", "precision": "precision", "false_per_photo": "false boxes a photo"}


@dataclass(frozen=True)
class Target:
    """What a threshold is to keep: `fpr` and `false_per_photo` at most, `precision` at least."""

    promise: Promise
    value: float

    def __str__(self) -> str:
        return f"{_WORDS[self.promise]} {self.value:g}"


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it does on the rows that it was chosen on."""

    target: Target  # what was asked for
    threshold: float  # halfway between the lowest accepted score and the next lower one
    reached: float  # the rate that the target names
    tpr: float  # share of the faces that are found
    threshold_interval: Interval  # 95 %, bootstrap, chosen anew in each resample
    reached_interval: Interval  # of the rate, with the threshold as chosen
    tpr_interval: Interval  # likewise
    n_faces: int  # faces chosen on
    n_groups: int  # photos chosen on

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, `target` and `value` in place of the target."""
        values = asdict(self)
        del values["target"]
        return {"target": self.target.promise, "value": self.target.value, **values}

    def __str__(self) -> str:
        low, high = self.threshold_interval
        reached, tpr = self.reached_interval, self.tpr_interval
        return (
            f"threshold {self.threshold:.3f} (95 %: {low:.3f} to {high:.3f}) for {self.target}: "
            f"{_SHORT[self.target.promise]} {self.reached:.4f} ({reached[0]:.4f} to "
            f"{reached[1]:.4f}), {self.tpr:.4f} of the faces found ({tpr[0]:.4f} to {tpr[1]:.4f})"
        )


def choose_threshold(
    rows: ScoredRows,
    target: Target,
    *,
    photo_weights: FloatArray | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> OperatingPoint:
    """The lowest threshold that keeps the target on these rows; report on others.

    Intervals cover with the probability `level`, by `n_resamples` of the photos from `seed`. Each
    photo counts by its weight in all rates, `photo_weights` (n_photos,); `None`: all alike.

    Raises:
        EvaluationError: If there is nothing to choose on, or no threshold keeps the target.
        ValueError: If the target's value is out of range.
    """
    value = target.value
    if not (value >= 0 if target.promise == "false_per_photo" else 0 <= value <= 1):
        raise ValueError(
            f"`{target.promise}` must be {'at least 0' if value < 0 else 'between 0 and 1'}; "
            f"got {target.promise}={value:g}."
        )
    n_faces = int(rows.faces_per_photo.sum())
    if not len(rows.scores) or not n_faces:
        raise EvaluationError(
            f"No threshold can be chosen on {counted(len(rows.scores), 'row')} with "
            f"{counted(n_faces, 'face')}. "
            "Choose it on photos with faces that the network finds."
        )
    if target.promise == "fpr" and rows.right.all():
        raise EvaluationError(
            f"{_WORDS['fpr'].capitalize()} {value:g} needs rows that are no faces; all "
            f"{len(rows.scores)} are faces."
        )
    order = np.argsort(-rows.scores, kind="stable")
    scores, right, photos = rows.scores[order], rows.right[order], rows.photos[order]
    ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))  # of equal scores
    lower = np.append(scores[ends[:-1] + 1], 0.0)
    cuts = (scores[ends] + lower) / 2

    def rates_of(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The target's rate and the TPR `(r, k)` at each distinct score, of `r` weightings."""
        row_weights = weights[:, photos]
        true = np.cumsum(row_weights * right, axis=1)[:, ends]
        false = np.cumsum(row_weights * ~right, axis=1)[:, ends]
        wholes = {"precision": true + false, "fpr": false[:, -1:]}
        whole = wholes.get(target.promise, weights.sum(axis=1, keepdims=True))
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = (true if target.promise == "precision" else false) / whole
            return rates, true / (weights @ rows.faces_per_photo)[:, None]

    weights = np.ones(rows.n_photos) if photo_weights is None else photo_weights
    rates, tprs = rates_of(weights[None])
    chosen = _lowest(rates, target)[0]
    if chosen < 0:
        best = float(rates.max() if target.promise == "precision" else rates.min())
        raise EvaluationError(
            f"No threshold keeps {target} on these {rows.n_photos} photos; the best is {best:.4f}. "
            "Ask for less, or train on more photos."
        )
    resampled: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for counts in resampled_counts(rows.n_photos, n_resamples, n_rows=len(scores), seed=seed):
        some_rates, some_tprs = rates_of(counts * weights)
        lowest = _lowest(some_rates, target)
        thresholds = np.where(lowest >= 0, cuts[lowest], np.nan)
        resampled.append((thresholds, some_rates[:, chosen], some_tprs[:, chosen]))
    threshold, reached, tpr = (float(values[chosen]) for values in (cuts, rates[0], tprs[0]))
    of_threshold, of_rate, of_tpr = (
        percentile_interval(np.concatenate(values), level)
        for values in zip(*resampled, strict=True)
    )
    return OperatingPoint(
        target, threshold, reached, tpr, of_threshold, of_rate, of_tpr, n_faces, rows.n_photos
    )


def _lowest(rates: FloatArray, target: Target) -> npt.NDArray[np.intp]:
    """Index of the last column that keeps the target, per row; -1 where none does."""
    kept = rates >= target.value if target.promise == "precision" else rates <= target.value
    last = kept.shape[1] - 1 - np.argmax(kept[:, ::-1], axis=1)
    return np.where(kept.any(axis=1), last, -1)
