"""What makes a small file take long, or much memory, whatever its header says of its size.

Pillow reads the headers of JPEGs and GIFs in Python, piece by piece, keeps all pieces, and decodes
some formats in Python, pixel by pixel. libjpeg holds the coefficients of JPEGs with several scans,
which it passes over once a scan, and libtiff decodes whole tiles, however small the photo is.

Source:
    ITU-T T.81 (JPEG), annex B: markers, frame and scan headers.
    GIF 89a, sections 15 to 26. The Netpbm formats, netpbm.sourceforge.net. TIFF 6.0, section 15.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facesmith.errors import ImageError

_MOST_JUNK = 2**16  # bytes between the segments of a JPEG that are none
_MOST_SEGMENTS = 10_000
_MANY_SCANS, _MOST_PASSED = 30, 2 * 10**9  # scans; pixels in all scans together
_MOST_COMMENTS, _MOST_BLOCKS = 1000, 100_000
_LARGEST_ICON = 2**24  # pixels
# Decoders written in Python: what takes about 4 seconds.
_MOST_QOI_PIXELS = 4_000_000
_MOST_SLOW_BYTES = 16_000_000
_SLOW = {"qoi": "QOI", "bmp_rle": "run-length coded BMP", "ppm_plain": "PPM of text", "ppm": "PPM"}
_COEFFICIENT = 2  # bytes
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_BARE = {0, 1, *range(0xD0, 0xDA)}  # markers without content
_FILL = re.compile(rb"\xff+")
_SPACE = rb"(?:[\s]|#[^\r\n]*[\r\n])+"
_NETPBM = re.compile(rb"P([56])" + 3 * (_SPACE + rb"(\d{1,9})") + rb"\s")
_CHUNK = 2**20  # values
_TILE_WIDTH, _TILE_LENGTH, _BITS, _SAMPLES = 322, 323, 258, 277


@dataclass
class _Frame:
    pixels: int
    coefficients: int
    n_components: int
    progressive: bool


def check_pieces(name: str, data: bytes) -> int:
    """Bytes that decoding takes beyond what the size says; 0 for most files.

    Raises:
        ImageError: If the file consists of more pieces than a photo has.
    """
    if data.startswith(b"\xff\xd8"):
        return _check_jpeg(name, data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        _check_gif(name, data)
    if data.startswith(b"\0\0\1\0"):
        _check_icon(name, data)
    return 0


def check_decoder(name: str, opened: Image.Image, data: bytes) -> int:
    """Bytes that decoding an opened image takes beyond what its size says.

    Raises:
        ImageError: If decoding would take many seconds.
    """
    if opened.format == "TIFF":
        return _bytes_of_tile(opened)
    tiles = getattr(opened, "tile", None)  # what Pillow's decoders are to do
    codec = tiles[0][0] if tiles else ""
    slow = opened.width * opened.height > _MOST_QOI_PIXELS
    if codec in _SLOW and (slow if codec == "qoi" else len(data) > _MOST_SLOW_BYTES):
        raise ImageError(
            f"{name} is a {_SLOW[codec]} of {opened.width}x{opened.height} pixels, which takes too "
            "long to decode. Convert it to PNG first."
        )
    return 0


def quick_netpbm(data: bytes) -> bytes:
    """A binary PGM or PPM whose white is 255 or 65535, with the values that Pillow would give it.

    Pillow scales values in Python, about a microsecond each. Anything else stays as it is.
    """
    match = _NETPBM.match(data)
    if match is None:
        return data
    kind, width, height, white = (int(group) for group in match.groups())
    channels = 1 if kind == 5 else 3
    n_values, each = width * height * channels, 1 if white < 256 else 2
    start = match.end()
    known = white == 255 or (white == 65535 and channels == 1)
    if known or not 0 < white < 65536 or len(data) - start < n_values * each:
        return data
    wide = each == 2 and channels == 1
    top = 65535 if wide else 255
    table = np.minimum(np.rint(np.arange(256**each) / white * top), top)
    if each == 1:
        body = data[start : start + n_values].translate(table.astype(np.uint8).tobytes())
    else:
        table = table.astype(">u2" if wide else np.uint8)
        stored = np.frombuffer(data, ">u2", n_values, start)
        body = b"".join(
            table[stored[at : at + _CHUNK]].tobytes() for at in range(0, n_values, _CHUNK)
        )
    return b"P%d %d %d %d\n" % (kind, width, height, top) + body


def _check_jpeg(name: str, data: bytes) -> int:
    at, junk, n_segments = 2, 0, 0
    frame: _Frame | None = None
    while at + 4 <= len(data):
        fill = _FILL.match(data, at)
        if fill is None:
            found = data.find(b"\xff", at)
            junk += (found if found >= 0 else len(data)) - at
            at = found if found >= 0 else len(data)
        else:
            junk += fill.end() - at - 1
            at = fill.end()
            marker = data[at] if at < len(data) else 0
            at += 1
            if marker in _BARE:
                junk += 2
            else:
                if marker in _FRAMES:
                    frame = _frame(marker, data[at : at + 800])
                if marker == 0xDA:
                    return _check_scans(name, data, at, frame)
                at += max(int.from_bytes(data[at : at + 2], "big"), 2)
                n_segments += 1
        if junk > _MOST_JUNK or n_segments > _MOST_SEGMENTS:
            raise ImageError(
                f"{name} is damaged: its header is filled up with what is none. Copy it again from "
                "where it came."
            )
    return 0


def _frame(marker: int, content: bytes) -> _Frame | None:
    try:
        _, _, height, width, n_components = struct.unpack_from(">HBHHB", content)
        factors = [content[9 + 3 * i] for i in range(n_components)]
    except (struct.error, IndexError):  # Pillow says so
        return None
    across, down = [each >> 4 for each in factors], [each & 15 for each in factors]
    whole = max(across, default=1) * max(down, default=1) or 1
    parts = sum(x * y for x, y in zip(across, down, strict=True)) / whole
    coefficients = int(parts * width * height)
    return _Frame(width * height, coefficients, n_components, marker in _PROGRESSIVE)


def _check_scans(name: str, data: bytes, at: int, frame: _Frame | None) -> int:
    """Bytes of the coefficients, if they must be held until the last scan."""
    several = len(data) > at + 2 and frame is not None and data[at + 2] < frame.n_components
    if frame is None or not (frame.progressive or several):
        return 0
    n_scans = data.count(b"\xff\xda", at - 2)
    if n_scans > _MANY_SCANS and n_scans * frame.pixels > _MOST_PASSED:
        raise ImageError(
            f"{name} is a JPEG of {n_scans:,} scans, which take too long to decode. Save it anew "
            "with an image editor."
        )
    return frame.coefficients * _COEFFICIENT


def _check_gif(name: str, data: bytes) -> None:
    """Refuse thousands of comments or blocks before the first picture: Pillow joins them all."""
    packed = data[10] if len(data) > 10 else 0
    at = 13 + (3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0)
    n_comments = n_blocks = 0
    while at + 2 < len(data) and data[at] == 0x21:
        n_comments += data[at + 1] == 0xFE
        at += 2
        while at < len(data) and data[at] and n_blocks <= _MOST_BLOCKS:
            at += 1 + data[at]
            n_blocks += 1
        at += 1
        if n_comments > _MOST_COMMENTS or n_blocks > _MOST_BLOCKS:
            raise ImageError(
                f"{name} is damaged: it has thousands of comments. Copy it again from where it "
                "came."
            )


def _check_icon(name: str, data: bytes) -> None:
    """Refuse icons with huge pictures: Pillow decodes one while it reads the header."""
    for entry in range(6, 6 + 16 * int.from_bytes(data[4:6], "little"), 16):
        start = int.from_bytes(data[entry + 12 : entry + 16], "little")
        head = data[start : start + 24]
        if head.startswith(b"\x89PNG"):
            sides = struct.unpack(">II", head[16:]) if len(head) == 24 else (0, 0)
        else:
            sides = struct.unpack("<ii", head[4:12]) if len(head) >= 12 else (0, 0)
        if abs(sides[0] * sides[1]) > _LARGEST_ICON:
            raise ImageError(
                f"{name} is an icon of {sides[0]}x{abs(sides[1])} pixels, more than icons have. "
                "Convert it to PNG first."
            )


def _bytes_of_tile(opened: Image.Image) -> int:
    tags = opened.tag_v2  # type: ignore[attr-defined]
    width, length = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    if type(width) is not int or type(length) is not int:
        return 0
    bits = tags.get(_BITS, (8,))
    samples = tags.get(_SAMPLES, 1)
    deepest = max((each for each in bits if type(each) is int), default=8)
    return width * length * (samples if type(samples) is int else 4) * -(-deepest // 8)
