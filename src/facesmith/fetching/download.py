"""A download that goes on where it was cut off; for pooch, which starts anew.

What came so far lies in a file beside the target, with a note of what the server said of it; only
a server that vouches for the same file (`If-Range`) is asked for the rest.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from facesmith.errors import FetchError, WriteError
from facesmith.fetching.records import bounded_json
from facesmith.files import write_error, write_json
from facesmith.printable import shortened_text, without_password
from facesmith.progress import NO_PROGRESS, Progress, duration

if TYPE_CHECKING:
    from requests import Response

_CHUNK = 1 << 14  # bytes; of a chunk that is cut, nothing is kept
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_OK, _PARTIAL, _BEYOND = 200, 206, 416
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # may be well the next time
_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")
_LONGEST_WAIT = 120  # seconds that a server may ask for by `Retry-After`


@dataclass(frozen=True)
class DownloadConfig:
    """How patient a download is.

    Attributes:
        tries: Attempts in a row that bring nothing, before it is given up.
        wait: Seconds before the second attempt; doubled for each further one, at most 30. A server
            that asks for more gets it, at most two minutes.
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
    """A download to a file that is kept between attempts and between runs.

    Args:
        part: The file; complete when the call returns. Beside it, `part.json` says what it is.
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

    def __call__(self, url: str) -> None:
        """Fill the file from an address.

        Raises:
            FetchError: If the server does not have the file, sends another one, or keeps failing.
            WriteError: If there is no room on the disk, or a file of somebody else's in the way.
        """
        self.check_own()
        try:
            self._try(url)
        finally:
            if self._size() == 0:
                self.discard()

    def for_pooch(self, url: str, output: str | Path, _pooch: object = None) -> None:
        """Do the same, and give pooch a second link to the file, which itself stays."""
        self(url)
        Path(output).unlink(missing_ok=True)
        try:
            os.link(self._part, output)
        except OSError:  # a file system without links
            shutil.copyfile(self._part, output)

    def _try(self, url: str) -> None:
        import requests  # noqa: PLC0415 - an extra
        import urllib3  # noqa: PLC0415 - comes with requests

        failures, reason, most = 0, "", self._size()
        while True:
            asked_wait = 0.0
            try:
                if self._attempt(url):
                    return
                reason = "the connection was cut"
            except _BusyError as error:
                reason, asked_wait = str(error), error.wait
            except (requests.Timeout, urllib3.exceptions.TimeoutError):
                reason = "no answer in time"
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
                reason = self._words_if_passing(url, error)
            except OSError as error:
                raise write_error(self._part, error) from error
            failures = 0 if self._size() > most else failures + 1
            most = max(most, self._size())
            if failures >= self._config.tries:
                break
            wait = min(self._config.wait * 2 ** max(failures - 1, 0), 30)
            time.sleep(max(wait, min(asked_wait, _LONGEST_WAIT)))
        kept = self._size()
        standing = f"{kept:,} bytes are kept; the same command goes on from there."
        raise FetchError(
            f"{without_password(url)}: {reason}, {self._config.tries} times in a row. "
            f"{standing if kept else 'Nothing came; the same command tries again.'}"
        )

    def check_own(self) -> None:
        """Refuse files of these names that no download left.

        Raises:
            WriteError: If there are some; they stay as they are.
        """
        note = self._read_note()
        for path in (self._part, self._note):
            if os.path.lexists(path) and (note is None or path.is_symlink() or not path.is_file()):
                raise WriteError(
                    f"{path} exists, and no earlier run left it: it stays as it is. Move it, or "
                    "choose another folder."
                )

    def discard(self) -> None:
        """Delete what came, and the note of it."""
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def move(self, target: Path) -> None:
        """Put the complete file in its place; the note stays, and says that it is ours."""
        write_json(self._note, (self._read_note() or {}) | {"complete": True})
        self._part.replace(target)

    def moved(self) -> bool:
        """Whether the complete file was moved, by an earlier run too, and the note is here."""
        return bool((self._read_note() or {}).get("complete")) and not os.path.lexists(self._part)

    def _words_if_passing(self, url: str, error: Exception) -> str:
        """Why an attempt failed; an error that will not pass is raised."""
        import requests  # noqa: PLC0415 - see `_try`

        text = str(error)
        if isinstance(error, requests.TooManyRedirects):
            _give_up(url, "it leads from one address to the next without end", error)
        if isinstance(error, requests.exceptions.SSLError):
            if "CERTIFICATE_VERIFY" not in text:
                return "no secure connection"
            _give_up(
                url, "the server's certificate is not trusted; REQUESTS_CA_BUNDLE names a file of "
                "certificates to trust", error,
            )  # fmt: skip
        if "SOCKS" in text:
            _give_up(url, "a SOCKS proxy needs the package PySocks", error)
        if isinstance(error, requests.exceptions.ProxyError):
            return "no connection to the proxy of HTTP_PROXY or HTTPS_PROXY"
        if isinstance(error, requests.exceptions.InvalidProxyURL):
            _give_up(url, "HTTP_PROXY or HTTPS_PROXY is no address", error)
        if isinstance(error, ValueError):  # all of requests that concern the address
            _give_up(url, "it is, or leads to, no address of http or https", error)
        no_connection = isinstance(error, requests.ConnectionError)
        return "no connection" if no_connection else "the connection was cut"

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self, url: str) -> bool:
        """One connection; whether the file is complete."""
        import requests  # noqa: PLC0415 - see `_try`

        have, note = self._size(), self._read_note()
        if note is not None and (note["url"] != without_password(url) or not note["validator"]):
            note = None  # of another file, or of one that cannot be known again
        headers = {"Accept-Encoding": "identity"}  # else offsets would be of something else
        if have and note:
            headers |= {"Range": f"bytes={have}-", "If-Range": note["validator"]}
        timeout = (self._config.connect_timeout, self._config.read_timeout)
        with closing(requests.get(url, stream=True, timeout=timeout, headers=headers)) as response:
            begin, total = self._begin(url, response, have, note if have else None)
            if begin is None:
                return True
            self._check_room(total, begin)
            if begin == 0:
                self._write_note(url, response, total)
            got, cut = self._receive(response, begin, total, url)
        size = total if total is not None else self._expected
        return got == size if size is not None else got > 0 and not cut

    def _begin(
        self, url: str, response: Response, have: int, note: dict[str, Any] | None
    ) -> tuple[int | None, int | None]:
        """From which byte on the answer goes, and the size of the whole file.

        The first is `None` where all of it is here. `note` is given if a part was asked for.
        """
        status = response.status_code
        if status == _BEYOND and note:
            if note.get("total") == have:
                return None, have
            self._start_anew("the server did not go on where it was cut off")
        if status in _BUSY:
            raise _BusyError(
                f"the server answered {status}", _whole(response.headers.get("Retry-After")) or 0
            )
        if status not in (_OK, _PARTIAL):
            reason = shortened_text(response.reason or "", 100)
            _give_up(url, f"the server answered {status} {reason}".rstrip())
        if "text/html" in response.headers.get("Content-Type", "").lower():
            _give_up(url, "the server sent a page, not the file")
        begin, total = 0, _whole(response.headers.get("Content-Length"))
        if status == _PARTIAL:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            known = note.get("total") if note else None
            total = _whole(match[2]) if match else None
            if match is None or int(match[1]) != (have if note else 0):
                self._start_anew("the server sent another part than asked for")
            elif None not in (known, total) and known != total:
                self._start_anew("the server sent a part of another file")
            begin, total = int(match[1]), known if total is None else total
        if total is not None and self._expected not in (None, total):
            raise FetchError(
                f"{without_password(url)}: expected {self._expected:,} bytes, the server has "
                f"{total:,}. It is another file, or a newer one."
            )
        if (total or 0) > self._config.max_bytes:
            _give_up(url, f"{total:,} bytes are more than {self._config.max_bytes:,}")
        return begin, total

    def _start_anew(self, reason: str) -> NoReturn:
        self._part.unlink(missing_ok=True)
        raise _BusyError(reason)

    def _receive(
        self, response: Response, begin: int, total: int | None, url: str
    ) -> tuple[int, bool]:
        """Write what comes; the size afterwards, and whether the connection was cut."""
        started, told, got = time.monotonic(), 0.0, begin
        name = url.rpartition("/")[2]
        whole = total if total is not None else self._expected or 0
        limit = whole or self._config.max_bytes
        self._progress.report(name, begin, whole, _rate(0, 0, 0))
        chunks = _Chunks(response)
        with self._part.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            file.truncate()
            for chunk in iter(chunks.next, b""):
                if got == 0 and chunk.lstrip()[:9].lower().startswith(_PAGE):
                    _give_up(url, "the server sent a page, not the file")
                got += len(chunk)
                if got > limit:
                    _give_up(url, f"the server sends more than {limit:,} bytes")
                file.write(chunk)
                now = time.monotonic() - started
                if now - told > 0.2:
                    told = now
                    left = whole - got
                    self._progress.report(name, got, whole, _rate(got - begin, now, left))
        if total is not None and got == total:
            self._progress.report(name, got, total)
        return got, chunks.cut

    def _check_room(self, total: int | None, begin: int) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if total is not None and total - begin > free:
            raise FetchError(
                f"{self._part.parent}: {(total - begin) / 1e6:,.0f} MB are still to come, and "
                f"{free / 1e6:,.0f} MB are free. Make room, or pass another --to."
            )

    def _read_note(self) -> dict[str, Any] | None:
        """What the server said of the file that came so far; `None` if nothing did."""
        note = bounded_json(self._note)
        if not isinstance(note, dict):
            return None
        known = isinstance(note.get("url"), str) and isinstance(note.get("validator"), str)
        return note if known else None

    def _write_note(self, url: str, response: Response, total: int | None) -> None:
        etag = response.headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else ""
        validator = validator or response.headers.get("Last-Modified", "")
        about = {"url": without_password(url), "validator": validator, "total": total}
        write_json(self._note, about)


class _BusyError(Exception):
    """An answer that may be another one the next time, after so many seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class _Chunks:
    """The bytes of an answer as they were sent, up to where the connection was cut.

    Some servers call a `.tar.gz` a compressed `.tar`: decoded, it would be another file.
    """

    def __init__(self, response: Response) -> None:
        self._chunks = response.raw.stream(_CHUNK, decode_content=False)
        self.cut = False

    def next(self) -> bytes:
        """The next ones; none at the end."""
        import urllib3  # noqa: PLC0415 - see `ResumableDownload._try`

        try:
            return next(self._chunks, b"")
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            self.cut = True
            return b""


def _give_up(url: str, reason: str, error: Exception | None = None) -> NoReturn:
    raise FetchError(f"{without_password(url)}: {reason}.") from error


def _rate(n_bytes: int, seconds: float, left: int) -> str:
    if not n_bytes or not seconds:
        return "waiting"
    rate = n_bytes / seconds
    text = f"{rate / 1e6:.1f} MB/s"
    return f"{text}, {duration(left / rate)} left" if left > 0 else text


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None
