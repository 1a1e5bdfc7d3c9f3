"""Readers of files that anybody may have made: bounded, never unpickled, one kind of error.

Only regular files are opened, after following links: a pipe would wait for ever, a device never
ends. What a file states about its size is checked before memory is taken for it.
"""

from __future__ import annotations

import codecs
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from facesmith.errors import FacesmithError
from facesmith.files import open_regular, read_bounded
from facesmith.printable import shortened_text

MAX_BYTES = 1 << 30  # of a text file; the annotations of 100,000 photos have half of this
# A whole number of more digits is read as a floating point one, which may be infinite.
_MAX_DIGITS = 40
# Arrays may be compressed, but a small file that swells beyond these two is refused.
_SWELLING, _SWOLLEN_BYTES = 100, 1 << 28
_MAX_HEADER_BYTES = 10_000  # bytes of an array's header; NumPy's own limit
_CHUNK = 1 << 22  # bytes
_NPY_START, _ZIP_START = b"\x93NUMPY", b"PK"
_WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class ContentError(FacesmithError):
    """A file cannot be read, or its content is not what its form asks for."""


class PickledError(ContentError):
    """A file holds pickled objects, which could run any code."""


@contextmanager
def open_file(path: str | Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading.

    Raises:
        ContentError: If it is missing, a folder, a pipe or a device, or cannot be read.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError:
        raise ContentError(f"{path} does not exist. Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise _unreadable(path, error) from error
    with file:
        yield file


def read_bytes(path: str | Path, max_bytes: int = MAX_BYTES) -> bytes:
    """All bytes of a regular file of at most `max_bytes` (1 GB), or a `ContentError`."""
    try:
        return read_bounded(path, max_bytes)
    except FileNotFoundError:
        raise ContentError(f"{path} does not exist. Check the path.") from None
    except (OSError, ValueError, MemoryError) as error:
        raise _unreadable(path, error) from error


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without byte order mark, or a `ContentError`."""
    return decoded(read_bytes(path), str(path))


def decoded(content: bytes, name: str) -> str:
    """Bytes as text in UTF-8; `name` is for messages.

    Raises:
        ContentError: If they are none, empty included.
    """
    if not content:
        raise ContentError(f"{name} is empty (0 bytes). Copy it again from where it came.")
    for mark, encoding in _WIDE_MARKS:
        if content.startswith(mark):
            raise ContentError(f"{name} is text in {encoding}; save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(
            f"{name}: expected text in UTF-8, byte {error.start + 1} is none."
        ) from None


def read_json(path: str | Path) -> Any:
    """The content of a JSON file, see `parsed_json`; raises a `ContentError`."""
    return parsed_json(read_text(path), str(path))


def parsed_json(text: str, name: str) -> Any:
    """JSON as plain values; `name` is for messages.

    A whole number of more than 40 digits becomes a float, beyond 308 digits infinity; `NaN` and
    `Infinity` are taken, too, so that whoever uses a number checks whether it is finite.

    Raises:
        ContentError: If it is no JSON, nested too deeply, or an object has a key twice: Python
            would drop what stands under the first.
    """
    start = text[:4]
    if "\0" in start:
        raise ContentError(f"{name} is text in UTF-16, or no text; save it as UTF-8.")
    try:
        return json.loads(text, parse_int=_whole, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        where = f"column {error.colno}"
        if "\n" in text:  # else `name` may say which line of a file of lines it is
            where = f"line {error.lineno}, {where}"
        raise ContentError(f"{name}: not valid JSON: {error.msg} ({where}).") from None
    except RecursionError:
        raise ContentError(f"{name}: not usable JSON: it is nested too deeply.") from None
    except (ValueError, MemoryError) as error:
        reason = shortened_text(str(error) or "too little memory")
        raise ContentError(f"{name}: not valid JSON: {reason}.") from None


class ArrayFile:
    """The arrays of an `.npz`, each read only when asked for; see `open_arrays`.

    Attributes:
        names: Of the arrays; what else lies in the archive is among them until it is read.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        with _damage(path):
            start = file.read(len(_NPY_START))
            file.seek(0)
            if start == _NPY_START:
                raise ContentError(f"{path} holds a single array; expected an .npz file.")
            if not start:
                raise ContentError(f"{path} is empty (0 bytes). Copy it again from where it came.")
            if not start.startswith(_ZIP_START):
                raise ContentError(f"{path} is no .npz file.")
            self._archive = zipfile.ZipFile(file)
            self._members = {
                member.filename.removesuffix(".npy"): member for member in self._archive.infolist()
            }
        self.names = list(self._members)

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array, checked against the size that the archive states.

        Raises:
            ContentError: If there is no such array, or it is encrypted, damaged or pickled.
        """
        if name not in self._members:
            raise ContentError(f"{self._path} has no array `{name}`.")
        with _damage(self._path):
            return self._header(name)

    def read(self, name: str) -> npt.NDArray[np.generic]:
        """The array of a name, writeable, or a `ContentError` as of `header`."""
        shape, dtype = self.header(name)
        with _damage(self._path), self._archive.open(self._members[name]) as stream:
            _, _, fortran = _read_header(stream)
            array = np.empty(_count(shape), dtype)
            if array.nbytes:
                into = memoryview(array.view(np.uint8).data)
                filled = 0
                while filled < len(into) and (chunk := stream.read(_CHUNK)):
                    into[filled : filled + len(chunk)] = chunk
                    filled += len(chunk)
                if filled != len(into):
                    raise ContentError(f"{self._path} is damaged: `{name}` is cut off.")
            stream.read(1)  # the end, where the checksum is compared
        return array.reshape(shape, order="F" if fortran else "C")

    def _header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        member = self._members[name]
        if member.flag_bits & 1:
            raise ContentError(f"{self._path} is encrypted; save it without a password.")
        with self._archive.open(member) as stream:
            try:
                shape, dtype, _ = _read_header(stream)
            except PickledError:
                raise PickledError(
                    f"{self._path} holds pickled Python objects in `{name}`."
                ) from None
            header_bytes = stream.tell()
        stated, claimed = member.file_size - header_bytes, _count(shape) * dtype.itemsize
        if claimed != stated or (dtype.itemsize == 0 and _count(shape)):
            raise ContentError(
                f"{self._path} is damaged: `{name}` claims {claimed:,} bytes and has {stated:,}."
            )
        if claimed > max(_SWOLLEN_BYTES, _SWELLING * member.compress_size):
            raise ContentError(
                f"{self._path}: `{name}` claims {claimed:,} bytes from {member.compress_size:,}, "
                "which is more than photos give. Save it with numpy.savez, uncompressed."
            )
        return shape, dtype


@contextmanager
def open_arrays(path: str | Path) -> Iterator[ArrayFile]:
    """The arrays of an `.npz` file; nothing in it is ever unpickled.

    Raises:
        ContentError: If the file is missing, no `.npz`, encrypted or damaged, or an array claims
            another size than the archive states.
    """
    with open_file(path) as file:
        yield ArrayFile(Path(path), file)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, type and whether the first index runs fastest."""
    if np.lib.format.read_magic(stream) == (1, 0):
        read = np.lib.format.read_array_header_1_0
    else:
        read = np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream, _MAX_HEADER_BYTES)
    if dtype.hasobject:
        raise PickledError("pickled")
    if any(side < 0 for side in shape):
        raise ValueError(f"an array of shape {shape}")
    return shape, dtype, fortran


def _count(shape: tuple[int, ...]) -> int:
    """Number of values of an array of a shape; unlike NumPy's it has no limit."""
    count = 1
    for side in shape:
        count *= side
    return count


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever goes wrong in here, for which zip, zlib and NumPy have many exceptions."""
    try:
        yield
    except ContentError:
        raise
    except MemoryError as error:
        raise ContentError(f"{path} needs more memory than there is.") from error
    except Exception as error:
        reason = shortened_text(str(error) or type(error).__name__)
        raise ContentError(f"{path} is no .npz file, or it is damaged: {reason}.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in an object")
    return found


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _unreadable(path: str | Path, error: Exception) -> ContentError:
    reason = getattr(error, "strerror", None) or str(error) or "too little memory"
    return ContentError(f"{path} cannot be read: {reason}.")
