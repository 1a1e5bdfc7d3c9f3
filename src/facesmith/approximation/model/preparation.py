"""What is done before a fit: parameters checked, rows merged, kept aside and scaled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.approximation.model.tanh_network import TanhNetwork

Float64Array = npt.NDArray[np.float64]

# A net of more parameters is refused: one step would take minutes and gigabytes.
_MAX_PARAMETERS = 5000
# Larger numbers differ by more than float64 holds, and of smaller ranges parts vanish in it.
_LARGEST = 1e300
_SMALLEST_RANGE = 1e-290


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What one output's nets and Gaussian process are fitted to, scaled.

    Inputs `(n, n_inputs)` and targets `(n,)` have mean 0 and standard deviation 1; the weights say
    how many rows each row stands for. `validation` are inputs and targets, scaled likewise, whose
    error is logged.
    """

    inputs: Float64Array
    targets: Float64Array
    weights: Float64Array
    validation: tuple[Float64Array, Float64Array] | None = None


def check_parameters(regressor: Any) -> tuple[int, ...] | None:
    """The hidden layer sizes to use; ValueError for a parameter out of bounds."""
    for name in ("n_starts", "max_iter", "n_iter_no_change"):
        value = getattr(regressor, name)
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1; got {name}={value!r}.")
    for name in ("tol", "alpha"):
        value = getattr(regressor, name)
        optional = name == "alpha" and value is None
        if not optional and not (isinstance(value, Real) and float(value) >= 0):
            wanted = "a number of at least 0, such as 1e-3"
            raise ValueError(f"`{name}` must be {wanted}; got {name}={value!r}.")
    fraction = regressor.validation_fraction
    if not isinstance(fraction, Real) or not 0 < float(fraction) < 1:
        name = "validation_fraction"
        raise ValueError(f"`{name}` must be between 0 and 1; got {name}={fraction!r}.")
    sizes = regressor.hidden_layer_sizes
    if sizes is None:
        return None
    hidden: tuple[Any, ...] = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
    if not hidden or not all(isinstance(h, int | np.integer) and h >= 1 for h in hidden):
        raise ValueError(
            "`hidden_layer_sizes` must be one or more positive integers; "
            f"got hidden_layer_sizes={sizes!r}. Pass e.g. (20,)."
        )
    return tuple(int(h) for h in hidden)


def check_size(sizes: tuple[int, ...] | None, n_inputs: int) -> None:
    """ValueError for a net that is too large to be fitted."""
    n_parameters = TanhNetwork((n_inputs, *(sizes or ()), 1)).n_parameters
    if n_parameters > _MAX_PARAMETERS:
        raise ValueError(
            f"a net of {n_inputs} inputs and hidden layers {sizes or ()} has "
            f"{n_parameters:,} parameters, more than the {_MAX_PARAMETERS:,} that a "
            "second-order fit can take. Use smaller layers or fewer inputs (select them, or "
            "put a PCA before)."
        )


def merge_equal_rows(
    inputs: Float64Array, targets: Float64Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array, npt.NDArray[np.intp]]:
    """Rows in a fixed order, equal ones merged and their weights added up.

    So that neither the order nor the way to say "twice" changes the last bit of a fit. The last
    array says which of them each row given became, `(n,)`, -1 for those of weight 0.
    """
    if not weights.any():
        raise ValueError("`sample_weight` must be positive for at least one row; got only zeros.")
    n_given = len(inputs)
    order = np.lexsort(np.concatenate([targets, inputs], axis=1).T[::-1])
    order = order[weights[order] > 0]
    inputs, targets, weights = inputs[order], targets[order], weights[order]
    differs = (inputs[1:] != inputs[:-1]).any(axis=1) | (targets[1:] != targets[:-1]).any(axis=1)
    firsts = np.flatnonzero(np.append(True, differs))
    weights = np.add.reduceat(weights, firsts)
    # Weights that sum up to 1, as some give them, would say that there is one row.
    weights = weights / min(1.0, float(weights.sum()) / len(order))
    became = np.full(n_given, -1)
    became[order] = np.cumsum(np.append(True, differs)) - 1
    return inputs[firsts], targets[firsts], weights, became


def mean_and_scale(
    values: Float64Array, weights: Float64Array | None = None
) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation of each column; 1 in place of the deviation of a constant."""
    units = power_of_two(values)
    values = values / units
    mean = np.average(values, axis=0, weights=weights)
    scale = np.sqrt(np.average(np.square(values - mean), axis=0, weights=weights))
    # A constant column's deviation is 0 but for the rounding of its mean.
    constant = scale <= 1e-14 * np.abs(mean)
    return mean * units, np.where(constant, 1.0, scale * units)


def power_of_two(values: Float64Array) -> Float64Array:
    """The power of two next to the largest number of each column `(n, ...)`; 1 for zeros.

    Divided by it, which is exact, no square becomes infinite or 0.

    Example:
        >>> power_of_two(np.array([[3.0, 0.0], [-5.0, 0.0]]))
        array([8., 1.])
    """
    exponents = np.frexp(np.abs(values).max(axis=0))[1]
    return np.asarray(np.ldexp(1.0, np.clip(exponents, -1021, 1023)))


def check_units(values: Float64Array, names: Sequence[str], what: str) -> None:
    """ValueError for a column `(n, n_columns)` in a unit that float64 cannot reckon with.

    `names` are those of the columns, or empty; `what` says what a column is.
    """
    if not len(values):
        return
    sizes = np.abs(values).max(axis=0)
    ranges = np.where(sizes < _LARGEST, np.ptp(np.minimum(values, _LARGEST), axis=0), 0.0)
    for number, (size, extent) in enumerate(zip(sizes.tolist(), ranges.tolist(), strict=True)):
        name = repr(names[number]) if len(names) else f"number {number}"
        if size >= _LARGEST:
            raise ValueError(
                f"{what} {name} has numbers up to {size:.3g}, expected less than {_LARGEST:g}. "
                "Give it in a larger unit."
            )
        if 0.0 < extent < _SMALLEST_RANGE:
            raise ValueError(
                f"{what} {name} varies by {extent:.3g} only, expected at least "
                f"{_SMALLEST_RANGE:g}. Give it in a smaller unit."
            )


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
