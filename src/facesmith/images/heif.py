"""HEIC, what telephones make, read with pillow-heif where it is installed."""

from __future__ import annotations

import io
from functools import cache
from importlib.util import find_spec

from PIL import Image

from facesmith.errors import ImageError

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


@cache
def heif_installed() -> bool:
    """Whether HEIC photos can be read."""
    return find_spec("pillow_heif") is not None


def is_heif(data: bytes) -> bool:
    """Whether a file calls itself HEIC or HEIF, and not AVIF, which Pillow reads."""
    if data[4:8] != b"ftyp" or data[8:12] not in _BRANDS:
        return False
    size = int.from_bytes(data[:4], "big")
    return b"avif" not in data[16 : min(size, 256)]


def open_heif(name: str, data: bytes, max_pixels: int) -> Image.Image:
    """The opened upright image, of which only the header was read.

    Raises:
        ImageError: If pillow-heif is not installed.
        Exception: If the file is damaged.
    """
    try:
        from pillow_heif import HeifImageFile  # noqa: PLC0415 - an extra
    except ImportError:
        raise ImageError(
            f'{name} is a HEIC photo, which needs pillow-heif: pip install "facesmith[heic]". Or '
            "convert it to JPEG."
        ) from None
    opened: Image.Image = HeifImageFile(io.BytesIO(data))
    if opened.width * opened.height > max_pixels:
        raise Image.DecompressionBombError
    opened.format = "HEIF"
    return opened
