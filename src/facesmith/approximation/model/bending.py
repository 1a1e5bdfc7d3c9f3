"""Columns whose values crowd at one end, bent into an even spread before the fit.

A column is bent by `asinh((x - centre) / width)`: far from the centre that is a logarithm, near it
a straight line, and it is defined for every number, so that new rows may have any.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
# Centre and width of each column, `(n_columns, 2)`, width 0 for one that stays straight; None where
# all do.
Bends = Float64Array | None

# Of targets that scatter by more than a factor of e the mean is that of a few.
_LARGEST_VARIANCE = 1.0


def bent(values: Float64Array, bends: Bends) -> Float64Array:
    """Columns `(n, n_columns)` as they are fitted.

    Example:
        >>> bent(np.array([[0.0, 5.0]]), np.array([[0.0, 1.0], [0.0, 0.0]]))
        array([[0., 5.]])
    """
    if bends is None:
        return values
    centres, widths = bends.T
    found = np.arcsinh((values - centres) / np.where(widths > 0, widths, 1.0))
    return np.where(widths > 0, found, values)


def straightened(values: Float64Array, bends: Bends) -> Float64Array:
    """What was bent, in its own unit: the inverse of `bent`."""
    if bends is None:
        return values
    centres, widths = bends.T
    with np.errstate(over="ignore"):  # far beyond the training rows
        found = centres + widths * np.sinh(np.where(widths > 0, values, 0.0))
    return np.where(widths > 0, found, values)


def slopes(values: Float64Array, bends: Float64Array) -> Float64Array:
    """Derivative of `bent` at values `(n, n_columns)`."""
    centres, widths = bends.T
    straight = widths <= 0
    return 1.0 / np.where(straight, 1.0, np.hypot(values - centres, widths))


def bends_to_mean(bends: Float64Array, variances: Float64Array) -> Float64Array:
    """Bends of outputs whose straightened prediction is the mean of the targets, not their median.

    `variances` are those of the noise, `(n_outputs,)`, as it is fitted.
    """
    factors = np.exp(0.5 * np.minimum(variances, _LARGEST_VARIANCE))
    return np.column_stack([bends[:, 0], bends[:, 1] * factors])
