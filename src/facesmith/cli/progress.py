"""The progress bar of the commands that go through photos."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, quiet: bool, label: str = "Photos") -> Iterator[Callable[[], object]]:
    """What to call once a photo; a bar on standard error where that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
