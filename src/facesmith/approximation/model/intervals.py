"""Intervals about predictions that hold the promised part of new targets, whatever the function.

Split conformal prediction: how far rows that were not fitted lie from their predictions, in
deviations of the function, says how many deviations an interval needs. Nothing is assumed about
the function or the noise, only that the new rows are drawn as the held-out ones were.

Source: Lei and others, Distribution-Free Predictive Inference for Regression (2018), section 5.2.
The function's own deviations stand in for their estimate of the residuals' spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

# Held-out rows whose scores are kept: more make no interval truer.
MAX_SCORES = 10_000
# A smaller deviation, in units of the outputs' scale, is none: errors are measured in this instead.
SMALLEST_DEVIATION = 1e-12
_ROUNDING = 1e-9  # of `(n + 1) * level`, which is a whole number for the usual levels


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted targets with intervals.

    Attributes:
        values: Predicted targets, float64 `(n, n_outputs)`, in the targets' units.
        lower: Lower end of each interval, the same shape.
        upper: Upper end.
        extrapolated: Rows with an input beyond the range of the training inputs by more than 5 %
            of it, bool `(n,)`. No interval vouches for them.
        level: Part of the new targets that the intervals shall hold.
        n_held_out: Held-out rows that the widths come from; 0 where the function has none, and the
            intervals are its own estimate.
        factors: Half the width of the intervals of each output in the function's deviations,
            float64 `(n_outputs,)`.
    """

    values: Float64Array
    lower: Float64Array
    upper: Float64Array
    extrapolated: npt.NDArray[np.bool_]
    level: float
    n_held_out: int
    factors: Float64Array

    @property
    def proven_level(self) -> float:
        """The part that the held-out rows vouch for: `level`, less if they are too few."""
        return min(self.level, self.n_held_out / (self.n_held_out + 1))


def held_out_scores(errors: Float64Array, deviations: Float64Array) -> Float64Array:
    """Sizes of errors in deviations, in ascending order; both float64 `(n, n_outputs)`, n >= 1.

    The first 10,000 rows count. They have to be in random order.
    """
    return np.sort(np.abs(errors[:MAX_SCORES]) / deviations[:MAX_SCORES], axis=0)


def interval_factors(scores: Float64Array | None, level: float, n_outputs: int) -> Float64Array:
    """How many deviations reach from a prediction to the ends of its interval, `(n_outputs,)`.

    With n scores it is the smallest one that `(n + 1) * level` of them do not exceed: a new score
    is as likely in each of the n + 1 gaps between them. Without scores it is that of a normal
    distribution; with too few, the largest of this and of all scores.

    Args:
        scores: Of `held_out_scores`, or None.
        level: Part of the new targets to hold, in (0, 1).
        n_outputs: Number of outputs.

    Raises:
        ValueError: If the level is out of its bounds.

    Example:
        >>> nine = np.arange(1.0, 10.0)[:, None]
        >>> interval_factors(nine, 0.8, 1), interval_factors(nine, 0.95, 1)
        (array([8.]), array([9.]))
        >>> interval_factors(None, 0.95, 1).round(2)
        array([1.96])
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1; got level={level!r}. Pass 0.95.")
    normal = np.full(n_outputs, NormalDist().inv_cdf((1 + level) / 2))
    if scores is None:
        return normal
    rank = math.ceil((len(scores) + 1) * level - _ROUNDING)
    if rank > len(scores):
        widest: Float64Array = np.maximum(normal, scores[-1])
        return widest
    factors: Float64Array = scores[max(rank, 1) - 1].copy()
    return factors
