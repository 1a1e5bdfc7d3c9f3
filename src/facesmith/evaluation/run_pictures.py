"""The pictures of a run's report: learning curves of each part, and precision against recall."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.evaluation.verdict import STRICT_IOU, Verdict, plain
from facesmith.pictures.charts import (
    COLOURS,
    STROKES,
    legend_label,
    marker,
    new_figure,
    tidy,
    write_chart,
)

_SIZE = (5.4, 3.6)  # inches: two beside each other on a desk, one on a phone
# Columns of a log -> how the chart names them; drawn where they are there.
_LOSSES = {"train_loss": "training", "validation_loss": "validation"}
# Column of a log -> what it is, in words.
FIGURES = {
    "validation_ap": "AP at IoU 0.5",
    "validation_ap_iou40": "AP at IoU 0.4",
    "validation_recall_at_0.1": "recall at 0.1 false boxes a photo",
    "train_accuracy": "accuracy, training",
    "validation_accuracy": "accuracy, validation",
    "validation_auc": "AUC, validation",
}


@dataclass(frozen=True)
class Curve:
    """One column of a log, where it says something."""

    epochs: tuple[int, ...]
    values: tuple[float, ...]


def read_log(path: str | Path) -> dict[str, Curve]:
    """The columns of a run's `log.csv` by name, without cells that are empty or no number.

    A file that is missing or damaged has no columns.
    """
    columns: dict[str, list[tuple[int, float]]] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                epoch = int(row["epoch"])
                for name, text in row.items():
                    value = _number(text)
                    if isfinite(value):
                        columns.setdefault(name, []).append((epoch, value))
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    return {
        name: Curve(tuple(e for e, _ in points), tuple(v for _, v in points))
        for name, points in columns.items()
    }


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return nan


def draw_losses(log: Mapping[str, Curve], best_epoch: int, path: Path) -> bool:
    """Draw the losses by epoch; `best_epoch`, from 1 on, is marked. Whether there are any."""
    return _draw(log, _LOSSES, "loss", best_epoch, path)


def draw_validation(log: Mapping[str, Curve], best_epoch: int, path: Path) -> bool:
    """Draw the figures of the validation likewise."""
    return _draw(log, FIGURES, "", best_epoch, path)


def _draw(
    log: Mapping[str, Curve], names: Mapping[str, str], label: str, best_epoch: int, path: Path
) -> bool:
    # A curve of one point says nothing.
    shown = [(n, words) for n, words in names.items() if n in log and len(log[n].epochs) > 1]
    if not shown:
        return False
    figure = new_figure(*_SIZE, dpi=130)
    axes = figure.subplots()
    tidy(axes)
    for i, (name, words) in enumerate(shown):
        curve = log[name]
        style = {"color": COLOURS[i], "linestyle": STROKES[i % len(STROKES)], "linewidth": 1.8}
        few = {"marker": ".", "markersize": 7} if len(curve.epochs) < 30 else {}
        axes.plot(curve.epochs, curve.values, label=words, **style, **few)
    if best_epoch > 0:
        axes.axvline(best_epoch, color="0.55", linewidth=1, linestyle=(0, (4, 3)))
        text = {"xytext": (4, -2), "textcoords": "offset points", "va": "top", "fontsize": 8}
        axes.annotate("kept", (best_epoch, 1), xycoords=("data", "axes fraction"), **text)
    if not label:  # shares, which Matplotlib would draw beyond 1
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.02))
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=8.5, frameon=False, loc="best")
    write_chart(figure, path)
    return True


def draw_old_and_new(verdict: Verdict, path: Path) -> bool:
    """Draw precision against recall of both; marks: at their own thresholds. Whether possible."""
    if not verdict.n_faces:
        return False
    figure = new_figure(5.8, 4.4, dpi=130)
    axes = figure.subplots()
    tidy(axes)
    lowest = 1.0
    both = zip((verdict.old, verdict.new), verdict.curves, COLOURS[1::-1], strict=True)
    for judged, curve, colour in both:
        name = judged.name if judged is verdict.old else "new"
        label = f"{name}: AP {plain(curve.average_precision)}"
        recall = np.append(0, curve.recall)
        precision = np.append(curve.precision[:1] if len(curve.precision) else 1.0, curve.precision)
        axes.plot(recall, precision, label=legend_label(label), color=colour, linewidth=2)
        at = curve.at_score(float(np.float32(judged.threshold)))
        if isfinite(at["precision"]):
            axes.plot(at["recall"], at["precision"], **marker(colour))
            lowest = min(lowest, at["precision"])
    axes.set(xlim=(0, 1.01), ylim=(min(0.5, np.floor(lowest * 10) / 10), 1.01))
    axes.set_xlabel("recall: part of the faces that are found")
    axes.set_ylabel("precision: part of the boxes that are faces")
    axes.set_title(f"IoU {STRICT_IOU:g}; marks: at the own threshold", loc="left", fontsize=10)
    axes.legend(fontsize=9, frameon=False, loc="lower left")
    write_chart(figure, path)
    return True
