"""How a photo must be turned to be upright: one rule, whatever Pillow's version makes of it.

EXIF decides; of several orientations in it the last from 1 to 8. Where EXIF states none, XMP's
`tiff:Orientation` does.

Source:
    EXIF 2.3, table 6; TIFF 6.0, section 2 (the directory of tags).
"""

from __future__ import annotations

import re
import struct

from PIL import Image

# EXIF orientation -> what brings the stored pixels upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TAG = 0x0112
_KINDS = {1: "B", 3: "H", 4: "I"}  # byte, short, long
_XMP = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|\s*>)\s*([1-8])\s*["'<]""")


def stated_orientation(exif: bytes, xmp: bytes) -> int:
    """EXIF orientation from 1 to 8 that EXIF data or XMP state; 1 where neither does."""
    return _of_exif(exif) or _of_xmp(xmp) or 1


def _of_exif(exif: bytes) -> int | None:
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    found = None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
            if tag == _TAG and kind in _KINDS:
                (value,) = struct.unpack_from(f"{order}{_KINDS[kind]}", exif, entry + 8)
                found = value if 1 <= value <= 8 else found
    except struct.error:  # damaged EXIF data does no harm to the pixels
        return found
    return found


def _of_xmp(xmp: bytes) -> int | None:
    match = _XMP.search(xmp)
    return int(match[1]) if match else None
