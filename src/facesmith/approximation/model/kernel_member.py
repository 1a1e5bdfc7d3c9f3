"""A Gaussian process's mean as a member of a fitted function: one basis function a training row.

For one row `z` of scaled inputs, with the squared distance `r_i^2` between `z` and training row `i`
in units of the process's lengths:

    f(z) = bias + slope @ z + sum_i heights_i k(r_i^2)
    gaussian:  k(r^2) = exp(-r^2 / 2)
    matern:    k(r^2) = (1 + a + a^2 / 3) exp(-a)  with  a = sqrt(5) r

Sources:
    Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006), sections 2.2, 2.7, 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dtrtri

Float64Array = npt.NDArray[np.float64]

SHAPES = ("gaussian", "matern")


@dataclass(frozen=True, eq=False)
class KernelMember:
    """A basis function about each training row, and a plane; scaled inputs in, scaled output out.

    Attributes:
        shape: "gaussian" (very smooth) or "matern" (twice differentiable).
        inverse_lengths: float64 `(n_inputs,)`, at least 0: scaled inputs are multiplied by these.
        centres: float64 `(n, n_inputs)`, training rows, multiplied by these already.
        heights: float64 `(n,)`, one a basis function.
        slope: float64 `(n_inputs,)`, of the plane, per scaled input.
        bias: The plane's value at scaled inputs of 0.
        output, weight, noise_variance: As of `Member`.
        kernel_variance: Variance of the process before it has seen a row.
        plane_variance: Variance of the slope and of the bias, likewise.
        row_variances: float64 `(n,)`, variance of the noise on each training row.

    Raises:
        ValueError: If the shapes disagree or the name of the basis function is another.

    Example:
        >>> one = np.ones(1)
        >>> basis = KernelMember("gaussian", one, np.zeros((1, 1)), one, one, 0.0, 0, 1.0, 1.0, 1.0,
        ...                     one, 1.0)
        >>> basis(np.array([[0.0]]))
        array([1.])
    """

    shape: str
    inverse_lengths: Float64Array
    centres: Float64Array
    heights: Float64Array
    slope: Float64Array
    bias: float
    output: int
    weight: float
    kernel_variance: float
    plane_variance: float
    row_variances: Float64Array
    noise_variance: float

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"`shape` must be among {', '.join(SHAPES)}; got {self.shape!r}.")
        n, n_inputs = self.centres.shape
        widths = {"inverse_lengths": n_inputs, "slope": n_inputs, "heights": n, "row_variances": n}
        check_lengths(self, widths)

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.slope)

    @property
    def n_parameters(self) -> int:
        """Number of fitted numbers: heights, plane and lengths; the centres are training rows."""
        return len(self.heights) + 2 * self.n_inputs + 1

    def __call__(self, scaled_inputs: Float64Array) -> Float64Array:
        """Scaled outputs, float64 `(n,)`, for scaled inputs `(n, n_inputs)`."""
        return self._from_basis(self._basis(scaled_inputs), scaled_inputs)

    def output_and_variance(self, scaled_inputs: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Scaled outputs and the process's variance about them, `(n,)`."""
        basis, plane = self._basis(scaled_inputs), self.plane_variance
        products = scaled_inputs @ self._rows.T + 1.0
        covariance = self.kernel_variance * basis + plane * products  # (n, n_rows)
        seen = np.square(covariance @ self._inverse_root.T).sum(axis=1)
        before = self.kernel_variance + plane * (np.square(scaled_inputs).sum(axis=1) + 1.0)
        return self._from_basis(basis, scaled_inputs), np.maximum(before - seen, 0.0)

    def _basis(self, scaled_inputs: Float64Array) -> Float64Array:
        scaled = scaled_inputs * self.inverse_lengths
        return basis_values(squared_distances(scaled, self.centres), self.shape)

    def _from_basis(self, values: Float64Array, scaled_inputs: Float64Array) -> Float64Array:
        return values @ self.heights + scaled_inputs @ self.slope + self.bias

    @cached_property
    def _rows(self) -> Float64Array:
        """The centres as scaled inputs; where an input has no say, its value does not matter."""
        known = self.inverse_lengths > 0
        return np.where(known, self.centres / np.where(known, self.inverse_lengths, 1.0), 0.0)

    @cached_property
    def _inverse_root(self) -> Float64Array:
        """Inverse of the Cholesky factor of the training targets' covariance."""
        distances = squared_distances(self.centres, self.centres)
        covariance = self.kernel_variance * basis_values(distances, self.shape)
        covariance += self.plane_variance * (self._rows @ self._rows.T + 1.0)
        covariance.flat[:: len(covariance) + 1] += self.row_variances
        inverse, _ = dtrtri(np.linalg.cholesky(covariance), lower=1)
        return np.asarray(inverse)


def check_lengths(holder: object, lengths: Mapping[str, int]) -> None:
    """ValueError for an attribute that is no vector of its length."""
    for name, length in lengths.items():
        if (shape := getattr(holder, name).shape) != (length,):
            raise ValueError(f"`{name}` must have shape ({length},); got {shape}.")


def squared_distances(left: Float64Array, right: Float64Array) -> Float64Array:
    """Squared distances of all rows `(n, k)` of one array from all rows `(m, k)` of another.

    Example:
        >>> squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[25.,  0.]])
    """
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)
    return np.asarray(np.maximum(squares - 2.0 * (left @ right.T), 0.0))


def basis_values(squared: Float64Array, shape: str) -> Float64Array:
    """The basis function, 1 at its centre, at squared distances of any shape."""
    if shape == "gaussian":
        return np.asarray(np.exp(-0.5 * squared))
    distances = np.sqrt(5.0 * squared)
    return np.asarray((1.0 + distances + distances * distances / 3.0) * np.exp(-distances))


def basis_slopes(squared: Float64Array, values: Float64Array, shape: str) -> Float64Array:
    """Derivative of `basis_values` by the squared distance; `values` are those of the function."""
    if shape == "gaussian":
        return -0.5 * values
    distances = np.sqrt(5.0 * squared)
    return np.asarray((-5.0 / 6.0) * (1.0 + distances) * np.exp(-distances))
