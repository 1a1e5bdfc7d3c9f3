"""Fits several methods to the same points and measures them on the same test rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
from facesmith.approximation.experiment.findings import wrong_rows
from facesmith.approximation.experiment.fit_notes import fit_notes
from facesmith.approximation.experiment.points import Split, monkey_saddle_split, split_points
from facesmith.approximation.experiment.report import (
    Approximation,
    ApproximationReport,
    euclidean_norm,
    r_squared,
)
from facesmith.approximation.experiment.settings import (
    ENSEMBLE,
    METHODS,
    ApproximationConfig,
    Plan,
)
from facesmith.approximation.experiment.summaries import summary_of_adam, summary_of_ensemble
from facesmith.approximation.experiment.tables import read_table
from facesmith.approximation.experiment.verdict import History, assess_overfitting
from facesmith.approximation.model.fitted import FittedFunction

# Called with the label of a fit and the part of it that is done, in [0, 1].
Progress = Callable[[str, float], None]


def run(
    config: ApproximationConfig,
    *,
    checkpoints: Mapping[str, AdamCheckpoint] | None = None,
    on_progress: Progress | None = None,
) -> ApproximationReport:
    """Fit what the settings ask for; fits by Adam go on from the checkpoints of their labels.

    Raises:
        TableError: If the file of points or a value in it cannot be used.
        TrainingError: If a checkpoint belongs to something else.

    Warns:
        UserWarning: If a table has a single test row.
    """
    notes: tuple[str, ...] = ()
    if config.points is None:
        title, split = "Monkey saddle", monkey_saddle_split()
    else:
        target = config.target or ""
        skip = config.skip_bad_lines
        table = read_table(config.points, target, config.inputs, skip_bad_lines=skip)
        title, notes = Path(config.points).name, table.notes
        split = split_points(
            table.points,
            table.input_names,
            target,
            test_fraction=config.test_fraction,
            validation_fraction=config.validation_fraction,
            seed=config.seed,
        )
    if len(split.test) == 1:
        message = (
            "There is 1 test row: its error says nothing of other rows, and --predict can vouch "
            "for no interval. A larger --test-fraction measures more."
        )
        warnings.warn(message, UserWarning, stacklevel=2)
    more: Any = {"checkpoints": checkpoints, "on_progress": on_progress}
    report = approximate(title, split, config.plans(), config.seed, config.max_iter, **more)
    return replace(report, notes=(*notes, *report.notes, *wrong_rows(report.chosen, split)))


def run_monkey_saddle(
    methods: Sequence[str] = METHODS, *, on_progress: Progress | None = None, **settings: Any
) -> ApproximationReport:
    """The exercise's first task, on exactly its points and split.

    Args:
        methods: Which of "linear", "tanh-adam" (the exercise's nets, its training) and
            "bayesian-ensemble" (`FunctionApproximator`).
        on_progress: Called with the label of the fit and the part of it that is done.
        **settings: Others of `ApproximationConfig`, such as `seed`.
    """
    return run(ApproximationConfig(tuple(methods), **settings), on_progress=on_progress)


def approximate_table(
    path: str | Path,
    target: str,
    inputs: Sequence[str] = (),
    *,
    methods: Sequence[str] = (ENSEMBLE,),
    on_progress: Progress | None = None,
    **settings: Any,
) -> ApproximationReport:
    """Fit a user's own table of points.

    Args:
        path: CSV file with a header and numeric columns.
        target: Column to predict.
        inputs: Columns to predict it from; all others if empty.
        methods: See `run_monkey_saddle`.
        on_progress: Called with the label of the fit and the part of it that is done.
        **settings: Others of `ApproximationConfig`, such as `seed`.

    Raises:
        TableError: If the file or a value in it cannot be used.
        ValueError: If another argument is out of its bounds.
    """
    config = ApproximationConfig(
        tuple(methods), points=str(path), target=target, inputs=tuple(inputs), **settings
    )
    return run(config, on_progress=on_progress)


def approximate(
    title: str,
    split: Split,
    plans: Sequence[Plan],
    seed: int,
    max_iter: int | None = None,
    *,
    checkpoints: Mapping[str, AdamCheckpoint] | None = None,
    on_progress: Progress | None = None,
) -> ApproximationReport:
    """Fit everything that is planned to the training rows and measure it on the test rows."""
    fits = []
    for plan in plans:
        progress = on_progress and partial(on_progress, plan.label)
        if plan.adam is None:
            fits.append(_fit_ensemble(plan, split, seed, max_iter, progress))
        else:
            checkpoint = (checkpoints or {}).get(plan.label)
            fits.append(_train_adam(plan, split, seed, checkpoint, progress))
    report = ApproximationReport(title, split, tuple(fits))
    return replace(report, notes=report.chosen.notes)


def _fit_ensemble(
    plan: Plan,
    split: Split,
    seed: int,
    max_iter: int | None,
    on_progress: Callable[[float], None] | None,
) -> Approximation:
    # Imported here, so that `--help` and bad tables do not wait for scikit-learn.
    from facesmith.approximation.model.regressor import FunctionApproximator  # noqa: PLC0415

    limits: Any = {} if max_iter is None else {"max_iter": max_iter}
    approximator = FunctionApproximator(random_state=seed, **limits)
    started = time.perf_counter()
    watched: Any = {"X_val": split.validation.inputs, "y_val": split.validation.targets}
    approximator.fit(split.train.inputs, split.train.targets, on_progress=on_progress, **watched)
    seconds = time.perf_counter() - started
    names: Any = {"input_names": split.input_names, "output_names": split.output_names}
    function = replace(approximator.function_, **names)
    history = History("iteration", approximator.train_curve_, approximator.validation_curve_)
    summary = summary_of_ensemble(approximator, split)
    fit = _measure(plan, split, function, function.n_parameters, history, seconds, summary)
    notes = fit_notes(function, split, approximator.outliers_)
    return replace(fit, noise=float(approximator.noise_std_), notes=notes)


def _train_adam(
    plan: Plan,
    split: Split,
    seed: int,
    checkpoint: AdamCheckpoint | None,
    on_progress: Callable[[float], None] | None,
) -> Approximation:
    # Imported here: PyTorch takes seconds to load, and the ensemble needs none.
    from facesmith.approximation.experiment.adam_nets import adam_function, train_adam_net  # noqa: PLC0415

    end = train_adam_net(
        plan.method, split, plan.adam, seed=seed, checkpoint=checkpoint, on_progress=on_progress
    )
    n_parameters = sum(array.size for array in end.parameters)
    summary = summary_of_adam(end, n_parameters, len(split.train))
    function = adam_function(end, split)
    fit = _measure(plan, split, function, n_parameters, end.history, end.seconds, summary)
    return replace(fit, checkpoint=end)


def _measure(
    plan: Plan,
    split: Split,
    function: FittedFunction,
    n_parameters: int,
    history: History,
    seconds: float,
    summary: str,
) -> Approximation:
    with np.errstate(over="ignore", invalid="ignore"):
        # Nothing was fitted to the test rows or chosen by them, so that they can vouch for
        # intervals.
        function = function.with_held_out(split.test.inputs, split.test.targets)
        predictions = function.predict(split.test.inputs)[:, 0]
        errors = predictions - split.test.targets
        spread = np.abs(split.train.targets - np.median(split.train.targets)).mean()
        return Approximation(
            plan=plan,
            function=function,
            n_parameters=n_parameters,
            predictions=predictions,
            l2_error=euclidean_norm(errors) / len(errors),
            mean_abs_error=float(np.abs(errors).mean()),
            rmse=euclidean_norm(errors) / float(np.sqrt(len(errors))),
            r2=r_squared(predictions, split.test.targets),
            seconds=seconds,
            history=history,
            verdict=assess_overfitting(
                history, float(spread), len(split.validation), by_adam=plan.adam is not None
            ),
            summary=summary,
        )
