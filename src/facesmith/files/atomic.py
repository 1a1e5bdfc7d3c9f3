"""Files that are either the old ones or the new ones, never half of each."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from facesmith.errors import FacesmithError
from facesmith.files.marks import UNFINISHED, claim
from facesmith.files.write_errors import write_error


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` at once, when all of it is on the disk.

    It is written beside `path` under a random hidden name, flushed to the disk and renamed, which
    the system does in one step. Whatever ends the program before, a kill or a lost power supply
    included, leaves the old file whole.

    Args:
        path: The file to make or to replace; its folder exists.

    Raises:
        WriteError: If the disk is full or the file cannot be written, or if it lies in an open
            `OutputFolder` and facesmith did not write it; the old one is still there.
    """
    path = Path(path)
    claim(path)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        _remove(temporary)
        # Errors of the package say what they are of: perhaps of a file that is read meanwhile.
        reason = None if isinstance(error, FacesmithError) else _os_error(error)
        if reason is None:
            raise
        raise write_error(path, reason) from error


def remove_unfinished(folder: str | Path) -> None:
    """Delete what was not whole when a program was killed, in a folder and those below it."""
    for path in list(Path(folder).rglob(".*.tmp")):
        if is_unfinished(path) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif is_unfinished(path):
            _remove(path)


def is_unfinished(path: Path) -> bool:
    """Whether a file's name is one that `replacing` gives before a file is whole."""
    return UNFINISHED.fullmatch(path.name) is not None


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a whole file, see `replacing`."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: str | Path, content: Any) -> None:
    """Write indented JSON, see `replacing`."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def make_folder(folder: str | Path) -> None:
    """Make a folder for what is written, and those above it.

    Raises:
        WriteError: If that is not possible.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(Path(folder), error) from error


def finite_or_none(value: Any) -> Any:
    """Nested plain values with `None` for NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {key: finite_or_none(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def checksum(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _os_error(error: BaseException | None) -> OSError | None:
    """The operating system's error behind this one: PyTorch reports it as a RuntimeError."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # a left-over beside the old file does no harm; the first error is the one to tell


def _sync_folder(folder: Path) -> None:
    """Put the renaming itself on the disk, where the system can (Windows cannot)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
