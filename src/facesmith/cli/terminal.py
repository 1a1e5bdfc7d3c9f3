"""What the commands print goes through here."""

from __future__ import annotations

import click

from facesmith.printable import message_text, printable


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line on standard output, or a message on standard error, without control characters.

    Names of files and labels come from anywhere: what would move the cursor or colour the terminal
    is written as an escape, and messages are shortened.
    """
    click.echo(message_text(text) if err else printable(text), err=err)
