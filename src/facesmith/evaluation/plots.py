"""Charts of detectors: precision against recall, accuracy against time, FDDB, reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.fddb.curves import FddbCurves
from facesmith.metrics.reliability import Reliability
from facesmith.pictures.charts import (
    BLUE,
    COLOURS,
    SKY,
    STROKES,
    VERMILION,
    marker,
    new_figure,
    tidy,
    write_chart,
)
from facesmith.printable import counted

# After the last colour the strokes and the markers change.
_COLOURS = (*COLOURS, "#000000", "#8C8C8C")
_MARKERS = ("o", "s", "^", "D")
# Offsets of a label from its point, points, with its alignment: the nearest first.
_PLACES = [
    (8.0, 0.0, "left", "center"), (-8.0, 0.0, "right", "center"),
    (0.0, 8.0, "center", "bottom"), (0.0, -8.0, "center", "top"),
    *((x, y * far, "left" if x > 0 else "right", "center")
      for far in (14.0, 26.0, 38.0, 50.0) for y in (1, -1) for x in (10.0, -10.0)),
]  # fmt: skip
_FDDB_MARKED = 1000  # false positives at which most figures are quoted

Points = npt.NDArray[np.float64]


def draw_precision_recall(
    curves: Mapping[str, tuple[Points, Points]],
    path: str | Path,
    title: str,
    marks: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Draw precision against recall; precisions below 0.5 only where a curve has no others.

    `curves` maps labels to recall and precision, `(n,)` each, from the highest threshold to the
    lowest; a curve without points, or without faces (NaN), leaves its label only. `marks` maps
    labels to recall and precision of a point to mark; none where NaN.
    """
    figure = new_figure(9.6, 5.8, dpi=130)
    axes = figure.subplots()
    tidy(axes)
    lowest, needed = 1.0, 0.5
    for i, (label, curve) in enumerate(curves.items()):
        colour, stroke, shape = _style(i)
        recall, precision = np.array(curve)[:, np.isfinite(curve).all(axis=0)]
        if len(recall):  # from the left edge: with recall 0 precision is that of the first point
            recall, precision = np.append(0, recall), np.append(precision[0], precision)
            lowest = min(lowest, float(precision.min()))
            needed = min(needed, float(precision.max()) - 0.1)
        # Each a little thinner, or a curve would hide one that it covers.
        width = 3.0 - 1.6 * i / max(len(curves) - 1, 1)
        axes.plot(recall, precision, label=label, color=colour, linestyle=stroke, linewidth=width)
        point = (marks or {}).get(label, (np.nan, np.nan))
        if np.isfinite(point).all():
            axes.plot(*point, **marker(colour, shape))
    bottom = max(np.floor(max(lowest - 0.005, needed) * 10) / 10, 0)
    axes.set(xlim=(0, 1.005), ylim=(bottom, 1.005))
    axes.set_xlabel("Recall: part of the faces that are found")
    axes.set_ylabel("Precision: part of the boxes that are faces")
    axes.set_title(title, loc="left", fontsize=10).set_wrap(True)
    figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    write_chart(figure, path)


def draw_cumulative_errors(
    curves: Mapping[str, tuple[Points, Points]],
    path: str | Path,
    title: str,
    marks: Sequence[float] = (),
) -> None:
    """Draw the share of faces whose points have at most an error, one curve a label.

    `curves` maps labels to errors and shares, `(n,)` each; NaN leaves the label only. `marks` are
    errors to mark with a dotted line.
    """
    figure = new_figure(9.6, 5.8, dpi=130)
    axes = figure.subplots()
    tidy(axes)
    for mark in marks:
        axes.axvline(mark, color="0.55", linestyle=":", linewidth=1.2)
    farthest = 0.0
    for i, (label, (errors, shares)) in enumerate(curves.items()):
        colour, stroke, _ = _style(i)
        width = 3.0 - 1.6 * i / max(len(curves) - 1, 1)
        axes.plot(errors, shares, label=label, color=colour, linestyle=stroke, linewidth=width)
        farthest = max(farthest, float(np.max(errors, initial=0)))
    axes.set(xlim=(0, farthest or 1), ylim=(0, 1.005))
    axes.set_xlabel("Error: mean distance of the points by the square root of the box's area")
    axes.set_ylabel("Share of all faces, those not found included")
    axes.set_title(title, loc="left", fontsize=10).set_wrap(True)
    figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    write_chart(figure, path)


def draw_accuracy_time(
    points: Mapping[str, tuple[float, float]], path: str | Path, *, title: str, size: str
) -> None:
    """Draw average precision against milliseconds a photo, each label beside its point.

    `points` that are NaN are not drawn; `size` says what the times are of, such as `photo of
    640x480 pixels`.
    """
    from matplotlib import ticker  # noqa: PLC0415 - heavy

    figure = new_figure(8.0, 5.6, dpi=130)
    axes = figure.subplots()
    tidy(axes)
    drawn = {label: p for label, p in points.items() if np.isfinite(p).all() and p[0] > 0}
    for i, label in enumerate(points):
        if label in drawn:
            colour, _, shape = _style(i)
            axes.plot(*drawn[label], **marker(colour, shape))
    axes.set_xscale("log")
    times = [time for time, _ in drawn.values()] or [1.0]
    precisions = [precision for _, precision in drawn.values()] or [0.0, 1.0]
    margin = max((max(precisions) - min(precisions)) * 0.12, 0.02)
    axes.set_xlim(min(times) / 1.6, max(times) * 1.6)
    axes.set_ylim(max(min(precisions) - margin, -0.02), min(max(precisions) + margin, 1.02))
    # Times that lie close together would share one tick or none.
    steps = (1, 2, 5) if max(times) > 2 * min(times) else (1, 1.5, 2, 3, 5, 7)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel(f"Milliseconds a {size}, median, logarithmic: left is faster")
    axes.set_ylabel("Average precision: up is better")
    axes.set_title(title, loc="left", fontsize=10)
    _place_labels(figure, axes, drawn)
    write_chart(figure, path)


