"""Ctrl-C stops a camera; the second one interrupts."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from facesmith.cli.stop_key import stopped_by_key

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent by other means there")


def test_the_first_key_stops_and_the_second_interrupts() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopped: list[bool] = []
        with stopped_by_key(lambda: stopped.append(True)):
            signal.raise_signal(signal.SIGINT)
            assert stopped == [True]
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert stopped == [True]
        with stopped_by_key(lambda: None):
            pass
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_nothing_changes_outside_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGINT)
    inside = []

    def work() -> None:
        with stopped_by_key(lambda: None):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]
