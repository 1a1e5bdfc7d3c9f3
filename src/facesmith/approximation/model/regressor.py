"""`FunctionApproximator`: the method `bayesian-ensemble` as a scikit-learn regressor."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from facesmith.approximation.model.bend_choice import choose_bends
from facesmith.approximation.model.kernel_fit import MIN_ROWS
from facesmith.approximation.model.large_tables import LARGE_TABLE_ROWS, SAMPLE_ROWS
from facesmith.approximation.model.output_fit import OutputFit, function_of
from facesmith.approximation.model.preparation import (
    TrainingRows,
    check_parameters,
    check_size,
    check_units,
    merge_equal_rows,
    split_off_validation,
)
from facesmith.approximation.model.scaling import Scaling
from facesmith.approximation.model.search import Chosen, SearchSettings

Float64Array = npt.NDArray[np.float64]


class ExtrapolationWarning(UserWarning):
    """Inputs lie outside the range of the training inputs, where nothing vouches for a net."""


class LargeTableWarning(UserWarning):
    """A table is so large that its nets were chosen on a part of its rows."""


class FunctionApproximator(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor: averages small tanh nets and a Gaussian process by their evidence.

    For smooth functions of a few inputs. Inputs and targets are scaled inside, skewed ones bent by
    a logarithm where the evidence is greater for it. How smooth the
    function is, which inputs it depends on and how noisy the targets are is estimated from the data
    (evidence, MacKay 1992), so no validation rows are needed and nothing has to be tuned. Nets of
    several sizes race, fitted by Levenberg-Marquardt with Bayesian regularisation; up to four of
    them and, with 7 to 5,000 rows, a Gaussian process are averaged, the more probable ones
    weighing more.

    Time grows with the square of the number of parameters and linearly with the rows. Of tables
    with more than 50,000 different rows the nets are chosen on 20,000 of them and fitted to all
    afterwards; a `LargeTableWarning` says so.

    Args:
        hidden_layer_sizes: Units of each hidden tanh layer. None tries one and two layers of
            several sizes and a plane (no hidden layer), larger ones as long as they pay, and a
            Gaussian process, within about a second for 300 rows and ten for 1,000 and more.
        alpha: Strength of the weights' penalty, as `MLPRegressor`'s; it leaves the Gaussian process
            out. None estimates one for each input and each layer.
        max_iter: Most iterations of each net.
        tol: Converged when 50 iterations raised the log evidence by less than this, in nats per
            row: 1e-3 is roughly an estimated noise that fell by less than 0.1 %.
        early_stopping: Whether to hold out rows, and to judge and to stop the nets by their error
            on these instead of by the evidence. Less exact as a rule: the held-out rows are
            missing.
        validation_fraction: Part of the rows to hold out, in (0, 1); used with early stopping.
        n_iter_no_change: Iterations without a lower error on the rows held out after which a net
            stops; used with early stopping.
        n_starts: Random starts, which also differ in size (if that is open), steepness and
            smoothness. All are fitted for 25 iterations, the five best for 60, and four to the end.
        random_state: Seed of the starts, or a `numpy.random.RandomState`; the same integer gives
            the same function. None draws new starts each time.

    Attributes:
        function_: The fitted function as plain arrays, a `FittedFunction`.
        tried_: What took part in the search, a tuple of `Tried`.
        n_iter_: Iterations of the net or process that weighs most; of several outputs, of the
            first.
        converged_: Whether each part of the function ended before `max_iter` and before the work
            that the search may take was done.
        log_evidence_: Log evidence of what weighs most, nats, targets scaled to unit
            variance; summed over the outputs.
        n_effective_parameters_: Number of parameters that the data determine, of that one; a list
            with one number an output if `y` has columns.
        noise_std_: Estimated standard deviation of the targets about the function, target units;
            likewise.
        outliers_: Which rows were left out as outliers, because their targets lie far off the
            function and the evidence is greater without them: bool `(n,)`, or `(n, n_outputs)` if
            `y` has columns. Deviations are widened for their share of new rows, up to 5 %.
        n_copies_: How many rows are exact copies of another, the target too. Each counts as one
            more measurement of the same value; if they are none, the noise is underestimated.
        train_curve_: Mean absolute error of that one on the training rows after each iteration,
            target units; of several outputs, of the first.
        validation_curve_: The same on the validation rows; empty if there are none.
        n_features_in_: Number of inputs.
        feature_names_in_: Their names, if `X` was a table with column names.

    Example:
        >>> x = np.linspace(-3, 3, 60)[:, None]
        >>> approximator = FunctionApproximator().fit(x, np.sin(x[:, 0]))
        >>> bool(abs(approximator.predict([[1.0]])[0] - np.sin(1.0)) < 1e-4)
        True
    """

    def __init__(
        self,
        hidden_layer_sizes: Iterable[int] | int | None = None,
        *,
        alpha: float | None = None,
        max_iter: int = 600,
        tol: float = 1e-3,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        n_starts: int = 12,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_starts = n_starts
        self.random_state = random_state

    def fit(
        self,
        X: npt.ArrayLike,  # noqa: N803 - scikit-learn's name
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: npt.ArrayLike | None = None,  # noqa: N803
        y_val: npt.ArrayLike | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Self:
        """Fit the function.

        The order of the rows does not matter, and a row of weight 2 counts as the same row twice.

        Args:
            X: Inputs, `(n, n_inputs)`, finite, n >= 7.
            y: Targets, `(n,)` or `(n, n_outputs)`, finite. Each output gets nets of its own.
            sample_weight: How many rows each row stands for, `(n,)`, at least 0; rows of weight 0
                are left out. Weights that are less than 1 on average are scaled up to that.
            X_val: Rows whose error is logged in `validation_curve_`; without early stopping they
                do not change the fit, with it they are the rows held out.
            y_val: Their targets.
            on_progress: Called after each iteration with the part of the most work that is
                done, in [0, 1]; a fit that converges early jumps to 1.

        Returns:
            self

        Raises:
            ValueError: If a parameter, `X`, `y` or a weight is out of its bounds, or less than 7
                rows differ.

        Warns:
            LargeTableWarning: If the nets were chosen on a part of the rows.
        """
        sizes = check_parameters(self)
        numbers: Any = {"dtype": np.float64}
        wanted = {**numbers, "y_numeric": True, "multi_output": True}
        inputs, targets = validate_data(self, X, y, ensure_min_samples=2, **wanted)
        targets = targets.astype(np.float64)
        self._one_dimensional = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        weights = _check_sample_weight(sample_weight, inputs, ensure_non_negative=True, **numbers)
        validation = None
        if X_val is not None:
            val_inputs, val_targets = validate_data(self, X_val, y_val, reset=False, **wanted)
            validation = (val_inputs, val_targets.astype(np.float64).reshape(len(val_inputs), -1))
        feature_names = getattr(self, "feature_names_in_", ())
        check_units(inputs, feature_names, "input")
        check_units(targets, (), "target")
        random = check_random_state(self.random_state)
        inputs, targets, weights, became = merge_equal_rows(inputs, targets, weights)
        self.n_copies_ = int((became >= 0).sum()) - len(inputs)
        if self.early_stopping and validation is None:
            inputs, targets, weights, validation = split_off_validation(
                inputs, targets, weights, self.validation_fraction, random
            )
        # Copies count: scikit-learn's own checks fit a few rows that come several times.
        if (n_rows := round(float(weights.sum()))) < MIN_ROWS:
            raise ValueError(
                f"{n_rows} rows are too few to fit a function and to judge it; at least "
                f"{MIN_ROWS} are needed. Add rows."
            )
        check_size(sizes, inputs.shape[1])
        patience = self.n_iter_no_change if self.early_stopping else None
        settings = SearchSettings(
            sizes, self.n_starts, self.max_iter, self.tol, self.alpha, patience
        )
        if len(inputs) > LARGE_TABLE_ROWS:
            warnings.warn(
                f"{len(inputs):,} different rows: the nets are chosen on {SAMPLE_ROWS:,} of them "
                "and fitted to all afterwards.",
                LargeTableWarning,
                stacklevel=2,
            )
        bends = choose_bends(inputs, targets, weights) if settings.everything else (None, None)
        scaling = Scaling.of(inputs, targets, weights, bends)
        x, columns = scaling.scaled(inputs, targets)
        kept_aside: list[Any] = [None] * len(columns)
        if validation is not None:
            val_x, val_columns = scaling.scaled(*validation)
            kept_aside = [(val_x, column) for column in val_columns]
        fits = []
        for output, column in enumerate(columns):
            fit = OutputFit(TrainingRows(x, column, weights, kept_aside[output]), settings, output)
            progress = on_progress and partial(_report_part, on_progress, output, len(columns))
            fit.run(np.random.default_rng(int(random.randint(2**31 - 1))), progress)
            fits.append(fit)
        ranges = (inputs.min(axis=0), inputs.max(axis=0))
        names = tuple(str(name) for name in feature_names)
        self.function_ = function_of(fits, scaling, ranges, names)
        self.tried_ = tuple(each for fit in fits for each in fit.tried)
        outliers = np.zeros((len(became), len(fits)), dtype=bool)
        if not self.early_stopping:  # with it none is looked for
            outliers = np.column_stack([np.append(fit.outliers, False)[became] for fit in fits])
        self.outliers_ = outliers[:, 0] if self._one_dimensional else outliers
        self._describe([fit.chosen for fit in fits], self.function_.output_units(targets))
        return self

    def predict(
        self,
        X: npt.ArrayLike,  # noqa: N803
        return_std: bool = False,
    ) -> Float64Array | tuple[Float64Array, Float64Array]:
        """Predicted targets, and how far new targets may lie from them.

        Args:
            X: Inputs, `(n, n_inputs)`, finite.
            return_std: Whether to return standard deviations too. They are those of a new target
                about its prediction: the uncertainty of the nets' parameters, the disagreement of
                the nets, and the estimated noise. 95 % of new targets are expected within 1.96 of
                them.

        Returns:
            Predictions, float64 `(n,)`, or `(n, n_outputs)` if the fit's `y` had columns; with
            `return_std` a pair of those and the deviations, of the same shape.

        Warns:
            ExtrapolationWarning: If an input lies beyond the training inputs by more than 5 % of
                their range. The deviations do not tell how wrong a prediction is there.
        """
        check_is_fitted(self)
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        self._warn_outside(inputs)
        columns = 0 if self._one_dimensional else slice(None)
        if not return_std:
            return self.function_.predict(inputs)[:, columns]
        means, deviations = self.function_.predict_with_std(inputs)
        return means[:, columns], deviations[:, columns]

    def _describe(self, chosen: list[list[Chosen]], output_scale: Float64Array) -> None:
        """Set what is known of the nets that weigh most, and of all."""
        leaders = [found[0][0] for found in chosen]
        first = leaders[0]
        noise = output_scale * np.sqrt([fit.noise_variance for fit in leaders])
        effective = np.array([fit.n_effective_parameters for fit in leaders])
        self.n_iter_ = max(first.n_iterations, 1)
        self.converged_ = all(fit.converged for found in chosen for fit, _ in found)
        self.log_evidence_ = sum(fit.final_log_evidence for fit in leaders)
        self.noise_std_ = float(noise[0]) if self._one_dimensional else noise
        self.n_effective_parameters_ = float(effective[0]) if self._one_dimensional else effective
        self.train_curve_ = float(output_scale[0]) * np.array(first.train_errors)
        self.validation_curve_ = float(output_scale[0]) * np.array(first.validation_errors)

    def _warn_outside(self, inputs: Float64Array) -> None:
        function = self.function_
        outside = function.outside(inputs)
        if not outside.any():
            return
        column = int(outside.sum(axis=0).argmax())
        names = function.input_names
        values = inputs[outside[:, column], column]
        low, high = function.input_min[column], function.input_max[column]
        farthest = values[np.argmax(np.maximum(low - values, values - high))]
        name = repr(names[column]) if names else f"number {column}"
        warnings.warn(
            f"{int(outside.any(axis=1).sum()):,} of {len(inputs):,} rows lie outside the range of "
            f"the training inputs: input {name} was {low:.6g} to {high:.6g}, and is "
            f"{farthest:.6g}. Nothing vouches for predictions there.",
            ExtrapolationWarning,
            stacklevel=3,
        )


def _report_part(
    on_progress: Callable[[float], None], number: int, n_parts: int, done: float
) -> None:
    """Tell the progress of one of several equal parts."""
    on_progress((number + done) / n_parts)
