"""One picture of where a detector fails: recall and precision of every bin, with intervals."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

from facesmith.evaluation.failure_bins import Breakdown
from facesmith.evaluation.failure_report import Failures
from facesmith.files import replacing

_GOOD, _WEAK = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion
_TICK = {"marker": "|", "markersize": 15, "color": "0.45", "markeredgewidth": 1.5}
_COLUMNS = 3


def draw_breakdown(failures: Failures, path: str | Path) -> None:
    """Draw one small chart a condition: a dot a bin, its 95 % interval, and the overall figure.

    Weak bins are vermilion. Bins without faces or boxes are left out, and so are conditions that
    are the same for all.

    Args:
        failures: What to draw.
        path: The PNG file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy
    from matplotlib.figure import Figure  # noqa: PLC0415

    parts = [(part, "recall") for part in failures.faces]
    parts += [(part, "precision") for part in failures.boxes]
    parts = [each for each in parts if sum(b.n > 0 for b in each[0].bins) > 1]
    n_rows = max(-(-len(parts) // _COLUMNS), 1)
    figure = Figure(figsize=(4.3 * _COLUMNS, 2.7 * n_rows + 0.9), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_title(failures), x=0.01, ha="left", fontsize=12)
    for place, (part, rate) in enumerate(parts):
        _draw_part(figure.add_subplot(n_rows, _COLUMNS, place + 1), part, rate)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _draw_part(axes: Any, part: Breakdown, rate: str) -> None:
    bins = [b for b in part.bins if b.n]
    expected = [b.expected for b in bins]
    levels = {value for value in expected if not isnan(value)}
    if len(levels) == 1:
        axes.axvline(*levels, color="0.6", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    else:
        axes.plot(expected, range(len(bins)), linestyle="none", zorder=1, **_TICK)
    for place, b in enumerate(bins):
        colour = _WEAK if b.weak else _GOOD
        axes.plot(b.interval, (place, place), color=colour, linewidth=2, zorder=2)
        axes.plot(b.rate, place, marker="o", markersize=6, color=colour, zorder=3)
    labels = [f"{b.label}   ({b.n:,})" for b in bins]
    axes.set_yticks(range(len(bins)), labels, fontsize=8.5)
    for tick, b in zip(axes.get_yticklabels(), bins, strict=True):
        if b.weak:
            tick.set_color(_WEAK)
            tick.set_fontweight("bold")
    axes.set_ylim(len(bins) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_title(f"{part.name}: {rate}", loc="left", fontsize=10)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _title(failures: Failures) -> str:
    found = f"{failures.n_found:,} of {failures.n_faces:,} faces found"
    false = f"{len(failures.false_boxes):,} of {failures.n_boxes:,} boxes false"
    name = failures.name if len(failures.name) <= 50 else f"...{failures.name[-47:]}"
    return (
        f"{name}: {found}, {false}, at a score of {failures.min_score:.2f}\n"
        "bars: 95 % intervals; dashed: overall; grey ticks: mean score; orange: clearly weaker; "
        "in brackets: how many"
    )
