"""Photos of any format as upright BGR arrays.

What Pillow hands over is made uniform here: EXIF orientation applied, the first frame of an
animation, transparent parts on white, 16 bits scaled to 8, and one kind of error for all that can
be wrong with a file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.errors import ImageError
from facesmith.files import read_bounded, read_up_to
from facesmith.images.costly import check_decoder, check_pieces, quick_netpbm
from facesmith.images.files import RAW_SUFFIXES
from facesmith.images.heif import is_heif, open_heif
from facesmith.images.memory import MAX_MEMORY, MAX_PIXELS, bytes_to_decode, memory_for
from facesmith.images.orientation import UPRIGHT, stated_orientation
from facesmith.images.pillow_settings import quiet_header, steady_pillow
from facesmith.images.png import SIGNATURE, bare_png
from facesmith.images.unreadable import image_errors

MAX_BYTES = 2**28  # of an image file
# Pillow reads more, but not all of it harmlessly: EPS, for one, runs Ghostscript.
_FORMATS = (
    "JPEG", "PNG", "BMP", "DIB", "GIF", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF", "ICO", "PCX",
    "QOI", "TGA",
)  # fmt: skip
_ORIENTATION_TAG = 0x0112
SideLimit = int | Callable[[int], int | None] | None


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo."""

    image: npt.NDArray[np.uint8]  # uint8 `(height, width, 3)`, BGR, upright; reduced if asked for
    width: int  # width of the whole upright photo, pixels
    height: int  # height of the whole upright photo, pixels


def read_photo(
    path: str | Path | BinaryIO, *, max_side: SideLimit = None, max_memory: int = MAX_MEMORY
) -> Photo:
    """Read a photo, reduced to at most `max_side` pixels along the longer side.

    Transparent parts come on white. Of an animation or a file of several pages the first is read.
    16-bit values are scaled to 8 bits; numbers without a fixed range (floating point, 32-bit) are
    taken as fractions where they fit in [0, 1] (integers: as they are where they fit in 0..255),
    and else scaled so that the largest becomes white. Colour profiles are not applied.

    Args:
        path: The file, or a binary file object; its content decides the format, not its name.
        max_side: The longer side of the image in pixels, at most; or a function from the longer
            side of the photo to it. JPEGs are decoded at a half, a quarter or an eighth of their
            size where that suffices, which is several times faster. `None`: full size.
        max_memory: Bytes that decoding may take, as estimated from the header.

    Raises:
        ImageError: If the file is missing, empty, damaged, of an unsupported format, larger than
            256 MB or 200 million pixels, no regular file, or would take too much memory.
        ValueError: If `max_side` is not positive.
    """
    if isinstance(max_side, int) and max_side < 1:
        raise ValueError(f"`max_side` must be at least 1; got max_side={max_side}.")
    name, data = read_content(path)
    with image_errors(name, data), steady_pillow():
        opened, orientation, besides = open_header(name, data)
        width, height = opened.size
        side = max_side(max(width, height)) if callable(max_side) else max_side
        if side is not None:
            _decode_smaller(opened, side)
        reduced = side is not None and 2 * side <= max(opened.size)
        needed = bytes_to_decode(opened, reduced=reduced) + besides
        with memory_for(name, needed, max_memory):
            if opened.format == "TIFF":
                with quiet_header(MAX_PIXELS):
                    opened.load()  # its warnings, unlike those of others, come only now
            image = _to_rgb(opened)
            if orientation in UPRIGHT:
                image = image.transpose(UPRIGHT[orientation])
            if orientation >= 5:
                width, height = height, width
            if side is not None and max(image.size) > side:
                scale = side / max(width, height)
                size = (max(round(width * scale), 1), max(round(height * scale), 1))
                image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
            return Photo(_as_bgr(image), width, height)


def read_image(
    path: str | Path | BinaryIO, *, max_side: SideLimit = None, max_memory: int = MAX_MEMORY
) -> npt.NDArray[np.uint8]:
    """The pixels of a photo, uint8 `(height, width, 3)`, BGR, upright; see `read_photo`."""
    return read_photo(path, max_side=max_side, max_memory=max_memory).image


def read_size(path: str | Path) -> tuple[int, int]:
    """Width and height of the upright photo, pixels, without decoding it.

    A cut end goes unnoticed. Else an `ImageError` as of `read_photo`.
    """
    name, data = read_content(path)
    with image_errors(name, data), steady_pillow():
        opened, orientation, _ = open_header(name, data)
        width, height = opened.size
    return (height, width) if orientation >= 5 else (width, height)


