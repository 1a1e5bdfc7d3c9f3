"""What all charts share: a figure, colours, plain axes, and the PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesmith.files import replacing
from facesmith.printable import printable

# Okabe and Ito's colours, which colour-blind readers tell apart, without their yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BLUE, VERMILION, SKY = COLOURS[0], COLOURS[1], COLOURS[5]
STROKES = ("-", "--", "-.", ":")


def new_figure(width: float, height: float, *, dpi: int = 150) -> Any:
    """An empty Matplotlib figure, inches, that belongs to no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - heavy
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Any) -> None:
    """Give axes a light grid behind the curves, and no lines at the top and at the right."""
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def marker(colour: str, shape: str = "o", edge_width: float = 1.2) -> dict[str, Any]:
    """Arguments of `axes.plot` for one point with a white edge."""
    return {
        "marker": shape, "markersize": 8, "color": colour, "markeredgecolor": "white",
        "markeredgewidth": edge_width, "linestyle": "none", "zorder": 4,
    }  # fmt: skip


def legend_label(name: str) -> str:
    """A name for a legend: Matplotlib leaves out those that begin with an underscore."""
    return f" {name}" if name.startswith("_") else name


def plain_texts(figure: Any) -> None:
    """Show names from outside as they are: no formulas between dollars, nothing that crashes.

    Call it before a figure is saved. Tick labels, which Matplotlib makes itself, stay.
    """
    texts = [*figure.texts, *(text for each in figure.legends for text in each.get_texts())]
    for axes in figure.axes:
        legend = axes.get_legend()
        texts += [axes.title, *axes.texts, *(legend.get_texts() if legend is not None else ())]
        texts += [axis.label for axis in axes._axis_map.values()]
    for text in texts:
        text.set_parse_math(False)
        lines = text.get_text().split("\n")
        text.set_text("\n".join(printable(line) for line in lines))


def write_chart(figure: Any, path: str | Path) -> None:
    """Write a figure as PNG; an existing file is replaced."""
    plain_texts(figure)
    with replacing(path) as file:
        figure.savefig(file, format="png")
