"""Which photos a bulk run looks at: folders, patterns, addresses, archives and lists.

Photos are listed as a stream, in an order that does not depend on the machine: inputs in their
order, folders and names within them sorted. No more than one folder's names are in memory.
"""

from __future__ import annotations

import glob
import gzip
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from facesmith.bulk.job import LISTS, absolute, is_address
from facesmith.errors import BulkError, FacesmithError
from facesmith.files import files_by_folder
from facesmith.images import IMAGE_SUFFIXES
from facesmith.images.files import HEIF_SUFFIXES
from facesmith.images.heif import heif_installed

_TAR = (".tar", ".tar.gz", ".tgz")
_LIST_COLUMNS = ("path", "url", "file", "file_name")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MAX_RANGE = 1_000_000
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Item:
    """One photo.

    Attributes:
        name: What the result calls it.
        path: Its file, its address, or the archive that it lies in; relative to the job's base.
        offset: In an archive: where its bytes begin, uncompressed; -1: `path` is the photo.
        size: In an archive: bytes.
    """

    name: str
    path: str
    offset: int = -1
    size: int = 0

    def to_line(self) -> str:
        """A line of the listing, without its end."""
        if self.offset < 0:
            return json.dumps(self.name)
        return json.dumps([self.name, self.path, self.offset, self.size])

    @classmethod
    def from_line(cls, line: str) -> Item:
        """The item of a line.

        Raises:
            BulkError: If it is no line of a listing.
        """
        try:
            content: Any = json.loads(line)
            return cls(content, content) if isinstance(content, str) else cls(*content)
        except (ValueError, TypeError) as error:
            raise BulkError(
                f"The listing of the photos has a damaged line, {line:.60}. Pass --force to start "
                "anew."
            ) from error


def list_items(inputs: Iterable[str], base: str) -> Iterator[Item]:
    """The photos that inputs stand for, one after the other; none is looked up in advance.

    Args:
        inputs: Each a photo; a folder, searched with its sub-folders; a pattern; an address of
            one of these that fsspec knows, such as `s3://bucket/photos`; a `.tar`, `.tar.gz` or
            WebDataset shard, also as `train-{0000..0099}.tar`; a list of paths, `.txt` with one a
            line or `.parquet` with a column `path`, `url`, `file` or `file_name`.
        base: The folder that relative paths start from.

    Raises:
        BulkError: If an input is missing, or holds no photo.
        MissingPackageError: If it takes a package that is not installed.
    """
    for given in inputs:
        if not given:
            raise BulkError(
                "An input is empty; expected a path or an address. Pass . for this folder."
            )
        n = 0
        for each in _expanded(given, base):
            for item in _of_input(each, base):
                n += 1
                yield item
        if not n:
            raise BulkError(f"No photo found in {given}. Looked for {', '.join(IMAGE_SUFFIXES)}.")


def _expanded(given: str, base: str) -> Iterator[str]:
    """The inputs that a range in braces stands for."""
    match = _RANGE.search(given)
    if match is None or os.path.exists(absolute(base, given)):  # noqa: PTH110 - never raises
        yield given
        return
    first, last, digits = int(match[1]), int(match[2]), len(match[1])
    if not first <= last < first + _MAX_RANGE:
        raise BulkError(f"{given}: expected a range such as {{0000..0099}}.")
    for number in range(first, last + 1):
        each = f"{given[: match.start()]}{number:0{digits}d}{given[match.end() :]}"
        yield from _expanded(each, base)


def _of_input(given: str, base: str) -> Iterator[Item]:
    lower = given.lower()
    if is_address(given):
        yield from _of_address(given)
        return
    place = absolute(base, given)
    if os.path.isdir(place):  # noqa: PTH112 - names that cannot be are none
        yield from _of_folder(given, place)
    elif glob.has_magic(given) and not os.path.exists(place):  # noqa: PTH110
        for path in sorted(glob.glob(place, recursive=True)):  # noqa: PTH207 - absolute patterns
            name = path if Path(given).is_absolute() else Path(path).relative_to(base).as_posix()
            if lower.endswith((*_TAR, *LISTS)):
                yield from _of_input(name, base)
            elif _is_image(path) and os.path.isfile(path):  # noqa: PTH113
                yield Item(name, name)
    elif not os.path.isfile(place):  # noqa: PTH113
        what = "is a pipe or a device" if os.path.exists(place) else "does not exist"  # noqa: PTH110
        raise BulkError(f"{given} {what}. Check the path.")
    elif lower.endswith(_TAR):
        yield from _of_archive(given, place)
    elif lower.endswith(LISTS):
        for path in _of_list(place):
            yield Item(path, path)
    else:
        yield Item(given, given)


def _of_folder(given: str, place: str) -> Iterator[Item]:
    for parent, names in files_by_folder(Path(place)):
        below = parent.relative_to(place)
        for name in sorted(names):
            if _is_image(name):
                path = (Path(given) / below / name).as_posix()
                yield Item(path, path)


