"""Fit several methods to the same points and judge them on the same test rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.approximation.dense_net import DenseNet
from facesmith.approximation.points import Split, monkey_saddle_split, split_points
from facesmith.approximation.tables import read_table
from facesmith.approximation.verdict import History, Verdict, judge

Float64Array = npt.NDArray[np.float64]

MONKEY_SADDLE_TITLE = "Monkey saddle"
METHODS = ("linear", "tanh-adam", "default")

# Called with the method and the part of it that is done, in [0, 1].
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Approximation:
    """One method's net and how well it does.

    Attributes:
        method: "linear", "tanh-adam" or "default".
        net: The trained net.
        predictions: On the test rows, float64 `(n_test,)`.
        l2_error: `norm(prediction - target) / n_test`, the exercise's measure.
        mean_abs_error: Mean of `|prediction - target|` over the test rows.
        rmse: Root of the mean squared error over the test rows.
        seconds: Time of the fit, without imports.
        history: Errors of train and validation while it learned.
        verdict: Whether it overfits.
    """

    method: str
    net: DenseNet
    predictions: Float64Array
    l2_error: float
    mean_abs_error: float
    rmse: float
    seconds: float
    history: History
    verdict: Verdict

    def row(self) -> dict[str, str | int | float | None]:
        """What `--json` prints of this method; errors of a diverged net are None, for null."""
        return {
            "method": self.method,
            "l2_error": _finite(self.l2_error),
            "mean_abs_error": _finite(self.mean_abs_error),
            "rmse": _finite(self.rmse),
            "seconds": round(self.seconds, 3),
            "parameters": self.net.n_parameters,
            "steps": len(self.history.train),
            "step_name": self.history.step_name,
            "verdict": self.verdict.kind,
            "verdict_step": self.verdict.best_step,
            "verdict_rise": self.verdict.rise,
            "verdict_text": self.verdict.text,
        }


@dataclass(frozen=True, eq=False)
class ApproximationReport:
    """Several methods on the same points.

    Attributes:
        title: What was approximated.
        split: The points.
        approximations: One per method, in the order they were asked for.
    """

    title: str
    split: Split
    approximations: tuple[Approximation, ...]

    def __getitem__(self, method: str) -> Approximation:
        """The approximation of this method."""
        for approximation in self.approximations:
            if approximation.method == method:
                return approximation
        known = ", ".join(a.method for a in self.approximations)
        raise KeyError(f"no method {method!r} in this report; it has {known}")

    def rows(self) -> list[dict[str, str | int | float | None]]:
        """The table, one dictionary per method."""
        return [approximation.row() for approximation in self.approximations]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def format_error(value: float) -> str:
    """An error for people: one decimal from 100 on, else three significant digits.

    Example:
        >>> format_error(855.9234), format_error(10011.3), format_error(0.037193)
        ('855.9', '10,011.3', '0.0372')
    """
    return f"{value:,.1f}" if 100 <= value < 1e7 else f"{value:.3g}"


def run_monkey_saddle(
    methods: Sequence[str] = METHODS, *, seed: int = 0, on_progress: Progress | None = None
) -> ApproximationReport:
    """The exercise's first task, on exactly its points and split.

    Args:
        methods: Which of "linear", "tanh-adam" (the exercise's nets, its training) and "default"
            (`FunctionApproximator`).
        seed: Of weights and row order; the points do not depend on it.
        on_progress: Called with the method and the part of it that is done.

    Returns:
        The report.
    """
    split = monkey_saddle_split()
    return approximate(MONKEY_SADDLE_TITLE, split, methods, seed, on_progress)


def approximate_table(
    path: str | Path,
    target: str,
    inputs: Sequence[str] = (),
    *,
    methods: Sequence[str] = ("default",),
    test_fraction: float = 0.2,
    validation_fraction: float = 0.1,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> ApproximationReport:
    """Fit a user's own table of points.

    Args:
        path: CSV file with a header and numeric columns.
        target: Column to predict.
        inputs: Columns to predict it from; all others if empty.
        methods: See `run_monkey_saddle`.
        test_fraction: Part of all rows that only the final figures are measured on.
        validation_fraction: Part of the other rows that the learning curves are measured on.
        seed: Of the split, weights and row order.
        on_progress: Called with the method and the part of it that is done.

    Returns:
        The report.

    Raises:
        TableError: If the file or a value in it cannot be used.
    """
    table = read_table(path, target, inputs)
    split = split_points(
        table.points,
        table.input_names,
        target,
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        seed=seed,
    )
    return approximate(Path(path).name, split, methods, seed, on_progress)


def approximate(
    title: str,
    split: Split,
    methods: Sequence[str],
    seed: int,
    on_progress: Progress | None = None,
) -> ApproximationReport:
    """Fit each method to the training rows and measure it on the test rows."""
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"`methods` must be among {', '.join(METHODS)}; got {method!r}.")
    approximations = []
    for method in methods:
        progress = None if on_progress is None else _for_method(on_progress, method)
        if method == "default":
            net, history, seconds = _fit_default(split, seed, progress)
        else:
            # Imported here: PyTorch takes seconds to load, and the default method needs none.
            from facesmith.approximation.adam_nets import train_adam_net  # noqa: PLC0415

            net, history, seconds = train_adam_net(method, split, seed=seed, on_progress=progress)
        approximations.append(_measure(method, split, net, history, seconds))
    return ApproximationReport(title, split, tuple(approximations))


def _for_method(on_progress: Progress, method: str) -> Callable[[float], None]:
    return lambda done: on_progress(method, done)


def _fit_default(
    split: Split, seed: int, on_progress: Callable[[float], None] | None
) -> tuple[DenseNet, History, float]:
    # Imported here, so that `--help` and bad tables do not wait for scikit-learn.
    from facesmith.approximation.regressor import FunctionApproximator  # noqa: PLC0415

    train, validation = split.train, split.validation
    started = time.perf_counter()
    approximator = FunctionApproximator(random_state=seed).fit(
        train.inputs,
        train.targets,
        validation.inputs,
        validation.targets,
        on_progress=on_progress,
    )
    seconds = time.perf_counter() - started
    net = replace(approximator.net_, input_names=split.input_names, target_name=split.target_name)
    history = History("iteration", approximator.train_curve_, approximator.validation_curve_)
    return net, history, seconds


def _measure(
    method: str, split: Split, net: DenseNet, history: History, seconds: float
) -> Approximation:
    predictions = net(split.test.inputs)
    errors = predictions - split.test.targets
    spread = np.abs(split.train.targets - np.median(split.train.targets)).mean()
    return Approximation(
        method=method,
        net=net,
        predictions=predictions,
        l2_error=float(np.linalg.norm(errors) / len(errors)),
        mean_abs_error=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(np.mean(errors**2))),
        seconds=seconds,
        history=history,
        verdict=judge(history, float(spread)),
    )
