"""Levenberg-Marquardt with Bayesian regularisation: how `bayesian-ensemble` trains its nets.

The fit minimises `sum v_i (t_i - f_i(w))^2 + sum_g r_g |w_g|^2` over the parameters `w`, which come
in groups `g`; `v` are the rows' weights. The ratios `r_g` between the precision of a group (alpha)
and that of the targets (beta) are not set by hand or by validation rows: after each step they are
re-estimated so that the evidence, the probability of the targets given the net and the precisions,
is greatest. Noise-free targets drive the ratios towards 0 and the net follows them closely; noisy
ones raise them and the net stays smooth; an input that says nothing gets a ratio of its own that
grows until its weights vanish.

Sources:
    Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
    MacKay, "Bayesian interpolation", Neural Computation 4 (1992): the evidence and its maximum;
    "Bayesian non-linear modeling for the prediction competition" (1994): one precision an input.
    Foresee & Hagan, "Gauss-Newton approximation to Bayesian learning", 1997: both combined.
    Transtrum & Sethna, "Improvements to the Levenberg-Marquardt algorithm for nonlinear
    least-squares minimization", arXiv:1201.5885 (2012): steps that bend with the valley.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri
from scipy.special import ndtri, stdtrit

from facesmith.approximation.model.fitted import Member
from facesmith.approximation.model.preparation import TrainingRows
from facesmith.approximation.model.tanh_network import TanhNetwork

Float64Array = npt.NDArray[np.float64]

# Rows whose Jacobian is held at once: bounds the memory, and the block stays in the cache.
_BLOCK_ROWS = 2048
# Of the largest diagonal entry of J'J: below it, Cholesky in float64 meets rounding errors.
_SMALLEST_RIDGE = 1e-15
# Of the same: above it, a group's weights are zero for every purpose.
_LARGEST_RIDGE = 1e6
# Of the targets' variance: residuals below this are rounding errors, not signal.
_SMALLEST_VARIANCE = 1e-20
# Steps before the first estimate of the ratios: from a random start the residuals are all signal,
# and an evidence that takes them for noise flattens the net for good.
_STEPS_BEFORE_EVIDENCE = 10
_INITIAL_DAMPING = 1e-3  # of the largest diagonal entry of J'J
# Tries to find a step that lowers the objective, each with eight times the damping.
_MAX_TRIES = 16
# Where no step lowers the objective, ratios that move by less than this part have settled.
_SMALLEST_CHANGE = 1e-8
# Part of a step that the second derivative along it is measured with, and the longest correction,
# in lengths of the step, that is still believed.
_PROBE = 0.1
_LONGEST_BEND = 1.5
# Intervals of 95 % are those of Student's t, of at least so many rows beyond the parameters.
_UPPER_95 = 0.975
_FEWEST_FREE_ROWS = 2.0
# The evidence is compared with its value so many iterations ago, since it rises unevenly.
CONVERGENCE_WINDOW = 50


@dataclass
class SecondOrderFit:
    """One net on its way to the best fit; `advance` takes it further.

    Attributes:
        network: What is trained.
        rows: What it is fitted to.
        parameters: The flat vector, best so far.
        initial_ratio: Precision of the weights over that of the targets, at first.
        fixed: Whether the ratio stays what it is.
        patience: Iterations without a lower squared validation error after which the fit ends
            where that was lowest; None for a fit that the validation rows do not change.
        ratios: One ratio a group of `network.groups`.
        log_evidence: Logarithm of the evidence after each iteration, in nats.
        train_errors: Mean absolute error after each iteration, scaled units.
        validation_errors: The same on the validation rows.
        converged: Whether no further iteration would change anything worth having.
        noise_variance: Estimated variance of the targets about the function, in scaled units.
        n_effective_parameters: How many directions of the parameter space the data determine
            (MacKay's gamma).
    """

    network: TanhNetwork
    rows: TrainingRows
    parameters: Float64Array
    initial_ratio: float = 1e-3
    fixed: bool = False
    patience: int | None = None
    ratios: Float64Array = field(init=False)
    log_evidence: list[float] = field(default_factory=list)
    train_errors: list[float] = field(default_factory=list)
    validation_errors: list[float] = field(default_factory=list)
    converged: bool = False
    noise_variance: float = 1.0
    n_effective_parameters: float = field(init=False)

    def __post_init__(self) -> None:
        self._groups = self.network.groups
        self._group_sizes = np.bincount(self._groups).astype(np.float64)
        self.ratios = np.full(len(self._group_sizes), float(self.initial_ratio))
        self._n_rows = float(self.rows.weights.sum())
        self.n_effective_parameters = float(self.network.n_parameters)
        self._lowest = (np.inf, 0, self.parameters)  # squared validation error, when, and where
        self._linearise()
        self._damping = _INITIAL_DAMPING * self._largest

    @property
    def n_iterations(self) -> int:
        """Iterations done."""
        return len(self.log_evidence)

    @property
    def final_log_evidence(self) -> float:
        """Log evidence at the current parameters, nats; -inf before the first iteration."""
        return self.log_evidence[-1] if self.log_evidence else -np.inf

    @property
    def score_per_row(self) -> float:
        """By what nets are compared: the log evidence over the sum of the rows' weights.

        With patience it is minus half the logarithm of the lowest squared error on the validation
        rows: what the log likelihood of a row is, but for a constant.
        """
        if self.patience is None:
            return float(self.final_log_evidence / self._n_rows)
        return -0.5 * float(np.log(max(self._lowest[0], _SMALLEST_VARIANCE)))

    def advance(
        self, max_iter: int, tol: float, on_iteration: Callable[[], None] | None = None
    ) -> None:
        """Iterate until `max_iter` iterations are done, earlier calls included, or until converged.

        That is when `CONVERGENCE_WINDOW` iterations raised the log evidence by less than `tol`, in
        nats per row.
        """
        while not self.converged and self.n_iterations < max_iter:
            if not self._step():
                self.converged = True
                return
            if on_iteration is not None:
                on_iteration()
            if self.patience is not None:
                self.converged = self.n_iterations - self._lowest[1] >= self.patience
                continue
            past = self.n_iterations - 1 - CONVERGENCE_WINDOW
            if past >= _STEPS_BEFORE_EVIDENCE:
                gain = self.log_evidence[-1] - self.log_evidence[past]
                self.converged = gain < tol * self._n_rows

    def return_to_lowest(self) -> None:
        """Go back to where the squared error on the validation rows was lowest."""
        self.parameters = self._lowest[2]
        self._linearise()

    def covariance_root(self) -> Float64Array:
        """Square root of the parameters' covariance given the data, `(n_parameters,) * 2`.

        Laplace's approximation: noise variance times the inverse of the objective's curvature. The
        root times its transpose is the covariance.
        """
        factor, failed = dpotrf(self._curvature(self._ridge()), overwrite_a=True)
        if failed:
            return np.zeros((len(self.parameters), 0))
        inverse, _ = dtrtri(factor)
        return np.asarray(self.noise_variance**0.5 * inverse)

    def member(self, output: int, weight: float) -> Member:
        """The net as a part of a fitted function."""
        copies = ((w.copy(), bias.copy()) for w, bias in self.network.layers(self.parameters))
        weights, biases = zip(*copies, strict=True)
        # Of few rows the variance is known so badly that a normal distribution is too narrow.
        freedom = max(self._n_rows - self.n_effective_parameters, _FEWEST_FREE_ROWS)
        widening = float(stdtrit(freedom, _UPPER_95) / ndtri(_UPPER_95))
        root, noise = widening * self.covariance_root(), widening**2 * self.noise_variance
        return Member(weights, biases, output, weight, root, noise)

    def _linearise(self) -> None:
        """J'J, J'e and |e|^2 at the current parameters."""
        n_parameters = self.network.n_parameters
        self._gram = np.zeros((n_parameters, n_parameters))
        self._slope = np.zeros(n_parameters)
        self._squared_error = 0.0
        self._absolute_error = 0.0
        self._outputs = np.empty(len(self.rows.targets))
        for block in self._blocks():
            inputs = self.rows.inputs[block]
            outputs, jacobian = self.network.outputs_and_jacobian(self.parameters, inputs)
            self._outputs[block] = outputs
            root = np.sqrt(self.rows.weights[block])
            jacobian *= root[:, None]
            residuals = root * (self.rows.targets[block] - outputs)
            self._gram += jacobian.T @ jacobian
            self._slope += jacobian.T @ residuals
            self._squared_error += float(residuals @ residuals)
            self._absolute_error += float(np.abs(residuals) @ root)
        self._largest = float(self._gram.diagonal().max())

    def _blocks(self) -> list[slice]:
        starts = range(0, len(self.rows.targets), _BLOCK_ROWS)
        return [slice(start, start + _BLOCK_ROWS) for start in starts]

    def _all_outputs(self, parameters: Float64Array) -> Float64Array:
        parts = (self.rows.inputs[block] for block in self._blocks())
        return np.concatenate([self.network.outputs(parameters, part) for part in parts])

    def _objective(self, parameters: Float64Array, ratios: Float64Array) -> float:
        residuals = self.rows.targets - self._all_outputs(parameters)
        penalty = float((ratios * parameters) @ parameters)
        return float((self.rows.weights * residuals) @ residuals) + penalty

    def _ridge(self) -> Float64Array:
        """What is added to J'J's diagonal: each parameter's ratio, but no less than rounding."""
        return np.maximum(self.ratios, _SMALLEST_RIDGE * self._largest)[self._groups]

    def _curvature(self, diagonal: Float64Array) -> Float64Array:
        curvature = self._gram.copy()
        curvature.flat[:: len(curvature) + 1] += diagonal
        return curvature

    def _step(self) -> bool:
        """One damped Gauss-Newton step and new ratios; False if neither changes anything."""
        floor = _SMALLEST_RIDGE * self._largest
        ratios = self.ratios[self._groups]
        slope = self._slope - ratios * self.parameters
        here = self._squared_error + float((ratios * self.parameters) @ self.parameters)
        damping = self._damping
        for _ in range(_MAX_TRIES):
            diagonal = np.maximum(ratios + self._damping, floor)
            factor, failed = dpotrf(self._curvature(diagonal), overwrite_a=True)
            if not failed:
                change, _ = dpotrs(factor, slope)
                taken, there = self._bent(change, factor, ratios, here)
                if there < here:
                    break
            self._damping = max(8 * self._damping, floor)
        else:
            # The bottom, for these ratios: others may still be more probable.
            self._damping = damping
            before = self.ratios
            self._update_evidence(at_bottom=True)
            self._log_errors()
            return bool(np.abs(self.ratios / before - 1).max() > _SMALLEST_CHANGE)
        # How much of the decrease that the linearised model promised has come true.
        promised = float(change @ (slope + self._damping * change))
        kept = (here - there) / promised if promised > 0 else 0.0
        if kept > 0.75:
            self._damping = max(self._damping / 3, floor)
        elif kept < 0.25:
            self._damping *= 2
        self.parameters = self.parameters + taken
        self._linearise()
        self._update_evidence()
        self._log_errors()
        return True

    def _bent(
        self, change: Float64Array, factor: Float64Array, ratios: Float64Array, here: float
    ) -> tuple[Float64Array, float]:
        """A step corrected by the outputs' second derivative along it, and its objective.

        Valleys of nets are narrow and bent: a straight step soon hits their wall. Where the
        correction is long or does not pay, the step stays straight.
        """
        ahead = self._all_outputs(self.parameters + _PROBE * change)
        behind = self._all_outputs(self.parameters - _PROBE * change)
        bend = self.rows.weights * (ahead - 2.0 * self._outputs + behind) / _PROBE**2
        pull = np.zeros_like(change)
        for block in self._blocks():
            pull += self.network.gradient(self.parameters, self.rows.inputs[block], bend[block])
        correction, _ = dpotrs(factor, -0.5 * pull)
        if correction @ correction <= (0.5 * _LONGEST_BEND) ** 2 * (change @ change):
            bent = change + correction
            there = self._objective(self.parameters + bent, ratios)
            if there < here:
                return bent, there
        return change, self._objective(self.parameters + change, ratios)

    def _log_errors(self) -> None:
        self.train_errors.append(self._absolute_error / self._n_rows)
        if self.rows.validation is not None:
            inputs, targets = self.rows.validation
            errors = np.abs(targets - self.network.outputs(self.parameters, inputs))
            self.validation_errors.append(float(errors.mean()))
            squared = float(np.mean(errors * errors))
            if squared < self._lowest[0]:
                self._lowest = (squared, self.n_iterations, self.parameters)

    def _update_evidence(self, *, at_bottom: bool = False) -> None:
        """Re-estimate all precisions, and log the evidence at the current parameters.

        Where no step lowers the objective, `at_bottom`, no early step can mislead.
        """
        n_rows = self._n_rows
        floor = _SMALLEST_RIDGE * self._largest
        ratios = np.maximum(self.ratios, floor)
        factor, failed = dpotrf(self._curvature(ratios[self._groups]), overwrite_a=True)
        if failed:
            # Rounding errors hide the small eigenvalues: keep the precisions of the last step.
            self.log_evidence.append(self.final_log_evidence)
            return
        log_determinant = 2.0 * float(np.log(factor.diagonal()).sum())
        root, _ = dtrtri(factor, overwrite_c=True)  # root @ root.T is the inverse
        n_groups = len(ratios)
        traces = np.bincount(self._groups, np.einsum("ij,ij->i", root, root), n_groups)
        effective = np.maximum(self._group_sizes - ratios * traces, 1e-6)
        self.n_effective_parameters = min(float(effective.sum()), n_rows - 1e-3)
        squares = np.bincount(self._groups, self.parameters**2, n_groups)
        squared_weights = np.maximum(squares, 1e-12)
        penalty = float(ratios @ squared_weights)
        # The second bound keeps all precisions consistent where the ratios cannot go lower.
        self.noise_variance = max(
            self._squared_error / (n_rows - self.n_effective_parameters),
            floor * float(squared_weights.sum()) / float(effective.sum()),
            _SMALLEST_VARIANCE,
        )
        self.log_evidence.append(
            -0.5 * (self._squared_error + penalty) / self.noise_variance
            - 0.5 * log_determinant
            + 0.5 * float(self._group_sizes @ np.log(ratios))
            - 0.5 * n_rows * np.log(2.0 * np.pi * self.noise_variance)
        )
        if not self.fixed and (at_bottom or self.n_iterations >= _STEPS_BEFORE_EVIDENCE):
            wanted = effective / squared_weights * self.noise_variance
            self.ratios = np.clip(wanted, floor, _LARGEST_RIDGE * self._largest)
