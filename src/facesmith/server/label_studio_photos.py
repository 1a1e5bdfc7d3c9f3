"""The photos of Label Studio's tasks: inside the task, or fetched from the one server allowed.

Whoever may send a task could else have this server ask any address that it reaches, also those
that nobody outside should.
"""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
import urllib.error
import urllib.request
from http.client import HTTPException, IncompleteRead
from typing import IO, Any
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes, urljoin, urlsplit

from facesmith.server.config import MB
from facesmith.server.problems import Problem, too_large, wrong_request
from facesmith.server.uploads import UNNAMED, Upload, last_part

_IN_ADDRESSES = "%/:?#[]@!$&'()*+,;=~"
_PHOTO_PATHS = ("data/", "storage-data/")
_SECONDS = 20.0  # for an answer of Label Studio
_LARGEST_ANSWER = 2**20  # bytes of what it says about tokens


class PhotoFetcher:
    """Gets photos by the addresses that tasks have.

    Args:
        server: Address of the Label Studio from which photos may be fetched; `None`: none.
        token: An access token for it, of either kind; `None`: it needs none.
        max_bytes: Of a photo.
    """

    def __init__(self, server: str | None, token: str | None, max_bytes: int) -> None:
        self._server = None if server is None else server.rstrip("/") + "/"
        self._token, self._max_bytes = token, max_bytes
        self._opener = urllib.request.build_opener(_SameServer(self._is_ours))

    def fetch(self, address: str) -> Upload:
        """A photo and its name.

        Raises:
            Problem: If the address may not be asked, does not answer, or brings too much.
        """
        if address[:5].lower() == "data:":
            return Upload(UNNAMED, _inline(address))
        if self._server is None:
            raise wrong_request(
                f"The photo lies at {address[:100]!r}, and this server fetches none. Start it with "
                "--label-studio URL and a token, or have tasks with data: URLs."
            )
        try:
            # Label Studio writes blanks and letters beyond ASCII as they are.
            url = urljoin(self._server, quote(address, safe=_IN_ADDRESSES))
        except ValueError:  # brackets of no IPv6 address
            url = ""
        if not (self._is_ours(url) and self._holds_photos(url)):
            raise wrong_request(
                f"The photo lies at {address[:100]!r}; photos are fetched from {self._server} "
                "only, from below data/. Upload it there, or serve it there as a local file."
            )
        return Upload(_name_in(url), self._get(url))

    def _holds_photos(self, url: str) -> bool:
        """Whether uploads or local files lie there: the token opens the rest of the server, too."""
        path = posixpath.normpath(unquote(urlsplit(url).path))
        below = posixpath.normpath(urlsplit(self._server or "").path)
        return any(path.startswith(posixpath.join(below, each)) for each in _PHOTO_PATHS)

    def _is_ours(self, url: str) -> bool:
        """Whether it is of the same scheme, host and port."""
        try:
            asked, ours = urlsplit(url), urlsplit(self._server or "")
            return (asked.scheme, asked.hostname, asked.port, asked.username) == (
                *(ours.scheme, ours.hostname, ours.port),
                None,
            )
        except ValueError:
            return False

    def _get(self, url: str) -> bytes:
        request = urllib.request.Request(url, headers=self._authorisation())  # noqa: S310 - checked
        content = self._read(request, self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise too_large(
                f"The photo at {url[:100]!r} has more than {self._max_bytes / MB:,.0f} MB. Reduce "
                "it, or start the server with a larger --max-upload."
            )
        return content

    def _authorisation(self) -> dict[str, str]:
        """The header for Label Studio's tokens, the old kind or the new one that expires."""
        if self._token is None:
            return {}
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        request = urllib.request.Request(  # noqa: S310 - of the server that the user named
            urljoin(self._server or "", "api/token/refresh"),
            json.dumps({"refresh": self._token}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            access = json.loads(self._read(request, _LARGEST_ANSWER))["access"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _refused("it gave no access for the token") from error
        return {"Authorization": f"Bearer {access}"}

    def _read(self, request: urllib.request.Request, limit: int) -> bytes:
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                content: bytes = answer.read(limit)
                length = answer.headers.get("Content-Length", "")
        except urllib.error.HTTPError as error:
            error.close()
            raise _refused(f"it answered {error.code}") from error
        except IncompleteRead as error:
            raise _cut(len(error.partial)) from error
        except (OSError, HTTPException, ValueError) as error:
            raise _refused(str(getattr(error, "reason", error))) from error
        if length.isdecimal() and len(content) < min(int(length[:20]), limit):
            raise _cut(len(content), f" of {int(length[:20]):,}")
        return content


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows redirects within the server only: others would get the token."""

    def __init__(self, is_ours: Any) -> None:
        self._is_ours = is_ours

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request, or an error."""
        if not self._is_ours(newurl):
            raise _refused(f"it sends elsewhere, to {newurl[:100]!r}, as with cloud storage")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refused(reason: str) -> Problem:
    return Problem(
        502,
        "No photo from Label Studio",
        f"Label Studio gave no photo: {reason[:200]}. Check --label-studio and the token.",
    )


def _cut(n_bytes: int, of_all: str = "") -> Problem:
    return Problem(
        502,
        "No photo from Label Studio",
        f"The download from Label Studio was cut after {n_bytes:,}{of_all} bytes. Send the task "
        "again; if that stays so, look into the log of Label Studio.",
    )


def _inline(address: str) -> bytes:
    """The content of a `data:` URL."""
    head, comma, body = address.partition(",")
    if not comma:
        raise wrong_request("A data: URL has no comma; expected data:image/png;base64,...")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote(body), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong_request(f"A data: URL is no base64: {error}.") from error


def _name_in(url: str) -> str:
    """The photo's name: the end of the path, or of `d` for local files."""
    parts = urlsplit(url)
    local = parse_qs(parts.query).get("d")
    return last_part(local[0] if local else unquote(parts.path))
