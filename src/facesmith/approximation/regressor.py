"""`FunctionApproximator`: the default method as a scikit-learn regressor."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from facesmith.approximation.dense_net import DenseNet
from facesmith.approximation.second_order import SecondOrderFit
from facesmith.approximation.tanh_network import TanhNetwork

Float64Array = npt.NDArray[np.float64]

# What starts differ in, besides their random numbers. Evidence chooses between the outcomes, so a
# start that does not suit the data costs time but no accuracy.
_SIZES_TO_TRY = ((20,), (8,), (4,))
# Steepness of the first layer and initial ratio of the precisions: 1e-3 follows the targets at
# first and suits noise-free ones; from 1 the fit starts out smooth and suits noisy ones.
_VARIATIONS = ((1.0, 1e-3), (1.0, 1.0), (4.0, 1e-3), (4.0, 1.0))
# Hidden layers, steepness, ratio and seed of the one start without hidden layers: where it begins
# does not matter. Beside it no net is chosen that only follows noise.
_PLANE: tuple[tuple[int, ...], float, float, int] = ((), 1.0, 1.0, 0)
# Every start gets so many iterations, the best few so many in all, and the best one the rest.
_TRIAL_ITERATIONS = 40
_N_FINALISTS = 4
_FINALIST_ITERATIONS = 150
# With fewer parameters than this, a second BLAS thread costs more than it brings: a hundredfold
# on a busy machine.
_PARAMETERS_FOR_THREADS = 500


class FunctionApproximator(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A small tanh net, fitted by Levenberg-Marquardt with Bayesian regularisation.

    For smooth functions of a few inputs. Inputs and targets are scaled inside. How smooth the
    function is and how noisy the targets are is estimated from the data (evidence, MacKay 1992),
    so no validation rows are needed and nothing has to be tuned. Time grows with the square of
    the number of parameters and linearly with the rows.

    Args:
        hidden_layer_sizes: Units of each hidden tanh layer. None tries one layer of 20, of 8 and
            of 4 units and a plane (no hidden layer) and keeps what has the greatest evidence.
        n_starts: Random starts of the nets with hidden layers, which also differ in size,
            steepness and smoothness. All are fitted for 40 iterations, the four of greatest
            evidence for 150, the best to the end.
        max_iter: Most iterations of the chosen start.
        tol: Converged when 50 iterations raised the log evidence by less than this, in nats per
            row: 1e-3 is roughly an estimated noise that fell by less than 0.1 %.
        random_state: Seed of the starts, or a `numpy.random.RandomState`; the same integer gives
            the same net. None draws new starts each time.

    Attributes:
        net_: The fitted net, a `DenseNet`; `net_.save(path)` writes it.
        n_iter_: Iterations of the chosen start.
        converged_: Whether they ended before `max_iter`.
        log_evidence_: Log evidence of the chosen start, nats, targets scaled to unit variance.
        n_effective_parameters_: Number of parameters that the data determine.
        noise_std_: Estimated standard deviation of the targets about the function, target units.
        train_curve_: Mean absolute error on the training rows after each iteration, target units.
        validation_curve_: The same on the validation rows; empty if `fit` got none.
        n_features_in_: Number of inputs.
        feature_names_in_: Their names, if `X` was a table with column names.

    Example:
        >>> x = np.linspace(-3, 3, 60)[:, None]
        >>> approximator = FunctionApproximator((8,)).fit(x, np.sin(x[:, 0]))
        >>> bool(abs(approximator.predict([[1.0]])[0] - np.sin(1.0)) < 1e-4)
        True
    """

    def __init__(
        self,
        hidden_layer_sizes: Iterable[int] | int | None = None,
        *,
        n_starts: int = 12,
        max_iter: int = 1500,
        tol: float = 1e-3,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(
        self,
        X: npt.ArrayLike,  # noqa: N803 - scikit-learn's name
        y: npt.ArrayLike,
        X_val: npt.ArrayLike | None = None,  # noqa: N803
        y_val: npt.ArrayLike | None = None,
        *,
        on_progress: Callable[[float], None] | None = None,
    ) -> Self:
        """Fit the net.

        Args:
            X: Inputs, `(n, n_inputs)`, finite, n >= 2.
            y: Targets, `(n,)`, finite.
            X_val: Rows whose error is logged in `validation_curve_`; they do not change the fit.
            y_val: Their targets.
            on_progress: Called after each iteration with the part of the most work that is
                done, in [0, 1]; a fit that converges early jumps to 1.

        Returns:
            self

        Raises:
            ValueError: If a parameter, `X` or `y` is out of its bounds.
        """
        sizes = self._check_parameters()
        inputs, targets = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2
        )
        targets = targets.astype(np.float64)
        input_mean, input_scale = _mean_and_scale(inputs)
        target_mean, target_scale = _mean_and_scale(targets)
        scaled_inputs = (inputs - input_mean) / input_scale
        scaled_targets = (targets - target_mean) / target_scale
        watched = None
        if X_val is not None:
            val_inputs, val_targets = validate_data(
                self, X_val, y_val, dtype=np.float64, y_numeric=True, reset=False
            )
            watched = (
                (val_inputs - input_mean) / input_scale,
                (val_targets - target_mean) / target_scale,
            )

        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_starts)
        plans = [(*_plan(number, sizes), int(seed)) for number, seed in enumerate(seeds)]
        if self.hidden_layer_sizes is None:
            plans.append(_PLANE)
        starts = []
        for hidden, steepness, ratio, seed in plans:
            network = TanhNetwork((inputs.shape[1], *hidden, 1))
            parameters = network.initial_parameters(np.random.default_rng(seed), steepness)
            starts.append(
                SecondOrderFit(network, scaled_inputs, scaled_targets, parameters, ratio, watched)
            )
        best = self._choose(starts, on_progress)

        layers = best.network.layers(best.parameters)
        self.net_ = DenseNet(
            weights=tuple(weights.copy() for weights, _ in layers),
            biases=tuple(bias.copy() for _, bias in layers),
            tanh_layers=(True,) * (len(layers) - 1) + (False,),
            input_mean=input_mean,
            input_scale=input_scale,
            target_mean=float(target_mean),
            target_scale=float(target_scale),
            input_names=tuple(getattr(self, "feature_names_in_", ())),
        )
        self.n_iter_ = max(best.n_iterations, 1)
        self.converged_ = best.converged
        self.log_evidence_ = best.final_log_evidence
        self.n_effective_parameters_ = best.n_effective_parameters
        self.noise_std_ = float(target_scale) * best.noise_variance**0.5
        self.train_curve_ = float(target_scale) * np.array(best.train_errors)
        self.validation_curve_ = float(target_scale) * np.array(best.watched_errors)
        return self

    def predict(self, X: npt.ArrayLike) -> Float64Array:  # noqa: N803
        """Predicted targets, float64 `(n,)`, for inputs `(n, n_inputs)`."""
        check_is_fitted(self)
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        return self.net_(inputs)

    def _choose(
        self, starts: list[SecondOrderFit], on_progress: Callable[[float], None] | None
    ) -> SecondOrderFit:
        """Fit all starts a little, the more promising ones more, and the best to the end."""
        n_trial = min(_TRIAL_ITERATIONS, self.max_iter)
        n_final = min(_FINALIST_ITERATIONS, self.max_iter)
        n_finalists = min(_N_FINALISTS, len(starts))
        on_iteration = _count_up(
            on_progress,
            len(starts) * n_trial + n_finalists * (n_final - n_trial) + self.max_iter - n_final,
        )
        rounds = ((len(starts), n_trial), (n_finalists, n_final), (1, self.max_iter))
        largest = max(start.network.n_parameters for start in starts)
        n_threads = 1 if largest < _PARAMETERS_FOR_THREADS else None
        with threadpool_limits(limits=n_threads, user_api="blas"):
            for n_kept, n_iter in rounds:
                starts = sorted(starts, key=lambda start: -start.final_log_evidence)[:n_kept]
                for start in starts:
                    start.advance(n_iter, self.tol, on_iteration)
        if on_progress is not None:
            on_progress(1.0)
        return starts[0]

    def _check_parameters(self) -> tuple[tuple[int, ...], ...]:
        """The hidden layer sizes to try; ValueError for a parameter out of bounds."""
        for name in ("n_starts", "max_iter"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(
                    f"`{name}` must be an integer of at least 1; got {name}={value!r}."
                )
        if not isinstance(self.tol, Real) or not self.tol >= 0:
            raise ValueError(
                f"`tol` must be a number of at least 0; got tol={self.tol!r}. Pass e.g. 1e-3."
            )
        sizes = self.hidden_layer_sizes
        if sizes is None:
            return _SIZES_TO_TRY
        hidden = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
        if not hidden or not all(isinstance(h, int | np.integer) and h >= 1 for h in hidden):
            raise ValueError(
                "`hidden_layer_sizes` must be one or more positive integers; "
                f"got hidden_layer_sizes={sizes!r}. Pass e.g. (20,)."
            )
        return (tuple(int(h) for h in hidden),)


def _plan(number: int, sizes: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], float, float]:
    """Hidden layers, steepness and initial ratio of a start."""
    steepness, ratio = _VARIATIONS[number // len(sizes) % len(_VARIATIONS)]
    return sizes[number % len(sizes)], steepness, ratio


def _count_up(
    on_progress: Callable[[float], None] | None, n_calls: int
) -> Callable[[], None] | None:
    """A function that reports one more of `n_calls` done each time it is called."""
    if on_progress is None:
        return None
    numbers = itertools.count(1)
    return lambda: on_progress(next(numbers) / n_calls)


def _mean_and_scale(values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation of each column; 1 in place of the deviation of a constant."""
    mean = values.mean(axis=0)
    scale = values.std(axis=0)
    # A constant column's deviation is 0 but for the rounding of its mean.
    constant = scale <= 1e-14 * np.abs(mean)
    return mean, np.where(constant, 1.0, scale)
