"""Ctrl-C as the way to stop a camera: what came before it is kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopped_by_key(stop: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C call `stop`; a second one interrupts as ever.

    Signals reach the main thread alone; in another nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_key(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    before = signal.signal(signal.SIGINT, on_key)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
