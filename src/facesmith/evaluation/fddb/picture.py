"""A picture of FDDB's two curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesmith.evaluation.fddb.curves import FddbCurves
from facesmith.pictures.charts import BLUE, VERMILION, new_figure, tidy, write_chart

_MARKED = 1000  # false positives at which most figures are quoted


def draw_curves(curves: FddbCurves, path: str | Path, title: str) -> None:
    """Draw both curves over the number of false positives."""
    figure = new_figure(7.2, 5.6)
    axes = figure.add_subplot()
    order = np.lexsort((curves.discrete_tpr, curves.false_positives))
    false = curves.false_positives[order]
    at = min(_MARKED, int(false.max(initial=0)))
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
    axes.set_title(
        f"{title}\n{curves.n_faces:,} faces in {curves.n_images:,} images, "
        f"{curves.n_detections:,} detections",
        loc="left",
        fontsize=11,
    )
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    tidy(axes)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    write_chart(figure, path)
