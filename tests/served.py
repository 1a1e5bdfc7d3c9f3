"""The server in tests: asked in this process, in a thread with a socket, or as a process."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from PIL import Image

from facesmith.server.connections import PatientProtocol
from spot_detector import spots

Result = TypeVar("Result")
PNG = {"Content-Type": "image/png"}


def spot_png(*corners: tuple[int, int], width: int = 160, height: int = 120) -> bytes:
    """A photo with faces for the spot detector."""
    file = io.BytesIO()
    Image.fromarray(spots(width, height, *corners)).save(file, "PNG")
    return file.getvalue()


def with_client(app: Any, use: Callable[[httpx.AsyncClient], Awaitable[Result]]) -> Result:
    """What comes of using a client of the application, in this process."""

    async def run() -> Result:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=60
        ) as client:
            return await use(client)

    # In a thread of its own: tests of pages may have left a loop that runs in this one.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(run())).result()


def ask(app: Any, method: str, path: str, **given: Any) -> httpx.Response:
    """The answer to one request."""
    return with_client(app, lambda client: client.request(method, path, **given))


@contextmanager
def in_thread(app: Any) -> Iterator[int]:
    """The application behind a socket of this computer; gives its port."""
    settings = uvicorn.Config(
        app, port=0, http=PatientProtocol, ws="none", lifespan="on", log_config=None,
        log_level="error", timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    listening = settings.bind_socket()
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


@contextmanager
def as_process(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`facesmith serve` with these words, and the address that it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "facesmith", "serve", "--port", "0", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        cwd=Path(__file__).parent,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("facesmith serves http://"), process.communicate(timeout=20)
        yield process, line.split()[2].rstrip("/")
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
