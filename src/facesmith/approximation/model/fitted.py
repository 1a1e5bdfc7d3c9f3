"""A fitted function as plain arrays: what `FunctionApproximator` predicts with.

This is the contract between fitting and everything that is done with its result: prediction,
saving, export and printing as code need nothing but the arrays below, and nothing but NumPy.

The function, for one row `x` and output `k`:

    z   = (bent(x) - input_offset) / input_scale
    a   = z;  a = tanh(a @ weights[i] + biases[i])  for every layer but the last
    f_m = a @ weights[-1] + biases[-1]                            one number, of member m
    u_k = output_offset[k] + output_scale[k] * sum_m weight_m f_m     over the members of output k
    y_k = straightened(u_k)

where columns of `input_bends` and `output_bends` are bent, see `bending`; others are as they are. A
member may also be a Gaussian process, whose `f_m` stands in `kernel_member`.

The variance of a new `u_k`, in units of `output_scale[k] ** 2`, is that of a mixture:

    sum_m weight_m (|j_m @ covariance_root_m|^2 + noise_variance_m + (f_m - mean)^2)

where `j_m` is the derivative of `f_m` by all parameters of its net, layer by layer, each layer's
weights `(n_in, n_out)` in row-major order and then its bias. A Gaussian process has a variance of
its own in place of the first term.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from facesmith.approximation.model.bending import Bends, bent, slopes, straightened
from facesmith.approximation.model.intervals import (
    SMALLEST_DEVIATION,
    Predictions,
    held_out_scores,
    interval_factors,
)
from facesmith.approximation.model.kernel_member import KernelMember, check_lengths
from facesmith.approximation.model.tanh_network import Layers, activations, jacobian

Float64Array = npt.NDArray[np.float64]

# Rows that are predicted at once: bounds the memory. The last bit of a prediction may depend on it,
# since BLAS sums up in another order for another number of rows.
BLOCK_ROWS = 4096
TWO_SIDED_95 = 1.959964
# Part of the range of an input, on either side, that still counts as inside: a random table rarely
# ends where the next one does.
RANGE_MARGIN = 0.05


@dataclass(frozen=True, eq=False)
class Member:
    """One small net of the function; works on scaled inputs, gives one scaled output.

    Attributes:
        weights: One matrix per layer, float64 `(n_in, n_out)`; the last has `n_out = 1`. A single
            matrix is a plane. tanh follows every layer but the last.
        biases: One vector per layer, float64 `(n_out,)`.
        output: Which output it belongs to, 0 for the first.
        weight: Its part in that output; positive, and those of one output sum to 1.
        covariance_root: float64 `(n_parameters, r)`, times its transpose the covariance of the
            parameters given the data (Laplace's approximation); r = 0 says that they are certain.
        noise_variance: Estimated variance of the targets about the net, units of
            `output_scale ** 2`.
    """

    weights: tuple[Float64Array, ...]
    biases: tuple[Float64Array, ...]
    output: int
    weight: float
    covariance_root: Float64Array
    noise_variance: float

    def __post_init__(self) -> None:
        if not 0 < len(self.weights) == len(self.biases):
            raise ValueError(
                "`weights` and `biases` must have one entry per layer; "
                f"got {len(self.weights)} and {len(self.biases)}."
            )
        shapes = [weights.shape for weights in self.weights]
        widths = [bias.shape for bias in self.biases]
        wanted = [(*below, *above) for below, above in pairwise([shapes[0][:1], *widths])]
        if shapes != wanted or any(len(shape) != 2 for shape in shapes) or widths[-1] != (1,):
            raise ValueError(
                f"layers must chain to one output; got weights of shapes {shapes} and biases of "
                f"{widths}."
            )
        if self.covariance_root.shape[:1] != (self.n_parameters,):
            raise ValueError(
                f"`covariance_root` must have {self.n_parameters} rows, one a parameter; "
                f"got shape {self.covariance_root.shape}."
            )

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.weights[0])

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(array.size for array in (*self.weights, *self.biases))

    @property
    def layers(self) -> Layers:
        """Weights and bias of each layer."""
        return list(zip(self.weights, self.biases, strict=True))

    def __call__(self, scaled_inputs: Float64Array) -> Float64Array:
        """Scaled outputs, float64 `(n,)`, for scaled inputs `(n, n_inputs)`."""
        return activations(self.layers, scaled_inputs)[-1][:, 0]

    def output_and_variance(self, scaled_inputs: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Scaled outputs and the variance that the parameters' uncertainty gives them, `(n,)`."""
        found = activations(self.layers, scaled_inputs)
        derivatives = jacobian(self.layers, found)
        return found[-1][:, 0], np.square(derivatives @ self.covariance_root).sum(axis=1)


@dataclass(frozen=True, eq=False)
class FittedFunction:
    """Small tanh nets and Gaussian processes with the scaling of their inputs and outputs.

    Attributes:
        members: The nets and processes, those of output 0 first; at least one an output.
        input_offset: float64 `(n_inputs,)`, subtracted from the inputs.
        input_scale: float64 `(n_inputs,)`, positive; the shifted inputs are divided by it.
        output_offset: float64 `(n_outputs,)`, added to the scaled outputs.
        output_scale: float64 `(n_outputs,)`, positive; the nets' outputs are multiplied by it.
        input_min: float64 `(n_inputs,)`, the smallest training input of each column.
        input_max: float64 `(n_inputs,)`, the largest.
        input_names: The columns that the inputs came from, in order; empty when unnamed.
        output_names: The columns that the targets came from, in order; empty when unnamed.
        input_bends: float64 `(n_inputs, 2)`, centre and width of each input that is bent, width 0
            for the others; None if none is. See `bending`.
        output_bends: The same of the outputs, `(n_outputs, 2)`.
        held_out_scores: Errors on rows that were not fitted, in deviations, ascending, float64
            `(n, n_outputs)`, see `with_held_out`; None if there were none.

    Raises:
        ValueError: If the shapes disagree or an output has no member.

    Example:
        >>> one, zero = np.ones(1), np.zeros(1)
        >>> double = Member((np.array([[2.0]]),), (one,), 0, 1.0, np.zeros((2, 0)), 0.25)
        >>> function = FittedFunction((double,), zero, one, zero, one, zero, one)
        >>> function.predict(np.array([[3.0], [4.0]]))
        array([[7.],
               [9.]])
        >>> function.predict_with_std(np.array([[3.0]]))
        (array([[7.]]), array([[0.5]]))
    """

    members: tuple[Member | KernelMember, ...]
    input_offset: Float64Array
    input_scale: Float64Array
    output_offset: Float64Array
    output_scale: Float64Array
    input_min: Float64Array
    input_max: Float64Array
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    held_out_scores: Float64Array | None = None
    input_bends: Bends = None
    output_bends: Bends = None

    def __post_init__(self) -> None:
        widths = dict.fromkeys(("input_scale", "input_min", "input_max"), self.n_inputs)
        check_lengths(self, {**widths, "output_scale": self.n_outputs})
        if sorted({member.output for member in self.members}) != list(range(self.n_outputs)):
            raise ValueError(
                f"`members` must have at least one net for each of {self.n_outputs} outputs; "
                f"got nets for {[member.output for member in self.members]}."
            )
        for name, n_columns in (("input_bends", self.n_inputs), ("output_bends", self.n_outputs)):
            bends = getattr(self, name)
            if bends is not None and (bends.shape != (n_columns, 2) or (bends[:, 1] < 0).any()):
                raise ValueError(
                    f"`{name}` must have shape ({n_columns}, 2) and no negative width; "
                    f"got shape {bends.shape}."
                )
        scores = self.held_out_scores
        if scores is not None and (scores.ndim != 2 or scores.shape[1] != self.n_outputs):
            raise ValueError(
                f"`held_out_scores` must have shape (n, {self.n_outputs}); got {scores.shape}."
            )
        for number, member in enumerate(self.members):
            if member.n_inputs != self.n_inputs:
                raise ValueError(
                    f"member {number} must take {self.n_inputs} inputs; it takes {member.n_inputs}."
                )

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.input_offset)

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.output_offset)

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers of all members, without the scaling."""
        return sum(member.n_parameters for member in self.members)

    def predict(self, inputs: npt.ArrayLike) -> Float64Array:
        """Predicted targets, float64 `(n, n_outputs)`, for inputs `(n, n_inputs)` in their units.

        Raises:
            ValueError: If the inputs have another shape.
        """
        inputs = self._checked(inputs)
        outputs = np.zeros((len(inputs), self.n_outputs))
        for rows, scaled in self._blocks(inputs):
            for member in self.members:
                outputs[rows, member.output] += member.weight * member(scaled)
        return straightened(self.output_offset + self.output_scale * outputs, self.output_bends)

    def predict_with_std(self, inputs: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
        """Predictions for inputs `(n, n_inputs)`, and the standard deviation of new targets.

        Both are float64 `(n, n_outputs)`, in units of the targets. The deviation is that of a new
        measurement: what the parameters' uncertainty, the disagreement of the members and the
        estimated noise make together. Of an output that is bent, whose errors are not symmetric, it
        is half the interval of 95 %, divided by 1.96.

        Raises:
            ValueError: If the inputs have another shape.
        """
        means, deviations = self._as_fitted(inputs)
        if self.output_bends is None:
            return means, deviations
        ends = (means + sign * TWO_SIDED_95 * deviations for sign in (-1.0, 1.0))
        lower, upper = (straightened(end, self.output_bends) for end in ends)
        return straightened(means, self.output_bends), (upper - lower) / (2 * TWO_SIDED_95)

    def _as_fitted(self, inputs: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
        """Predictions and deviations before outputs are straightened."""
        inputs = self._checked(inputs)
        means = np.zeros((len(inputs), self.n_outputs))
        variances = np.zeros_like(means)
        for rows, scaled in self._blocks(inputs):
            found = [(member, *member.output_and_variance(scaled)) for member in self.members]
            for member, values, _ in found:
                means[rows, member.output] += member.weight * values
            for member, values, variance in found:
                spread = np.square(values - means[rows, member.output])
                variances[rows, member.output] += member.weight * (
                    variance + member.noise_variance + spread
                )
        deviations = self.output_scale * np.sqrt(variances)
        return self.output_offset + self.output_scale * means, deviations

    def with_held_out(self, inputs: npt.ArrayLike, targets: npt.ArrayLike) -> FittedFunction:
        """The same function with the errors on held-out rows, for its intervals.

        The rows must not have served for the fit, nor for a choice among fits, and have to be in
        random order; of more than 10,000 the first are used. Where a prediction or an error is no
        finite number, nothing is kept.

        Args:
            inputs: `(n, n_inputs)`, n >= 1.
            targets: `(n, n_outputs)`, or `(n,)` for one output.
        """
        scores = held_out_scores(*self.errors_as_fitted(inputs, targets))
        return replace(self, held_out_scores=scores if np.isfinite(scores).all() else None)

    def errors_as_fitted(
        self, inputs: npt.ArrayLike, targets: npt.ArrayLike
    ) -> tuple[Float64Array, Float64Array]:
        """Errors on new rows and their deviations, both float64 `(n, n_outputs)`.

        As the function was fitted: of an output that is bent, those of the bent targets.
        """
        means, deviations = self._as_fitted(inputs)
        targets = np.asarray(targets, dtype=np.float64).reshape(means.shape)
        return means - bent(targets, self.output_bends), self._positive(deviations)

    def predict_with_interval(self, inputs: npt.ArrayLike, level: float = 0.95) -> Predictions:
        """Predictions for inputs `(n, n_inputs)`, with the intervals that new targets lie in.

        Where the function has held-out rows, at least `level` of the new targets lie in their
        intervals, for new rows that are drawn as those were, on average over all of them: whatever
        the function, and however the noise is distributed. With fewer than `level / (1 - level)`
        such rows (19 for 0.95) less is proven, see `Predictions.proven_level`; without any, the
        intervals are what the function itself estimates, `predict_with_std`.

        Raises:
            ValueError: If the inputs have another shape, or the level is not between 0 and 1.
        """
        factors = interval_factors(self.held_out_scores, level, self.n_outputs)
        means, deviations = self._as_fitted(inputs)
        half = factors * self._positive(deviations)
        extrapolated: npt.NDArray[np.bool_] = np.any(self.outside(inputs), axis=1)
        n_held_out = 0 if self.held_out_scores is None else len(self.held_out_scores)
        values, lower, upper = (
            straightened(each, self.output_bends) for each in (means, means - half, means + half)
        )
        return Predictions(values, lower, upper, extrapolated, level, n_held_out, factors)

    def output_units(self, targets: Float64Array) -> Float64Array:
        """What 1 as it is fitted is in the targets' unit, at the middle of targets `(n, ...)`."""
        if self.output_bends is None:
            return self.output_scale
        slope: Float64Array = np.median(slopes(targets, self.output_bends), axis=0)
        return self.output_scale / slope

    def _positive(self, deviations: Float64Array) -> Float64Array:
        return np.maximum(deviations, SMALLEST_DEVIATION * self.output_scale)

    def outside(self, inputs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which inputs lie beyond the training inputs by more than 5 % of their range.

        bool `(n, n_inputs)`; of an input that is bent, 5 % of the bent range. Of a constant
        training input, any other value is outside.
        """
        inputs = bent(self._checked(inputs), self.input_bends)
        low, high = bent(np.array([self.input_min, self.input_max]), self.input_bends)
        margin = RANGE_MARGIN * (high - low)
        found: npt.NDArray[np.bool_] = (inputs < low - margin) | (inputs > high + margin)
        return found

    def _blocks(self, inputs: Float64Array) -> Iterator[tuple[slice, Float64Array]]:
        """Blocks of rows, and their scaled inputs."""
        for start in range(0, len(inputs), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            as_fitted = bent(inputs[rows], self.input_bends)
            yield rows, (as_fitted - self.input_offset) / self.input_scale

    def _checked(self, inputs: npt.ArrayLike) -> Float64Array:
        inputs = np.asarray(inputs, dtype=np.float64)
        if inputs.ndim != 2 or inputs.shape[1] != self.n_inputs:
            raise ValueError(
                f"`inputs` must have shape (n, {self.n_inputs}); got {inputs.shape}. "
                "Pass one row per point."
            )
        return inputs
