"""Which skewed columns of a table are bent before the fit.

Whether bending pays is said by the evidence of a Gaussian process on some of the rows, for the
targets in their own unit. Evidence counts the many small targets of a skewed column as much as its
few large ones, whose errors are the large ones; so bent targets have to be predicted as well, too.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from facesmith.approximation.model.bending import Bends, bends_to_mean, bent, slopes, straightened
from facesmith.approximation.model.kernel_fit import MIN_ROWS, KernelFit
from facesmith.approximation.model.preparation import TrainingRows, mean_and_scale

Float64Array = npt.NDArray[np.float64]

# A column is tried bent if its median lies so much nearer to the first tenth of its values than to
# the last: as a part of what is between the two.
_SMALLEST_SKEW = 0.25
# A smallest value of at least this part of the median says that the zero is far away.
_FAR_FROM_ZERO = 0.5
_PILOT_ROWS = 128
# Nats that bending has to bring: less may be chance.
_WORTH_BENDING = 5.0
# By what the errors of left-out rows, in the targets' unit, may be larger with bent targets than
# with straight ones, which few rows tell no better.
_MOST_WORSE = 1.25


def choose_bends(
    inputs: Float64Array, targets: Float64Array, weights: Float64Array
) -> tuple[Bends, Bends]:
    """How inputs `(n, n_inputs)` and targets `(n, n_outputs)` are best bent; None for not at all.

    Only skewed columns are tried: the inputs, the targets, and both. The work is a few small fits
    of a Gaussian process, and none where no column is skewed.
    """
    of_inputs, of_targets = (
        [None] if bends is None else [None, bends] for bends in (_bends(inputs), _bends(targets))
    )
    pairs = list(product(of_inputs, of_targets))
    if len(targets) < MIN_ROWS or len(pairs) == 1:
        return None, None
    part = np.sort(np.random.default_rng(0).permutation(len(targets))[:_PILOT_ROWS])
    rows = (inputs[part], targets[part], weights[part])
    judged = [(pair, *_judged(*rows, *pair)) for pair in pairs]
    largest = _MOST_WORSE * min(error for (_, bends), _, error in judged if bends is None)
    best, highest = pairs[0], judged[0][1] + _WORTH_BENDING
    for pair, evidence, error in judged[1:]:
        if evidence > highest and (pair[1] is None or error <= largest):
            best, highest = pair, evidence
    return best


def _bends(values: Float64Array) -> Bends:
    """Centre and width for each skewed column; None where there is none."""
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        skewed = (low + high - 2 * middle) / (high - low) > _SMALLEST_SKEW
    smallest = values.min(axis=0)
    from_zero = (smallest >= 0) & (smallest < _FAR_FROM_ZERO * middle)
    centres = np.where(from_zero, 0.0, smallest)
    # A tenth of the smallest value makes the curve a logarithm over the whole range.
    widths = np.where(from_zero & (smallest > 0), smallest, middle - centres) / 10
    skewed &= widths > 0
    return np.column_stack([centres, np.where(skewed, widths, 0.0)]) if skewed.any() else None


def _judged(
    inputs: Float64Array,
    targets: Float64Array,
    weights: Float64Array,
    input_bends: Bends,
    target_bends: Bends,
) -> tuple[float, float]:
    """Log evidence of the targets in their own unit, summed over the outputs, and an error.

    The error is the root mean square of rows that are predicted from the others, in deviations of
    the targets; of several outputs, the geometric mean.
    """
    offset, scale = mean_and_scale(as_fitted := bent(inputs, input_bends), weights)
    scaled_inputs = (as_fitted - offset) / scale
    offset, scale = mean_and_scale(as_fitted := bent(targets, target_bends), weights)
    evidence = -float(np.log(scale).sum() * weights.sum())
    if target_bends is not None:
        evidence += float((weights @ np.log(slopes(targets, target_bends))).sum())
    left_out, noise = np.empty_like(targets), np.empty(len(scale))
    for number, column in enumerate(((as_fitted - offset) / scale).T):
        fit = KernelFit(TrainingRows(scaled_inputs, np.ascontiguousarray(column), weights))
        fit.fit(np.random.default_rng(0), 0)
        evidence += fit.final_log_evidence
        left_out[:, number] = column - fit.left_out_errors[0]
        noise[number] = fit.noise_variance
    back = None if target_bends is None else bends_to_mean(target_bends, scale**2 * noise)
    unit = mean_and_scale(targets, weights)[1]
    errors = (straightened(offset + scale * left_out, back) - targets) / unit
    squares = np.maximum(np.average(np.square(errors), axis=0, weights=weights), 1e-300)
    return evidence, float(np.exp(0.5 * np.log(squares).mean()))
