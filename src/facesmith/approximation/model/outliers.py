"""Rows whose target lies far off the function: found, and left out if the evidence says so.

A gross error among the targets is no Gaussian noise: it bends the function towards itself and makes
all other targets look noisy. Such rows are found by a Gaussian process that is fitted again and
again to the others. Whether they are outliers or a part of the function is judged by the evidence:
of a table with a share of outliers, which may lie anywhere in the range of what was found, against
that of a table without any. Rows that are off together with their neighbours are no outliers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, ndtri

from facesmith.approximation.model.kernel_fit import KernelFit
from facesmith.approximation.model.kernel_member import squared_distances
from facesmith.approximation.model.preparation import TrainingRows

Float64Array = npt.NDArray[np.float64]
Outliers = npt.NDArray[np.bool_]

# Deviations, by the median of all, beyond which a row is off the function.
_FAR = 5.0
# Deviations of the targets themselves that an outlier is off by, at least: without noise every
# corner of a function is far off in the deviations that are expected.
_GROSS = 0.3
# Rows the process is fitted to, and how often.
_PILOT_ROWS = 600
_MAX_ROUNDS = 6
# Part of the rows that can be outliers.
_MOST_OUTLIERS = 0.25
# Neighbours that are off alike with a smaller chance are no chance.
_BY_CHANCE = 0.01
# Nats that leaving them out has to bring.
WORTH_LEAVING_OUT = 5.0
# Part of the other new targets that intervals are made to hold, so that those of 95 % hold that
# share of all.
_MOST_INSIDE = 0.995


def look_odd(left_out: Float64Array) -> bool:
    """Whether errors of left-out rows, in their deviations `(n,)`, are more than noise."""
    return bool((np.abs(left_out) > _FAR * _robust_deviation(left_out)).any())


def find_outliers(rows: TrainingRows) -> Outliers:
    """Which rows lie off the function, bool `(n,)`; none if the evidence speaks against it."""
    n = len(rows.targets)
    none = np.zeros(n, dtype=bool)
    pilots = np.sort(np.random.default_rng(0).permutation(n)[:_PILOT_ROWS])
    outliers, errors = none, np.zeros(n)
    before = -np.inf
    for number in range(_MAX_ROUNDS):
        kept = pilots[~outliers[pilots]]
        fit = KernelFit(part_of(rows, kept))
        fit.fit(np.random.default_rng(0), 0)
        if number == 0:
            before = fit.final_log_evidence
        errors, deviations = _errors(fit, rows, kept)
        odd = np.abs(errors / deviations)
        odd /= _robust_deviation(odd[pilots])
        found = odd > max(_FAR, float(np.quantile(odd, 1.0 - _MOST_OUTLIERS)))
        found &= np.abs(errors) > _GROSS * rows.targets[kept].std()
        if (found == outliers).all():
            break
        outliers = found
    off = outliers[pilots]
    if not off.any() or off.all() or _have_company(rows.inputs[pilots], errors[pilots], off):
        return none
    after = fit.final_log_evidence + log_share(errors[pilots], off)
    return outliers if after > before + WORTH_LEAVING_OUT else none


def _have_company(inputs: Float64Array, errors: Float64Array, outliers: Outliers) -> bool:
    """Whether rows that are off lie next to others that are off in the same direction.

    More often than by chance: then they are a peak or a step, and belong to the function.
    """
    apart = squared_distances(inputs[outliers], inputs)
    apart[np.arange(len(apart)), np.flatnonzero(outliers)] = np.inf
    nearest = apart.argmin(axis=1)
    alike = outliers[nearest] & (np.sign(errors[nearest]) == np.sign(errors[outliers]))
    n, count = len(alike), int(alike.sum())
    chance = float(outliers.mean()) / 2
    return count > 0 and float(bdtrc(count - 1, n, chance)) < _BY_CHANCE


def log_share(errors: Float64Array, outliers: Outliers) -> float:
    """What the outliers add to the log evidence of the other rows, nats.

    Each row is one with a probability of their share; then its error is normal, as wide as theirs
    are.
    """
    share = float(outliers.mean())
    width = max(float(np.sqrt(np.mean(np.square(errors[outliers])))), 1e-12)
    each = -0.5 - np.log(width) - 0.5 * np.log(2.0 * np.pi) + np.log(share)
    return float(outliers.sum() * each + (~outliers).sum() * np.log1p(-share))


def widening(outliers: Outliers) -> float:
    """By how much deviations grow, so that intervals of 95 % hold that of rows with outliers."""
    inside = min(0.95 / (1.0 - float(outliers.mean())), _MOST_INSIDE)
    return float(ndtri(0.5 + 0.5 * inside) / ndtri(0.975))


def part_of(rows: TrainingRows, kept: npt.NDArray[Any]) -> TrainingRows:
    """Some of the rows, by their numbers or a mask."""
    return TrainingRows(rows.inputs[kept], rows.targets[kept], rows.weights[kept], rows.validation)


def _errors(
    fit: KernelFit, rows: TrainingRows, kept: npt.NDArray[np.intp]
) -> tuple[Float64Array, Float64Array]:
    """Errors of all rows and their deviations; rows that were fitted as if each was left out."""
    member = fit.member(0, 1.0)
    values, variances = member.output_and_variance(rows.inputs)
    errors = rows.targets - values
    deviations = np.sqrt(variances + member.noise_variance)
    errors[kept], deviations[kept] = fit.left_out_errors
    return errors, deviations


def _robust_deviation(values: Float64Array) -> float:
    return max(1.4826 * float(np.median(np.abs(values))), 1e-12)
