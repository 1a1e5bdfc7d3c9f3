"""A download that goes on where it was cut off; for pooch, which starts anew.

What came so far lies in a file beside the target, with a note of what the server said of it. Only
a server that vouches that the file is still the same (`If-Range`) is asked for the rest.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesmith.errors import FetchError
from facesmith.files import write_error, write_json
from facesmith.printable import shortened_text
from facesmith.progress import NO_PROGRESS, Progress, duration

if TYPE_CHECKING:
    from requests import Response

_CHUNK = 1 << 14  # bytes; of a chunk that is cut, nothing is kept
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_OK, _PARTIAL, _BEYOND = 200, 206, 416
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # may be well the next time


@dataclass(frozen=True)
class DownloadConfig:
    """How patient a download is.

    Attributes:
        tries: Attempts in a row that bring nothing, before it is given up.
        wait: Seconds before the second attempt; doubled for each further one, at most 30.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds without a byte before the connection counts as cut.
        max_bytes: A larger file is refused.
    """

    tries: int = 6
    wait: float = 1.0
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    max_bytes: int = 8 * 10**9


class ResumableDownload:
    """What `pooch.retrieve` calls to download a file.

    Args:
        part: Where what came so far is kept between attempts and between runs.
        expected: Size in bytes, `None` if unknown; a server that says otherwise is refused.
        config: See there.
        progress: Is told bytes, rate and time left.
    """

    def __init__(
        self,
        part: Path,
        expected: int | None = None,
        config: DownloadConfig | None = None,
        progress: Progress = NO_PROGRESS,
    ) -> None:
        self._part, self._note = part, part.with_name(f"{part.name}.json")
        self._expected = expected
        self._config = config or DownloadConfig()
        self._progress = progress

    def __call__(
        self, url: str, output_file: str | Path, pooch: object, check_only: bool = False
    ) -> None:
        """Fill `output_file`.

        Raises:
            FetchError: If the server does not have the file, sends another one, or keeps failing.
            WriteError: If there is no room on the disk.
        """
        del pooch, check_only
        import requests  # noqa: PLC0415 - an extra

        failures, reason = 0, ""
        while failures < self._config.tries:
            before = self._size()
            try:
                if self._attempt(url):
                    self._part.replace(output_file)
                    self._note.unlink(missing_ok=True)
                    return
                reason = "the connection was cut"
            except requests.RequestException as error:
                reason = _words(error)
            except _BusyError as error:
                reason = str(error)
            except OSError as error:
                raise write_error(self._part, error) from error
            failures = 0 if self._size() > before else failures + 1
            if failures < self._config.tries:
                time.sleep(min(self._config.wait * 2 ** max(failures - 1, 0), 30))
        raise FetchError(
            f"{url}: {reason}, {self._config.tries} times in a row. "
            f"{self._size():,} bytes are kept; the same command goes on from there."
        )

    def _size(self) -> int:
        try:
            return self._part.stat().st_size
        except OSError:
            return 0

    def _attempt(self, url: str) -> bool:
        """One connection; whether the file is complete."""
        import requests  # noqa: PLC0415 - see `__call__`

        have, note = self._size(), self._read_note(url)
        headers = {"Accept-Encoding": "identity"}  # else offsets would be of something else
        if have and note:
            headers |= {"Range": f"bytes={have}-", "If-Range": note["validator"]}
        timeout = (self._config.connect_timeout, self._config.read_timeout)
        with closing(requests.get(url, stream=True, timeout=timeout, headers=headers)) as response:
            begin, total = self._begin(url, response, have, note)
            if begin is None:
                return True
            if begin == 0:
                self._write_note(url, response, total)
            self._check_room(total, begin)
            got = self._receive(response, begin, total, Path(url).name)
        return got == total if total is not None else got > 0

    def _begin(
        self, url: str, response: Response, have: int, note: dict[str, Any] | None
    ) -> tuple[int | None, int | None]:
        """From which byte on the answer goes, and the size of the whole file.

        The first is `None` where all of it is here.
        """
        status = response.status_code
        if status == _BEYOND and note and have:
            if note.get("total") == have:
                return None, have
            self._part.unlink(missing_ok=True)
            raise _BusyError("the server did not go on where it was cut off")
        if status in _BUSY:
            raise _BusyError(f"the server answered {status}")
        if status not in (_OK, _PARTIAL):
            raise FetchError(f"{url}: the server answered {status} {response.reason}.")
        if "text/html" in response.headers.get("Content-Type", ""):
            raise FetchError(f"{url}: the server sent a page, not the file.")
        begin, total = 0, _whole(response.headers.get("Content-Length"))
        if status == _PARTIAL:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != have:
                self._part.unlink(missing_ok=True)
                raise _BusyError("the server sent another part than asked for")
            begin, total = have, _whole(match[2])
        if total is not None and self._expected not in (None, total):
            raise FetchError(
                f"{url}: expected {self._expected:,} bytes, the server has {total:,}. It is "
                "another file, or a newer one."
            )
        if (total or 0) > self._config.max_bytes:
            raise FetchError(f"{url}: {total:,} bytes are more than {self._config.max_bytes:,}.")
        return begin, total

    def _receive(self, response: Response, begin: int, total: int | None, name: str) -> int:
        """Write what comes; the size afterwards."""
        started, told, got = time.monotonic(), 0.0, begin
        whole = total or self._expected or 0
        self._progress.report(name, begin, whole, _rate(0, 0, 0))
        with self._part.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            file.truncate()
            for chunk in _until_cut(response.iter_content(_CHUNK)):
                got += len(chunk)
                if got > (total if total is not None else self._config.max_bytes):
                    raise FetchError(f"{name}: the server sends more than the file's size.")
                file.write(chunk)
                now = time.monotonic() - started
                if now - told > 0.2:
                    told = now
                    left = whole - got
                    self._progress.report(name, got, whole, _rate(got - begin, now, left))
        if total is not None and got == total:
            self._progress.report(name, got, total)
        return got

    def _check_room(self, total: int | None, begin: int) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if total is not None and total - begin > free:
            raise FetchError(
                f"{self._part.parent}: {(total - begin) / 1e6:,.0f} MB are still to come, and "
                f"{free / 1e6:,.0f} MB are free. Make room, or pass another --to."
            )

    def _read_note(self, url: str) -> dict[str, Any] | None:
        """What the server said of the file, if it said what to know it again by."""
        try:
            note = json.loads(self._note.read_bytes()[: 1 << 16])
            known = note["url"] == url and isinstance(note["validator"], str)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return note if known and note["validator"] else None

    def _write_note(self, url: str, response: Response, total: int | None) -> None:
        etag = response.headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else ""
        validator = validator or response.headers.get("Last-Modified", "")
        write_json(self._note, {"url": url, "validator": validator, "total": total})


class _BusyError(Exception):
    """An answer that may be another one the next time."""


def _until_cut(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks up to where the connection was cut: what came stays."""
    import requests  # noqa: PLC0415 - see `ResumableDownload.__call__`

    with suppress(requests.RequestException):
        yield from chunks


def _rate(n_bytes: int, seconds: float, left: int) -> str:
    if not n_bytes or not seconds:
        return "waiting"
    rate = n_bytes / seconds
    text = f"{rate / 1e6:.1f} MB/s"
    return f"{text}, {duration(left / rate)} left" if left > 0 else text


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _words(error: Exception) -> str:
    import requests  # noqa: PLC0415 - see `ResumableDownload.__call__`

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return shortened_text(str(error) or type(error).__name__, 100)
