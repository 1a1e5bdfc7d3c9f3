"""Reading files: only those on a disk, and never more than a stated number of bytes.

A pipe may keep a reader waiting for ever, and a device such as `/dev/zero` has no end.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | Path, max_bytes: int | None = None) -> io.FileIO:
    """A file opened for reading, unbuffered, if it is one on a disk, or a link to one.

    Pipes, devices and sockets are refused at once: to open or to read them may wait for ever.

    Raises:
        OSError: If it cannot be opened, is no regular file, or has more than `max_bytes`.
    """
    refuse_irregular(path, os.stat(path).st_mode)  # noqa: PTH116 - before opening: devices notice
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = io.FileIO(os.open(path, flags | getattr(os, "O_CLOEXEC", 0)), "rb")
    try:
        found = os.fstat(file.fileno())
        refuse_irregular(path, found.st_mode)  # it may have changed since
        if max_bytes is not None and found.st_size > max_bytes:
            raise _too_large(path, found.st_size, max_bytes)
    except OSError:
        file.close()
        raise
    return file


def read_bounded(path: str | Path, max_bytes: int) -> bytes:
    """The bytes of a regular file that has at most so many.

    Raises:
        OSError: If it cannot be read, is no regular file, or has more bytes.
    """
    with open_regular(path, max_bytes) as file:
        size = os.fstat(file.fileno()).st_size
        return read_up_to(file, max_bytes, str(path), size)


def read_up_to(file: BinaryIO | io.FileIO, max_bytes: int, name: str = "", size: int = 0) -> bytes:
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


def refuse_irregular(path: str | Path, mode: int) -> None:
    """Raise where a file's `st_mode` says that it is none on a disk.

    Raises:
        OSError: Says what it is.
    """
    if stat.S_ISREG(mode):
        return
    kinds = (
        (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"), (stat.S_ISLNK, "a link"), (stat.S_ISBLK, "a device"),
    )  # fmt: skip
    kind = next((words for test, words in kinds if test(mode)), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}; expected a file", str(path))
