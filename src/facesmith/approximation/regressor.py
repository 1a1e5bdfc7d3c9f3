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

# Iterations that every start gets before the most promising one goes on alone.
SCOUT_ITERATIONS = 150
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
        hidden_layer_sizes: Units of each hidden tanh layer.
        n_starts: Random starts. Each is tried for 150 iterations; the one with the greatest
            evidence is fitted to the end.
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
        start_log_evidences_: The same for every start after its trial.
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
        hidden_layer_sizes: Iterable[int] | int = (20,),
        *,
        n_starts: int = 4,
        max_iter: int = 2000,
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
        hidden = self._check_parameters()
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

        network = TanhNetwork((inputs.shape[1], *hidden, 1))
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_starts)
        n_trial = min(SCOUT_ITERATIONS, self.max_iter)
        on_iteration = _count_up(on_progress, (self.n_starts - 1) * n_trial + self.max_iter)
        n_threads = 1 if network.n_parameters < _PARAMETERS_FOR_THREADS else None
        starts = []
        with threadpool_limits(limits=n_threads, user_api="blas"):
            for seed in seeds:
                parameters = network.initial_parameters(np.random.default_rng(seed))
                start = SecondOrderFit(network, scaled_inputs, scaled_targets, parameters, watched)
                start.advance(n_trial, self.tol, on_iteration)
                starts.append(start)
            self.start_log_evidences_ = np.array([start.final_log_evidence for start in starts])
            best = starts[int(np.argmax(self.start_log_evidences_))]
            best.advance(self.max_iter, self.tol, on_iteration)
        if on_progress is not None:
            on_progress(1.0)

        layers = network.layers(best.parameters)
        self.net_ = DenseNet(
            weights=tuple(weights.copy() for weights, _ in layers),
            biases=tuple(bias.copy() for _, bias in layers),
            tanh_layers=(True,) * len(hidden) + (False,),
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

    def _check_parameters(self) -> tuple[int, ...]:
        """The hidden layer sizes as a tuple; ValueError for a parameter out of bounds."""
        sizes = self.hidden_layer_sizes
        hidden = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
        if not hidden or not all(isinstance(h, int | np.integer) and h >= 1 for h in hidden):
            raise ValueError(
                "`hidden_layer_sizes` must be one or more positive integers; "
                f"got hidden_layer_sizes={sizes!r}. Pass e.g. (20,)."
            )
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
        return tuple(int(h) for h in hidden)


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
