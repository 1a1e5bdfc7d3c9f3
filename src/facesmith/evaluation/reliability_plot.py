"""The reliability diagram: scores against the share of boxes that are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facesmith.files import replacing
from facesmith.metrics.reliability import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_diagram(axes: Axes, compared: Reliability) -> None:
    """Draw the diagram into axes: a bar a bin, the diagonal where scores mean what they say.

    At the foot of each bar the number of its boxes; the whiskers span two standard errors of the
    share, which says little in bins of few boxes.
    """
    n_bins = len(compared.counts)
    middles = (np.arange(n_bins) + 0.5) / n_bins
    filled = compared.counts > 0
    counts, shares = compared.counts[filled], compared.shares_right[filled]
    # Wilson's centre keeps the error of a bin that is all right or all wrong above zero.
    centre = (shares * counts + 2) / (counts + 4)
    error = 2 * np.sqrt(centre * (1 - centre) / (counts + 4))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (4, 4)), zorder=1)
    axes.bar(middles[filled], shares, 0.9 / n_bins, color="#56B4E9", alpha=0.6, zorder=2)
    low = np.clip(shares - (centre - error), 0, None)
    high = np.clip(centre + error - shares, 0, None)
    axes.errorbar(
        compared.mean_scores[filled],
        shares,
        yerr=np.stack([low, high]),
        fmt="o",
        color="#0072B2",
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
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(6.2, 5.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    draw_diagram(figure.add_subplot(), compared)
    with replacing(path) as file:
        figure.savefig(file, format="png")
