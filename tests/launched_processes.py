"""Processes that train together, as a launcher or the command itself starts them."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parent


def free_port() -> int:
    """A port below those that the system gives to whoever asks for any, as other tests do."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def launched(rank: int, n: int, port: int | str) -> dict[str, str]:
    """The environment that a launcher gives a process of n."""
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "MASTER_PORT": port}
    return {**os.environ, **{k: str(v) for k, v in world.items()}, "MASTER_ADDR": "127.0.0.1"}


def started(
    words: Sequence[str | Path],
    errors: Path,
    program: Sequence[str | Path] = ("-m", "facesmith"),
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """The command, whose standard error is added to a file."""
    with errors.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *program, *words],
            stdout=subprocess.DEVNULL, stderr=file, env=environment,
        )  # fmt: skip
