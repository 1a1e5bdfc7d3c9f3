"""Charts of README and docs, each in a light and a dark version, from figures that are committed.

`benchmarks/results/` has the figures; the curves of a training are those of a run of
`facesmith demo`. Each function draws one chart in a theme and returns a Matplotlib figure.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context, ticker
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
WIDE, TALL = 5.2, 3.3  # inches; at 390 pixels the letters are 9 pixels high
LETTERS = 10.5  # points
DPI = 200  # of charts in pixels
DETECTORS = (("facesmith", "facesmith"), ("yunet_n", "YuNet_n"), ("yunet_s", "YuNet_s"))


@dataclass(frozen=True)
class Theme:
    """Colours of a chart on light or dark ground; the ground itself is transparent."""

    ink: str
    faint: str
    line: str
    colours: tuple[str, str, str, str]  # told apart with any colour vision


THEMES = {
    "light": Theme("#1f2328", "#59636e", "#d6dce2", ("#0b7a55", "#c2410c", "#1d5fc4", "#8a8f98")),
    "dark": Theme("#e6edf3", "#a2abb5", "#3d444d", ("#3fcf9c", "#ff9d5c", "#6cb0ff", "#8a8f98")),
}  # fmt: skip


@cache
def results(name: str) -> Any:
    """A file of `benchmarks/results/`."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def new_figure() -> Figure:
    """An empty figure on transparent ground; `style` gives its colours."""
    return Figure(figsize=(WIDE, TALL), layout="constrained", facecolor="none")


def style(theme: Theme) -> dict[str, Any]:
    """Matplotlib's settings of a theme: letters stay letters' outlines, so no font is needed."""
    return {
        "font.size": LETTERS, "axes.titlesize": LETTERS, "axes.facecolor": "none",
        "text.color": theme.ink, "axes.labelcolor": theme.ink, "axes.edgecolor": theme.faint,
        "xtick.color": theme.faint, "ytick.color": theme.faint, "grid.color": theme.line,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "axes.axisbelow": True, "legend.frameon": False, "svg.fonttype": "path",
        "svg.hashsalt": "facesmith", "lines.linewidth": 2.2, "grid.linewidth": 0.8,
    }  # fmt: skip


def as_svg(draw: Callable[[Theme], Figure], theme: Theme) -> str:
    """The chart as an SVG file's text: no date and no script in it, the same bytes at every run."""
    with rc_context(style(theme)):
        figure = draw(theme)
        FigureCanvasSVG(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", file.getvalue(), flags=re.DOTALL)
    return re.sub(r"(\d+\.\d{4})\d+", r"\1", text)


SETS = (("val_other_domain", "looked_at", "other people's photos"),
        ("val_people", "as_annotated", "sport, play, streets"))  # fmt: skip
GONE_ON = (
    ("sideways 20 --no-cross-validation", "turned by 90 degrees,\n20 photos"),
    ("sideways 120 --no-cross-validation", "120 photos"),
    ("sideways 120 --forget --no-cross-validation", "120 photos, --forget"),
    ("val_people 120 --no-cross-validation", "sport, play, streets,\n120 photos"),
)


def speed_accuracy_figures() -> dict[str, list[tuple[float, float, float]]]:
    """Of each set and detector: milliseconds, average precision at an IoU of 0.5 and of 0.4."""
    times = {d["detector"]: d["ms_1280x720"] for d in results("detection")["detectors"]}
    report = results("recall_report")
    scored = {title: [report[name][key][labels] for key, _ in DETECTORS]
              for name, labels, title in SETS}  # fmt: skip
    return {
        title: [(times[key], each["ap50"], each["ap40"])
                for (key, _), each in zip(DETECTORS, of_set, strict=True)]
        for title, of_set in scored.items()
    }  # fmt: skip


def going_on_figures() -> dict[str, tuple[float, float]]:
    """Average precision at an IoU of 0.4, before and after training on photos of one's own."""
    sets = {words: results("going_on")[key]["sets"][key.split()[0]] for key, words in GONE_ON}
    return {words: (of["shipped"]["ap_0.4"], of["new"]["ap_0.4"]) for words, of in sets.items()}


def reliability_figures() -> list[tuple[float, float, float]]:
    """Of each bin: number of boxes, mean score, share of right boxes."""
    output = results("page_outputs")["outputs"]["reliability"]["output"]
    rows = re.findall(r"^0\.\d to \S+ +([\d,]+) +(\S+) +(\S+)$", output, re.MULTILINE)
    return [(float(n.replace(",", "")), float(score), float(share)) for n, score, share in rows]


FIGURES: dict[str, Callable[[], Any]] = {
    "speed-accuracy": speed_accuracy_figures,
    "going-on": going_on_figures,
    "reliability": reliability_figures,
}


def as_pixels(draw: Callable[[Theme], Figure], theme: Theme) -> Image.Image:
    """The chart in pixels on transparent ground, where its lines are too many for SVG."""
    with rc_context(style(theme)):
        figure = draw(theme)
        FigureCanvasAgg(figure)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI)
    return Image.open(file)


def speed_accuracy(theme: Theme) -> Figure:
    """Average precision against milliseconds: from an overlap of 0.5 up to one of 0.4."""
    figure = new_figure()
    row = figure.subplots(1, 2, sharey=True)
    for axes, (title, points) in zip(row, speed_accuracy_figures().items(), strict=True):
        for (milliseconds, low, high), (_, words), colour in zip(
            points, DETECTORS, theme.colours, strict=False
        ):
            axes.plot([milliseconds] * 2, [low, high], color=colour, marker="o", markersize=6)
            axes.annotate(words, (milliseconds, low), xytext=(0, -9), textcoords="offset points",
                          ha="center", va="top", color=colour, fontsize=LETTERS - 1)  # fmt: skip
        axes.set(xlim=(8, 54), ylim=(0.85, 1.0), xlabel="ms, 1280x720, one thread")
        axes.set_title(title, loc="left")
        axes.xaxis.set_major_locator(ticker.MultipleLocator(10))
    row[0].set_ylabel("average precision, IoU 0.5 to 0.4")
    return figure


