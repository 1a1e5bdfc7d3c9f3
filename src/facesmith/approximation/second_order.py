"""Levenberg-Marquardt with Bayesian regularisation: how the default method trains its net.

The fit minimises `|t - f(w)|^2 + ratio * |w|^2` over the parameters `w`. The ratio between the
precision of the weights (alpha) and that of the targets (beta) is not set by hand or by a
validation set: after each step it is re-estimated so that the evidence, the probability of the
targets given the net and the two precisions, is greatest. Noise-free targets drive the ratio
towards 0 and the net follows them closely; noisy ones raise it and the net stays smooth.

Sources:
    Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
    MacKay, "Bayesian interpolation", Neural Computation 4 (1992): the evidence and its maximum.
    Foresee & Hagan, "Gauss-Newton approximation to Bayesian learning", 1997: both combined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from facesmith.approximation.tanh_network import TanhNetwork

Float64Array = npt.NDArray[np.float64]

# Rows whose Jacobian is held at once: bounds the memory, and the block stays in the cache.
_BLOCK_ROWS = 2048
# Of the largest diagonal entry of J'J: below it, Cholesky in float64 meets rounding errors.
_SMALLEST_RIDGE = 1e-14
# Of the targets' variance: residuals below this are rounding errors, not signal.
_SMALLEST_VARIANCE = 1e-20
# Steps before the first estimate of the ratio: from a random start the residuals are all signal,
# and an evidence that takes them for noise flattens the net for good.
_STEPS_BEFORE_EVIDENCE = 10
_INITIAL_DAMPING = 1e-3  # of the largest diagonal entry of J'J
# Tries to find a step that lowers the objective, each with eight times the damping.
_MAX_TRIES = 16
# Where no step lowers the objective, a ratio that moves by less than this part has settled.
_SMALLEST_CHANGE = 1e-8
# The evidence is compared with its value so many iterations ago, since it rises unevenly.
CONVERGENCE_WINDOW = 50


@dataclass
class SecondOrderFit:
    """One net on its way to the best fit; `advance` takes it further.

    Attributes:
        network: What is trained.
        inputs: float64 `(n, n_inputs)`, scaled to mean 0 and standard deviation 1.
        targets: float64 `(n,)`, scaled likewise.
        parameters: The flat vector, best so far.
        ratio: Precision of the weights over that of the targets, re-estimated as the fit goes on.
        watched: Inputs and targets, scaled, whose error is logged and otherwise not used.
        log_evidence: Logarithm of the evidence after each iteration, in nats.
        train_errors: Mean absolute error after each iteration, scaled units.
        watched_errors: The same on the watched rows.
        converged: Whether no further iteration would change anything worth having.
    """

    network: TanhNetwork
    inputs: Float64Array
    targets: Float64Array
    parameters: Float64Array
    ratio: float = 1e-3
    watched: tuple[Float64Array, Float64Array] | None = None
    log_evidence: list[float] = field(default_factory=list)
    train_errors: list[float] = field(default_factory=list)
    watched_errors: list[float] = field(default_factory=list)
    converged: bool = False

    def __post_init__(self) -> None:
        self._noise_variance = 1.0  # 1 / beta
        self._effective = float(self.network.n_parameters)
        self._linearise()
        self._damping = _INITIAL_DAMPING * float(self._gram.diagonal().max())

    @property
    def n_iterations(self) -> int:
        """Iterations done."""
        return len(self.log_evidence)

    @property
    def final_log_evidence(self) -> float:
        """Log evidence at the current parameters, nats; -inf before the first iteration."""
        return self.log_evidence[-1] if self.log_evidence else -np.inf

    @property
    def n_effective_parameters(self) -> float:
        """How many directions of the parameter space the data determine (MacKay's gamma)."""
        return self._effective

    @property
    def noise_variance(self) -> float:
        """Estimated variance of the targets about the function, in scaled units."""
        return self._noise_variance

    def advance(
        self, max_iter: int, tol: float, on_iteration: Callable[[], None] | None = None
    ) -> None:
        """Iterate until `max_iter` iterations are done in all, or until converged.

        Args:
            max_iter: Iterations in all, earlier calls included.
            tol: Converged when `CONVERGENCE_WINDOW` iterations raised the log evidence by less
                than this, in nats per row.
            on_iteration: Called after each iteration.
        """
        while not self.converged and self.n_iterations < max_iter:
            if not self._step():
                self.converged = True
                return
            if on_iteration is not None:
                on_iteration()
            past = self.n_iterations - 1 - CONVERGENCE_WINDOW
            if past >= _STEPS_BEFORE_EVIDENCE:
                gain = self.log_evidence[-1] - self.log_evidence[past]
                self.converged = gain < tol * len(self.targets)

    def _linearise(self) -> None:
        """J'J, J'e and |e|^2 at the current parameters."""
        n_parameters = self.network.n_parameters
        self._gram = np.zeros((n_parameters, n_parameters))
        self._slope = np.zeros(n_parameters)
        self._squared_error = 0.0
        self._absolute_error = 0.0
        for start in range(0, len(self.inputs), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            outputs, jacobian = self.network.outputs_and_jacobian(
                self.parameters, self.inputs[rows]
            )
            residuals = self.targets[rows] - outputs
            self._gram += jacobian.T @ jacobian
            self._slope += jacobian.T @ residuals
            self._squared_error += float(residuals @ residuals)
            self._absolute_error += float(np.abs(residuals).sum())

    def _objective(self, parameters: Float64Array) -> float:
        residuals = self.targets - self.network.outputs(parameters, self.inputs)
        return float(residuals @ residuals + self.ratio * (parameters @ parameters))

    def _step(self) -> bool:
        """One damped Gauss-Newton step and a new ratio; False if neither changes anything."""
        largest = float(self._gram.diagonal().max())
        ridge_floor = _SMALLEST_RIDGE * largest
        ratio = self.ratio
        slope = self._slope - ratio * self.parameters
        here = self._squared_error + ratio * float(self.parameters @ self.parameters)
        damping = self._damping
        for _ in range(_MAX_TRIES):
            damped = self._gram.copy()
            damped.flat[:: len(damped) + 1] += max(ratio + self._damping, ridge_floor)
            factor, failed = dpotrf(damped, overwrite_a=True)
            if not failed:
                change, _ = dpotrs(factor, slope)
                there = self._objective(self.parameters + change)
                if there < here:
                    break
            self._damping = max(8 * self._damping, ridge_floor)
        else:
            # The bottom, for this ratio: another one may still be more probable.
            self._damping = damping
            self._update_evidence(at_bottom=True)
            self._log_errors()
            return abs(self.ratio / ratio - 1) > _SMALLEST_CHANGE
        # How much of the decrease that the linearised model promised has come true.
        promised = float(change @ (slope + self._damping * change))
        kept = (here - there) / promised if promised > 0 else 0.0
        if kept > 0.75:
            self._damping = max(self._damping / 3, ridge_floor)
        elif kept < 0.25:
            self._damping *= 2
        self.parameters = self.parameters + change
        self._linearise()
        self._update_evidence()
        self._log_errors()
        return True

    def _log_errors(self) -> None:
        self.train_errors.append(self._absolute_error / len(self.targets))
        if self.watched is not None:
            inputs, targets = self.watched
            errors = np.abs(targets - self.network.outputs(self.parameters, inputs))
            self.watched_errors.append(float(errors.mean()))

    def _update_evidence(self, *, at_bottom: bool = False) -> None:
        """Re-estimate the two precisions, and log the evidence at the current parameters.

        Args:
            at_bottom: Whether no step lowers the objective, so that no early step can mislead.
        """
        n_rows, n_parameters = len(self.targets), len(self.parameters)
        ridge_floor = _SMALLEST_RIDGE * float(self._gram.diagonal().max())
        ratio = max(self.ratio, ridge_floor)
        hessian = self._gram.copy()
        hessian.flat[:: n_parameters + 1] += ratio
        factor, failed = dpotrf(hessian, overwrite_a=True)
        if failed:
            # Rounding errors hide the small eigenvalues: keep the precisions of the last step.
            self.log_evidence.append(self.final_log_evidence)
            return
        inverse, _ = dpotri(factor)
        effective = n_parameters - ratio * float(inverse.diagonal().sum())
        effective = min(max(effective, 1e-3), n_rows - 1e-3)
        squared_weights = max(float(self.parameters @ self.parameters), 1e-12)
        self._effective = effective
        # The second bound keeps both precisions consistent where the ratio cannot go lower.
        self._noise_variance = max(
            self._squared_error / (n_rows - effective),
            ridge_floor * squared_weights / effective,
            _SMALLEST_VARIANCE,
        )
        log_determinant = 2.0 * float(np.log(factor.diagonal()).sum())
        self.log_evidence.append(
            -0.5 * (self._squared_error + ratio * squared_weights) / self._noise_variance
            - 0.5 * log_determinant
            + 0.5 * n_parameters * np.log(ratio)
            - 0.5 * n_rows * np.log(2.0 * np.pi * self._noise_variance)
        )
        if at_bottom or self.n_iterations >= _STEPS_BEFORE_EVIDENCE:
            self.ratio = max(effective / squared_weights * self._noise_variance, ridge_floor)
