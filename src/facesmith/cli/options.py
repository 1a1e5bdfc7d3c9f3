"""Options that several commands have alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from facesmith.annotations.formats import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Any], Any]
_ANYWHERE = "facesmith.images_anywhere"


def _remember(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_ANYWHERE] = value


def images_anywhere() -> bool:
    """Whether the command that runs was told that photos may lie outside `--images`."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_ANYWHERE, False))


# For all commands that take annotations; `load_photos` asks for it.
images_anywhere_option: Option = click.option(
    "--images-anywhere",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Read photos outside --images, too.",
)

FORMAT_OPTIONS: tuple[Option, ...] = (
    click.option(
        "--format",
        "annotation_format",
        type=click.Choice(FORMATS),
        help="Format of the annotations.  [default: told from their content]",
    ),
    click.option(
        "--category",
        multiple=True,
        help="Name or number of a category that is a face; may be repeated.  [default: the only "
        "one, or the one called face]",
    ),
    images_anywhere_option,
)


def with_options(command: Command, options: Sequence[Option]) -> Command:
    """The command with these options, in this order, before those that it has."""
    for option in reversed(options):
        command = option(command)
    return command


def format_options(command: Command) -> Command:
    """The options `--format`, `--category` and `--images-anywhere` of a command."""
    return with_options(command, FORMAT_OPTIONS)
