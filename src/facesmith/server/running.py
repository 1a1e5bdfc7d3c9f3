"""Runs the application under Uvicorn: in this process, or in several that share a socket."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from facesmith.detection import open_detector
from facesmith.errors import FacesmithError
from facesmith.server.app import create_app
from facesmith.server.config import ServeConfig
from facesmith.server.connections import PatientProtocol
from facesmith.server.metrics import SharedCounts

_BACKLOG = 2048  # connections that wait to be accepted
_STOPPING_SECONDS = 30  # for what runs when the server is told to stop
_KEEP_ALIVE_SECONDS = 30
_HEALTH_SECONDS = 60  # without a sign of life after which a process is replaced


class ServeError(FacesmithError):
    """The server cannot be started; the message says why and the way out."""


@dataclass(frozen=True)
class Address:
    """Where the server listens.

    Attributes:
        host: A name or an IP address.
        port: 0 for any that is free.
    """

    host: str
    port: int

    @property
    def anywhere(self) -> bool:
        """Whether all networks of this computer reach it."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - asked for by the user

    def names(self) -> tuple[str, ...]:
        """What the server is called by, in small letters, as browsers write it."""
        own = f"[{self.host}]" if _is_ipv6(self.host) else self.host
        return tuple(dict.fromkeys(("localhost", "127.0.0.1", "[::1]", own.lower())))


def run_server(
    config: ServeConfig, address: Address, workers: int, ready: Callable[[str], object]
) -> None:
    """Serve until Ctrl-C or SIGTERM; then what runs is finished first.

    Args:
        config: How it works.
        address: Where.
        workers: Processes.
        ready: Called with the address of the page once connections are taken.

    Raises:
        ServeError: If the address cannot be used.
        WeightsError: If the weights are missing or damaged.
    """
    with _listening(address) as listening:
        host = "127.0.0.1" if address.anywhere else address.host
        port = listening.getsockname()[1]
        url = f"http://{f'[{host}]' if _is_ipv6(host) else host}:{port}/"
        shared = SharedCounts.for_processes(workers) if workers > 1 else None
        settings = uvicorn.Config(
            partial(create_app, config, shared),
            factory=True,
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            interface="asgi3",
            workers=workers,
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOPPING_SECONDS,
            timeout_worker_healthcheck=_HEALTH_SECONDS,
        )
        if workers == 1:
            _serve_here(settings, listening, partial(ready, url))
        else:
            open_detector(config.model)  # says at once what is wrong with the weights
            supervisor = Multiprocess(settings, sockets=[listening])
            ready(url)
            supervisor.run()


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells when it is ready."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _serve_here(
    settings: uvicorn.Config, listening: socket.socket, ready: Callable[[], object]
) -> None:
    settings.load()  # opens the detector: its errors are the command's
    # Uvicorn raises the signal again that stopped it. Stopping on request is no failure.
    stops = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, _ignore) for each in stops}
    try:
        _Server(settings, ready).run([listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(_number: int, _frame: object) -> None:
    pass


def _listening(address: Address) -> socket.socket:
    """A socket that is bound and listens."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
    except OSError as error:
        raise ServeError(
            f"--host {address.host}: {error.strerror or error}. Pass a name or an address of this "
            "computer, such as 127.0.0.1."
        ) from error
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
        listening.set_inheritable(True)
    except OSError as error:
        listening.close()
        raise ServeError(_why_not(address, error)) from error
    return listening


def _why_not(address: Address, error: OSError) -> str:
    where = f"port {address.port} of {address.host}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Another program listens at {where}. Pass another --port, or --port 0 for any that is "
            "free."
        )
    if error.errno == errno.EACCES:
        return f"You may not listen at {where}. Pass a --port from 1024 on."
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"--host {address.host} is no address of this computer. Pass one that is, such as "
            "127.0.0.1, or 0.0.0.0 for all."
        )
    return f"Cannot listen at {where}: {error.strerror or error}. Pass another --host or --port."


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
