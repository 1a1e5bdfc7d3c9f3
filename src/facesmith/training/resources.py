"""What a training takes of the machine: memory and threads."""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import time
from pathlib import Path
from typing import Any

from facesmith.detection.sessions import available_cores

_LOAD_FILE = Path("/proc/loadavg")  # of Linux
_LOOKS, _BETWEEN_LOOKS = 5, 0.02  # at how many programs run now, and seconds from one to the next


def idle_threads() -> tuple[int, float]:
    """How many threads to compute on, and how many cores other programs keep busy.

    Threads that wait for each other on busy cores are several times slower than one. Where the
    system tells no load, as on Windows, all cores count as idle.
    """
    cores, busy = available_cores(), busy_cores()
    idle = int((os.cpu_count() or cores) - busy + 0.5)
    return min(max(idle, 1), cores), busy


def busy_cores() -> float:
    """How many programs compute at present: the load of the last minute, or less if it has gone."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return 0.0
    running = _running_now()
    return load if running is None else min(load, running)


def _running_now() -> float | None:
    """How many other threads run or wait for a core; `None` where the system does not tell."""
    counts = []
    for number in range(_LOOKS):
        try:
            counts.append(int(_LOAD_FILE.read_text().split()[3].partition("/")[0]) - 1)
        except (OSError, ValueError, IndexError):
            return None
        if number + 1 < _LOOKS:
            time.sleep(_BETWEEN_LOOKS)
    return float(statistics.median(counts))


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks for the next step instead of handing them back to the system.

    A step allocates tens of megabytes in large blocks. By default each is mapped anew, and the
    system zeroes every page of it: measured, that takes three quarters of the time of the
    `pointwise` net's training. Nothing happens where the C library is another.
    """
    mallopt = _of_the_c_library("mallopt")
    if mallopt is not None:
        m_trim_threshold, m_mmap_threshold = -1, -3  # from glibc's malloc.h
        mallopt(m_mmap_threshold, 1 << 30)
        mallopt(m_trim_threshold, (1 << 31) - 1)


def hand_back_freed_memory() -> None:
    """Let the system have what `keep_freed_memory` kept, between two stages of a training.

    The photos of the one stage are gigabytes, and so are the patches of the next.
    """
    gc.collect()
    malloc_trim = _of_the_c_library("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_the_c_library(name: str) -> Any:
    """A function of glibc's; `None` with another C library, or on Windows."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
