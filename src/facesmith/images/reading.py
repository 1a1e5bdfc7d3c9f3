"""Photos of any format as upright BGR arrays.

What Pillow hands over is made uniform here: EXIF orientation applied, the first frame of an
animation, transparent parts on white, 16 bits scaled to 8, and one kind of error for all that can
be wrong with a file.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from facesmith.errors import ImageError
from facesmith.files import read_bounded, read_up_to
from facesmith.images.files import IMAGE_SUFFIXES

# Larger images are refused: three bytes a pixel, and a few kilobytes can pretend to be anything.
# The largest sensors in telephones deliver just this many.
MAX_PIXELS = 200_000_000
MAX_BYTES = 2**28  # of an image file
# Pillow reads more, but not all of it harmlessly: EPS, for one, runs Ghostscript.
_FORMATS = (
    "JPEG", "PNG", "BMP", "DIB", "GIF", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF", "ICO", "PCX",
    "QOI", "TGA",
)  # fmt: skip
_READABLE = "JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF and JPEG 2000"
_ISO_MEDIA = b"ftyp"  # at byte 4 of HEIC, AVIF and most videos; the kind stands behind it
_UNSUPPORTED_BRANDS = {
    b"heic": "a HEIC photo", b"heix": "a HEIC photo", b"heim": "a HEIC photo",
    b"heis": "a HEIC photo", b"hevc": "a HEIC photo", b"mif1": "a HEIF photo",
    b"msf1": "a HEIF photo", b"crx ": "a camera's raw file", b"avif": "an AVIF photo",
    b"isom": "a video", b"iso2": "a video", b"mp41": "a video", b"mp42": "a video",
    b"qt  ": "a video", b"M4V ": "a video",
}  # fmt: skip
_UNSUPPORTED_STARTS = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript file",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "a JPEG XL photo",
    b"\0\0\0\x0cJXL ": "a JPEG XL photo",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file",
    b"v/1\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance HDR image",
    b"II*\0": "a TIFF of an unusual kind",
    b"MM\0*": "a TIFF of an unusual kind",
    b"\x1aE\xdf\xa3": "a video",
    b"PK\x03\x04": "a zip archive",
}
# Raw files are TIFFs outside, and would pass for the thumbnail that they carry along.
_RAW_SUFFIXES = (".3fr", ".arw", ".cr2", ".dng", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".rw2")
# EXIF orientation -> what brings the stored pixels upright (EXIF 2.3, table 6).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_settings_lock = threading.Lock()
SideLimit = int | Callable[[int], int | None] | None


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo."""

    image: npt.NDArray[np.uint8]  # uint8 `(height, width, 3)`, BGR, upright; reduced if asked for
    width: int  # width of the whole upright photo, pixels
    height: int  # height of the whole upright photo, pixels


def read_photo(path: str | Path | BinaryIO, *, max_side: SideLimit = None) -> Photo:
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

    Raises:
        ImageError: If the file is missing, empty, damaged, of an unsupported format, or larger
            than 200 million pixels.
        ValueError: If `max_side` is not positive.
    """
    if isinstance(max_side, int) and max_side < 1:
        raise ValueError(f"`max_side` must be at least 1; got max_side={max_side}.")
    name, data = _content(path)
    with _image_errors(name, data):
        with _quiet_pillow():
            opened = Image.open(io.BytesIO(data), formats=_formats())
            width, height = opened.size
            side = max_side(max(width, height)) if callable(max_side) else max_side
            if side is not None:
                _decode_smaller(opened, side)
            if opened.format == "TIFF":
                opened.load()  # its warnings, unlike those of others, come only now
        image = _to_rgb(opened)
        with _quiet_pillow():
            # After decoding: Pillow decodes PNGs to get at their EXIF data.
            orientation = _orientation(opened)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    if orientation >= 5:
        width, height = height, width
    if side is not None and max(image.size) > side:
        scale = side / max(width, height)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return Photo(np.ascontiguousarray(np.asarray(image)[..., ::-1]), width, height)


def read_image(path: str | Path | BinaryIO, *, max_side: SideLimit = None) -> npt.NDArray[np.uint8]:
    """The pixels of a photo, uint8 `(height, width, 3)`, BGR, upright; see `read_photo`."""
    return read_photo(path, max_side=max_side).image


def read_size(path: str | Path) -> tuple[int, int]:
    """Width and height of the upright photo, pixels, without decoding it.

    A cut end goes unnoticed. Else an `ImageError` as of `read_photo`.
    """
    name, data = _content(path)
    with _image_errors(name, data), _quiet_pillow():
        opened = Image.open(io.BytesIO(data), formats=_formats())
        width, height = opened.size
        turned = _orientation(opened) >= 5
    return (height, width) if turned else (width, height)


def _content(source: str | Path | BinaryIO) -> tuple[str, bytes]:
    """Name for messages, and all bytes."""
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
    if name.lower().endswith(_RAW_SUFFIXES):
        raise ImageError(
            f"{name} is a camera's raw file, which is not supported. Convert it to JPEG first."
        )
    return name, data


@contextmanager
def _image_errors(name: str, data: bytes) -> Iterator[None]:
    """Whatever goes wrong while Pillow reads a file becomes an `ImageError` that says what."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} {_why_unreadable(name, data)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name} has more than {MAX_PIXELS // 10**6} million pixels, the most that is decoded. "
            "Reduce it first."
        ) from error
    except MemoryError as error:
        raise ImageError(f"{name}: too little memory to decode it. Reduce it first.") from error
    except Exception as error:  # damaged files make Pillow's decoders fail in countless ways
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{name} is damaged: {reason}. Copy it again from where it came."
        ) from error


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Pillow with our limit of size and without warnings, while a header is read.

    Both are settings of the whole process: the lock keeps our threads from restoring each other's.
    """
    with _settings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow warns from here, refuses from twice this
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@cache
def _formats() -> tuple[str, ...]:
    """Those of our formats that this Pillow knows: AVIF came late."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _orientation(opened: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 where it is missing or damaged."""
    if opened.format == "TIFF":
        return 1  # Pillow turns these itself, in `size` as soon as they are opened
    try:
        orientation = opened.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - damaged EXIF data does no harm to the pixels
        return 1
    return orientation if orientation in _UPRIGHT else 1


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


def _why_unreadable(name: str, data: bytes) -> str:
    """The end of the sentence about content that Pillow does not know."""
    kind = None
    if data[4:8] == _ISO_MEDIA:
        kind = _UNSUPPORTED_BRANDS.get(data[8:12], "a video or a HEIF photo")
    for start, known in _UNSUPPORTED_STARTS.items():
        if data.lstrip(b"\xef\xbb\xbf \r\n\t")[: len(start)] == start:
            kind = known
    if kind is not None:
        return f"is {kind}, which is not supported. Convert it to JPEG or PNG first."
    if name.lower().endswith(IMAGE_SUFFIXES):
        return "is not an image, or damaged at its very start. Copy it again from where it came."
    return f"is not an image that can be read. Expected {_READABLE}."
