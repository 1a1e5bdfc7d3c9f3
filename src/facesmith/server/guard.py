"""What every request passes: whether it may come in, and what goes out with each answer."""

from __future__ import annotations

import ipaddress
from time import perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facesmith.server.config import ServeConfig
from facesmith.server.metrics import Metrics
from facesmith.server.problems import CLIENT_GONE, Problem

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Guard:
    """The application behind a check of names, with its answers counted.

    A web page can have its own name lead to this computer, and a browser then takes what is here
    for a part of that page. So the name by which the server is called must be one of its own.
    Pages of other hosts may not send anything either.

    Args:
        app: The application.
        config: The names.
        metrics: Where answers are counted.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics) -> None:
        self._app, self._config, self._metrics = app, config, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = CLIENT_GONE
        start = perf_counter()

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", _POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            refused = self._refusal(Headers(scope=scope))
            if refused is None:
                await self._app(scope, receive, send_guarded)
            else:
                await refused.response()(scope, receive, send_guarded)
        finally:
            self._metrics.answered(scope["path"], status, perf_counter() - start)

    def _refusal(self, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return Problem(
                403,
                "Unknown host",
                f"The server is called by the name {host[:100]!r}, which it does not know. Use "
                f"{self._config.hosts[0]}, or start it with --allow-host NAME.",
            )
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host.lower():
            return Problem(
                403,
                "Foreign page",
                f"The request comes from a page of {origin[:100]!r}; only pages of this server may "
                "send any. Programs leave the header Origin out.",
            )
        return None

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host.lower())
        if name in self._config.hosts:
            return True
        if not self._config.any_address:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _host_of(origin: str) -> str:
    """Host and port of an origin, in small letters; empty if it is none, such as `null`."""
    try:
        return urlsplit(origin.lower()).netloc
    except ValueError:
        return ""


def _without_port(host: str) -> str:
    """The name in a Host header.

    Example:
        >>> _without_port("[::1]:8000"), _without_port("localhost:8000"), _without_port("a.b")
        ('[::1]', 'localhost', 'a.b')
    """
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
