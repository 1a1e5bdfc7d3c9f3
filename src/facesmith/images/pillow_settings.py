"""Pillow's settings for the whole process while photos are read, whatever others have set."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import GifImagePlugin, Image, ImageFile, TiffImagePlugin, _imaging

# What Pillow logs goes where the program sends it, and not to the terminal for want of a place.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_readers = 0
_before: list[tuple[Any, str, Any]] = []
_libtiff_before: list[Any] = []


@contextmanager
def steady_pillow() -> Iterator[None]:
    """Pillow as it comes: half files are errors, and libtiff writes nothing on the terminal.

    What others have set is back when the last of our threads is done.
    """
    global _readers  # noqa: PLW0603 - settings of the process, counted for the process
    with _lock:
        if _readers == 0:
            _hold()
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                _release()


def _hold() -> None:
    strategy = GifImagePlugin.LoadingStrategy.RGB_AFTER_FIRST
    for place, name, value in (
        (ImageFile, "LOAD_TRUNCATED_IMAGES", False),
        (GifImagePlugin, "LOADING_STRATEGY", strategy),
        (TiffImagePlugin, "READ_LIBTIFF", False),
    ):
        _before.append((place, name, getattr(place, name)))
        setattr(place, name, value)
    set_handler = _libtiff_handler()
    if set_handler is not None:
        _libtiff_before.append(set_handler(None))


def _release() -> None:
    while _before:
        place, name, value = _before.pop()
        setattr(place, name, value)
    set_handler = _libtiff_handler()
    while _libtiff_before and set_handler is not None:
        set_handler(_libtiff_before.pop())


@cache
def _libtiff_handler() -> Any:
    """Libtiff's function that sets what writes its errors; `None` where it cannot be reached."""
    try:
        function = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):
        return None
    function.restype = ctypes.c_void_p
    function.argtypes = [ctypes.c_void_p]
    return function


@contextmanager
def quiet_header(max_pixels: int) -> Iterator[None]:
    """Pillow with a limit of size and without warnings, while a header is read.

    Both are settings of the whole process: the lock keeps our threads from restoring each other's.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels // 2  # Pillow warns from here, refuses from twice this
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
