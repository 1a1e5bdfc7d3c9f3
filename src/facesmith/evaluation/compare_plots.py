"""Pictures of a comparison: precision against recall, and accuracy against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.metrics.average_precision import PrecisionRecall
from facesmith.pictures.charts import COLOURS, STROKES, marker, new_figure, tidy, write_chart

# After the last colour the strokes and the markers change.
_COLOURS = (*COLOURS, "#000000", "#8C8C8C")
_MARKERS = ("o", "s", "^", "D")
_LOWEST_PRECISION = 0.5  # the picture begins here, or lower if no curve comes up to it
_LABEL_SIZE = 9.0  # points


def draw_comparison_curves(
    curves: Mapping[str, PrecisionRecall],
    path: str | Path,
    *,
    title: str,
    own_thresholds: Mapping[str, float] | None = None,
) -> None:
    """Draw the curves of several detectors on the same photos, the own threshold marked on each.

    Precisions are shown from 0.5 on, and less only where a curve would not be seen otherwise.
    """
    figure = new_figure(9.6, 5.8, dpi=130)
    axes = figure.subplots()
    tidy(axes)
    lowest = _LOWEST_PRECISION
    for i, (label, curve) in enumerate(curves.items()):
        colour, stroke, shape = _style(i)
        recall, precision = curve.recall, curve.precision
        # A curve comes from the left edge: with recall 0 precision is that of the first point.
        if len(recall) and curve.n_faces:
            recall, precision = np.append(0, recall), np.append(precision[0], precision)
            lowest = min(lowest, float(precision.max()) - 0.1)
        axes.plot(
            recall,
            precision,
            color=colour,
            linestyle=stroke,
            # Each a little thinner, or a curve would hide one that it covers.
            linewidth=3.0 - 1.6 * i / max(len(curves) - 1, 1),
            label=f"{label}: AP {_figure_text(curve.average_precision)}",
        )
        point = _own_point(curve, (own_thresholds or {}).get(label))
        if point is not None:
            axes.plot(*point, **marker(colour, shape))
    axes.set(xlim=(0, 1.005), ylim=(max(np.floor(lowest * 10) / 10, 0), 1.005))
    axes.set_xlabel("Recall: part of the faces that are found")
    axes.set_ylabel("Precision: part of the boxes that are faces")
    note = "\nMarks: each detector at its own threshold" if own_thresholds else ""
    axes.set_title(f"{title}{note}", loc="left", fontsize=10)
    figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    write_chart(figure, path)


def draw_accuracy_time(
    points: Mapping[str, tuple[float, float]], path: str | Path, *, title: str, size: str
) -> None:
    """Draw average precision against milliseconds, each detector's label beside its point.

    Args:
        points: Label -> milliseconds a photo and average precision; not drawn where NaN.
        path: The PNG file to make or to replace.
        title: What was compared, on what.
        size: What the times are of, such as `photo of 640x480 pixels`.
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
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel(f"Milliseconds a {size}, median, logarithmic: left is faster")
    axes.set_ylabel("Average precision: up is better")
    axes.set_title(title, loc="left", fontsize=10)
    _place_labels(figure, axes, drawn)
    write_chart(figure, path)


def _place_labels(figure: Any, axes: Any, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each label where it covers no point and no label that stands already."""
    figure.canvas.draw()  # the layout and so the scale of the axes stand only now
    figure.set_layout_engine("none")
    renderer = figure.canvas.get_renderer()
    marks = axes.transData.transform(list(points.values())) if points else np.zeros((0, 2))
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in marks]
    frame = axes.get_window_extent(renderer)
    for label, point in points.items():
        best: tuple[float, Any] | None = None
        for dx, dy, across, along in _places():
            text = axes.annotate(
                label,
                point,
                (dx, dy),
                textcoords="offset points",
                ha=across,
                va=along,
                fontsize=_LABEL_SIZE,
                arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.8, "shrinkB": 5}
                if max(abs(dx), abs(dy)) > 12
                else None,
            )
            box = text.get_window_extent(renderer)
            corners = (box.x0 - 2, box.y0 - 2, box.x1 + 2, box.y1 + 2)
            cost = sum(_shared(corners, other) for other in taken)
            within = (frame.x0, frame.y0, frame.x1, frame.y1)
            cost += (corners[2] - corners[0]) * (corners[3] - corners[1]) - _shared(corners, within)
            if best is not None and cost >= best[0]:
                text.remove()
                continue
            if best is not None:
                best[1].remove()
            best = (cost, text)
            if cost <= 0:
                break
        assert best is not None
        box = best[1].get_window_extent(renderer)
        taken.append((box.x0 - 2, box.y0 - 2, box.x1 + 2, box.y1 + 2))


def _places() -> list[tuple[float, float, str, str]]:
    """Offsets of a label from its point, points, with its alignment: the nearest first."""
    near = [(8.0, 0.0, "left", "center"), (-8.0, 0.0, "right", "center"),
            (0.0, 8.0, "center", "bottom"), (0.0, -8.0, "center", "top")]  # fmt: skip
    far = [
        (sign_x * 10.0, sign_y * distance, "left" if sign_x > 0 else "right", "center")
        for distance in (14.0, 26.0, 38.0, 50.0)
        for sign_y in (1, -1)
        for sign_x in (1, -1)
    ]
    return near + far


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    """Area that two boxes `x_min, y_min, x_max, y_max` share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def _own_point(curve: PrecisionRecall, threshold: float | None) -> tuple[float, float] | None:
    """Recall and precision at the own threshold; `None` where nothing reaches it."""
    if threshold is None or not curve.n_faces:
        return None
    at = curve.at_score(float(np.float32(threshold)))
    return None if np.isnan(at["precision"]) else (at["recall"], at["precision"])


def _style(i: int) -> tuple[str, str, str]:
    """Colour, stroke and marker of the detector at a place."""
    turn = i // len(_COLOURS)
    return (
        _COLOURS[i % len(_COLOURS)],
        STROKES[turn % len(STROKES)],
        _MARKERS[turn % len(_MARKERS)],
    )


def _figure_text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
