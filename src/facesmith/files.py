"""Files that are either the old ones or the new ones; reading that never waits nor has no end."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from facesmith.errors import WriteError

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # names that `replacing` gives


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` at once, when all of it is on the disk.

    It is written beside `path` under a random hidden name, flushed to the disk and renamed, which
    the system does in one step. Whatever ends the program before, a kill or a lost power supply
    included, leaves the old file whole.

    Args:
        path: The file to make or to replace; its folder exists.

    Raises:
        WriteError: If the disk is full or the file cannot be written; the old one is still
            there.
    """
    path = Path(path)
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
        reason = _os_error(error)
        if reason is None:
            raise
        raise write_error(path, reason) from error


def open_regular(path: str | Path) -> BinaryIO:
    """A file opened for reading, unbuffered, if it is one on a disk, or a link to one.

    Pipes, devices and sockets are refused at once: to open or to read them may wait for ever.

    Raises:
        OSError: If it cannot be opened, or is no regular file.
    """
    _refuse_others(path, os.stat(path).st_mode)  # noqa: PTH116 - before opening: devices notice
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags | getattr(os, "O_CLOEXEC", 0)), "rb", buffering=0)
    try:
        _refuse_others(path, os.fstat(file.fileno()).st_mode)  # it may have changed since
    except OSError:
        file.close()
        raise
    return file


def read_bounded(path: str | Path, max_bytes: int) -> bytes:
    """The bytes of a regular file that has at most so many.

    Raises:
        OSError: If it cannot be read, is no regular file, or has more bytes.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise _too_large(path, size, max_bytes)
        return read_up_to(file, max_bytes, str(path), size)


def read_up_to(file: BinaryIO, max_bytes: int, name: str = "", size: int = 0) -> bytes:
    """All that a file object yields, if it is at most so many bytes.

    Args:
        file: Opened for reading bytes.
        max_bytes: The most that is read.
        name: For the error.
        size: How many are expected, so that they are read at once.

    Raises:
        OSError: If there are more.
    """
    parts: list[bytes] = []
    total = 0
    while part := file.read(min(max(size - total, 2**16), max_bytes + 1 - total)):
        parts.append(part)
        total += len(part)
        if total > max_bytes:
            raise _too_large(name, total, max_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(path: str | Path, size: int, max_bytes: int) -> OSError:
    return OSError(
        errno.EFBIG,
        f"it has {size / 2**20:,.0f} MB or more, and at most {max_bytes / 2**20:,.0f} MB are read",
        str(path),
    )


def _refuse_others(path: str | Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = (
        (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    )  # fmt: skip
    kind = next((words for test, words in kinds if test(mode)), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}; expected a file", str(path))


def remove_unfinished(folder: str | Path) -> None:
    """Delete what `replacing` left in a folder and those below it when it was killed."""
    for path in Path(folder).rglob(".*.tmp"):
        if is_unfinished(path):
            _remove(path)


def is_unfinished(path: Path) -> bool:
    """Whether a file's name is one that `replacing` gives before a file is whole."""
    return _UNFINISHED.fullmatch(path.name) is not None


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


# What the system says -> what to do about it.
_WAYS_OUT = {
    errno.ENOSPC: "Make room, or choose a folder on another disk.",
    errno.EDQUOT: "Make room, or choose a folder on another disk.",
    errno.EACCES: "Choose a folder that you may write to.",
    errno.EPERM: "Choose a folder that you may write to.",
    errno.EROFS: "Choose a folder that you may write to.",
    errno.ENOENT: "Choose a folder that exists.",
    errno.ENOTDIR: "A part of this path is a file; choose another folder.",
    errno.EISDIR: "It is a folder; choose another name.",
    errno.EEXIST: "It is a file; choose another name.",
    errno.EFBIG: "The system limits the size of files; raise the limit.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def write_error(path: str | Path, error: OSError) -> WriteError:
    """The error to raise where the system refuses to write a file or to make a folder."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk is full" if full else str(error.strerror or error)
    way_out = _WAYS_OUT.get(error.errno or 0, "Choose another place.")
    return WriteError(f"Cannot write {path}: {reason}. {way_out}")


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
