"""`python -m facesmith` is the `facesmith` command."""

from __future__ import annotations

import os
import signal
from types import FrameType


def _end(_number: int, _frame: FrameType | None) -> None:
    os.write(2, b"Stopped on request.\n")
    os._exit(130)


def start() -> None:
    """Run the command line; Ctrl-C while it loads ends it with the same words as later."""
    signal.signal(signal.SIGINT, _end)
    from facesmith.cli import main  # noqa: PLC0415 - after the signal has a handler

    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="facesmith")


if __name__ == "__main__":
    start()
