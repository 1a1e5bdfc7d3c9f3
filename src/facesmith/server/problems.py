"""Errors as problem JSON: what went wrong, what was expected, the way out.

Source:
    RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from facesmith.errors import FacesmithError

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499  # as other servers log it; nobody receives it
_CLOSE = {"Connection": "close"}


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An answer that is no success.

    Args:
        status: The HTTP status.
        title: What kind of problem it is, the same each time.
        detail: What went wrong here, what was expected, the way out.
        headers: Further headers.
    """

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        slug = "-".join(self.title.lower().split())
        content = {
            "type": f"urn:facesmith:problem:{slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return Response(json.dumps(content), self.status, self.headers, MEDIA_TYPE)


def unreadable(detail: str) -> Problem:
    """A photo that cannot be read."""
    return Problem(422, "Unreadable photo", detail)


def wrong_request(detail: str) -> Problem:
    """Options or fields that cannot be what was meant."""
    return Problem(422, "Wrong request", detail)


def too_large(detail: str) -> Problem:
    """More than the server takes."""
    return Problem(413, "Too large", detail, _CLOSE)


def too_slow(detail: str) -> Problem:
    """An upload that takes too long."""
    return Problem(408, "Too slow", detail, _CLOSE)


def busy(detail: str, seconds: int) -> Problem:
    """More work waits than the server takes."""
    return Problem(503, "Busy", detail, {"Retry-After": str(seconds)})


def unexpected(error: Exception) -> Problem:
    """A fault of ours."""
    return Problem(
        500,
        "Unexpected error",
        f"This should not have happened ({type(error).__name__}). Please report it with what the "
        "server printed.",
    )


def add_handlers(app: FastAPI) -> None:
    """Have all errors answered as problem JSON."""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(FacesmithError, _of_facesmith)
    app.add_exception_handler(RequestValidationError, _of_options)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(ClientDisconnect, _of_gone)
    app.add_exception_handler(Exception, _of_fault)


async def _of_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _of_facesmith(_: Request, error: Exception) -> Response:
    return wrong_request(str(error)).response()


async def _of_options(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return wrong_request(" ".join(_in_words(each) for each in error.errors())).response()


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    details = {
        404: f"There is nothing at {path}. See /openapi.json for what there is.",
        405: f"{path} does not take {request.method}; see its Allow header.",
    }
    title = HTTPStatus(status).phrase
    return Problem(status, title, details.get(status, str(error.detail)), error.headers).response()


async def _of_fault(_: Request, error: Exception) -> Response:
    return unexpected(error).response()  # the server prints it


async def _of_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


def _in_words(error: Mapping[str, Any]) -> str:
    """One of FastAPI's errors as a sentence."""
    place = ".".join(str(part) for part in error["loc"][1:]) or "the body"
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if error["type"] == "extra_forbidden":
        return f"`{place}`: there is no such option. Leave it out; /openapi.json lists all."
    if error["type"] == "missing":
        return f"`{place}` is missing."
    given = error.get("input")
    got = f"; got {given!r}" if isinstance(given, str | int | float) else ""
    return f"`{place}`: {message}{got[:200]}."
