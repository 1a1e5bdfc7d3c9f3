"""What the commands print goes through here."""

from __future__ import annotations

from contextlib import suppress

import click

from facesmith.printable import message_text, one_line, printable


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line on standard output, or a message on standard error, without control characters.

    Names of files and labels come from anywhere: what would move the cursor or colour the terminal
    is written as an escape, and messages are shortened to one line.
    """
    if not err:
        click.echo(printable(text))
        return
    with suppress(OSError):  # standard error is closed or full: hours of work need not end for it
        click.echo(message_text(one_line(text)), err=True)


def in_columns(rows: list[list[str]]) -> list[str]:
    """Rows of text in columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]
