"""Ctrl-C and SIGTERM during a training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does, in all parts of a training; the loop has its `stop_signal`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, frame: FrameType | None) -> None:
        ctrl_c = signal.getsignal(signal.SIGINT)
        if callable(ctrl_c):
            ctrl_c(signal.SIGINT, frame)
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old)


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """Set on Ctrl-C or SIGTERM, so that the loop stops between two steps, never within one.

    One that comes after the last step interrupts at the end: what follows the loop is not begun.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(_number: int, _frame: object) -> None:
        if stop.is_set():  # asked twice: at once, then
            raise KeyboardInterrupt
        stop.set()

    old = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    if stop.is_set():  # and the loop has ended by itself
        signal.raise_signal(signal.SIGINT)
