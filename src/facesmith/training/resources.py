"""How a training keeps and hands back memory."""

from __future__ import annotations

import ctypes
import gc
from typing import Any


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
