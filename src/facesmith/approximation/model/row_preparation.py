"""What is done to a table's rows before a fit: merging, keeping some aside, scaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


def merge_equal_rows(
    inputs: Float64Array, targets: Float64Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Rows in a fixed order, equal ones merged and their weights added up.

    So that neither the order nor the way to say "twice" changes the last bit of a fit.
    """
    kept = weights > 0
    if not kept.any():
        raise ValueError("`sample_weight` must be positive for at least one row; got only zeros.")
    inputs, targets, weights = inputs[kept], targets[kept], weights[kept]
    order = np.lexsort(np.concatenate([targets, inputs], axis=1).T[::-1])
    inputs, targets, weights = inputs[order], targets[order], weights[order]
    differs = (inputs[1:] != inputs[:-1]).any(axis=1) | (targets[1:] != targets[:-1]).any(axis=1)
    firsts = np.flatnonzero(np.concatenate([[True], differs]))
    weights = np.add.reduceat(weights, firsts)
    # Weights that sum up to 1, as some give them, would say that there is one row.
    weights = weights / min(1.0, float(weights.sum()) / len(order))
    return inputs[firsts], targets[firsts], weights


def mean_and_scale(
    values: Float64Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation of each column; 1 in place of the deviation of a constant."""
    mean = np.average(values, axis=0, weights=weights)
    scale = np.sqrt(np.average(np.square(values - mean), axis=0, weights=weights))
    # A constant column's deviation is 0 but for the rounding of its mean.
    constant = scale <= 1e-14 * np.abs(mean)
    return mean, np.where(constant, 1.0, scale)


def split_off_validation(
    inputs: Float64Array,
    targets: Float64Array,
    weights: Float64Array,
    fraction: float,
    random: np.random.RandomState,
) -> tuple[Float64Array, Float64Array, Float64Array, tuple[Float64Array, Float64Array]]:
    """Inputs, targets and weights to fit to; inputs and targets of a random part kept aside."""
    n_held_out = max(1, round(fraction * len(inputs)))
    if len(inputs) - n_held_out < 2:
        raise ValueError(
            f"early stopping needs at least 3 different rows; got {len(inputs)}. "
            "Pass early_stopping=False."
        )
    order = random.permutation(len(inputs))
    held_out, kept = order[:n_held_out], np.sort(order[n_held_out:])
    return inputs[kept], targets[kept], weights[kept], (inputs[held_out], targets[held_out])
