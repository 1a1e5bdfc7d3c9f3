"""The `facesmith` command. Each sub-command lives in the module of its name beside this file.

A sub-command's module is imported only when it is called (or its help is asked for), so that
`facesmith detect` never loads a training framework.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from facesmith._version import __version__
from facesmith.cli.lazy import LazyGroup
from facesmith.errors import FacesmithError, missing_packages_named

# Name -> the line that `facesmith --help` shows, in the order of the way of the data.
COMMANDS = {
    "prepare": "Cut annotated photos into 64x64 patches of faces and non-faces.",
    "train": "Train a classifier on patches, or a detector on annotated photos.",
    "label": "Label photos that nobody has annotated, by one detector or several.",
    "redraw": "Draw the boxes of one source of photos in the way of another.",
    "audit": "Find wrong boxes and missed faces in annotations.",
    "mine": "Find what a detector takes for faces where there are none.",
    "roc": "Draw a trained classifier's ROC curve and pick its threshold.",
    "detect": "Find the faces in photos.",
    "benchmark": "Score any face detector: FDDB, WIDER FACE, COCO, side by side.",
    "approximate": "Fit a smooth function to a table of points.",
    "demo": "Run everything on data that comes along, and write one HTML report.",
}


class _Commands(LazyGroup):
    package = __name__
    lines = COMMANDS

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command; what a user can mend becomes one line and exit code 1."""
        try:
            with missing_packages_named():
                return super().invoke(ctx)
        except FacesmithError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facesmith")
def main() -> None:
    """Forge your own face detector: annotated photos in, a detector out.

    Results go to standard output, progress and warnings to standard error. Exit code 0: done;
    1: something named on standard error failed; 2: the command line was wrong.
    """


if __name__ == "__main__":
    sys.exit(main())