def going_on(theme: Theme) -> Figure:
    """Average precision before and after training on photos of one's own."""
    figure = new_figure()
    axes = figure.subplots()
    rows = going_on_figures()
    for place, (before, after) in enumerate(rows.values()):
        arrow = {"arrowstyle": "-|>", "color": theme.colours[0], "lw": 2.2, "shrinkA": 4}
        axes.annotate("", (after, place), (before, place), arrowprops=arrow)
        for value, colour, words in ((before, theme.colours[3], "shipped weights"),
                                     (after, theme.colours[0], "after training")):  # fmt: skip
            axes.plot(value, place, "o", color=colour, markersize=8,
                      label=None if place else words)  # fmt: skip
    axes.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.4, -0.6),
             xlabel="average precision of other photos of the kind")  # fmt: skip
    axes.tick_params(axis="y", colors=theme.ink)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper right", ncols=2, handletextpad=0.1, columnspacing=1)
    return figure


def reliability(theme: Theme) -> Figure:
    """Mean score and share of right boxes by bins of score, with two standard errors."""
    boxes, scores, shares = np.array(reliability_figures()).T
    figure = new_figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=1.2, linestyle="--")
    errors = 2 * np.sqrt(shares * (1 - shares) / boxes)
    axes.errorbar(scores, shares, errors, color=theme.colours[0], marker="o", linestyle="none",
                  capsize=3, elinewidth=1.5)  # fmt: skip
    axes.annotate("as many right as the score says", (0.42, 0.46), color=theme.faint, rotation=32,
                  ha="center", rotation_mode="anchor", fontsize=LETTERS - 1)  # fmt: skip
    axes.set(xlabel="score of the box", ylabel="share of right boxes", xlim=(0, 1.02),
             ylim=(-0.02, 1.02))  # fmt: skip
    return figure


def roc(theme: Theme, demo: Path) -> Figure:
    """ROC curves of the two classifiers of a demo, with the points nearest to (0, 1)."""
    figure = new_figure()
    axes = figure.subplots()
    for name, colour in zip(("compact", "pointwise"), theme.colours, strict=False):
        report = json.loads((demo / name / "roc.json").read_text("utf-8"))
        curve = report["curve"]
        axes.plot(
            curve["fpr"], curve["tpr"], color=colour, label=f"{name}, AUC {report['auc']:.3f}"
        )
        axes.plot(report["best"]["fpr"], report["best"]["tpr"], "o", color=colour, markersize=8)
    axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=1.2, linestyle="--", label="guessing")
    axes.set(xlabel="share of other patches taken for faces", ylabel="share of faces found",
             xlim=(-0.01, 1), ylim=(0, 1.02))  # fmt: skip
    axes.legend(loc="lower right")
    return figure


def training(theme: Theme, demo: Path) -> Figure:
    """Loss by epoch of the two classifiers of a demo: validation drawn through, training dotted."""
    figure = new_figure()
    axes = figure.subplots()
    for name, colour in zip(("compact", "pointwise"), theme.colours, strict=False):
        with (demo / name / "log.csv").open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        for column, look in (("validation_loss", "-"), ("train_loss", ":")):
            values = [float(line[column]) for line in lines]
            label = f"{name}, {column.partition('_')[0]}"
            axes.plot(range(1, len(values) + 1), values, look, color=colour, label=label)
    axes.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.legend(ncols=2, loc="upper right", fontsize=LETTERS - 1)
    return figure


def surface(theme: Theme, fit: Any) -> Figure:
    """The fitted monkey saddle: its surface, the true test points and the predicted ones."""
    inputs, truth = fit.split.test.inputs, fit.split.test.targets
    best = fit.approximations[-1]
    figure = Figure(figsize=(WIDE, 3.6), facecolor="none")
    axes: Any = figure.add_axes((0.0, 0.1, 0.93, 0.92), projection="3d")
    sides = [np.linspace(column.min(), column.max(), 26) for column in inputs.T]
    first, second = np.meshgrid(*sides)
    heights = best.function.predict(np.column_stack([first.ravel(), second.ravel()]))
    axes.plot_surface(
        first,
        second,
        heights.reshape(first.shape) / 1e3,
        cmap="viridis",
        alpha=0.5,
        linewidth=0.2,
        edgecolor=theme.faint,
        rstride=1,
        cstride=1,
    )
    axes.scatter(
        *inputs.T,
        truth / 1e3,
        s=26,
        facecolors="none",
        edgecolors=theme.ink,
        linewidths=0.9,
        label="truth",
        depthshade=False,
    )
    axes.scatter(
        *inputs.T,
        best.predictions / 1e3,
        s=16,
        marker="x",
        color=theme.colours[1],
        linewidths=1.0,
        label="prediction",
        depthshade=False,
    )
    axes.set(xlabel="x", ylabel="y", zlabel="z, thousands")
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(ticker.MaxNLocator(4))
        axis.set_pane_color((0, 0, 0, 0))
        axis.line.set_color(theme.faint)
        axis._axinfo["grid"]["color"] = theme.line
    axes.set_box_aspect(None, zoom=1.12)
    axes.view_init(elev=26, azim=-58)
    figure.legend(loc="upper right", markerscale=1.4)
    return figure
