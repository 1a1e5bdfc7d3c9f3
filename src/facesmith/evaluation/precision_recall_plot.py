"""A picture of precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.files import replacing

# Colours that colour-blind readers tell apart too (the first of Okabe and Ito's), and strokes for
# those who see none.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STROKES = ("-", "--", "-.", ":")


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(6.4, 5.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots()
    lowest = 1.0
    for i, (label, (recall, precision)) in enumerate(curves.items()):
        drawn = np.isfinite(recall) & np.isfinite(precision)
        if drawn.any():
            lowest = min(lowest, float(precision[drawn].min()))
        axes.plot(
            recall[drawn],
            precision[drawn],
            label=label,
            color=_COLOURS[i % len(_COLOURS)],
            linestyle=_STROKES[i // len(_COLOURS) % len(_STROKES)],
            linewidth=1.8,
        )
    # A whole tenth below the lowest point: curves that are all good use the whole picture.
    axes.set(xlim=(0, 1.005), ylim=(np.floor(max(lowest - 0.005, 0) * 10) / 10, 1.005))
    axes.set_xlabel("Recall: part of the faces that are found")
    axes.set_ylabel("Precision: part of the boxes that are faces")
    axes.set_title(title, loc="left", fontsize=10).set_wrap(True)
    axes.legend(loc="lower left", fontsize=9, frameon=False)
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as file:
        figure.savefig(file, format="png")
