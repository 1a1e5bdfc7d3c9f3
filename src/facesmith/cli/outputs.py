"""The type of options that name what a command writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class OutputPath(click.Path):
    """A file or a folder to write. `-` is refused: it means standard output elsewhere."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or a usage error."""
        if str(value) == "-":
            self.fail(
                "'-' would be standard output; name a file, or ./- for one called so.", param, ctx
            )
        return super().convert(value, param, ctx)
