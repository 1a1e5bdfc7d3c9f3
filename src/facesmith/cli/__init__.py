"""The `facesmith` command. Each sub-command lives in the module of its name beside this file.

A sub-command's module is imported only when it is called (or its help is asked for), so that
`facesmith detect` never loads a training framework.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import click

from facesmith._version import __version__
from facesmith.cli.boundary import (
    DEBUG_VARIABLE,
    failures_in_words,
    run_command,
    way_on_by_resume,
)
from facesmith.cli.lazy import LazyGroup

# Name -> the line that `facesmith --help` shows, in the order in which they are used.
COMMANDS = {
    "fetch": "Fetch a public data set: FDDB, WIDER FACE.",
    "prepare": "Cut annotated photos into 64x64 patches of faces and non-faces.",
    "train": "Train a classifier on patches, or a detector on annotated photos.",
    "tune": "Search for the settings of a detector training.",
    "label": "Label photos that nobody has annotated, by one detector or several.",
    "convert": "Write annotations in another format: CVAT, Label Studio, YOLO, COCO, ...",
    "redraw": "Draw the boxes of one source of photos in the style of another.",
    "audit": "Find wrong boxes and missed faces in annotations.",
    "mine": "Find what a detector takes for faces where there are none.",
    "roc": "Draw a trained classifier's ROC curve and pick its threshold.",
    "detect": "Find the faces in photos.",
    "bulk": "Find the faces in millions of photos, on many processes or machines.",
    "anonymise": "Cover the faces in photos and films, and look at the result again.",
    "serve": "Serve a page to drop photos on, and REST for programs.",
    "export-web": "Write a site that finds faces in the browser alone.",
    "benchmark": "Score any face detector: FDDB, WIDER FACE, COCO, side by side.",
    "approximate": "Fit a smooth function to a table of points.",
    "demo": "Run everything on data that comes along, and write one HTML report.",
}


class _Commands(LazyGroup):
    package = __name__
    lines = COMMANDS
    other_names: ClassVar = {"blur": "anonymise"}  # what users of other tools look for
    meant: ClassVar = dict.fromkeys(
        ("anonymize", "cover", "deface", "hide", "mask", "mosaic", "pixelate", "redact"),
        "anonymise",
    )

    def main(  # type: ignore[override]  # click overloads it by the value of `standalone_mode`
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; ends the program with the exit code unless told otherwise."""
        call = partial(super().main, args, prog_name, standalone_mode=False, **extra)
        if not standalone_mode:
            return call()
        sys.exit(run_command(call))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command; whatever goes wrong becomes one line and an exit code."""
        given = list(ctx.args)  # click takes them out of the context
        with failures_in_words(debug=ctx.params["debug"], way_on=lambda: self._way_on(ctx, given)):
            return super().invoke(ctx)

    def _way_on(self, ctx: click.Context, given: Sequence[str]) -> str:
        """What to do after Ctrl-C."""
        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        own: str | Callable[[Sequence[str]], str] = getattr(command, "way_on", "")
        if not isinstance(own, str):
            own = own(given)
        resumable = command is not None and any(each.name == "resume" for each in command.params)
        if own or not resumable:
            return own
        return way_on_by_resume(resume="--resume" in given, force="--force" in given)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facesmith")
@click.option(
    "--debug",
    is_flag=True,
    envvar=DEBUG_VARIABLE,
    help=f"Print the traceback of an error too; so does {DEBUG_VARIABLE}=1 in the environment.",
)
def main(debug: bool) -> None:
    """Forge your own face detector: annotated photos in, a detector out.

    Results go to standard output, progress and warnings to standard error. Exit code 0: done;
    1: something named on standard error failed; 2: the command line was wrong.
    """


if __name__ == "__main__":
    sys.exit(main())
