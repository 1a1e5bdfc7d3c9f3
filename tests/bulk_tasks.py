"""Functions that processes call: they must be importable by their module's name."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def squared(job: object, task: int) -> int:
    """The square, and a note of each call in the folder that is the job."""
    if job is not None:
        with (Path(str(job)) / f"{task}").open("a") as file:
            file.write("x")
    return task * task


def ends_at_three(job: object, task: int) -> int:
    """The square; the process ends at a 3."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return squared(job, task)


def ends_once_at_three(job: object, task: int) -> int:
    """The square; the process ends at the first 3."""
    if task == 3 and not (Path(str(job)) / "ended").exists():
        (Path(str(job)) / "ended").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return squared(job, task)


def always_ends(job: object, task: int) -> int:
    """Nothing."""
    del job, task
    os._exit(7)


def fails_at_three(job: object, n: int) -> int:
    """An error that the package does not know."""
    del job
    if n == 3:
        raise ZeroDivisionError("of three")
    return n
