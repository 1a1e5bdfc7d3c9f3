"""What is written down of a fetched data set, and whether its files are still as they were."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facesmith.errors import FetchError, WriteError
from facesmith.files import OutputFolder, is_unfinished, open_regular, read_bounded
from facesmith.files.marks import MARK_NAME, check_no_other, read_mark
from facesmith.files.write_errors import write_error

RECORD = "fetched.json"
_MAX_BYTES = 1 << 28  # of a list or a record
_SUM = re.compile(r"(\\?)([0-9a-f]{64})  (.+)", re.DOTALL)
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}  # as `sha256sum` writes them


def read_record(folder: Path) -> dict[str, dict[str, Any]]:
    """The archives that `fetched.json` lists; one that is damaged or not ours counts as none."""
    record = bounded_json(folder / RECORD)
    archives = record.get("archives") if isinstance(record, dict) else None
    if not isinstance(archives, dict) or "facesmith" not in record:
        return {}
    return {name: entry for name, entry in archives.items() if isinstance(entry, dict)}


def bounded_json(path: Path) -> Any:
    """The content of a regular file; `None` where there is none to be read."""
    try:
        return json.loads(read_bounded(path, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None


def read_list(path: Path, folder: str) -> dict[str, str] | None:
    """Sums by path, relative to the folder of the data set; `None` if a line is none of ours.

    Args:
        path: The list.
        folder: The folder of the archive, with which each path begins.
    """
    try:
        text = os.fsdecode(read_bounded(path, _MAX_BYTES))
    except OSError:
        return None
    sums = {}
    for line in text.removesuffix("\n").split("\n"):
        match = _SUM.fullmatch(line)
        name = _unescaped(match[3]) if match and match[1] else match[3] if match else ""
        if match is None or not name.startswith(f"{folder}/") or ".." in name.split("/"):
            return None
        sums[name] = match[2]
    return sums


def listed(sums: dict[str, str], folder: str) -> bytes:
    """The content of a list, in the form of `sha256sum`."""
    lines = []
    for name in sorted(sums):
        escaped = "".join(_ESCAPES.get(letter, letter) for letter in name)
        lines.append(f"{'' if escaped == name else chr(92)}{sums[name]}  {folder}/{escaped}\n")
    return os.fsencode("".join(lines))


def check_own(folder: Path, name: str, *, recorded: bool) -> None:
    """Refuse to write over a record or a list that facesmith did not write.

    Args:
        folder: Of the data set.
        name: Of the file.
        recorded: Whether it is known as ours without the mark.

    Raises:
        WriteError: If it is somebody else's.
    """
    path = folder / name
    if not os.path.lexists(path):
        return
    mark = read_mark(folder)
    regular = path.is_file() and not path.is_symlink()
    if not regular or not (recorded or (mark is not None and name in mark.names)):
        raise WriteError(
            f"{path} exists, and facesmith did not write it: it stays as it is. Move it, or choose "
            "another folder."
        )


def check_mark(folder: Path) -> None:
    """Refuse a file of others that has the name of the mark.

    Raises:
        WriteError: If there is one.
    """
    try:
        check_no_other(folder / MARK_NAME)
    except OSError as error:
        raise write_error(folder / MARK_NAME, error) from error


def open_folder(folder: Path, names: Iterable[str]) -> None:
    """Mark the folder as filled by facesmith, and list those of the files that are there as ours.

    Each has passed `check_own`.
    """
    OutputFolder(folder, "data set", "--to").adopt(*names)


def remove_left_over(folder: Path, names: Iterable[str]) -> None:
    """Delete what a killed run had not finished, beside the files and folders of these names."""
    beginnings = tuple(f".{name}." for name in names)
    for path in list(folder.glob(".*.tmp")):
        if not is_unfinished(path) or not path.name.startswith(beginnings):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sum_of(path: Path) -> str:
    """SHA-256 of a regular file, empty where there is none to be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def check_fddb(folder: Path) -> None:
    """The photos that the folds name are there."""
    for fold in sorted((folder / "FDDB-folds").glob("FDDB-fold-??.txt")):
        try:
            names = os.fsdecode(read_bounded(fold, _MAX_BYTES)).split()
        except OSError as error:
            raise FetchError(f"{fold} cannot be read: {error.strerror}.") from error
        for name in names:
            if not (folder / "originalPics" / f"{name}.jpg").is_file():
                raise FetchError(
                    f"{folder / 'originalPics' / name}.jpg is missing, and {fold.name} names it."
                )


def _unescaped(name: str) -> str:
    letters = {"\\": "\\", "n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: letters.get(match[1], match[0]), name)
