"""Two detectors on the same photos: their figures, and how surely these differ.

Both are judged on the same resamples of whole photos, so that a hard photo is hard for both: the
interval of the difference is narrower than those of the figures would suggest.

Source:
    Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapters 8 and 13: pairs are
    resampled, and the interval is that of the percentiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.metrics.bootstrap import FloatArray, Interval, percentile_interval, resampled_counts
from facesmith.metrics.scored_rows import ScoredRows

# What `paired_changes` gives: average precision, recall where 0.1 false boxes a photo are allowed,
# and recall and false boxes a photo at the detector's own threshold.
FIGURES = ("ap", "recall_at_0.1", "recall", "false_per_photo")
ALLOWED = 0.1  # false boxes a photo
LEVEL = 0.95  # probability that an interval is to cover
N_RESAMPLES = 1000
# With fewer the resamples are so few different ones that an interval promises too much: of three
# faces found by one detector only, each resample shows the same.
MIN_FACES, MIN_PHOTOS = 20, 10


def can_tell(rows: ScoredRows) -> bool:
    """Whether there are faces and photos with faces enough for an interval to be believed."""
    with_faces = int((rows.faces_per_photo > 0).sum())
    return bool(rows.faces_per_photo.sum() >= MIN_FACES and with_faces >= MIN_PHOTOS)


@dataclass(frozen=True)
class Change:
    """One figure of two detectors on the same photos; NaN where undefined."""

    old: float  # of the first detector
    new: float  # of the second
    interval: Interval  # 95 %, of the second less the first

    @property
    def difference(self) -> float:
        """The second less the first."""
        return self.new - self.old

    @property
    def told(self) -> bool:
        """Whether the interval excludes that both are alike."""
        return bool(self.interval[0] > 0 or self.interval[1] < 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "old": self.old,
            "new": self.new,
            "difference": self.difference,
            "interval": list(self.interval),
        }


def paired_changes(
    old: ScoredRows,
    new: ScoredRows,
    thresholds: tuple[float, float] = (0.5, 0.5),
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Change]:
    """The `FIGURES` of two detectors, and bootstrap intervals of the differences over photos.

    Args:
        old: What the first found, matched with the faces of the photos.
        new: What the second found in the same photos, in the same order.
        thresholds: Scores from these on count in `recall` and `false_per_photo`.
        n_resamples: How often the photos are drawn, with replacement.
        level: Probability that an interval is to cover.
        seed: Of the draws.

    Returns:
        Figure -> both values and the interval. Without a photo or a face recalls and average
        precision are NaN.

    Raises:
        ValueError: If the photos or their faces are not the same.
    """
    if not np.array_equal(old.faces_per_photo, new.faces_per_photo):
        raise ValueError(
            "`old` and `new` must be of the same photos and faces; got "
            f"{old.n_photos} photos with {old.faces_per_photo.sum():g} faces and {new.n_photos} "
            f"with {new.faces_per_photo.sum():g}."
        )
    both = [_figures_of(rows, at) for rows, at in zip((old, new), thresholds, strict=True)]
    ones = np.ones((1, old.n_photos), np.int64)
    before, after = (figures(ones)[:, 0] for figures in both)
    n_rows = max(len(old.scores), len(new.scores))
    differences = [
        both[1](counts) - both[0](counts)
        for counts in resampled_counts(old.n_photos, n_resamples, n_rows=n_rows, seed=seed)
    ] if old.n_photos else [np.full((len(FIGURES), 1), np.nan)]  # fmt: skip
    return {
        name: Change(float(was), float(now), percentile_interval(values, level))
        for name, was, now, values in zip(
            FIGURES, before, after, np.concatenate(differences, axis=1), strict=True
        )
    }


def _figures_of(
    rows: ScoredRows, threshold: float
) -> Callable[[npt.NDArray[np.int64]], FloatArray]:
    """The `FIGURES` `(4, r)` of resamples, given how often each photo is drawn, `(r, n_photos)`."""
    order = np.argsort(-rows.scores, kind="stable")
    scores, right, photos = rows.scores[order], rows.right[order], rows.photos[order]
    # Detections of equal score enter together.
    ends = np.flatnonzero(np.append(np.diff(scores) != 0, True)) if len(scores) else order
    # Scores are float32: compared as such, or 0.9 would lose the boxes of exactly that score.
    n_kept = int((scores[ends] >= float(np.float32(threshold))).sum())

    def figures(counts: npt.NDArray[np.int64]) -> FloatArray:
        drawn = counts[:, photos]
        # A column of zeros in front: nothing is found above the highest score.
        true, both = (
            np.pad(np.cumsum(part, axis=1)[:, ends], ((0, 0), (1, 0)))
            for part in (drawn * right, drawn)
        )
        false = both - true
        n_photos = counts.sum(axis=1)
        place = np.arange(len(counts))
        with np.errstate(invalid="ignore", divide="ignore"):  # resamples without a face
            recall = true / (counts @ rows.faces_per_photo)[:, None]
            false_per_photo = false / n_photos[:, None]
        precision = true / np.maximum(both, 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        ap = (np.diff(recall, axis=1) * envelope[:, 1:]).sum(axis=1)
        ap[np.isnan(recall[:, 0])] = np.nan
        n_allowed = (false_per_photo <= ALLOWED).sum(axis=1)
        return np.stack(
            [
                ap,
                recall[place, np.maximum(n_allowed - 1, 0)],
                recall[:, n_kept],
                false_per_photo[:, n_kept],
            ]
        )

    return figures


def paired_mean_change(
    old: FloatArray,
    new: FloatArray,
    groups: npt.NDArray[np.int64],
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Change:
    """The means of two measures of the same rows, and a bootstrap interval of their difference.

    Args:
        old: A finite value of each row, float64 `(n,)`.
        new: Another one of the same rows.
        groups: To which group, such as a photo, each row belongs: whole groups are drawn.
        n_resamples: How often the groups are drawn, with replacement.
        level: Probability that the interval is to cover.
        seed: Of the draws.

    Returns:
        NaN without rows; the interval is NaN with fewer than `MIN_FACES` rows or `MIN_PHOTOS`
        groups, too few for one to be believed.
    """
    if not len(old):
        return Change(np.nan, np.nan, (np.nan, np.nan))
    _, place = np.unique(groups, return_inverse=True)
    n_groups = int(place.max()) + 1
    interval: Interval = (np.nan, np.nan)
    if len(old) >= MIN_FACES and n_groups >= MIN_PHOTOS:
        sums = np.bincount(place, weights=new - old)
        sizes = np.bincount(place)
        differences = [
            counts @ sums / (counts @ sizes)
            for counts in resampled_counts(n_groups, n_resamples, n_rows=n_groups, seed=seed)
        ]
        interval = percentile_interval(np.concatenate(differences), level)
    return Change(float(old.mean()), float(new.mean()), interval)