def open_header(name: str, data: bytes) -> tuple[Image.Image, int, int]:
    """An image of which only the header was read, and the orientation that is still to be done.

    The last: how many bytes decoding it takes beyond what its size says.
    """
    if is_heif(data):
        return open_heif(name, data, MAX_PIXELS), 1, 0
    besides = check_pieces(name, data)
    data = quick_netpbm(data)
    png = data.startswith(SIGNATURE)
    exif = xmp = b""
    if png:
        data, exif, xmp = bare_png(data)
    with quiet_header(MAX_PIXELS):
        opened = Image.open(io.BytesIO(data), formats=_formats())
    besides += check_decoder(name, opened, data)
    if not png:
        exif, xmp = _bytes_of(opened, "exif"), _bytes_of(opened, "xmp")
    if opened.format == "TIFF":
        # Pillow turns these itself, in `size` as soon as they are opened, by their own tag.
        turned = opened.tag_v2.get(_ORIENTATION_TAG)  # type: ignore[attr-defined]
        return opened, 1 if turned in range(1, 9) else stated_orientation(b"", xmp), besides
    if opened.format == "AVIF":
        xmp = b""  # the file's own rotation counts, which Pillow states as EXIF
    return opened, stated_orientation(exif, xmp), besides


def _bytes_of(opened: Image.Image, key: str) -> bytes:
    # Taken out: what Pillow's versions make of it themselves differs.
    value = opened.info.pop(key, b"") if opened.format == "TIFF" else opened.info.get(key, b"")
    return value if isinstance(value, bytes) else b""


def read_content(source: str | Path | BinaryIO) -> tuple[str, bytes]:
    """Name for messages, and all bytes."""
    if not isinstance(source, str | Path) and not hasattr(source, "read"):
        raise TypeError(
            "expected a path or a binary file object; got "
            f"{type(source).__name__}. Wrap bytes as io.BytesIO(...)."
        )
    if not isinstance(source, str | Path):
        named = getattr(source, "name", None)
        name = named if isinstance(named, str) else "the given file object"
        try:
            data = read_up_to(source, MAX_BYTES, name)
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror or error}.") from error
    else:
        path, name = Path(source), str(source)
        try:
            if path.is_dir():
                raise ImageError(f"{name} is a folder; expected an image file. Name a file in it.")
            data = read_bounded(path, MAX_BYTES)
        except FileNotFoundError as error:
            raise ImageError(f"{name}: no such file. Check the path.") from error
        except (OSError, ValueError) as error:  # ValueError: a null character in the name
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"{name} cannot be read: {reason}. Check the path.") from error
    if not data:
        raise ImageError(f"{name} is empty (0 bytes). Copy it again from where it came.")
    if name.lower().endswith(RAW_SUFFIXES):
        raise ImageError(
            f"{name} is a camera's raw file, which is not supported. Convert it to JPEG first."
        )
    return name, data


@cache
def _formats() -> tuple[str, ...]:
    """Those of our formats that this Pillow knows: AVIF came late."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _decode_smaller(opened: Image.Image, side: int) -> None:
    """Have a JPEG decoded at the smallest size that leaves at least `side` pixels."""
    width, height = opened.size
    for factor in (8, 4, 2):
        if -(-max(width, height) // factor) >= side:
            opened.draft(None, (max(width // factor, 1), max(height // factor, 1)))
            return


def _to_rgb(opened: Image.Image) -> Image.Image:
    """Any mode of Pillow as 8-bit RGB; decodes."""
    opened.load()
    if opened.mode == "RGB" and "transparency" not in opened.info:
        return opened
    if opened.mode.startswith("I;16"):
        return Image.fromarray(_from_16_bits(opened)).convert("RGB")
    if opened.mode in ("I", "F"):
        return Image.fromarray(_from_any_range(opened)).convert("RGB")
    if opened.has_transparency_data:
        with_alpha = opened.convert("RGBA")
        white = Image.new("RGBA", opened.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return opened.convert("RGB")


def _as_bgr(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels of an RGB image, uint8 `(height, width, 3)`, BGR."""
    rgb = np.asarray(image)
    bgr = np.empty_like(rgb)
    for channel in range(3):  # six times as fast as one copy of all, reversed
        bgr[..., channel] = rgb[..., 2 - channel]
    return bgr


def _from_16_bits(opened: Image.Image) -> npt.NDArray[np.uint8]:
    """Grey values of up to 16 bits as 8 bits `(height, width)`."""
    bits = 16
    if opened.format == "TIFF":
        bits = int(opened.tag_v2.get(258, (16,))[0])  # type: ignore[attr-defined]  # BitsPerSample
    white = 2**bits - 1
    values = np.minimum(np.arange(2**16), white)
    table = ((values * 255 + white // 2) // white).astype(np.uint8)
    stored = np.asarray(opened)
    grey: npt.NDArray[np.uint8] = table[stored]
    transparent = opened.info.get("transparency")
    if isinstance(transparent, int):
        grey[stored == transparent] = 255
    return grey


def _from_any_range(opened: Image.Image) -> npt.NDArray[np.uint8]:
    """Grey values of a range that no file states as 8 bits `(height, width)`."""
    nominal = 1.0 if opened.mode == "F" else 255.0
    if opened.mode == "I" and opened.format in ("PNG", "PPM"):
        nominal = 65535.0  # both state their range, and Pillow brings it to 16 bits
    values = np.asarray(opened, dtype=np.float64)
    values = np.where(np.isfinite(values), values, 0)
    low, high = min(values.min(), 0), max(values.max(), nominal)
    grey: npt.NDArray[np.uint8] = np.rint((values - low) / (high - low) * 255).astype(np.uint8)
    return grey
