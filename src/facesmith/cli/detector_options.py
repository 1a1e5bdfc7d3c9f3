"""The options of commands that run a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.options import Command, with_options
from facesmith.cli.paths import EXISTING

if TYPE_CHECKING:
    from facesmith.detection.window_plan import WindowConfig


class _Rotations(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """Degrees with commas between them, as `0,180`."""

    name = "degrees"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        from facesmith.detection.rotations import read_rotations  # noqa: PLC0415 - `--help` needs no NumPy

        try:
            return read_rotations(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)


rotations_option = click.option(
    "--rotations",
    type=_Rotations(),
    metavar="DEGREES",
    default="0",
    show_default=True,
    help="Turn each photo by these: 0,180 finds faces upside down too, 0,90,180,270 at any angle.",
)
workers_option = click.option(
    "--workers",
    type=WholeRange(1),
    metavar="N",
    help="Processes.  [default: 1, or one a core from 32 photos on]",
)
photo_memory_option = click.option(
    "--photo-memory",
    type=WholeRange(1),
    default=1024,
    show_default=True,
    metavar="MB",
    help="Memory for decoding a photo.",
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


# Of commands that run classifiers as well.
any_model_option = click.option(
    "--model",
    metavar="FILE_OR_RUN",
    type=EXISTING,
    help="Run folder, detector.onnx or classifier.onnx.  [default: as shipped]",
)


def window_options(command: Command) -> Command:
    """The options `--stride`, `--scale-step` and `--max-face`; see `window_config`."""
    options = (
        click.option(
            "--stride",
            type=WholeRange(1, 64),
            metavar="PX",
            help="Of a classifier: step of windows.  [default: 8]",
        ),
        click.option(
            "--scale-step",
            type=FiniteRange(1.02, 4),
            metavar="FACTOR",
            help="Of a classifier: factor between scales.  [default: 1.25]",
        ),
        click.option(
            "--max-face",
            type=FiniteRange(0, min_open=True),
            metavar="PX",
            help="Of a classifier: tallest face.",
        ),
    )
    return with_options(command, options)


def window_config(
    stride: int | None, scale_step: float | None, max_face: float | None, min_face: float | None
) -> WindowConfig | None:
    """How windows are slid, `None` if no option says it."""
    from facesmith.detection.window_plan import WindowConfig  # noqa: PLC0415 - see `cli`

    if max_face is not None and min_face is not None and min_face > max_face:
        raise click.UsageError(
            f"--min-face {min_face:g} is more than --max-face {max_face:g}: no face is both."
        )
    given = {"stride": stride, "scale_step": scale_step, "max_face": max_face}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return WindowConfig(**chosen) if chosen else None


def refuse_unused(ctx: click.Context, aligned_dir: Path | None, crops_dir: Path | None) -> None:
    """End the command where the option that another one goes with is missing."""
    refuse_options(ctx, () if aligned_dir else ("aligned_size",), "photos without --aligned")
    refuse_options(ctx, () if crops_dir else ("crop_margin",), "photos without --crops")


def refuse_options(ctx: click.Context, names: Sequence[str], of: str) -> None:
    """End the command where an option was given that does not go with what is looked at."""
    for param in ctx.command.params:
        given = ctx.get_parameter_source(param.name or "") == click.core.ParameterSource.COMMANDLINE
        if param.name in names and given:
            raise click.UsageError(f"{max(param.opts, key=len)} does not go with {of}.")
