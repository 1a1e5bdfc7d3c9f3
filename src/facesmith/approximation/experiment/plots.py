"""Figures of an approximation: the function, predictions against truth, learning curves.

Each function returns a Matplotlib figure and touches no global state; save it with
`figure.savefig(path, dpi=120)`.
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]

from facesmith.approximation.experiment.points import Points
from facesmith.approximation.experiment.report import Approximation, ApproximationReport
from facesmith.approximation.experiment.summaries import format_error
from facesmith.approximation.experiment.verdict import smooth_curve

# Distinguishable with any colour vision, and in grey.
_TRUTH = "#1b1b1b"
_PREDICTION = "#d55e00"
_CIRCLES: Any = {"s": 22, "facecolors": "none", "edgecolors": _TRUTH, "linewidths": 0.8}
_CROSSES: Any = {"s": 20, "marker": "x", "color": _PREDICTION, "linewidths": 0.9}
_TRAIN = "#0072b2"
_VALIDATION = "#d55e00"
# Okabe and Ito's colours, the yellow left out: too pale for a line.
_DISTINCT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#1b1b1b")
# In the width of a comparison, at the size of its legend's letters.
_LEGEND_CHARACTERS = 150
_GRID_POINTS = 41
_CURVE_POINTS = 400


def plot_surface(report: ApproximationReport, label: str) -> Figure:
    """The fitted function of two inputs with the test points, and both projections.

    Left: the net's surface in 3-D with the true test points and the predicted ones, joined where
    they part. Right: the same points seen along either input, as the exercise draws them.

    Raises:
        KeyError: If the report has no fit of this label.
        ValueError: If the points do not have two inputs.
    """
    approximation = _with_inputs(report, label, 2)
    test = report.split.test
    names = (*report.split.input_names, report.split.target_name)
    figure = _figure(13.0, 4.9, f"{report.title}: {_headline(approximation)}")
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1.3, 1, 1])  # type: ignore[misc]
    _draw_surface(left, approximation, test, names)
    for place, side in enumerate((middle, right)):
        axes = side.subplots()
        along = test.inputs[:, place]
        axes.scatter(along, test.targets, label="truth", **_CIRCLES)
        axes.scatter(along, approximation.predictions, label="prediction", **_CROSSES)
        axes.set(xlabel=names[place], ylabel=names[2], title=f"seen along {names[1 - place]}")
        _finish(axes)
    # Outside the axes, where it covers no point.
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return figure


def plot_curve(report: ApproximationReport, label: str) -> Figure:
    """The fitted function of one input as a line, over the rows it was fitted to and the test rows.

    Raises:
        KeyError: If the report has no fit of this label.
        ValueError: If the points do not have one input.
    """
    split, approximation = report.split, _with_inputs(report, label, 1)
    every_input = np.concatenate([split.train.inputs, split.test.inputs])
    along = np.linspace(every_input.min(), every_input.max(), _CURVE_POINTS)
    figure = _figure(7.5, 4.8, f"{report.title}: {_headline(approximation)}")
    axes = figure.subplots()
    dots: Any = {"s": 14, "color": _TRAIN, "alpha": 0.5, "label": "train"}
    axes.scatter(split.train.inputs[:, 0], split.train.targets, **dots)
    axes.scatter(split.test.inputs[:, 0], split.test.targets, label="test", **_CIRCLES)
    predicted = approximation.function.predict(along[:, None])[:, 0]
    axes.plot(along, predicted, color=_PREDICTION, label="prediction")
    axes.set(xlabel=split.input_names[0], ylabel=split.target_name)
    _finish(axes)
    figure.legend(loc="outside lower right", ncols=3)
    return figure


def plot_predictions(report: ApproximationReport) -> Figure:
    """Predicted against true targets and the errors, a column of two panels per method."""
    count = len(report.approximations)
    title = f"{report.title}: {len(report.split.test)} test rows"
    figure = _figure(max(4.6 * count, 5.4), 7.4, title)
    grid = figure.subplots(2, count, squeeze=False)
    truth = report.split.test.targets
    name = report.split.target_name
    for column, approximation in zip(grid.T, report.approximations, strict=True):
        above, below = column
        low = min(truth.min(), approximation.predictions.min())
        high = max(truth.max(), approximation.predictions.max())
        above.plot([low, high], [low, high], color=_TRUTH, linewidth=0.8, label="perfect")
        above.scatter(truth, approximation.predictions, s=14, color=_PREDICTION, alpha=0.7)
        above.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
        above.set_title(textwrap.fill(_headline(approximation), 56), fontsize=9.5)
        below.axhline(0, color=_TRUTH, linewidth=0.8)
        below.scatter(truth, approximation.predictions - truth, s=14, color=_PREDICTION, alpha=0.7)
        below.set(xlabel=f"true {name}", ylabel="predicted minus true")
        for axes in column:
            _finish(axes)
    return figure


def plot_learning_curves(report: ApproximationReport) -> Figure:
    """Mean absolute error of train and validation while each net learned, with the verdict."""
    count = len(report.approximations)
    figure = _figure(max(4.9 * count, 5.4), 4.7, f"{report.title}: learning curves")
    row = figure.subplots(1, count, squeeze=False)[0]
    for axes, approximation in zip(row, report.approximations, strict=True):
        history, verdict = approximation.history, approximation.verdict
        steps = np.arange(1, len(history.train) + 1)
        axes.plot(steps, history.train, color=_TRAIN, linewidth=0.9, label="train")
        axes.plot(steps, history.validation, color=_VALIDATION, linewidth=0.7, alpha=0.55)
        style = {"color": _VALIDATION, "linewidth": 1.8, "label": "validation, smoothed"}
        _plot_smooth(axes, history.validation, **style)
        if verdict.kind == "overfit":
            axes.axvspan(verdict.best_step, steps[-1], color=_VALIDATION, alpha=0.08)
            axes.axvline(verdict.best_step, color=_VALIDATION, linestyle="--", linewidth=1)
        _scale_errors(axes, np.concatenate([history.train, history.validation]))
        ylabel = f"mean abs. error of {report.split.target_name}"
        axes.set(xlabel=history.step_name, ylabel=ylabel, xlim=(0, steps[-1]))
        text = f"{approximation.label}\n" + textwrap.fill(verdict.text, 62)
        axes.set_title(text, fontsize=8, loc="left")
        axes.grid(alpha=0.25)
        axes.legend(loc="best", fontsize=8)
    return figure


def plot_comparison(report: ApproximationReport) -> Figure:
    """The learning curves of all fits in one picture, the chosen one thicker.

    Validation errors, smoothed as for the verdict, are drawn through, training errors dashed.
    """
    fits = report.approximations
    methods = {fit.method for fit in fits}
    # What all labels begin with stands in the title instead.
    method = f", {fits[0].method}" if len(methods) == 1 else ""
    labels = [_legend_line(fit, fit is report.chosen, whole=len(methods) > 1) for fit in fits]
    fitting = _LEGEND_CHARACTERS // (max(map(len, labels)) + 8)
    columns = max(1, min(math.ceil(len(fits) / 3), fitting))
    rows = math.ceil(len(fits) / columns)
    title = f"{report.title}{method}: validation error (lines), training error (dashes)"
    figure = _figure(9.5, 5.0 + 0.19 * rows, title)
    axes = figure.subplots()
    colors = colormaps["viridis"](np.linspace(0, 0.92, len(fits)))
    if len(fits) <= len(_DISTINCT):
        colors = np.array([to_rgba(color) for color in _DISTINCT[: len(fits)]])
    for fit, color, label in zip(fits, colors, labels, strict=True):
        width = 3.0 if fit is report.chosen else 1.4
        _plot_smooth(axes, fit.history.validation, color=color, linewidth=width, label=label)
        dashes: Any = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "alpha": 0.8}
        _plot_smooth(axes, fit.history.train, color=color, **dashes)
    every_error = [curve for fit in fits for curve in (fit.history.train, fit.history.validation)]
    _scale_errors(axes, np.concatenate(every_error))
    step_names = " or ".join(dict.fromkeys(fit.history.step_name for fit in fits))
    axes.set(xlabel=step_names, ylabel=f"mean abs. error of {report.split.target_name}")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    small: Any = {"fontsize": 8, "title_fontsize": 8, "title": "validation error at the end"}
    figure.legend(loc="outside lower center", ncols=columns, **small)
    return figure


def _with_inputs(report: ApproximationReport, label: str, n_inputs: int) -> Approximation:
    """The fit of this label; ValueError unless the points have so many inputs."""
    found = report.split.test.inputs.shape[1]
    if found != n_inputs:
        raise ValueError(
            f"This picture is of {n_inputs} input(s); these points have {found}. Use `plot_curve` "
            "for one, `plot_surface` for two, `plot_predictions` for any number."
        )
    return report[label]


def _plot_smooth(axes: Axes, curve: npt.NDArray[np.float64], **style: Any) -> None:
    """A learning curve, smoothed as for the verdict."""
    first, smooth = smooth_curve(curve)
    axes.plot(np.arange(len(smooth)) + first, smooth, **style)


def _legend_line(fit: Approximation, chosen: bool, *, whole: bool) -> str:
    """A fit in the legend: its label, or what is compared alone, and its validation error."""
    label = fit.label if whole or not fit.plan.compared else fit.plan.compared
    error = format_error(fit.validation_error)
    error = "diverged" if fit.verdict.kind == "diverged" else error
    return f"{label}: {error}" + (" (chosen)" if chosen else "")


def _draw_surface(
    place: Any, approximation: Approximation, test: Points, names: tuple[str, ...]
) -> None:
    inputs, truth = test.inputs, test.targets
    axes = place.add_subplot(projection="3d")
    sides = [np.linspace(column.min(), column.max(), _GRID_POINTS) for column in inputs.T]
    first, second = np.meshgrid(*sides)
    heights = approximation.function.predict(np.column_stack([first.ravel(), second.ravel()]))
    style: Any = {"cmap": "viridis", "alpha": 0.45, "linewidth": 0, "rstride": 1, "cstride": 1}
    axes.plot_surface(first, second, heights.reshape(first.shape), **style)
    ends = [np.column_stack([inputs, z]) for z in (truth, approximation.predictions)]
    joins = Line3DCollection(np.stack(ends, axis=1), colors=_PREDICTION, linewidths=0.6)
    axes.add_collection3d(joins)
    axes.scatter(*inputs.T, truth, s=9, color=_TRUTH, depthshade=False)
    crosses: Any = {**_CROSSES, "s": 16, "linewidths": 0.8}
    axes.scatter(*inputs.T, approximation.predictions, **crosses)
    axes.set(xlabel=names[0], ylabel=names[1], zlabel=names[2])
    _few_ticks(axes.xaxis, axes.yaxis, axes.zaxis)
    axes.tick_params(axis="z", pad=7)
    axes.zaxis.labelpad = 12
    axes.view_init(elev=24, azim=-58)
    axes.set_box_aspect(None, zoom=0.92)  # room for the labels beside the next panel's


def _headline(approximation: Approximation) -> str:
    return (
        f"{approximation.label}, L2 error {format_error(approximation.l2_error)}, "
        f"mean abs. error {format_error(approximation.mean_abs_error)}"
    )


def _scale_errors(axes: Axes, errors: npt.NDArray[np.float64]) -> None:
    """A logarithmic axis where the errors span more than a factor of five, else a linear one."""
    errors = errors[np.isfinite(errors) & (errors > 0)]
    span = errors.max() / errors.min() if len(errors) else 1.0
    if span < 5:
        _few_ticks(axes.yaxis)
        return
    axes.set_yscale("log")
    if span < 100:
        # One decade has too few powers of ten to read a value from.
        subs = (1.0, 2.0, 3.0, 5.0, 7.0) if span < 20 else (1.0, 2.0, 5.0)
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=subs))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(_tick_label))


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    _few_ticks(axes.xaxis, axes.yaxis)


def _few_ticks(*sides: Axis) -> None:
    """Labels that do not run into each other, thousands parted by commas."""
    for side in sides:
        side.set_major_locator(ticker.MaxNLocator(5))
        side.set_major_formatter(ticker.FuncFormatter(_tick_label))


def _tick_label(value: float, position: int | None = None) -> str:  # noqa: ARG001 - Matplotlib's
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        text = f"{value:.3g}"
    else:
        # Twelve digits hide what binary fractions add to a round number.
        text = f"{float(f'{value:.12g}'):,}".removesuffix(".0")
    return text.replace("-", "\N{MINUS SIGN}")


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(textwrap.fill(title, int(10 * width)))
    return figure
