"""Charts of one detector: precision against recall, and the reliability of its scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.metrics.reliability import Reliability
from facesmith.pictures.charts import BLUE, COLOURS, SKY, STROKES, new_figure, tidy, write_chart


def draw_precision_recall(
    curves: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    path: str | Path,
    title: str,
) -> None:
    """Draw precision against recall.

    Args:
        curves: Label -> recall and precision, `(n,)` each, from the highest threshold to the
            lowest. A curve without points, or without faces (NaN), leaves its label only.
        path: The PNG to make or to replace.
        title: What was scored, on what.
    """
    figure = new_figure(6.4, 5.6, dpi=120)
    axes = figure.subplots()
    lowest = 1.0
    for i, (label, (recall, precision)) in enumerate(curves.items()):
        known = np.isfinite(recall) & np.isfinite(precision)
        lowest = min(lowest, float(precision[known].min(initial=1)))
        axes.plot(
            recall[known],
            precision[known],
            label=label,
            color=COLOURS[i % len(COLOURS)],
            linestyle=STROKES[i // len(COLOURS) % len(STROKES)],
            linewidth=1.8,
        )
    # A whole tenth below the lowest point: curves that are all good use the whole picture.
    axes.set(xlim=(0, 1.005), ylim=(np.floor(max(lowest - 0.005, 0) * 10) / 10, 1.005))
    axes.set_xlabel("Recall: part of the faces that are found")
    axes.set_ylabel("Precision: part of the boxes that are faces")
    axes.set_title(title, loc="left", fontsize=10).set_wrap(True)
    axes.legend(loc="lower left", fontsize=9, frameon=False)
    tidy(axes)
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
    low = np.clip(shares - (centre - error), 0, None)
    high = np.clip(centre + error - shares, 0, None)
    axes.errorbar(
        compared.mean_scores[filled],
        shares,
        yerr=np.stack([low, high]),
        fmt="o",
        color=BLUE,
        markersize=5,
        linewidth=1.2,
        capsize=2,
        zorder=3,
    )
    for middle, count in zip(middles[filled], counts, strict=True):
        axes.annotate(
            f"{count:,}",
            (middle, 0),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
            color="0.25",
            zorder=4,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel("Score (numbers: boxes in the bin)")
    axes.set_ylabel("Share of boxes that are faces")
    axes.set_title(
        f"Expected calibration error {compared.expected_error:.3f}", loc="left", fontsize=11
    )
    axes.spines[["top", "right"]].set_visible(False)


def write_diagram(compared: Reliability, path: str | Path) -> None:
    """Write the diagram as a PNG file."""
    figure = new_figure(6.2, 5.4)
    draw_diagram(figure.add_subplot(), compared)
    write_chart(figure, path)
