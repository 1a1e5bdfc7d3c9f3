"""The net that the second-order fit trains: tanh layers, one linear output, and its Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

# Weights `(n_in, n_out)` and bias `(n_out,)` of each layer; tanh follows every layer but the last,
# which has one unit.
Layers = Sequence[tuple[Float64Array, Float64Array]]


@dataclass(frozen=True)
class TanhNetwork:
    """Tanh layers with one linear output, its parameters held in one flat vector.

    The vector holds, layer by layer, the weights `(n_in, n_out)` in row-major order, then the bias.

    Attributes:
        layer_sizes: Number of inputs, then of each hidden layer, then 1.
    """

    layer_sizes: tuple[int, ...]

    @property
    def n_parameters(self) -> int:
        """Length of the flat vector."""
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.layer_sizes))

    @property
    def groups(self) -> npt.NDArray[np.intp]:
        """Which parameters share a prior: int `(n_parameters,)`, numbered from 0.

        The weights that leave one input are a group each, so that an input that says nothing can
        be switched off alone; so are the biases of the first layer, and each later layer with its
        biases. A plane's bias is a group of its own.
        """
        n_in, n_out = self.layer_sizes[0], self.layer_sizes[1]
        parts = [np.repeat(np.arange(n_in), n_out), np.full(n_out, n_in)]
        for number, (n_below, n_above) in enumerate(pairwise(self.layer_sizes[1:]), n_in + 1):
            parts.append(np.full((n_below + 1) * n_above, number))
        return np.concatenate(parts)

    def initial_parameters(self, rng: np.random.Generator, steepness: float = 1.0) -> Float64Array:
        """Random parameters for inputs of mean 0 and standard deviation 1.

        Weights are normal with variance 1 / n_in, so that a unit's sum has variance 1 and tanh is
        bent but not saturated. The first layer's biases spread the bends over the data, uniformly
        in [-1, 1]; the others start at 0. The first layer is multiplied by the steepness: more for
        functions that wiggle.
        """
        parts: list[Float64Array] = []
        for number, (n_in, n_out) in enumerate(pairwise(self.layer_sizes)):
            scale = steepness if number == 0 else 1.0
            parts.append(rng.normal(0.0, scale * n_in**-0.5, n_in * n_out))
            parts.append(rng.uniform(-scale, scale, n_out) if number == 0 else np.zeros(n_out))
        return np.concatenate(parts)

    def layers(self, parameters: Float64Array) -> Layers:
        """Views of the flat vector: `(weights, bias)` of each layer."""
        layers = []
        start = 0
        for n_in, n_out in pairwise(self.layer_sizes):
            middle = start + n_in * n_out
            weights = parameters[start:middle].reshape(n_in, n_out)
            start = middle + n_out
            layers.append((weights, parameters[middle:start]))
        return layers

    def outputs(self, parameters: Float64Array, inputs: Float64Array) -> Float64Array:
        """Outputs, float64 `(n,)`, for scaled inputs `(n, n_inputs)`."""
        return activations(self.layers(parameters), inputs)[-1][:, 0]

    def outputs_and_jacobian(
        self, parameters: Float64Array, inputs: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Outputs `(n,)` and their derivatives with respect to every parameter, see `jacobian`."""
        layers = self.layers(parameters)
        found = activations(layers, inputs)
        return found[-1][:, 0], jacobian(layers, found)

    def gradient(
        self, parameters: Float64Array, inputs: Float64Array, rows: Float64Array
    ) -> Float64Array:
        """The Jacobian's transpose times one factor a row `(n,)`, without the Jacobian."""
        layers = self.layers(parameters)
        found = activations(layers, inputs)
        parts: list[Float64Array] = []
        delta = rows[:, None]
        for number in range(len(layers) - 1, -1, -1):
            below = found[number]
            parts += [delta.sum(axis=0), (below.T @ delta).ravel()]
            if number:
                delta = (delta @ layers[number][0].T) * (1.0 - below * below)
        return np.concatenate(parts[::-1])


def activations(layers: Layers, inputs: Float64Array) -> list[Float64Array]:
    """What enters each layer, float64 `(n, n_in)`, and last the output `(n, 1)`."""
    found = [inputs]
    for weights, bias in layers[:-1]:
        found.append(np.tanh(found[-1] @ weights + bias))
    weights, bias = layers[-1]
    return [*found, found[-1] @ weights + bias]


def jacobian(layers: Layers, found: Sequence[Float64Array]) -> Float64Array:
    """The output's derivative by every parameter, float64 `(n, n_parameters)`.

    Parameters are ordered as in the flat vector of `TanhNetwork`; `found` is what `activations`
    gave for the rows.

    Source:
        Hagan & Menhaj, "Training feedforward networks with the Marquardt algorithm", IEEE Trans.
        Neural Networks 5 (1994): the backward pass of the output itself instead of the squared
        error's.
    """
    end = sum(weights.size + bias.size for weights, bias in layers)
    derivatives = np.empty((len(found[0]), end))
    # Derivative of the output with respect to the sums that enter the current layer's units.
    delta = np.ones((len(found[0]), 1))
    for number in range(len(layers) - 1, -1, -1):
        weights, below = layers[number][0], found[number]
        n_in, n_out = weights.shape
        derivatives[:, end - n_out : end] = delta
        end -= n_out * (n_in + 1)
        for i in range(n_in):
            start = end + i * n_out
            np.multiply(below[:, i : i + 1], delta, out=derivatives[:, start : start + n_out])
        if number:
            delta = (delta @ weights.T) * (1.0 - below * below)  # (n, n_in)
    return derivatives