def _of_address(given: str) -> Iterator[Item]:
    import fsspec  # noqa: PLC0415 - an extra

    lower = given.lower()
    try:
        system, path = fsspec.core.url_to_fs(given)
        if lower.endswith(_TAR):
            with system.open(path, "rb") as file:
                yield from _of_tar(given, file)
            return
        scheme = given.partition("://")[0]
        names = _walk(system, path) if system.isdir(path) else None
        if names is None and glob.has_magic(path):
            found = (name for name in sorted(system.glob(path)) if _is_image(name))
            names = (name for name in found if not any(map(_hidden, name.split("/"))))
        if names is None and not system.exists(path):
            raise FileNotFoundError(path)
        for name in names if names is not None else [path]:
            address = name if is_address(name) else f"{scheme}://{name}"
            yield Item(address, address)
    except FileNotFoundError as error:
        raise BulkError(f"{given} does not exist. Check the address.") from error
    except ImportError as error:
        raise BulkError(f"{given} needs a package that is not installed: {error}") from error
    except FacesmithError:
        raise
    # A file system of others may raise anything.
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise BulkError(f"{given} cannot be listed: {reason}. Check the address.") from error


def _walk(system: Any, path: str) -> Iterator[str]:
    """The photos below a folder of a file system, folder after folder, sorted."""
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        entries = sorted((each["name"], each["type"]) for each in system.ls(folder, detail=True))
        for name, kind in entries:
            if kind == "file" and _is_image(name):
                yield name
        folders = [name for name, kind in entries if kind == "directory" and name != folder]
        waiting += [name for name in reversed(folders) if not _hidden(name)]


def _of_archive(given: str, place: str) -> Iterator[Item]:
    try:
        with open(place, "rb") as file:  # noqa: PTH123 - as `system.open`
            yield from _of_tar(given, file)
    except OSError as error:
        raise BulkError(f"{given} cannot be read: {error.strerror or error}.") from error


def _of_tar(given: str, file: Any) -> Iterator[Item]:
    """The photos of a tar file; those of one that is cut off come before the error."""
    zipped = given.lower().endswith((".gz", ".tgz"))
    mode: Any = "r|" if zipped else "r:"
    try:
        plain = gzip.GzipFile(fileobj=file) if zipped else file
        with tarfile.open(fileobj=plain, mode=mode) as archive:
            for member in archive:
                if member.size < 0:
                    raise tarfile.ReadError(f"{member.name!r:.60} has a size below zero")
                if member.isreg() and _is_image(member.name):
                    name = f"{given}/{PurePosixPath(member.name)}"
                    yield Item(name, given, member.offset_data, member.size)
                archive.members = []  # type: ignore[attr-defined]  # else all stay in memory
        while zipped and plain.read(_CHUNK):  # to the end, where the checksum is compared
            pass
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BulkError(
            f"{given} is no tar file, or it is damaged: {error}. Copy it again, or leave it out."
        ) from error


def _of_list(place: str) -> Iterator[str]:
    if place.lower().endswith(".parquet"):
        yield from _of_parquet(place)
        return
    try:
        with open(place, encoding="utf-8-sig") as lines:  # noqa: PTH123
            for line in lines:
                if path := line.strip():
                    yield path
    except (OSError, UnicodeDecodeError) as error:
        raise BulkError(
            f"{place} cannot be read as text in UTF-8: {error}. Save it in UTF-8, one path a line."
        ) from error


def _of_parquet(place: str) -> Iterator[str]:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        # Opened here: pyarrow takes no names that are not UTF-8.
        with open(place, "rb") as content, pq.ParquetFile(content) as file:  # noqa: PTH123
            names = file.schema_arrow.names
            column = next((name for name in _LIST_COLUMNS if name in names), None)
            if column is None:
                raise BulkError(
                    f"{place}: expected a column {', '.join(_LIST_COLUMNS)}; it has "
                    f"{', '.join(names[:10])}. Rename the one with the paths."
                )
            batches = file.iter_batches(columns=[column])
            values = (value for batch in batches for value in batch.column(0).to_pylist())
            for row, value in enumerate(values, start=1):
                if not isinstance(value, str):
                    raise BulkError(
                        f"{place}, row {row}: expected text in {column}, got {value!r:.60}. Write "
                        "the list without such rows."
                    )
                yield value
    except (OSError, pa.ArrowException) as error:
        reason = str(error).rstrip(".")
        raise BulkError(
            f"{place} is no Parquet file, or it is damaged: {reason}. Write it again."
        ) from error


def _is_image(name: str) -> bool:
    suffixes = IMAGE_SUFFIXES + (HEIF_SUFFIXES if heif_installed() else ())
    return name.lower().endswith(suffixes) and not _hidden(name)


def _hidden(name: str) -> bool:
    return PurePosixPath(name.rstrip("/")).name.startswith(".")
