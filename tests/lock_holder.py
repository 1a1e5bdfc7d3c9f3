"""A process that holds a lock; it imports little, so that it is there at once."""

from __future__ import annotations

from typing import Any

from filelock import FileLock


def hold(path: str, held: Any, done: Any) -> None:
    """Hold a lock until told."""
    with FileLock(path):
        held.set()
        done.wait(60)
