"""The mark of a folder that facesmith fills: a hidden file that lists what facesmith wrote there.

Its first line is a JSON object with the version and the task; each further line is the name of a
file, relative to the folder, as a JSON string. A name is added before its file is written, so that
whatever ends the program leaves no file of ours unlisted.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.errors import WriteError
from facesmith.files.reading import read_bounded, refuse_irregular
from facesmith.files.write_errors import write_error
from facesmith.printable import without_password

MARK_NAME = ".facesmith"
_BEGINS = b'{"facesmith"'
_MAX_BYTES = 2**26
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
        """Make the mark's file, with its first line.

        Raises:
            WriteError: If it cannot be written, or there is a file of somebody else's.
        """
        try:
            check_no_other(self.path)
            self.path.unlink(missing_ok=True)  # the beginning of one, left by a kill
        except OSError as error:
            raise write_error(self.path, error) from error
        command = [without_password(word) for word in sys.argv]
        try:
            self._append({"facesmith": __version__, "task": self.task, "command": command})
        except WriteError:
            with suppress(OSError, WriteError):  # its beginning would pass for a file of others
                check_no_other(self.path)
                self.path.unlink()
            raise

    def _append(self, line: Any) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            handle = os.open(self.path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
            with os.fdopen(handle, "r+b", buffering=0) as file:
                refuse_irregular(self.path, os.fstat(handle).st_mode)
                size = os.fstat(handle).st_size
                file.seek(max(size - 1, 0))
                half = size > 0 and file.read(1) != b"\n"  # a kill or a full disk left half a line
                text = b"\n" * half + json.dumps(line).encode() + b"\n"
                if file.write(text) != len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError as error:
            raise write_error(self.path, error) from error


# The folders that this process writes to, by their resolved paths.
_opened: dict[Path, Mark] = {}
# The files that the command reads, by device and number: nothing may take their place.
_inputs: set[tuple[int, int]] = set()


def read_mark(folder: Path) -> Mark | None:
    """The mark that a folder carries; `None` without one, or where its first line is damaged."""
    path = folder / MARK_NAME
    try:
        refuse_irregular(path, path.lstat().st_mode)  # a link leads to somebody else's file
        first, *rest = read_bounded(path, _MAX_BYTES).decode().split("\n")
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

    Raises:
        WriteError: If the mark cannot be written, or there is a file of somebody else's.
    """
    mark = read_mark(folder)
    if mark is None:
        mark = Mark(folder, task, set())
        mark.write()
    mark.force = force
    place = folder.resolve()
    # A folder that is filled as a part of another goes with it; other marks below stay.
    outer = next((each for each in place.parents if each in _opened), None)
    if outer is not None and _opened[outer].path.is_file():
        _opened[outer].add((place / MARK_NAME).relative_to(outer).as_posix())
    _opened[place] = mark
    return mark


def close_marks(folder: Path) -> None:
    """No longer list what is written to a folder, and to those below it."""
    place = folder.resolve()
    for each in [each for each in _opened if each.is_relative_to(place)]:
        del _opened[each]


def protect(paths: Iterable[Path]) -> None:
    """Name the files that a command reads: `claim` lets nothing take their place.

    Those of an earlier command in this process are forgotten.
    """
    _inputs.clear()
    for path in paths:
        try:
            found = path.stat()
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(found.st_mode):
            _inputs.add((found.st_dev, found.st_ino))


def remove_own(path: Path) -> bool:
    """Delete a file of an opened folder if its mark lists it; whether it did."""
    folder = path.parent.resolve()
    mark = _opened.get(folder)
    if mark is None or path.name not in mark.names or not path.is_file():
        return False
    path.unlink()
    return True


def claim(path: Path) -> None:
    """List a file that is about to be written in the mark of the opened folder it lies in.

    Raises:
        WriteError: If it exists and facesmith did not write it, or the command reads it, or it is
            no regular file.
    """
    _check_replaceable(path)
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
        if name not in mark.names and os.path.lexists(place):
            now = read_mark(folder)  # another process may have listed it meanwhile
            mark.names |= now.names if now is not None else set()
        if name not in mark.names and os.path.lexists(place) and not mark.force:
            raise WriteError(
                f"{path} exists, and facesmith did not write it: it stays as it is. Move it, or "
                "choose another folder."
            )
        mark.add(name)
        return


def _check_replaceable(path: Path) -> None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return  # missing; or writing it will tell
    if stat.S_ISDIR(found.st_mode):
        return  # the system refuses to replace it
    try:
        refuse_irregular(path, found.st_mode)
    except OSError as error:
        raise write_error(path, error) from error
    if (found.st_dev, found.st_ino) in _inputs:
        raise WriteError(
            f"Cannot write {path}: this command reads it, and an output is never an input. Choose "
            "another place."
        )


def check_no_other(path: Path) -> None:
    """Refuse a file of the mark's name that is not even the beginning of a mark."""
    if not os.path.lexists(path):
        return
    refuse_irregular(path, path.lstat().st_mode)
    with path.open("rb") as file:
        begins = file.read(len(_BEGINS))
    if not _BEGINS.startswith(begins):
        raise WriteError(
            f"{path} exists, and is not the mark that facesmith writes: it stays as it is. Move "
            "it, or choose another folder."
        )


def _name(line: str) -> str | None:
    """A file's name from a line of a mark; `None` where a kill left half a line."""
    try:
        name = json.loads(line)
        if "\0" in os.fsencode(name).decode(errors="replace"):
            return None
    except (TypeError, ValueError, RecursionError):
        return None
    # A mark from elsewhere must not name files outside its folder.
    inside = isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts
    return name if inside else None
