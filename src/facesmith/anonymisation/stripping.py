"""JPEG, PNG and WebP files without metadata, their pixels as they are, bit for bit.

Source:
    ITU-T T.81 (JPEG), annex B; JFIF 1.02. PNG (third edition), section 11. WebP container
    specification (RIFF).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from facesmith.images.png import SIGNATURE

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in a scan; neither a byte of it nor a restart
_SOI, _EOI, _SOS, _APP0, _APP2, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE2, 0xEE, 0xFE
# Chunks of PNG that say how pixels look, and the size of the page.
_LOOKS = (b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"pHYs", b"cICP", b"mDCV", b"cLLI")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
_XMP_KEYWORDS = (b"XML:com.adobe.xmp", b"Raw profile type")
_EXIF_FLAG, _XMP_FLAG, _VP8X = 0x08, 0x04, b"VP8X"


def stripped_jpeg(data: bytes, exif: bytes, *, keep_comments: bool = False) -> bytes:
    """The first picture of a JPEG file: without EXIF, XMP, IPTC, previews and what is behind it.

    Args:
        data: A file that can be decoded.
        exif: EXIF data to put in, with the six bytes before it; may be empty.
        keep_comments: Whether comments stay.
    """
    head, body = [b"\xff\xd8"], []
    for marker, piece in _segments(data):
        content = piece[4:]
        if marker == _APP0:
            if content.startswith(b"JFIF\0"):
                # Its last two bytes are the size of a thumbnail, which would follow.
                head.append(b"\xff\xe0" + struct.pack(">H", 16) + content[:12] + b"\0\0")
        elif 0xE1 <= marker <= 0xEF or marker == _COM:
            kept = (
                (marker == _APP2 and content.startswith(b"ICC_PROFILE\0"))
                or (marker == _APP14 and content.startswith(b"Adobe"))
                or (marker == _COM and keep_comments)
            )
            if kept:
                body.append(piece)
        else:
            body.append(piece)
    if exif:
        head.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    return b"".join([*head, *body, b"\xff\xd9"])


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker with its bytes, those of a scan with it, up to the end of the first picture."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0, 0xFF):
            at += 1  # filling, or what is none
            continue
        marker = data[at + 1]
        if marker == _EOI:
            return
        if marker in (_SOI, 1) or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SOS:
            following = _MARKER.search(data, end)
            end = following.start() if following else len(data)
        yield marker, data[at:end]
        at = end


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk of a PNG file, up to its end or where it is damaged."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield kind, data[at : at + 12 + length]
        at += 12 + length
        if kind == b"IEND":
            return


def png_looks(data: bytes, *, keep_texts: bool = False) -> bytes:
    """The chunks of a PNG file that say how its pixels look; texts too, but XMP and EXIF."""
    kept = [
        chunk
        for kind, chunk in png_chunks(data)
        if kind in _LOOKS
        or (keep_texts and kind in _TEXTS and not chunk[8:].startswith(_XMP_KEYWORDS))
    ]
    return b"".join(kept)


def with_looks(data: bytes, looks: bytes, exif: bytes) -> bytes:
    """A PNG file of critical chunks and transparency only, with these chunks put in.

    Args:
        data: The file whose pixels to take; its other chunks go.
        looks: Chunks as `png_looks` gives them.
        exif: EXIF data; may be empty.
    """
    import zlib  # noqa: PLC0415 - of this function only

    if exif:
        content = exif.removeprefix(b"Exif\0\0")
        checksum = zlib.crc32(content, zlib.crc32(b"eXIf"))
        looks += struct.pack(">I", len(content)) + b"eXIf" + content + struct.pack(">I", checksum)
    behind_palette = b"".join(c for k, c in _split(looks) if k == b"bKGD")
    before = b"".join(c for k, c in _split(looks) if k != b"bKGD")
    parts, told = [SIGNATURE], False
    for kind, chunk in png_chunks(data):
        if kind == b"IDAT" and not told:
            parts.append(behind_palette)
            told = True
        if not kind[0] & 0x20 or kind == b"tRNS":
            parts.append(chunk)
        if kind == b"IHDR":
            parts.append(before)
    return b"".join(parts)


def _split(chunks: bytes) -> list[tuple[bytes, bytes]]:
    return list(png_chunks(SIGNATURE + chunks))


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each chunk of a WebP file, padding and all."""
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        after = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at : after + after % 2]
        at = after + after % 2


def stripped_webp(data: bytes, exif: bytes) -> bytes | None:
    """A WebP file without metadata; `None` where EXIF data needs a header that it does not have."""
    kept = []
    for kind, chunk in webp_chunks(data):
        if kind in (b"EXIF", b"XMP "):
            continue
        if kind == _VP8X:
            flags = chunk[8] & ~(_EXIF_FLAG | _XMP_FLAG) | (_EXIF_FLAG if exif else 0)
            kept.append(chunk[:8] + bytes([flags]) + chunk[9:])
        elif kind in (b"VP8 ", b"VP8L", b"ALPH", b"ICCP"):
            kept.append(chunk)
    if exif:
        if not kept or not kept[0].startswith(_VP8X):
            return None
        content = exif.removeprefix(b"Exif\0\0")
        kept.append(
            b"EXIF" + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        )
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
