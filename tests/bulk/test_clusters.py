"""Clusters that are none, or that lack something."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from facesmith.bulk.dask_engine import DaskEngine, _check_packages
from facesmith.errors import BulkError


@pytest.fixture
def listening(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of something that answers each connection with some bytes, or not at all."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def answer() -> None:
        try:
            while True:
                kept.append(server.accept()[0])
                kept[-1].sendall(request.param)
        except OSError:
            return

    threading.Thread(target=answer, daemon=True).start()
    yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for each in kept:
        each.close()


@pytest.mark.parametrize(
    "listening", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n" * 9, bytes(64), b"\xff" * 64],
    indirect=True,
)  # fmt: skip
def test_something_else_at_the_address(listening: str) -> None:
    engine = DaskEngine(1, listening, wait_seconds=1)
    with pytest.raises(BulkError, match=f"No Dask scheduler answers at {listening}: "), engine:
        pass


@pytest.mark.parametrize("address", ["tls://127.0.0.1:9", "http://127.0.0.1:9", "x", "tcp://[::1"])
def test_addresses_that_are_none(address: str) -> None:
    engine = DaskEngine(1, address, wait_seconds=1)
    with pytest.raises(BulkError, match="No Dask scheduler answers at "), engine:
        pass


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ("scheduler", "package pyarrow is not installed where the scheduler runs"),
        ("worker", "package pyarrow is not installed where the worker tcp://a:1 runs"),
        ("", ""),
    ],
)
def test_packages_that_a_cluster_lacks(lacking: str, message: str) -> None:
    def about(place: str) -> dict[str, object]:
        return {"packages": {"facesmith": "1", "pyarrow": None if place == lacking else "2"}}

    versions = {"scheduler": about("scheduler"), "workers": {"tcp://a:1": about("worker")}}
    if not message:
        _check_packages(versions)
        return
    with pytest.raises(BulkError, match=message):
        _check_packages(versions)
