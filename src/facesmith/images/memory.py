"""How much memory decoding a photo takes, told from its header: a few kilobytes can claim much."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from facesmith.errors import ImageError

# Larger images are refused: three bytes a pixel, and a few kilobytes can pretend to be anything.
# The largest sensors in telephones deliver just this many.
MAX_PIXELS = 200_000_000
MAX_MEMORY = 2**30  # bytes for one photo, unless more is allowed
_HUGE = 2**28  # photos that take more are decoded one at a time
_huge_lock = threading.Lock()
# Bytes a pixel that Pillow stores, by mode; 4 for all others.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# Bytes a pixel that the decoder of a format holds besides.
_DECODER = {"WEBP": 12, "AVIF": 14, "JPEG2000": 16, "TIFF": 4, "HEIF": 8}
_WITH_ALPHA = 16  # four images of 4 bytes a pixel to bring transparent parts on white
_NUMBERS = 28  # float64 arrays by which values of any range are scaled
_ARRAY = 6  # the array in RGB, and that in BGR


def bytes_to_decode(opened: Image.Image, *, reduced: bool) -> int:
    """About how many bytes it takes at most to decode an opened image into a BGR array.

    Args:
        opened: The image, of which only the header was read. One for which a smaller size was
            asked of the decoder has that size.
        reduced: The image is reduced much before it becomes an array.
    """
    mode = opened.mode
    each = _STORED.get(mode, 4) + _DECODER.get(opened.format or "", 0)
    if mode in ("I", "F"):
        each += _NUMBERS
    elif opened.has_transparency_data:
        each += _WITH_ALPHA
    elif mode != "RGB":
        each += 4
    each += 0 if reduced else _ARRAY
    width, height = opened.size
    return each * width * height


@contextmanager
def memory_for(name: str, needed: int, allowed: int) -> Iterator[None]:
    """Where a photo is decoded that takes so many bytes: huge ones one after the other.

    Raises:
        ImageError: If that is more than is allowed.
    """
    if needed > allowed:
        raise ImageError(
            f"{name} takes about {needed / 2**20:,.0f} MB of memory to decode, and "
            f"{allowed / 2**20:,.0f} MB are allowed. Reduce it first, or allow more "
            "(--photo-memory of `detect`, `anonymise` and `serve`; in Python: max_memory=...)."
        )
    if needed <= _HUGE:
        yield
        return
    with _huge_lock:
        yield
