"""Pictures of where a detector fails: rates by condition, the worst misses, false boxes."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

from PIL import Image

from facesmith.evaluation.failure_bins import Breakdown
from facesmith.evaluation.failure_report import Failures
from facesmith.pictures.charts import BLUE, VERMILION, new_figure, write_chart
from facesmith.pictures.contact_sheet import Cell, cells_sheet
from facesmith.printable import counted

_TICK = {"marker": "|", "markersize": 15, "color": "0.45", "markeredgewidth": 1.5}
_COLUMNS = 3


def draw_breakdown(failures: Failures, path: str | Path) -> None:
    """Draw one small chart a condition: a dot a bin, its 95 % interval, and the overall figure.

    Weak bins are vermilion. Empty bins are left out, and conditions that are the same for all.
    """
    parts = [(p, "recall") for p in failures.faces] + [(p, "precision") for p in failures.boxes]
    parts = [each for each in parts if sum(b.n > 0 for b in each[0].bins) > 1]
    n_rows = max(-(-len(parts) // _COLUMNS), 1)
    figure = new_figure(4.3 * _COLUMNS, 2.7 * n_rows + 0.9, dpi=130)
    found = f"{failures.n_found:,} of {counted(failures.n_faces, 'face')} found"
    false = f"{len(failures.false_boxes):,} of {counted(failures.n_boxes, 'box', 'boxes')} false"
    name = failures.name if len(failures.name) <= 50 else f"...{failures.name[-47:]}"
    title = (
        f"{name}: {found}, {false}, at a score of {failures.min_score:.2f}\n"
        "bars: 95 % intervals; dashed: overall; grey ticks: mean score; orange: clearly weaker; "
        "in brackets: how many"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    for place, (part, rate) in enumerate(parts):
        _draw_part(figure.add_subplot(n_rows, _COLUMNS, place + 1), part, rate)
    write_chart(figure, path)


def _draw_part(axes: Any, part: Breakdown, rate: str) -> None:
    bins = [b for b in part.bins if b.n]
    expected = [b.expected for b in bins]
    levels = {value for value in expected if not isnan(value)}
    if len(levels) == 1:
        axes.axvline(*levels, color="0.6", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    else:
        axes.plot(expected, range(len(bins)), linestyle="none", zorder=1, **_TICK)
    for place, b in enumerate(bins):
        colour = VERMILION if b.weak else BLUE
        axes.plot(b.interval, (place, place), color=colour, linewidth=2, zorder=2)
        axes.plot(b.rate, place, marker="o", markersize=6, color=colour, zorder=3)
    labels = [f"{b.label}   ({b.n:,})" for b in bins]
    axes.set_yticks(range(len(bins)), labels, fontsize=8.5)
    for tick, b in zip(axes.get_yticklabels(), bins, strict=True):
        if b.weak:
            tick.set_color(VERMILION)
            tick.set_fontweight("bold")
    axes.set_ylim(len(bins) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_title(f"{part.name}: {rate}", loc="left", fontsize=10)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def misses_sheet(failures: Failures, max_shown: int = 40) -> Image.Image:
    """Draw the worst misses, see `Failures.misses`; the boxes that were found are green."""
    misses = failures.misses
    words = (
        f"{len(misses):,} of {counted(failures.n_faces, 'face')} in {_photos(failures)} "
        f"{'was' if len(misses) == 1 else 'were'} missed at a "
        f"score of {failures.min_score:.2f}. Orange: missed, the largest and sharpest first. "
        "Green: what was found."
    )
    words = words if misses else f"None of {failures.n_faces:,} faces was missed."
    return cells_sheet(f"Missed faces: {failures.name}", words, miss_cells(failures, max_shown))


def miss_cells(failures: Failures, max_shown: int) -> list[Cell]:
    """The cells of `misses_sheet`."""
    cells = []
    for m in failures.misses[:max_shown]:
        why = {
            "not seen": "" if isnan(m.sharpness) else f", sharpness {m.sharpness:.1f}",
            "below the threshold": f", score {m.score:.2f}",
            "badly placed": f", a box at IoU {m.iou:.2f}",
        }
        line = f"{m.height:.0f} px{why[m.reason]}"
        cells.append(Cell(m.photo, m.box, m.found.boxes, (m.photo.name, line)))
    return cells


def false_boxes_sheet(failures: Failures, max_shown: int = 40) -> Image.Image:
    """Draw the false boxes with the highest scores; annotated faces are green."""
    false = failures.false_boxes
    words = (
        f"{len(false):,} of {counted(failures.n_boxes, 'box', 'boxes')} in {_photos(failures)} "
        f"{'belongs' if len(false) == 1 else 'belong'} to no face. "
        "Orange: false, the highest score first. Green: annotated faces."
    )
    words = words if false else f"None of {failures.n_boxes:,} boxes is false."
    return cells_sheet(f"False boxes: {failures.name}", words, false_cells(failures, max_shown))


def false_cells(failures: Failures, max_shown: int) -> list[Cell]:
    """The cells of `false_boxes_sheet`."""
    cells = []
    for b in failures.false_boxes[:max_shown]:
        why = {"no face": "", "badly placed": f", IoU {b.iou:.2f}", "second box": ", second box"}
        line = f"score {b.score:.2f}, {b.height:.0f} px{why[b.kind]}"
        cells.append(Cell(b.photo, b.box, b.photo.boxes, (b.photo.name, line)))
    return cells


def _photos(failures: Failures) -> str:
    return counted(failures.n_photos, "photo")
