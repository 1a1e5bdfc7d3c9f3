"""Options that several commands have alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from facesmith.annotations.formats import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Any], Any]

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
)


def with_options(command: Command, options: Sequence[Option]) -> Command:
    """The command with these options, in this order, before those that it has."""
    for option in reversed(options):
        command = option(command)
    return command


def format_options(command: Command) -> Command:
    """The options `--format` (`annotation_format`) and `--category` of a command."""
    return with_options(command, FORMAT_OPTIONS)
