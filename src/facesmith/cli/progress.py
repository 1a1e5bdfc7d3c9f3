"""Progress on standard error: the lines that were said, and a bar where that is a terminal."""

from __future__ import annotations

import sys
from typing import Any

import click

from facesmith.cli.terminal import echo
from facesmith.progress import Progress

_UPDATES = 2000  # of a bar at most: drawing costs time


class ShownProgress(Progress):
    """Draws one bar after another; leaving the context ends the last one, done or not."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._work: tuple[str, int] | None = None
        self._done = 0

    def __enter__(self) -> ShownProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def report(self, label: str, done: int, total: int, note: str = "") -> None:
        """Move the bar of this work; a finished or another work's bar is ended."""
        if self._quiet or not sys.stderr.isatty():
            return
        if self._bar is not None and self._work != (label, total):
            self._close()
        if self._bar is None:
            if done >= total:
                return
            self._bar = click.progressbar(
                length=total,
                label=label,
                file=sys.stderr,
                item_show_func=lambda shown: shown or None,
                update_min_steps=max(total // _UPDATES, 1),
                show_eta=not note,  # work that goes on where it stopped tells its own time left
            )
            self._bar.__enter__()
            self._work, self._done = (label, total), 0
        self._bar.update(done - self._done, note)
        self._done = done
        if done >= total:
            self._close()

    def say(self, text: str) -> None:
        """Print the line unless it is to be quiet."""
        self._close()
        if not self._quiet:
            echo(text, err=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar = None
