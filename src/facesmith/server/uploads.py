"""What clients send, read into memory as it arrives: one photo, or a form with several.

No file is written, whatever the size: the forms that the framework reads would be.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from facesmith.server.config import MB, ServeConfig
from facesmith.server.problems import Problem, too_large, too_slow, wrong_request
from facesmith.server.work import Place

GRACE_SECONDS = 30.0  # before an upload must have brought anything
SLOWEST = 10_000  # bytes a second of what it must bring on average then
UNNAMED = "photo"
_LONGEST_NAME = 200  # characters
_LARGEST_FIELD = 2**20  # bytes
_FORM = "multipart/form-data"
# It logs what its errors say, too; the answer has that. Without a handler it lands on the terminal.
logging.getLogger(MultipartParser.__module__).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Upload:
    """One photo.

    Attributes:
        name: The last part of the name that was given, or "photo".
        content: The file.
    """

    name: str
    content: bytes


@dataclass(frozen=True)
class Uploads:
    """What a request brings.

    Attributes:
        photos: At least one.
        fields: Of a form: name -> text.
        several: Whether it was a form, to which the answer is a list.
    """

    photos: list[Upload]
    fields: dict[str, str] = field(default_factory=dict)
    several: bool = False


async def read_uploads(
    request: Request,
    place: Place,
    config: ServeConfig,
    *,
    name: str | None,
    fields: tuple[str, ...],
) -> Uploads:
    """The photos of a request: its body, or the files of a form.

    Args:
        request: The request, of which nothing was read.
        place: Where its bytes are counted.
        config: Limits.
        name: Of the photo, if the body is one.
        fields: Names of the fields that a form may have beside files.

    Raises:
        Problem: If it is too large, too slow, or neither a photo nor a form.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    kind = media_type.decode("latin-1").lower()
    _check_encoding(request)
    _check_length(request, config)
    if kind == _FORM:
        form = _Form(options.get(b"boundary", b""), config.max_files, fields)
        await _read(request, place, config, form.take)
        return form.uploads()
    if kind not in ("", "application/octet-stream") and not kind.startswith("image/"):
        raise Problem(
            415,
            "Wrong content type",
            f"The body is said to be {kind[:100]}; expected a photo as image/jpeg, image/png or "
            f"the like, application/octet-stream, or several as {_FORM}. With curl: -F "
            "file=@photo.jpg, or --data-binary @photo.jpg -H 'Content-Type: image/jpeg'.",
        )
    body = bytearray()  # many small pieces would leave holes in memory
    await _read(request, place, config, body.extend)
    return Uploads([Upload(last_part(name or UNNAMED), bytes(body))])


async def read_json(request: Request, place: Place, config: ServeConfig) -> dict[str, Any]:
    """The JSON object that is the body.

    Raises:
        Problem: If it is none, or too large or too slow.
    """
    _check_encoding(request)
    _check_length(request, config)
    body = bytearray()
    await _read(request, place, config, body.extend)
    try:
        content = await asyncio.to_thread(json.loads, bytes(body))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise wrong_request("The body is no JSON object.")
    return content


def last_part(name: str) -> str:
    r"""A name without folders and control characters; "photo" if nothing is left.

    Example:
        >>> last_part("../../etc/passwd"), last_part(r"C:\photos\a.jpg"), last_part("..")
        ('passwd', 'a.jpg', 'photo')
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(each for each in last if each.isprintable()).strip()
    return UNNAMED if shown in ("", ".", "..") else shown[-_LONGEST_NAME:]


def _check_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise Problem(
            415,
            "Wrong content encoding",
            f"The body is packed as {encoding[:50]}; send photos as they are, without "
            "Content-Encoding.",
        )


def _check_length(request: Request, config: ServeConfig) -> None:
    """Refuse what says itself that it is too large, before any of it is read."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > config.max_upload:
        raise _over_limit(config)


def _over_limit(config: ServeConfig) -> Problem:
    return too_large(
        f"A request may bring {config.max_upload / MB:,.0f} MB. Send photos one by one, reduce "
        "them, or start the server with a larger --max-upload."
    )


async def _read(
    request: Request, place: Place, config: ServeConfig, take: Callable[[bytes], object]
) -> None:
    """Pass on the body as it arrives, counted."""
    received = 0
    now = asyncio.get_running_loop().time
    start = now()
    try:
        async with asyncio.timeout(GRACE_SECONDS) as limit:
            async for chunk in request.stream():
                received += len(chunk)
                if received > config.max_upload:
                    raise _over_limit(config)
                place.hold(len(chunk))
                limit.reschedule(start + GRACE_SECONDS + received / SLOWEST)
                take(chunk)
    except TimeoutError as error:
        raise too_slow(
            f"{received:,} bytes came in {now() - start:.0f} seconds; expected "
            f"{SLOWEST / 1000:.0f} kB a second. Send it again over a faster line."
        ) from error


class _Form:
    """What has come of a form so far."""

    def __init__(self, boundary: bytes, max_files: int, known_fields: tuple[str, ...]) -> None:
        self._photos: list[Upload] = []
        self._fields: dict[str, str] = {}
        self._ended = False
        self._max_files, self._known = max_files, known_fields
        self._begin_part()
        if not boundary:
            raise _wrong_form("its Content-Type names no boundary")
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_part_data": self._add,
                "on_part_end": self._end_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_end": self._end,
            },
        )

    def take(self, chunk: bytes) -> None:
        """Read on."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _wrong_form(str(error)) from error

    def uploads(self) -> Uploads:
        """All of it, at its end."""
        if not self._ended:
            raise _wrong_form("its last boundary is missing")
        if not self._photos:
            raise wrong_request(
                "The form has no file; expected one photo or several, as of curl -F "
                "file=@photo.jpg."
            )
        return Uploads(self._photos, self._fields, several=True)

    def _begin_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._header_name, self._header_value = b"", b""
        self._content = bytearray()
        self._name = ""
        self._file_name: str | None = None

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name, self._header_value = b"", b""

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        file_name = options.get(b"filename")
        if file_name is None:
            if self._name not in self._known:
                few = f"expected {', '.join(self._known)} or files" if self._known else "files only"
                raise wrong_request(
                    f"The form has a field {self._name[:50]!r}; {few}. Options stand in the query, "
                    "as in ?min_score=0.5."
                )
            return
        if len(self._photos) >= self._max_files:
            raise too_large(
                f"A request may bring {self._max_files} photos. Send them in several requests."
            )
        self._file_name = last_part(file_name.decode("utf-8", "replace"))

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        if self._file_name is None and len(self._content) > _LARGEST_FIELD:
            raise too_large(f"The field {self._name[:50]!r} takes more than 1 MB.")

    def _end_part(self) -> None:
        content = bytes(self._content)
        self._content = bytearray()
        if self._file_name is not None:
            self._photos.append(Upload(self._file_name, content))
        else:
            if self._name in self._fields:
                raise wrong_request(f"The field {self._name[:50]!r} comes twice. Send it once.")
            self._fields[self._name] = content.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def _wrong_form(reason: str) -> Problem:
    return wrong_request(f"The form cannot be read: {reason.rstrip('.')}. Send {_FORM}.")
