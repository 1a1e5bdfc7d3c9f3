"""A Gaussian process fitted to a table: the nets' rival in the search.

Its lengths, one an input, its variances and the noise are those of the greatest evidence, which is
exact here. It is stronger than nets where a function looks alike everywhere and rows are few;
nets are where it does not, and where rows are many.

Sources:
    Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006), sections 2.7, 5.4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtri
from scipy.optimize import minimize

from facesmith.approximation.model.kernel_member import (
    SHAPES,
    KernelMember,
    basis_slopes,
    basis_values,
    squared_distances,
)
from facesmith.approximation.model.preparation import TrainingRows

Float64Array = npt.NDArray[np.float64]

MIN_ROWS = 7
# The time grows with the cube of the rows, some twenty seconds for these, and the memory with their
# square; with more of them nets have enough to learn from.
MAX_ROWS = 5000
# Rows on which starts are compared, and those on which the best goes on.
_SCOUT_ROWS = 160
_POLISH_ROWS = 512
# Iterations of each start, of the best few, and of the best one.
_TRIAL_ITERATIONS = 10
_SCOUT_ITERATIONS = 25
_N_SCOUTS = 3
_POLISH_ITERATIONS = 50
# Larger tables go on with more rows.
_FINISH_FROM = 1000
_FINISH_ROWS = 1500
_FINISH_ITERATIONS = 12
_FINISH_NOISE = -3.0
# Lengths to start from, in deviations of an input times the root of their number, and logarithms of
# the deviations of noise, process and plane. Short lengths find functions of many periods; much
# noise, functions of few among many inputs; little noise, those that many inputs make look noisy;
# long lengths of a large process, those that are nearly polynomials, of which few rows tell little.
_STARTS = (
    *((length, -2.3, 0.5, -1.0) for length in (2.0, 0.7, 0.2, 0.07)),
    *((6.0, -1.0, 0.5, -1.0), (2.0, -4.6, 0.5, -1.0)),
    *((6.0, noise, 2.5, -3.0) for noise in (-4.6, -2.3)),
)
# Nats that one inverse length of 1 costs, times the number of inputs: inputs that say nothing shall
# not bend the function, and the more there are, the more of them seem to.
_LENGTH_PENALTY = 0.15
# Part of the rows that count as used up by lengths and variances, at most.
_MOST_USED = 0.9
# Part of the function's variance that is always taken for noise: below it, Cholesky in float64
# meets rounding errors.
_FLOOR = 1e-13
# Of the logarithms of: inverse lengths, the process's deviation, the plane's, the noise's.
_LENGTH_BOUNDS = (-8.0, 4.0)
_DEVIATION_BOUNDS = (-5.0, 9.0)
_PLANE_BOUNDS = (-7.0, 5.0)
_NOISE_BOUNDS = (-16.0, 1.0)
_TOLERANCE = 1e-6  # of the log evidence a row


@dataclass(eq=False)
class KernelFit:
    """A Gaussian process for one output; `fit` does all.

    Attributes are those of `SecondOrderFit`. Its iterations are evaluations of the evidence, starts
    not counted; its number of effective parameters is the trace of the smoother. `by_validation`
    says whether it is judged by the error on the validation rows. `left_out_errors` are those of
    the rows, each predicted from the others, and the deviations that the process expects.
    """

    rows: TrainingRows
    by_validation: bool = False
    shape: str = "gaussian"
    n_iterations: int = 0
    converged: bool = False
    final_log_evidence: float = -np.inf
    noise_variance: float = 1.0
    n_effective_parameters: float = 0.0
    train_errors: list[float] = field(default_factory=list)
    validation_errors: list[float] = field(default_factory=list)

    @property
    def score_per_row(self) -> float:
        """What it is compared by: as `SecondOrderFit.score_per_row`."""
        if self.by_validation:
            return -0.5 * float(np.log(max(self._validation_squared, 1e-20)))
        return float(self.final_log_evidence / self.rows.weights.sum())

    def fit(
        self,
        rng: np.random.Generator,
        max_iter: int,
        on_evaluation: Callable[[float], None] | None = None,
    ) -> None:
        """Find lengths, variances and noise, and solve for the heights of the basis functions.

        The rows that starts are compared on are drawn from `rng`; `max_iter` counts what follows.
        `on_evaluation` is called after each evaluation with its work in multiplications.
        """
        self._on_evaluation = on_evaluation
        n = len(self.rows.targets)
        order = rng.permutation(n)
        scouts = np.sort(order[:_SCOUT_ROWS])
        n_inputs = self.rows.inputs.shape[1]
        found = []
        for shape, (length, noise, deviation, plane) in product(SHAPES, _STARTS):
            inverse = np.full(n_inputs, -np.log(length * n_inputs**0.5))
            start = np.concatenate([inverse, [deviation, plane, noise]])
            value, at, _ = self._minimise(shape, start, scouts, _TRIAL_ITERATIONS)
            found.append((value, shape, at))
        found.sort(key=lambda each: each[0])
        firsts = [next(each for each in found if each[1] == shape) for shape in SHAPES]
        others = (each for each in found if not any(each is first for first in firsts))
        best = (np.inf, SHAPES[0], found[0][2])
        for _, shape, start in [*firsts, *others][:_N_SCOUTS]:
            value, at, _ = self._minimise(shape, start, scouts, _SCOUT_ITERATIONS)
            best = min(best, (value, shape, at), key=lambda each: each[0])
        _, self.shape, parameters = best
        kept = np.sort(order[:_POLISH_ROWS])
        n_iter = min(max_iter, _POLISH_ITERATIONS)
        _, parameters, self.converged = self._minimise(self.shape, parameters, kept, n_iter, True)
        if n > _FINISH_FROM and max_iter > _POLISH_ITERATIONS:
            # Few rows cannot tell noise from a function of many bends, and from too little of it
            # the way is flat.
            kept = np.sort(order[:_FINISH_ROWS])
            noisier = np.append(parameters[:-1], max(parameters[-1], _FINISH_NOISE))
            how: Any = {"part": kept, "n_iter": _FINISH_ITERATIONS, "log": True}
            ends = [
                self._minimise(self.shape, start, **how)
                for start in (
                    (noisier,) if noisier[-1] == parameters[-1] else (noisier, parameters)
                )
            ]
            _, parameters, self.converged = min(ends, key=lambda each: each[0])
        self._solve(parameters)

    def member(self, output: int, weight: float) -> KernelMember:
        """The process as a part of a fitted function."""
        inverse_lengths, kernel, plane, noise = _unpacked(self._parameters)
        centres = self.rows.inputs * inverse_lengths
        slope = plane * (self._alpha @ self.rows.inputs)
        bias = float(plane * self._alpha.sum())
        basis = (self.shape, inverse_lengths, centres, kernel * self._alpha)
        factor = self._variance_factor
        noise *= factor
        variances = (factor * kernel, factor * plane, noise / self.rows.weights, noise)
        return KernelMember(*basis, slope, bias, output, weight, *variances)

    def _minimise(
        self,
        shape: str,
        start: Float64Array,
        part: npt.NDArray[np.intp],
        n_iter: int,
        log: bool = False,
    ) -> tuple[float, Float64Array, bool]:
        """Minus the greatest log evidence a row, where it is, and whether it was reached."""
        rows = self.rows
        bounds = [_LENGTH_BOUNDS] * rows.inputs.shape[1]
        bounds += [_DEVIATION_BOUNDS, _PLANE_BOUNDS, _NOISE_BOUNDS]
        evidence = _Evidence(rows.inputs[part], rows.targets[part], rows.weights[part], shape)

        penalty = _LENGTH_PENALTY * rows.inputs.shape[1] / len(part)

        def negative(parameters: Float64Array) -> tuple[float, Float64Array]:
            value, gradient = evidence(parameters)
            inverse = penalty * np.exp(parameters[:-3])
            value += float(inverse.sum())
            gradient[:-3] += inverse
            if log:
                self.n_iterations += 1
                self._log(evidence, parameters)
            if self._on_evaluation is not None:
                self._on_evaluation(2.0 * float(len(part)) ** 3)
            return value, gradient

        options = {"maxiter": n_iter, "maxfun": int(1.3 * n_iter) + 1, "ftol": _TOLERANCE}
        how: Any = {"method": "L-BFGS-B", "jac": True, "bounds": bounds, "options": options}
        found = minimize(negative, start, **how)
        return float(found.fun), np.asarray(found.x), bool(found.status != 1)

    def _log(self, evidence: _Evidence, parameters: Float64Array) -> None:
        inverse_lengths, kernel, plane, noise = _unpacked(parameters)
        residuals = noise / evidence.weights * evidence.alpha
        weights = evidence.weights / evidence.weights.sum()
        self.train_errors.append(float(np.abs(residuals) @ weights))
        if self.rows.validation is None:
            return
        inputs, targets = self.rows.validation
        squared = squared_distances(inputs * inverse_lengths, evidence.inputs * inverse_lengths)
        covariance = kernel * basis_values(squared, evidence.shape)
        covariance += plane * (inputs @ evidence.inputs.T + 1.0)
        errors = targets - covariance @ evidence.alpha
        self.validation_errors.append(float(np.abs(errors).mean()))

    def _solve(self, parameters: Float64Array) -> None:
        """Heights, evidence and errors on all rows."""
        rows = self.rows
        evidence = _Evidence(rows.inputs, rows.targets, rows.weights, self.shape)
        value = evidence.solve(parameters)
        self._parameters = parameters
        self._alpha = evidence.alpha
        deviations = 1.0 / np.sqrt(np.maximum(evidence.precisions, 1e-300))
        self.left_out_errors = (evidence.alpha * deviations**2, deviations)
        self._variance_factor = self._widening()
        self.noise_variance = self._variance_factor * _unpacked(parameters)[3]
        # A row of weight w is w rows of their own, whose scatter about their mean is unknown: it is
        # taken to be that of the noise.
        self.final_log_evidence = -value * float(rows.weights.sum())
        self.n_effective_parameters = evidence.n_effective
        self._log(evidence, parameters)
        self.n_iterations += 1
        self._validation_squared = 1.0
        if rows.validation is not None:
            errors = rows.validation[1] - self.member(0, 1.0)(rows.validation[0])
            self._validation_squared = float(np.mean(errors * errors))

    def _widening(self) -> float:
        """By what the variances are too small: lengths and variances were fitted to the same rows.

        Rows left out one at a time lie from their predictions as far as these say; and of n rows,
        the k numbers that were fitted leave n - k.
        """
        n, n_inputs = self.rows.inputs.shape
        used = min(n_inputs + 3.0, _MOST_USED * n)
        errors, deviations = self.left_out_errors
        left_out = float(np.mean(np.square(errors / deviations)))
        return float(max(1.0, left_out) * n / (n - used))


def _unpacked(parameters: Float64Array) -> tuple[Float64Array, float, float, float]:
    """Inverse lengths, and variances of process, plane and noise."""
    kernel, plane, noise = np.exp(2.0 * parameters[-3:])
    noise += _FLOOR * (kernel + plane)
    return np.exp(parameters[:-3]), float(kernel), float(plane), float(noise)


@dataclass(eq=False)
class _Evidence:
    """Minus the log evidence a row and its gradient, at the logarithms of all that is estimated.

    A call sets `alpha`, the inverse of the targets' covariance times the targets; `solve` sets
    `precisions`, the diagonal of that inverse, and `n_effective`, the trace of the smoother, too.
    """

    inputs: Float64Array
    targets: Float64Array
    weights: Float64Array
    shape: str
    alpha: Float64Array = field(init=False)
    precisions: Float64Array = field(init=False)
    n_effective: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.alpha = np.zeros(len(self.targets))
        self.precisions = np.ones(len(self.targets))

    @cached_property
    def _products(self) -> Float64Array:
        return np.asarray(self.inputs @ self.inputs.T + 1.0)

    def solve(self, parameters: Float64Array) -> float:
        """The value alone, with three times less memory and time."""
        inverse_lengths, kernel, plane, noise = _unpacked(parameters)
        scaled = self.inputs * inverse_lengths
        covariance = basis_values(squared_distances(scaled, scaled), self.shape)
        covariance *= kernel
        products = self.inputs @ self.inputs.T
        products += 1.0
        products *= plane
        covariance += products
        del products
        row_noise = noise / self.weights
        covariance.flat[:: len(covariance) + 1] += row_noise
        # Of a C-ordered matrix LAPACK takes the transpose, which is the same here, without a copy.
        factor, failed = dpotrf(covariance.T, lower=1, overwrite_a=1)
        if failed:
            return 1e10
        self.alpha, _ = dpotrs(factor, self.targets, lower=1)
        value = 0.5 * self.targets @ self.alpha + np.log(factor.diagonal()).sum()
        inverse, _ = dtrtri(factor, lower=1, overwrite_c=1)  # transposed times itself: the inverse
        self.precisions = np.einsum("ij,ij->j", inverse, inverse)
        self.n_effective = float(len(row_noise) - self.precisions @ row_noise)
        return float(value / len(row_noise) + 0.5 * np.log(2.0 * np.pi))

    def __call__(self, parameters: Float64Array) -> tuple[float, Float64Array]:
        n, n_inputs = self.inputs.shape
        kernel, plane, noise = np.exp(2.0 * parameters[-3:])
        scaled = self.inputs * np.exp(parameters[:n_inputs])
        squared = squared_distances(scaled, scaled)
        values = basis_values(squared, self.shape)
        covariance = kernel * values + plane * self._products
        row_noise = _unpacked(parameters)[3] / self.weights
        covariance.flat[:: n + 1] += row_noise
        factor, failed = dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros_like(parameters)
        alpha, _ = dpotrs(factor, self.targets, lower=1)
        self.alpha = alpha
        value = 0.5 * self.targets @ alpha + np.log(factor.diagonal()).sum()
        inverse, _ = dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        by_covariance = 0.5 * (inverse - np.outer(alpha, alpha))
        by_noise = float((by_covariance.diagonal() / self.weights).sum())
        gradient = np.empty_like(parameters)
        # By the squared distances, whose sum over inputs is that of (scaled_i - scaled_k)^2.
        by_squared = kernel * by_covariance * basis_slopes(squared, values, self.shape)
        sums = by_squared.sum(axis=1)
        gradient[:n_inputs] = 4.0 * (
            sums @ (scaled * scaled) - np.einsum("ij,ij->j", scaled, by_squared @ scaled)
        )
        by_kernel = float(np.sum(by_covariance * values)) + _FLOOR * by_noise
        by_plane = float(np.sum(by_covariance * self._products)) + _FLOOR * by_noise
        gradient[-3:] = 2.0 * np.array([kernel * by_kernel, plane * by_plane, noise * by_noise])
        return float(value + 0.5 * n * np.log(2.0 * np.pi)) / n, gradient / n
