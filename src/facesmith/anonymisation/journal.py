"""The file of what was covered, on the disk as soon as a photo is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from facesmith.files import replacing, write_error
from facesmith.files.marks import claim


class Journal:
    """Writes JSON lines to a file; use it with `with`.

    Args:
        path: The file; an earlier one is replaced.
        lines: What it begins with.

    Raises:
        WriteError: If it cannot be written.
    """

    def __init__(self, path: Path, lines: Sequence[dict[str, Any]] = ()) -> None:
        self._path = path
        with replacing(path) as file:
            for line in lines:
                file.write(_encoded(line))
        claim(path)
        try:
            self._file: BinaryIO = path.open("ab")
        except OSError as error:
            raise write_error(path, error) from error

    def add(self, line: dict[str, Any]) -> None:
        """Add a line.

        Raises:
            WriteError: If it cannot be written.
        """
        try:
            self._file.write(_encoded(line))
            self._file.flush()
        except OSError as error:
            raise write_error(self._path, error) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"
