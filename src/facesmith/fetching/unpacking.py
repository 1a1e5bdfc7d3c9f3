"""Unpacking archives that anybody may have made: only plain files, only inside one folder.

An archive with a link, a device, a path that leads outside, the same name twice or more bytes than
stated is refused as a whole. Files get plain rights, whatever the archive says of theirs.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from facesmith.errors import FacesmithError, FetchError
from facesmith.files import write_error
from facesmith.printable import shortened_text
from facesmith.progress import NO_PROGRESS, Progress

MAX_FILES = 200_000
_CHUNK = 1 << 20  # bytes
_MAX_NAME = 1_000  # characters of a path
# Control characters; what Windows takes for something else; backslashes.
_BAD = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
# What Windows takes for a device, with any ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE)
_MAX_HEADER = 1 << 20  # bytes of a tar's long name or extended header
_PLAIN = tarfile.REGULAR_TYPES
# What macOS adds to archives.
_OF_THE_SYSTEM = ("__MACOSX", ".DS_Store")


@dataclass(frozen=True)
class _Member:
    """One entry of an archive."""

    name: str
    size: int  # bytes as stated
    kind: str  # "file", "folder", or what it is instead
    open: Callable[[], IO[bytes] | None]


def unpack(
    archive: Path, folder: Path, max_bytes: int, progress: Progress = NO_PROGRESS
) -> dict[str, str]:
    """Unpack a `.zip` or `.tar.gz` into a new or empty folder.

    Args:
        archive: The file; its content tells its kind.
        folder: Where to; made if need be.
        max_bytes: The most that all files together may have.
        progress: Is told the bytes read of the archive.

    Returns:
        The SHA-256 of each file, by its path with forward slashes below `folder`.

    Raises:
        FetchError: If the archive is damaged or refused; `folder` may hold a part of it then.
        WriteError: If a file cannot be written.
    """
    sums: dict[str, str] = {}
    seen = _Seen()
    total = 0
    with _damage(archive), archive.open("rb") as file:
        size = archive.stat().st_size
        for member in _members(archive, file):
            parts = _checked_parts(archive, member)
            if parts[0] in _OF_THE_SYSTEM or parts[-1] in _OF_THE_SYSTEM:
                continue
            seen.add(archive, parts, member.kind)
            total += member.size
            if len(seen.kinds) > MAX_FILES or total > max_bytes:
                raise FetchError(
                    f"{archive}: it unpacks to more than {MAX_FILES:,} files or "
                    f"{max_bytes / 1e6:,.0f} MB, more than this data set has."
                )
            if member.kind == "folder":
                with _writing(folder / Path(*parts)):
                    (folder / Path(*parts)).mkdir(parents=True, exist_ok=True)
                continue
            sums["/".join(parts)] = _write(archive, member, folder / Path(*parts))
            progress.report(f"Unpacking {archive.name}", min(file.tell(), size), size)
    progress.report(f"Unpacking {archive.name}", size, size)
    if not sums:
        raise FetchError(f"{archive} holds no file.")
    return sums


class _Seen:
    """The files and folders so far, by names as a system compares them that ignores case."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}

    def add(self, archive: Path, parts: list[str], kind: str) -> None:
        """Note one; refuse what would be a file twice, or a file and a folder at once."""
        name = ""
        for i, part in enumerate(parts, start=1):
            name += "/" + unicodedata.normalize("NFC", part).casefold()
            this = kind if i == len(parts) else "folder"
            before = self.kinds.get(name)
            if before is not None and (before != this or this == "file"):
                raise FetchError(f"{archive}: it holds {_shown('/'.join(parts[:i]))} twice.")
            self.kinds[name] = this


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    """Whatever goes wrong in reading, for which zip, tar and their methods have many exceptions."""
    try:
        yield
    except FacesmithError:
        raise
    except MemoryError as error:
        raise FetchError(f"{archive} needs more memory than there is.") from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) or error.errno is None:  # bz2 has none of its own
            raise FetchError(f"{archive} is damaged: {shortened_text(str(error))}.") from error
        raise FetchError(f"{archive} cannot be read: {error.strerror}.") from error
    except Exception as error:
        reason = shortened_text(str(error) or type(error).__name__)
        raise FetchError(f"{archive} is damaged: {reason}.") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


class _TarMember(tarfile.TarInfo):
    """An entry whose long name or extended header, which are read into memory, has an end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarMember:
        """The entry of a header's 512 bytes."""
        found = super().frombuf(buf, encoding, errors)
        if found.size > _MAX_HEADER and found.type not in (*_PLAIN, tarfile.DIRTYPE):
            raise tarfile.ReadError(f"the header of an entry has {found.size:,} bytes")
        return found


def _members(path: Path, file: IO[bytes]) -> Iterator[_Member]:
    start = file.read(2)
    file.seek(0)
    if start == b"PK":
        yield from _zip_members(file)
    elif start == b"\x1f\x8b":
        yield from _tar_members(file)
    else:
        raise FetchError(f"{path} is neither a .zip nor a .tar.gz file.")


def _zip_members(file: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        for each in archive.infolist():
            mode = each.external_attr >> 16
            kind = "folder" if each.is_dir() else "file"
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if stat.S_ISLNK(mode) else "a device"
            elif each.flag_bits & 1:
                kind = "encrypted"
            yield _Member(each.orig_filename, each.file_size, kind, partial(archive.open, each))


def _tar_members(file: IO[bytes]) -> Iterator[_Member]:
    # As a stream: nothing is read twice.
    with (
        gzip.GzipFile(fileobj=file) as plain,
        tarfile.open(fileobj=plain, mode="r|", errorlevel=2, tarinfo=_TarMember) as archive,
    ):
        for each in archive:
            kind = "folder" if each.isdir() else "file" if each.isreg() else "a device"
            kind = "a link" if each.issym() or each.islnk() else kind
            yield _Member(each.name, each.size, kind, partial(archive.extractfile, each))
        while plain.read(_CHUNK):  # to the end, where the checksum is compared
            pass


def _checked_parts(archive: Path, member: _Member) -> list[str]:
    """The parts of a member's path, which lead to a place inside the folder."""
    if member.kind not in ("file", "folder"):
        raise FetchError(f"{archive}: {_shown(member.name)} is {member.kind}; expected files.")
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    bad = (
        member.name.startswith("/")
        or ".." in parts
        or len(member.name) > _MAX_NAME
        or _BAD.search(member.name)
        or any(part != part.rstrip(" .") or _DEVICE.fullmatch(part) for part in parts)
    )
    if bad or (not parts and member.kind == "file"):
        raise FetchError(
            f"{archive}: the path {_shown(member.name)} leads outside, or no file can be called so."
        )
    return parts or ["."]


def _write(archive: Path, member: _Member, path: Path) -> str:
    """Write one file; its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            for chunk in _chunks(archive, member):
                size += len(chunk)
                if size > member.size:
                    break
                digest.update(chunk)
                target.write(chunk)
    if size != member.size:
        raise FetchError(f"{archive}: {_shown(member.name)} has another size than stated.")
    return digest.hexdigest()


def _chunks(archive: Path, member: _Member) -> Iterator[bytes]:
    with _damage(archive):  # here, where what goes wrong is not of the file that is written
        source = member.open()
        assert source is not None  # regular files have one
        with source:
            while chunk := source.read(_CHUNK):
                yield chunk


def _shown(name: str) -> str:
    return repr(shortened_text(name))
