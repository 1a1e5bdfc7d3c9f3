"""Warnings of the library as lines for people, without file names and code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from facesmith.cli.terminal import echo

_PACKAGE = str(Path(__file__).parents[1])


@contextmanager
def warnings_in_words() -> Iterator[None]:
    """Print what facesmith warns of in here as one line each, on standard error."""
    with warnings.catch_warnings():
        # Of facesmith's own modules, each time; what others warn of stays as it is.
        warnings.filterwarnings("always", category=UserWarning, module="facesmith")
        show = warnings.showwarning

        def say(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if filename.startswith(_PACKAGE) and issubclass(category, UserWarning):
                echo(f"Warning: {message}", err=True)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = say
        yield
