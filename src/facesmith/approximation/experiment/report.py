"""The fits to some points with their errors and verdicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
from facesmith.approximation.experiment.points import Split
from facesmith.approximation.experiment.settings import Plan, current_name
from facesmith.approximation.experiment.verdict import History, Verdict, smooth_curve
from facesmith.approximation.model.fitted import FittedFunction
from facesmith.approximation.model.preparation import power_of_two
from facesmith.files import finite_or_none

Float64Array = npt.NDArray[np.float64]


def r_squared(predictions: Float64Array, targets: Float64Array) -> float:
    """The coefficient of determination of predictions `(n,)` of targets `(n,)`.

    1 minus the sum of squared errors over that about the targets' mean; at most 1. NaN where the
    targets are all equal, or a prediction is no number; minus infinity where one is infinite.

    Example:
        >>> r_squared(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
        0.5
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        unit = power_of_two(targets)
        predictions, targets = predictions / unit, targets / unit
        about_mean = float(np.square(targets - targets.mean()).sum())
        errors = float(np.square(predictions - targets).sum())
    return 1 - errors / about_mean if about_mean > 0 else float("nan")


def euclidean_norm(errors: Float64Array) -> float:
    """Root of the sum of squares of errors `(n,)`, in any unit: no square becomes infinite or 0.

    Example:
        >>> euclidean_norm(np.array([3e-200, 4e-200]))
        5e-200
    """
    unit = float(power_of_two(errors)) if np.isfinite(errors).all() else 1.0
    return unit * float(np.linalg.norm(errors / unit))


@dataclass(frozen=True, eq=False)
class Approximation:
    """One fit and how well it does.

    Attributes:
        plan: What was fitted.
        function: The fitted function.
        n_parameters: Number of trained numbers of the net, or nets.
        predictions: On the test rows, float64 `(n_test,)`.
        l2_error: `norm(prediction - target) / n_test`, the exercise's measure.
        mean_abs_error: Mean of `|prediction - target|` over the test rows.
        rmse: Root of the mean squared error over the test rows.
        r2: Part of the variance of the test rows' targets that is explained, at most 1; 0 for what
            their mean would do; NaN where they are all equal, or fewer than two.
        seconds: Time of the fit, without imports.
        history: Errors of train and validation while it learned.
        verdict: Whether it overfits.
        summary: What was tried and what was chosen, in words.
        noise: Estimated standard deviation of the targets about the function; None for Adam's nets.
        checkpoint: From where the training can go on; None for the ensemble.
        notes: What its errors say of the points, a sentence or two each.
    """

    plan: Plan
    function: FittedFunction
    n_parameters: int
    predictions: Float64Array
    l2_error: float
    mean_abs_error: float
    rmse: float
    r2: float
    seconds: float
    history: History
    verdict: Verdict
    summary: str
    noise: float | None = None
    checkpoint: AdamCheckpoint | None = None
    notes: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The method's name."""
        return self.plan.method

    @property
    def label(self) -> str:
        """What the fit is called in tables."""
        return self.plan.label

    @property
    def file_name(self) -> str:
        """The label as a part of file names."""
        return self.label.replace(" ", "_")

    @property
    def validation_error(self) -> float:
        """Mean absolute error on the validation rows at the end, smoothed as for the verdict."""
        return float(smooth_curve(self.history.validation)[1][-1])

    def row(self) -> dict[str, Any]:
        """What `--json` prints of this fit; errors of a diverged net are None, for null."""
        return {
            "method": self.method,
            "label": self.label,
            "settings": None if self.plan.adam is None else asdict(self.plan.adam),
            "l2_error": finite_or_none(self.l2_error),
            "mean_abs_error": finite_or_none(self.mean_abs_error),
            "rmse": finite_or_none(self.rmse),
            "r2": finite_or_none(self.r2),
            "validation_mean_abs_error": finite_or_none(self.validation_error),
            "seconds": round(self.seconds, 3),
            "parameters": self.n_parameters,
            "steps": len(self.history.train),
            "step_name": self.history.step_name,
            "verdict": self.verdict.kind,
            "verdict_step": self.verdict.best_step,
            "verdict_rise": self.verdict.rise,
            "verdict_text": self.verdict.text,
            "summary": self.summary,
            "train_curve": finite_or_none(self.history.train.tolist()),
            "validation_curve": finite_or_none(self.history.validation.tolist()),
        }


@dataclass(frozen=True, eq=False)
class ApproximationReport:
    """Several fits to the same points.

    Attributes:
        title: What was approximated.
        split: The points.
        approximations: One per fit, in the order they were asked for.
        notes: What the user should know of the points, a sentence or two each, those of the chosen
            fit among them.
    """

    title: str
    split: Split
    approximations: tuple[Approximation, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, label: str) -> Approximation:
        """The approximation of this label: the method's name, and what was compared."""
        label = current_name(label)
        labels = [fit.label for fit in self.approximations]
        if label not in labels:
            raise KeyError(f"no method {label!r} in this report; it has {', '.join(labels)}")
        return self.approximations[labels.index(label)]

    @property
    def chosen(self) -> Approximation:
        """The fit of the smallest error on the validation rows; the test rows have no say."""
        return self.ranked[0]

    @property
    def ranked(self) -> list[Approximation]:
        """The fits by their error on the validation rows, those that diverged last."""
        errors = np.array([fit.validation_error for fit in self.approximations])
        return [self.approximations[i] for i in np.argsort(errors, kind="stable")]

    @property
    def compares(self) -> bool:
        """Whether settings were compared."""
        return any(approximation.plan.compared for approximation in self.approximations)

    def only(self, fit: Approximation) -> ApproximationReport:
        """The same report of one fit alone."""
        return replace(self, approximations=(fit,))

    def rows(self) -> list[dict[str, Any]]:
        """The table, one dictionary per fit."""
        return [approximation.row() for approximation in self.approximations]
