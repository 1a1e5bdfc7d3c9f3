"""PNG files without what is not needed for their pixels: texts, profiles, animation.

Pillow refuses files with long texts or profiles, and those with a wrong checksum anywhere. Neither
does harm to the pixels.
"""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_TEXT = 2**24  # bytes of an unpacked text that are looked at
_XMP = b"XML:com.adobe.xmp"
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")


def bare_png(data: bytes) -> tuple[bytes, bytes, bytes]:
    """A PNG file of critical chunks and transparency only; its EXIF data and its XMP, or nothing.

    What stands behind a chunk that is longer than the file stays as it is.
    """
    parts: list[bytes | memoryview] = [SIGNATURE]
    view = memoryview(data)
    exif = b""
    texts: dict[bool, tuple[bytes, memoryview]] = {}
    position, end = len(SIGNATURE), len(data)
    while position + 12 <= end:
        length, kind = struct.unpack_from(">I4s", data, position)
        after = position + 12 + length
        if after > end:
            parts.append(view[position:])
            break
        body = view[position + 8 : after - 4]
        if not kind[0] & 0x20:  # a capital: critical
            parts.append(view[position:after])
        elif kind == b"tRNS":
            checksum = zlib.crc32(body, zlib.crc32(kind))
            parts += [view[position : after - 4], struct.pack(">I", checksum)]
        elif kind == b"eXIf":
            exif = bytes(body)
        elif kind in (b"iTXt", b"zTXt", b"tEXt"):
            keyword = bytes(body[:100]).partition(b"\0")[0]
            if keyword == _XMP or keyword in _RAW_EXIF:
                texts[keyword == _XMP] = kind, body  # of each the last: texts may be packed
        position = after
        if kind == b"IEND":
            break
    else:
        parts.append(view[position:])
    xmp = _text(*texts[True]) if True in texts else b""
    if not exif and False in texts:
        exif = _from_hexadecimal(_text(*texts[False]))
    return b"".join(parts), exif, xmp


def _text(kind: bytes, body: memoryview) -> bytes:
    """The text of a chunk; nothing where it is damaged."""
    rest = bytes(body).partition(b"\0")[2]
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]  # the method
    elif kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]  # language, translated keyword
    if not packed:
        return rest[:_MAX_TEXT]
    try:
        return zlib.decompressobj().decompress(rest, _MAX_TEXT)
    except zlib.error:
        return b""


def _from_hexadecimal(text: bytes) -> bytes:
    """What ImageMagick writes: a line with the kind, one with the length, then digits."""
    try:
        return bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return b""
