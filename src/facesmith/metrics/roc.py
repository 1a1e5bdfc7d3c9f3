"""The ROC curve of scored rows: area, nearest point, accuracy, bootstrap. Arrays in, arrays out.

A row counts as a face when its score is at least the threshold. The true positive rate (TPR) is
the share of the faces that count as faces, the false positive rate (FPR) that of the others.

Rows of equal score move together; a tie between a face and a non-face counts half in the area.
Where a label is missing, its rate, the area and the nearest point are NaN, with an
`UndefinedMetricWarning`. A score that is NaN or infinite is an error.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.metrics.bootstrap import FloatArray, Interval, percentile_interval, resampled_counts

# The exercise lists its thresholds nowhere; hundredths reproduce the look of its figure.
EXERCISE_THRESHOLDS: FloatArray = np.linspace(0, 1, 101)


class UndefinedMetricWarning(UserWarning):
    """A figure is NaN because one of the two labels is missing."""


@dataclass(frozen=True)
class RocPoint:
    """One point of a ROC curve; all NaN where the curve is undefined."""

    threshold: float
    tpr: float
    fpr: float


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Rates by falling threshold."""

    fpr: FloatArray  # false positive rates, float64 `(k,)`, not falling
    tpr: FloatArray  # true positive rates, float64 `(k,)`, not falling
    thresholds: FloatArray  # float64 `(k,)`, falling; the first of a full curve is infinite

    @property
    def auc(self) -> float:
        """Area under the straight lines from (0, 0) through the points to (1, 1)."""
        fpr = np.concatenate([[0.0], self.fpr, [1.0]])
        tpr = np.concatenate([[0.0], self.tpr, [1.0]])
        return float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))

    @property
    def best(self) -> RocPoint:
        """The point nearest to (0, 1); among equally near ones that of the highest threshold."""
        distance = np.square(self.fpr) + np.square(1 - self.tpr)
        if not len(distance) or np.isnan(distance).all():
            return RocPoint(np.nan, np.nan, np.nan)
        i = int(np.argmin(distance))
        return RocPoint(float(self.thresholds[i]), float(self.tpr[i]), float(self.fpr[i]))


@dataclass(frozen=True)
class RocIntervals:
    """Bootstrap intervals, each `(low, high)`."""

    auc: Interval  # of the area under the curve
    accuracy: Interval  # of the accuracy at the first threshold given
    accuracy_at_best: Interval  # of the accuracy at the operating point's threshold
    tpr: Interval  # of the true positive rate there
    fpr: Interval  # of the false positive rate there


