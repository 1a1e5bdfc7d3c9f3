"""What a training may use of the machine: cores and memory."""

from __future__ import annotations

import ctypes
import os


def available_cores() -> int:
    """Cores that this process may use, which a container may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks for the next step instead of handing them back to the system.

    A step allocates tens of megabytes in large blocks. By default each is mapped anew, and the
    system zeroes every page of it: measured, that takes three quarters of the time of the
    `pointwise` net's training. Nothing happens where the C library is another.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library, or Windows
    m_trim_threshold, m_mmap_threshold = -1, -3  # from glibc's malloc.h
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)
