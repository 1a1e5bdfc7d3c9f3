"""Why a file cannot be written, and the way out, in words."""

from __future__ import annotations

import errno
from pathlib import Path

from facesmith.errors import WriteError

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
