"""The mark of a folder that facesmith fills: a hidden file that lists what facesmith wrote there.

Its first line is a JSON object with the version and the task; each further line is the name of a
file, relative to the folder, as a JSON string. A name is added before its file is written, so that
whatever ends the program leaves no file of ours unlisted.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.errors import WriteError
from facesmith.files.write_errors import write_error

MARK_NAME = ".facesmith"
UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # names of what is not yet whole


class Mark:
    """The mark of one folder.

    Attributes:
        task: What the folder was made for, such as "training".
        names: The files that facesmith wrote, relative to the folder, with forward slashes.
        force: Whether files of others may be replaced all the same.
    """

    def __init__(self, folder: Path, task: str, names: set[str], *, force: bool = False) -> None:
        self.path = folder / MARK_NAME
        self.task, self.names, self.force = task, names, force

    def add(self, name: str) -> None:
        """List a file, unless it is listed."""
        if name not in self.names:
            self.names.add(name)
            self._append(name)

    def write(self) -> None:
        """Make the mark's file, with its first line."""
        self._append({"facesmith": __version__, "task": self.task, "command": sys.argv})

    def _append(self, line: Any) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise write_error(self.path, error) from error


# The folders that this process writes to, by their resolved paths.
_opened: dict[Path, Mark] = {}


def read_mark(folder: Path) -> Mark | None:
    """The mark that a folder carries; `None` without one, or where its first line is damaged."""
    path = folder / MARK_NAME
    try:
        if not path.is_file():
            return None
        first, *rest = path.read_text(encoding="utf-8").split("\n")
        about = json.loads(first)
        task = about["task"] if "facesmith" in about else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(task, str):
        return None
    return Mark(folder, task, {name for name in map(_name, rest) if name})


def open_mark(folder: Path, task: str, *, force: bool = False) -> Mark:
    """The mark of a folder that exists, made if need be; what is written from now on is listed.

    Args:
        folder: An existing folder.
        task: What the folder is made for, where it has no mark.
        force: Whether files that facesmith did not write may be replaced.
    """
    mark = read_mark(folder)
    if mark is None:
        mark = Mark(folder, task, set())
        mark.write()
    mark.force = force
    _opened[folder.resolve()] = mark
    return mark


def claim(path: Path) -> None:
    """List a file that is about to be written in the mark of the opened folder it lies in.

    Raises:
        WriteError: If it exists and facesmith did not write it.
    """
    if not _opened:
        return
    place = path.parent.resolve() / path.name
    for folder in place.parents:
        mark = _opened.get(folder)
        if mark is None:
            continue
        if not mark.path.is_file():  # the folder was deleted, or made anew by somebody else
            del _opened[folder]
            continue
        name = place.relative_to(folder).as_posix()
        if any(UNFINISHED.fullmatch(part) for part in name.split("/")):
            return
        if name not in mark.names and os.path.lexists(place) and not mark.force:
            raise WriteError(
                f"{path} exists, and facesmith did not write it: it stays as it is. Move it, or "
                "choose another folder."
            )
        mark.add(name)
        return


def _name(line: str) -> str | None:
    """A file's name from a line of a mark; `None` where a kill left half a line."""
    try:
        name = json.loads(line)
    except (ValueError, RecursionError):
        return None
    # A mark from elsewhere must not name files outside its folder.
    inside = isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts
    return name if inside else None
