"""Pictures for the report, as they stand in its one file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import ticker
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from facesmith.approximation.experiment.verdict import History
from facesmith.pictures.charts import marker, plain_texts
from facesmith.pictures.pages import data_uri, stored

_TRAIN, _VALIDATION = "#0072b2", "#d55e00"  # told apart with any colour vision
_DPI = 130


def jpeg_file(path: Path) -> str:
    """An image file as a data URI, stored as a JPEG: noisy patches take a third of the room."""
    with Image.open(path) as picture:
        return stored(picture, "jpeg")


def patch_png(image: npt.NDArray[np.uint8]) -> str:
    """A small BGR image, without loss, as a data URI."""
    return stored(Image.fromarray(np.ascontiguousarray(image[..., ::-1])), "png")


def photo_jpeg(image: npt.NDArray[np.uint8], longest_side: int) -> str:
    """A BGR photo, reduced to this many pixels along its longer side, as a data URI."""
    picture = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    picture.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return stored(picture, "jpeg")


def figure_png(figure: Figure) -> str:
    """A Matplotlib figure as a data URI."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    plain_texts(figure)
    figure.savefig(buffer, format="png", dpi=_DPI)
    return data_uri("png", buffer.getvalue())


def plot_losses(history: History, best_epoch: int) -> Figure:
    """Cross-entropy of training and validation patches by epoch; `best_epoch` counts from 1."""
    figure = Figure(figsize=(5.4, 3.5), layout="constrained")
    axes = figure.add_subplot()
    epochs = np.arange(1, len(history.train) + 1)
    for losses, colour, name in ((history.train, _TRAIN, "training"),
                                 (history.validation, _VALIDATION, "validation")):  # fmt: skip
        axes.plot(epochs, losses, color=colour, linewidth=1.8, label=f"{name} patches")
    style = marker(_VALIDATION) | {"markersize": 7, "markeredgewidth": 1.0, "zorder": 2}
    axes.plot(best_epoch, history.validation[best_epoch - 1], **style, label="weights kept")
    axes.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right", frameon=False)
    return figure