def _place_labels(figure: Any, axes: Any, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each label where it covers no point and no label that stands already."""
    from matplotlib.transforms import Bbox  # noqa: PLC0415 - heavy

    figure.canvas.draw()  # the layout and so the scale of the axes stand only now
    figure.set_layout_engine("none")
    frame = axes.get_window_extent()
    marks = axes.transData.transform(list(points.values())) if points else []
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in marks]
    line = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.8, "shrinkB": 5}

    def cost(text: Any) -> float:
        box = text.get_window_extent().padded(2)
        shared = [Bbox.intersection(box, other) for other in taken]
        inside = Bbox.intersection(box, frame)
        area = box.width * box.height - (inside.width * inside.height if inside else 0)
        return float(area + sum(each.width * each.height for each in shared if each))

    for label, point in points.items():
        tried = [
            axes.annotate(
                label, point, (dx, dy), textcoords="offset points", ha=across, va=along,
                fontsize=9, arrowprops=line if abs(dy) > 12 else None,
            )
            for dx, dy, across, along in _PLACES
        ]  # fmt: skip
        best = min(tried, key=cost)
        taken.append(best.get_window_extent().padded(2))
        for text in tried:
            if text is not best:
                text.remove()


def _style(i: int) -> tuple[str, str, str]:
    """Colour, stroke and marker of the detector at a place."""
    turn, place = divmod(i, len(_COLOURS))
    return _COLOURS[place], STROKES[turn % len(STROKES)], _MARKERS[turn % len(_MARKERS)]


def draw_fddb(curves: FddbCurves, path: str | Path, title: str) -> None:
    """Draw FDDB's two curves over the number of false positives."""
    figure = new_figure(7.2, 5.6)
    axes = figure.add_subplot()
    order = np.lexsort((curves.discrete_tpr, curves.false_positives))
    false = curves.false_positives[order]
    at = min(_FDDB_MARKED, int(false.max(initial=0)))
    point = curves.at(at)
    for name, tpr, rate, colour in (
        ("discrete: overlap above 0.5", curves.discrete_tpr, point.discrete_tpr, BLUE),
        ("continuous: sum of overlaps", curves.continuous_tpr, point.continuous_tpr, VERMILION),
    ):
        label = f"{name}; {rate:.4f} at {at:,} false positives"
        axes.plot(false, tpr[order], color=colour, linewidth=2, label=label)
    axes.set_xlim(0, max(int(false.max(initial=0)) * 1.02, 1))
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("False positives in all images together")
    axes.set_ylabel("True positive rate")
    counts = f"{counted(curves.n_faces, 'face')} in {counted(curves.n_images, 'image')}"
    title = f"{title}\n{counts}, {counted(curves.n_detections, 'detection')}"
    axes.set_title(title, loc="left", fontsize=11)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    tidy(axes)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    write_chart(figure, path)


def draw_diagram(axes: Any, compared: Reliability) -> None:
    """Draw the diagram into axes: a bar a bin, the diagonal where scores mean what they say.

    The number of boxes stands at the foot of each bar; whiskers span two standard errors.
    """
    n_bins = len(compared.counts)
    middles = (np.arange(n_bins) + 0.5) / n_bins
    filled = compared.counts > 0
    counts, shares = compared.counts[filled], compared.shares_right[filled]
    # Wilson's centre keeps the error of a bin that is all right or all wrong above zero.
    centre = (shares * counts + 2) / (counts + 4)
    error = 2 * np.sqrt(centre * (1 - centre) / (counts + 4))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (4, 4)), zorder=1)
    axes.bar(middles[filled], shares, 0.9 / n_bins, color=SKY, alpha=0.6, zorder=2)
    low = np.clip(shares - np.maximum(centre - error, 0), 0, None)
    high = np.clip(np.minimum(centre + error, 1) - shares, 0, None)
    axes.errorbar(
        compared.mean_scores[filled], shares, yerr=np.stack([low, high]), fmt="o", color=BLUE,
        clip_on=False, markersize=5, linewidth=1.2, capsize=2, zorder=3,
    )  # fmt: skip
    for middle, count in zip(middles[filled], counts, strict=True):
        axes.annotate(
            f"{count:,}", (middle, 0), (0, 3), textcoords="offset points", ha="center",
            fontsize=7.5, color="0.25", zorder=4,
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel("Score (numbers: boxes in the bin)")
    axes.set_ylabel("Share of boxes that are faces")
    title = f"Expected calibration error {compared.expected_error:.3f}"
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def write_diagram(compared: Reliability, path: str | Path) -> None:
    """Write the diagram as a PNG file."""
    figure = new_figure(6.2, 5.4)
    draw_diagram(figure.add_subplot(), compared)
    write_chart(figure, path)
