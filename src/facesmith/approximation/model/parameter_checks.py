"""Whether the parameters of a `FunctionApproximator` are within their bounds."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from facesmith.approximation.model.tanh_network import TanhNetwork

# A net of more parameters is refused: one step would take minutes and gigabytes.
_MAX_PARAMETERS = 5000


def check_parameters(regressor: Any) -> tuple[int, ...] | None:
    """The hidden layer sizes to use; ValueError for a parameter out of bounds."""
    for name in ("n_starts", "max_iter", "n_iter_no_change"):
        value = getattr(regressor, name)
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1; got {name}={value!r}.")
    for name, optional, advice in (("tol", False, "1e-3"), ("alpha", True, "1e-3")):
        value = getattr(regressor, name)
        if (value is None and optional) or (isinstance(value, Real) and float(value) >= 0):
            continue
        raise ValueError(
            f"`{name}` must be a number of at least 0; got {name}={value!r}. Pass e.g. {advice}."
        )
    fraction = regressor.validation_fraction
    if not isinstance(fraction, Real) or not 0 < float(fraction) < 1:
        raise ValueError(
            f"`validation_fraction` must be between 0 and 1; got validation_fraction={fraction!r}."
        )
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
