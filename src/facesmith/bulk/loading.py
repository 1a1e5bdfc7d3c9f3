"""The bytes of a shard's photos, read ahead where that takes time."""

from __future__ import annotations

import gzip
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesmith.bulk.items import Item
from facesmith.bulk.job import absolute, is_address
from facesmith.detection.photos import PhotoSource
from facesmith.errors import ImageError
from facesmith.images import MAX_BYTES

_READERS = 4  # threads; a server answers in tens of milliseconds
_AHEAD = 12  # photos


@dataclass(frozen=True)
class Loaded:
    """A photo to look at and its size in bytes, `None` if unknown."""

    source: PhotoSource
    size: int | None


def load_items(items: Sequence[Item], base: str) -> Iterator[Loaded]:
    """The photos in their order. One that cannot be read has an error for its content.

    Args:
        items: The photos.
        base: The folder that relative paths start from.
    """
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as pool:
        waiting: deque[Future[Loaded]] = deque()
        reader = _Reader(base)
        try:
            for item in items:
                if reader.is_stream(item):  # forwards only, so one after the other
                    while waiting:
                        yield waiting.popleft().result()
                    yield reader.load(item)
                    continue
                waiting.append(pool.submit(reader.load, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            reader.close()
            pool.shutdown(wait=False, cancel_futures=True)


class _Reader:
    def __init__(self, base: str) -> None:
        self._base = base
        self._archive: Any = None
        self._stream: Any = None  # the archive, uncompressed
        self._streamed = ""

    def is_stream(self, item: Item) -> bool:
        """Whether it lies in a compressed archive."""
        return item.offset >= 0 and item.path.lower().endswith((".gz", ".tgz"))

    def load(self, item: Item) -> Loaded:
        """One photo; a file on a disk is only looked up."""
        try:
            if item.offset < 0 and not is_address(item.path):
                path = Path(absolute(self._base, item.path))
                with suppress(OSError):  # reading it says why
                    return Loaded(PhotoSource(item.name, path), os.stat(path).st_size)  # noqa: PTH116
                return Loaded(PhotoSource(item.name, path), None)
            content = self._content(item)
        # A file system of others may raise anything.
        except Exception as error:  # noqa: BLE001
            return _failed(item, _reason(item, error))
        if not content:
            return _failed(item, "it is empty")
        return Loaded(PhotoSource(item.name, content), len(content))

    def _content(self, item: Item) -> bytes:
        if item.offset >= 0:
            _check_size(item.size)
            if self.is_stream(item):
                return self._next_of_stream(item)
            with self._open(item.path) as file:
                file.seek(item.offset)
                content: bytes = file.read(item.size)
            if len(content) != item.size:
                raise OSError("the archive ends before it")
            return content
        import fsspec  # noqa: PLC0415 - an extra

        system, path = fsspec.core.url_to_fs(item.path)
        size = system.size(path)
        if size is not None:
            _check_size(size)
        read: bytes = system.cat_file(path)
        return read

    def _open(self, path: str) -> Any:
        if not is_address(path):
            return Path(absolute(self._base, path)).open("rb")
        import fsspec  # noqa: PLC0415 - an extra

        system, place = fsspec.core.url_to_fs(path)
        return system.open(place, "rb")

    def _next_of_stream(self, item: Item) -> bytes:
        if self._stream is None or self._streamed != item.path or self._stream.tell() > item.offset:
            self.close()
            self._archive, self._streamed = self._open(item.path), item.path
            self._stream = gzip.open(self._archive)  # noqa: SIM115 - closed by `close`
        self._stream.seek(item.offset)
        content: bytes = self._stream.read(item.size)
        if len(content) != item.size:
            raise OSError("the archive ends before it")
        return content

    def close(self) -> None:
        """Close the archive that is read as a stream."""
        for file in (self._stream, self._archive):
            if file is not None:
                with suppress(OSError):
                    file.close()
        self._stream = self._archive = None


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise OSError(
            f"it has {size / 2**20:,.0f} MB, at most {MAX_BYTES / 2**20:,.0f} MB are read"
        )


def _reason(item: Item, error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"a package is missing ({error})"
    if isinstance(error, FileNotFoundError):  # of file systems often without a word
        return f"{item.path} does not exist"
    return str(error) or type(error).__name__


def _failed(item: Item, reason: str) -> Loaded:
    return Loaded(
        PhotoSource(item.name, ImageError(f"{item.name} cannot be read: {reason}.")), None
    )