def roc_curve(
    labels: npt.ArrayLike, scores: npt.ArrayLike, thresholds: npt.ArrayLike | None = None
) -> RocCurve:
    """The ROC curve of scored rows.

    Args:
        labels: 1 for a face, 0 for anything else, `(n,)`.
        scores: Finite numbers, `(n,)`; higher means more likely a face.
        thresholds: Where to evaluate the curve, any order; by default at every distinct score,
            with infinity before, so that the curve runs from (0, 0) to (1, 1).

    Raises:
        ValueError: If shapes disagree, a label is neither 0 nor 1, a score is NaN or infinite, or
            a threshold is NaN.

    Warns:
        UndefinedMetricWarning: If a label is missing.

    Example:
        >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> curve.auc, curve.best
        (0.75, RocPoint(threshold=0.8, tpr=0.5, fpr=0.0))
    """
    labels, scores = _checked(labels, scores)
    if thresholds is None:
        cuts = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    else:
        cuts = np.unique(np.asarray(thresholds, dtype=np.float64))[::-1]
        if np.isnan(cuts).any():
            raise ValueError("`thresholds` must be numbers; got NaN among them. Leave it out.")
    faces, others = np.sort(scores[labels]), np.sort(scores[~labels])
    missing = [name for name, rows in (("face", faces), ("non-face", others)) if not len(rows)]
    if missing:
        warnings.warn(
            f"No {' and no '.join(missing)} among {len(labels)} rows: the ROC curve, its area and "
            "its best point are undefined (NaN).",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    return RocCurve(_share_from(others, cuts), _share_from(faces, cuts), cuts)


def area_under_curve(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """How often a face scores above a non-face, over all pairs; a tie counts half.

    The area of `roc_curve` by the Mann-Whitney U statistic, in [0, 1]; NaN without a warning if a
    label is missing. Arguments and errors as for `roc_curve`.

    Example:
        >>> area_under_curve([0, 1, 1], [0.5, 0.5, 0.9])
        0.75
    """
    labels, scores = _checked(labels, scores)
    faces, others = scores[labels], np.sort(scores[~labels])
    if not len(faces) or not len(others):
        return float("nan")
    n_won = sum(int(np.searchsorted(others, faces, side=side).sum()) for side in ("left", "right"))
    return n_won / (2 * len(faces) * len(others))


def accuracy(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Share of the rows that fall on the right side of the threshold; NaN for no rows.

    Example:
        >>> accuracy([0, 1, 1], [0.2, 0.5, 0.4])
        0.6666666666666666
    """
    labels, scores = _checked(labels, scores)
    return float(np.mean((scores >= threshold) == labels)) if len(labels) else float("nan")


def bootstrap_intervals(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    best_threshold: float,
    threshold: float = 0.5,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> RocIntervals:
    """How far the figures would move with other rows of the same kind.

    Percentile intervals over resamples with replacement, of whole photos where they are known:
    rows of one photo resemble each other. Resamples that lack a label do not count.

    `labels` and `scores` are as for `roc_curve`. `accuracy` is taken at `threshold`, the other
    figures at `best_threshold`. Rows with the same number in `groups`, integers `(n,)`, are drawn
    together; `None`: each alone. Intervals cover with the probability `level`, by `n_resamples`
    drawn from `seed`.

    Returns:
        The intervals; `(nan, nan)` where a figure is undefined.

    Raises:
        ValueError: As `roc_curve`, or if there is not one group per row.

    Source:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13; Field and
        Welsh, "Bootstrapping clustered data", 2007, for drawing whole clusters.
    """
    labels, scores = _checked(labels, scores)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if groups.shape != labels.shape:
        raise ValueError(
            f"`groups` must have one entry per row; got shape {groups.shape} for "
            f"{len(labels)} rows."
        )
    members = np.unique(groups, return_inverse=True)[1]
    if not len(labels):
        return RocIntervals(*[(float("nan"), float("nan"))] * 5)
    order = np.argsort(scores, kind="stable")
    labels, scores, members = labels[order], scores[order], members[order]
    n_groups = int(members.max()) + 1
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores) > 0]))  # of equal scores
    accepted, is_right = scores >= best_threshold, (scores >= threshold) == labels
    figures = []
    for counts in resampled_counts(n_groups, n_resamples, n_rows=len(labels), seed=seed):
        weights = counts[:, members].astype(np.float64)
        faces = np.add.reduceat(weights * labels, starts, axis=1)
        others = np.add.reduceat(weights * ~labels, starts, axis=1)
        n_faces, n_others = faces.sum(axis=1), others.sum(axis=1)
        below = np.cumsum(others, axis=1) - others
        pairs = (faces * (below + others / 2)).sum(axis=1)
        hits, false_alarms = weights @ (labels & accepted), weights @ (~labels & accepted)
        total, right_at_best = n_faces + n_others, hits + n_others - false_alarms
        accuracies = weights @ is_right / total, right_at_best / total
        with np.errstate(invalid="ignore", divide="ignore"):
            auc, tpr, fpr = pairs / (n_faces * n_others), hits / n_faces, false_alarms / n_others
        figures.append(np.stack([auc, *accuracies, tpr, fpr]))
    rows = np.concatenate(figures, axis=1)
    return RocIntervals(*(percentile_interval(row, level) for row in rows))


def _share_from(sorted_scores: FloatArray, cuts: FloatArray) -> FloatArray:
    """Share of the scores that are at least each cut; NaN for no scores."""
    n = len(sorted_scores)
    if not n:
        return np.full(len(cuts), np.nan)
    return (n - np.searchsorted(sorted_scores, cuts, side="left")) / n


def _checked(
    labels: npt.ArrayLike, scores: npt.ArrayLike
) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    label_array, score_array = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if label_array.ndim != 1 or label_array.shape != score_array.shape:
        raise ValueError(
            "`labels` and `scores` must be two lists of equal length; "
            f"got shapes {label_array.shape} and {score_array.shape}."
        )
    wrong = label_array[~np.isin(label_array, (0, 1))]
    if len(wrong):
        raise ValueError(f"`labels` must be 0 or 1; got {wrong[0]}. 1 is a face, 0 anything else.")
    bad = np.flatnonzero(~np.isfinite(score_array))
    if len(bad):
        raise ValueError(
            f"`scores` must be finite; got {score_array[bad[0]]} in row {bad[0]}, and {len(bad)} "
            "such rows in all. Leave these rows out, or find out why they have no score."
        )
    return label_array.astype(bool), score_array
