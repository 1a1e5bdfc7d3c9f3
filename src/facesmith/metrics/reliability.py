"""Whether scores mean what they say: of all boxes that score 0.8, eight in ten should be faces.

Boxes are matched as in `average_precision`: a second box on a face is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.metrics.bootstrap import FloatArray, Interval, percentile_interval, resampled_counts
from facesmith.metrics.scored_rows import ScoredRows

N_BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """Scores against the share of right boxes, in bins of equal width over [0, 1]."""

    counts: npt.NDArray[np.int64]  # int64 `(b,)`, boxes in each bin
    mean_scores: FloatArray  # float64 `(b,)`, their mean score; NaN in an empty bin
    shares_right: FloatArray  # float64 `(b,)`, the share of them that is right; NaN in an empty bin

    @property
    def expected_error(self) -> float:
        """Mean distance of score and share over the bins, weighted by boxes; NaN for no boxes.

        Source:
            Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015,
            equation 4; of boxes, Kueppers et al., "Multivariate confidence calibration for object
            detection", 2020.
        """
        if not self.counts.sum():
            return float("nan")
        filled = self.counts > 0
        gaps = np.abs(self.mean_scores - self.shares_right)[filled]
        return float((gaps * self.counts[filled]).sum() / self.counts.sum())

    @property
    def largest_error(self) -> float:
        """Largest distance over the bins that hold a box; NaN for no boxes."""
        gaps = np.abs(self.mean_scores - self.shares_right)[self.counts > 0]
        return float(gaps.max()) if len(gaps) else float("nan")


def reliability(scores: npt.ArrayLike, right: npt.ArrayLike, n_bins: int = N_BINS) -> Reliability:
    """Compare scores in [0, 1] with the share of right boxes (or rows of patches), `(n,)` each.

    Of the `n_bins` of equal width a score on an edge belongs to the bin above, 1 to the last.

    Raises:
        ValueError: If the shapes differ, or a score is not in [0, 1].

    Example:
        >>> compared = reliability([0.9, 0.9, 0.9, 0.1], [True, True, False, False])
        >>> round(compared.expected_error, 3)
        0.2
    """
    values, labels = np.asarray(scores, np.float64), np.asarray(right, np.bool_)
    if values.ndim != 1 or values.shape != labels.shape:
        raise ValueError(
            "`scores` and `right` must be two lists of equal length; "
            f"got shapes {values.shape} and {labels.shape}."
        )
    bad = values[~((values >= 0) & (values <= 1))]
    if len(bad):
        raise ValueError(
            f"`scores` must lie in [0, 1]; got {bad[0]}. Only probabilities calibrate."
        )
    bins = np.minimum((values * n_bins).astype(np.int64), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means, shares = (np.bincount(bins, each, n_bins) / counts for each in (values, labels))
    return Reliability(counts, means, shares)


def expected_error_interval(
    boxes: ScoredRows, *, n_resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Bootstrap interval of the expected error over whole photos; NaN for no boxes.

    Chance gaps in the bins only ever add to the error, in the resamples once more than in the
    figure itself: the interval lies somewhat high, and may lie above the figure.
    """
    if not len(boxes.scores):
        return (float("nan"), float("nan"))
    bins = np.minimum((boxes.scores * N_BINS).astype(np.int64), N_BINS - 1)
    # The gap of a bin is the sum of (score - right) over its boxes: one sum a photo is enough.
    gaps = np.zeros((boxes.n_photos, N_BINS))
    np.add.at(gaps, (boxes.photos, bins), boxes.scores - boxes.right)
    counts = np.bincount(boxes.photos, minlength=boxes.n_photos)
    errors = []
    for drawn in resampled_counts(boxes.n_photos, n_resamples, n_rows=N_BINS, seed=seed):
        with np.errstate(invalid="ignore"):  # resamples without a box
            errors.append(np.abs(drawn @ gaps).sum(axis=1) / (drawn @ counts))
    return percentile_interval(np.concatenate(errors), level)
