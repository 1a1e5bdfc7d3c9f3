"""The command, killed when half of a checkpoint is on the disk.

python killed_while_saving.py CHECKPOINTS ARGUMENT...: so many are written before.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from facesmith.cli import main
from facesmith.files import replacing
from facesmith.training import loop

_save = loop.save_checkpoint
_left = 0  # checkpoints to come before the kill


def save_or_die(path: Path, state: dict[str, Any]) -> None:
    global _left  # noqa: PLW0603 - of this process, which dies
    if path.name == "last.pt":
        _left -= 1
    if _left >= 0:
        _save(path, state)
        return
    with replacing(path) as file:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _left = int(sys.argv.pop(1))
    loop.save_checkpoint = save_or_die
    main()
