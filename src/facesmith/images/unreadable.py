"""Why a photo cannot be read, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError, features

from facesmith.errors import ImageError
from facesmith.images.files import IMAGE_SUFFIXES
from facesmith.images.memory import MAX_PIXELS

_READABLE = "JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF and JPEG 2000"
_ISO_MEDIA = b"ftyp"  # at byte 4 of HEIC, AVIF and most videos; the kind stands behind it
_UNSUPPORTED_BRANDS = {
    b"crx ": "a camera's raw file", b"isom": "a video", b"iso2": "a video", b"mp41": "a video",
    b"mp42": "a video", b"qt  ": "a video", b"M4V ": "a video",
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


@contextmanager
def image_errors(name: str, data: bytes) -> Iterator[None]:
    """Whatever goes wrong while Pillow reads a file becomes an `ImageError` that says what."""
    try:
        yield
    except ImageError:
        raise
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
        if reason.startswith("image file is truncated"):
            reason = "the file is cut"
        raise ImageError(
            f"{name} is damaged: {reason}. Copy it again from where it came."
        ) from error


def _why_unreadable(name: str, data: bytes) -> str:
    """The end of the sentence about content that Pillow does not know."""
    kind = None
    if data[4:8] == _ISO_MEDIA:
        kind = _UNSUPPORTED_BRANDS.get(data[8:12], "a video or a HEIF photo")
        if b"avif" in data[8:64]:
            if features.check("avif"):
                return "is a damaged AVIF photo. Copy it again from where it came."
            kind = "an AVIF photo"
    for start, known in _UNSUPPORTED_STARTS.items():
        if data.lstrip(b"\xef\xbb\xbf \r\n\t")[: len(start)] == start:
            kind = known
    if kind is not None:
        return f"is {kind}, which is not supported. Convert it to JPEG or PNG first."
    if name.lower().endswith(IMAGE_SUFFIXES):
        return "is not an image, or damaged at its very start. Copy it again from where it came."
    return f"is not an image that can be read. Expected {_READABLE}."
