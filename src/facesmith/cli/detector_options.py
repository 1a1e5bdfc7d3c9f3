"""The options of commands that run a detector."""

from __future__ import annotations

import click

from facesmith.cli.numbers import WholeRange
from facesmith.cli.paths import EXISTING

model_option = click.option(
    "--model",
    metavar="FILE_OR_RUN",
    type=EXISTING,
    help="A detector.onnx or the run folder of a training.  [default: the weights that come along]",
)
workers_option = click.option(
    "--workers",
    type=WholeRange(1),
    metavar="N",
    help="Processes, each decoding and detecting.  [default: 1 for up to 31 photos, one a core "
    "for many]",
)
