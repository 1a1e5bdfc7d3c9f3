"""Many requests at once, clients that go away or dawdle: nothing is lost, and memory has an end."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facesmith.server import ServeConfig, connections, create_app
from facesmith.server.work import Work
from served import PNG, ask, in_thread, spot_png, with_client

HEAD = (
    "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    "Content-Length: {}\r\n\r\n"
)


class HeldWork(Work):
    """Work that begins with the next photo only when it is told to."""

    gate: threading.Event
    begun: list[str]

    def look(self, *given: Any) -> Any:
        self.begun.append(given[0])
        assert self.gate.wait(30)
        return super().look(*given)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[HeldWork]]:
    monkeypatch.setattr(HeldWork, "gate", threading.Event(), raising=False)
    monkeypatch.setattr(HeldWork, "begun", [], raising=False)
    yield HeldWork
    HeldWork.gate.set()


@pytest.fixture
def own_app(spot_weights: Path) -> Any:
    """One that may be ended with its server."""
    return create_app(ServeConfig(spot_weights))


def gauge(app: Any, name: str) -> int:
    return gauge_in(ask(app, "GET", "/metrics").text, name)


def gauge_in(text: str, name: str) -> int:
    return int(next(line for line in text.splitlines() if line.startswith(name)).split()[-1])


def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def test_of_200_uploads_at_once_none_is_lost(spot_app: Any) -> None:
    corners = [(8 * (2 + i % 14), 8 * (2 + i // 14 % 9)) for i in range(200)]

    async def all_at_once(client: Any) -> list[Any]:
        return await asyncio.gather(
            *(
                client.post(f"/v1/detect?name={i}.png", content=spot_png(corner), headers=PNG)
                for i, corner in enumerate(corners)
            )
        )

    answers = with_client(spot_app, all_at_once)
    assert {each.status_code for each in answers} == {200}
    for i, ((x, y), answer) in enumerate(zip(corners, answers, strict=True)):
        found = answer.json()
        assert found["file"] == f"{i}.png"
        (face,) = found["faces"]
        box = [max(x - 12, 0), max(y - 12, 0), min(x + 20, 160), min(y + 20, 120)]
        assert face["box"] == pytest.approx(box, abs=0.05)


def test_what_does_not_fit_is_sent_away_and_served_when_it_comes_again(
    spot_weights: Path, held: type[HeldWork]
) -> None:
    app = create_app(ServeConfig(spot_weights, max_requests=5), work_type=held)
    photo = spot_png((40, 32))

    async def insist(client: Any) -> list[int]:
        async def one() -> int:
            refusals = 0
            while True:
                answer = await client.post("/v1/detect", content=photo, headers=PNG)
                if answer.status_code == 200:
                    assert len(answer.json()["faces"]) == 1
                    return refusals
                assert answer.status_code == 503
                assert 1 <= int(answer.headers["retry-after"]) <= 60
                assert answer.json()["title"] == "Busy"
                refusals += 1
                held.gate.set()
                await asyncio.sleep(0.02)

        return list(await asyncio.gather(*(one() for _ in range(20))))

    refusals = with_client(app, insist)
    assert sum(count > 0 for count in refusals) == 15


def test_the_bytes_of_what_waits_have_an_end(spot_weights: Path, held: type[HeldWork]) -> None:
    config = ServeConfig(spot_weights, max_upload=100 * 2**20, max_requests=1000)
    app = create_app(config, work_type=held)

    async def upload(client: Any) -> list[int]:
        content = bytes(60 * 2**20)  # no photo, but that is seen only later
        posts = [
            asyncio.create_task(client.post("/v1/detect", content=content, headers=PNG))
            for _ in range(12)
        ]
        while sum(each.done() for each in posts) < 8:
            await asyncio.sleep(0.02)
        held.gate.set()
        return sorted(each.status_code for each in await asyncio.gather(*posts))

    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert with_client(app, upload) == [422] * 4 + [503] * 8  # 4 of 60 MB fit in 256 MB
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600 * 1024  # kB: twelve would take 720 MB
    assert gauge(app, "facesmith_held_bytes ") == 0


def test_answers_come_at_once_while_a_photo_is_worked_at(
    spot_weights: Path, held: type[HeldWork]
) -> None:
    app = create_app(ServeConfig(spot_weights), work_type=held)

    async def meanwhile(client: Any) -> tuple[int, int]:
        post = asyncio.create_task(client.post("/v1/detect", content=spot_png(), headers=PNG))
        while not held.begun:
            await asyncio.sleep(0.01)
        text = (await client.get("/metrics")).text
        held.gate.set()
        return gauge_in(text, "facesmith_requests_in_progress "), (await post).status_code

    assert with_client(app, meanwhile) == (1, 200)


def connect(port: int, sent: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=20)
    line.sendall(sent)
    return line


def test_a_cut_connection_frees_its_place_and_is_not_worked_at(
    spot_weights: Path, held: type[HeldWork]
) -> None:
    app = create_app(ServeConfig(spot_weights), work_type=held)
    photo = spot_png((40, 32))
    with in_thread(app) as port:
        first = connect(port, HEAD.format(len(photo)).encode() + photo)  # at work
        until(lambda: len(held.begun) == 1)
        waiting = connect(port, HEAD.format(len(photo)).encode() + photo)
        half = connect(port, HEAD.format(len(photo)).encode() + photo[:50])
        until(lambda: gauge(app, "facesmith_requests_in_progress ") == 3)
        waiting.close()
        half.close()
        until(lambda: gauge(app, "facesmith_requests_in_progress ") == 1)
        held.gate.set()
        assert first.recv(1000).startswith(b"HTTP/1.1 200")
        first.close()
        last = connect(port, HEAD.format(len(photo)).encode() + photo)
        assert last.recv(1000).startswith(b"HTTP/1.1 200")
        last.close()
        until(lambda: gauge(app, "facesmith_requests_in_progress ") == 0)
    assert len(held.begun) == 2
    assert gauge(app, "facesmith_held_bytes ") == 0


def test_a_head_that_does_not_end_is_given_up(
    own_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with in_thread(own_app) as port:
        for begun in (b"", b"GET /health HTT"):
            with connect(port, begun) as line:
                assert line.recv(100) == b""
        whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with connect(port, whole) as line:  # one that dawdles after a first request
            assert line.recv(1000).startswith(b"HTTP/1.1 200")
            line.sendall(b"GET /health HTT")
            while (got := line.recv(1000)) != b"":
                assert not got.startswith(b"HTTP/1.1 4")


def test_a_client_that_takes_no_answer_is_given_up(
    own_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TAKE_SECONDS", 0.3)
    photo = spot_png(width=4000, height=4000)
    file = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(file, "BMP")
    content = file.getvalue()  # 48 MB there and 48 MB back
    head = (
        "POST /v1/anonymise?boxes=[] HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/bmp\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with in_thread(own_app) as port, connect(port, head.encode() + content) as line:
        until(lambda: gauge(own_app, "facesmith_requests_in_progress ") == 0)
        time.sleep(1.5)
        received = line.recv(1000)
        assert received.startswith(b"HTTP/1.1 200")
        n_bytes = len(received)
        with suppress(ConnectionError):
            while got := line.recv(2**20):
                n_bytes += len(got)
        assert n_bytes < len(content)


def test_too_many_connections_are_closed(own_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    with in_thread(own_app) as port:
        lines = [connect(port, b"") for _ in range(3)]
        time.sleep(0.2)
        with connect(port, b"") as fourth, suppress(ConnectionError):
            assert fourth.recv(10) == b""  # closed
        for line in lines:
            line.close()
        time.sleep(0.2)
        with connect(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as line:
            assert line.recv(2000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000],
    ids=["TLS", "no path", "long head"],
)
def test_what_is_no_request_is_closed_and_the_next_is_fine(own_app: Any, sent: bytes) -> None:
    with in_thread(own_app) as port:
        with connect(port, sent) as line, suppress(ConnectionError):
            assert line.recv(1000)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"")
        with connect(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as line:
            assert line.recv(2000).startswith(b"HTTP/1.1 200")
