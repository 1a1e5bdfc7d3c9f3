"""The options of commands that run a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from facesmith.cli.numbers import WholeRange
from facesmith.cli.paths import EXISTING

workers_option = click.option(
    "--workers",
    type=WholeRange(1),
    metavar="N",
    help="Processes, each decoding and detecting.  [default: 1 for up to 31 photos, one a core "
    "for many]",
)
threads_option = click.option(
    "--threads",
    type=WholeRange(1),
    default=1,
    show_default=True,
    help="CPU threads of the detector.",
)


def model_option(when: str = "A") -> Callable[[Any], Any]:
    """The option `--model`; `when` begins its help."""
    return click.option(
        "--model",
        metavar="FILE_OR_RUN",
        type=EXISTING,
        help=f"{when} detector.onnx or the run folder of a training.  [default: the weights that "
        "come along]",
    )
