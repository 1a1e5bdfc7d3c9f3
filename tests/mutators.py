"""Sound photos of every kind, and damage as disks and attackers do it; a seed does the same."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, features

# What stands where a number or a text belongs.
WRONG: tuple[Any, ...] = (
    None, "", "x", "0.5", True, False, -1, 0, 1, 7.5, 1e308, float("nan"), float("inf"),
    int("9" * 400), [], {}, [1], {"a": 1}, "y" * 5000, "\x1b[31m", "\u2028\u202e", "../../x",
)  # fmt: skip
WORDS = (
    b"nan", b"-inf", b"1e999", b"9" * 400, b"1_005", b"-1", b"0", b"", b"x", b"\x00", b"\x1b[2J",
    "\u2028".encode(), b"\xff", b"[" * 3000, b'"', b"<a>", b"&lol;", b",", b";", b"\t", b"\r",
    b"\n\n",
)  # fmt: skip


def pictures() -> dict[str, bytes]:
    """A small photo in every format and in some of their kinds."""
    blobs = np.random.default_rng(1).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    photo = Image.fromarray(blobs).resize((61, 47))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.0)})
    kinds: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "jpg": (photo, "JPEG", {"exif": exif}),
        "progressive.jpg": (photo, "JPEG", {"progressive": True, "quality": 95}),
        "cmyk.jpg": (photo.convert("CMYK"), "JPEG", {}),
        "png": (photo, "PNG", {"exif": exif}),
        "16.png": (Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50)), "PNG", {}),
        "palette.png": (photo.quantize(), "PNG", {"transparency": 3}),
        "gif": (photo.quantize(), "GIF", {"save_all": True, "append_images": [photo.quantize()]}),
        "bmp": (photo, "BMP", {}),
        "tif": (photo, "TIFF", {"compression": "tiff_lzw"}),
        "float.tif": (photo.convert("F"), "TIFF", {}),
        "webp": (photo, "WEBP", {"exif": exif}),
        "ppm": (photo, "PPM", {}),
        "tga": (photo, "TGA", {"compression": "tga_rle"}),
        "ico": (photo, "ICO", {}),
        "pcx": (photo, "PCX", {}),
    }
    if features.check("jpg_2000"):
        kinds["jp2"] = (photo, "JPEG2000", {})
    if features.check("avif"):
        kinds["avif"] = (photo, "AVIF", {})
    found = {}
    for name, (image, kind, options) in kinds.items():
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        found[name] = buffer.getvalue()
    return found


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, cut out, doubled, moved or put in; now and then nothing is left."""
    ways: tuple[Callable[[bytearray, np.random.Generator], bytes], ...] = (
        _flipped, _flipped, _flipped, _cut, _cut_out, _doubled, _zeroed, _with_words, _with_words,
        _wide,
    )  # fmt: skip
    for _ in range(int(rng.integers(1, 4))):
        content = ways[int(rng.integers(len(ways)))](bytearray(content), rng)
    return content


def misstated(value: Any, rng: np.random.Generator) -> Any:
    """A copy of plain values with one to three of them replaced, removed or repeated."""
    value = json.loads(json.dumps(value))
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(value))
        if not places:
            break
        holder, key = places[int(rng.integers(len(places)))]
        way = int(rng.integers(8))
        if way == 0:
            del holder[key]
        elif way == 1 and isinstance(holder, list):
            holder += holder[:1] * int(rng.integers(1, 4))
        else:
            holder[key] = WRONG[int(rng.integers(len(WRONG)))]
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    pairs: list[tuple[Any, Any]] = []
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        pairs.append((value, key))
        if isinstance(value[key], dict | list):
            pairs += _places(value[key])
    return pairs


def _span(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(0, len(content) + 1))
    return start, start + int(rng.integers(0, max(len(content) // 8, 2)))


def _flipped(content: bytearray, rng: np.random.Generator) -> bytes:
    # Half of the damage is near the start, where headers are.
    last = min(len(content), 200) if rng.random() < 0.5 else len(content)
    for _ in range(int(rng.integers(1, 9)) if last else 0):
        content[int(rng.integers(0, last))] = int(rng.integers(0, 256))
    return bytes(content)


def _cut(content: bytearray, rng: np.random.Generator) -> bytes:
    return bytes(content[: int(rng.integers(0, len(content) + 1))])


def _cut_out(content: bytearray, rng: np.random.Generator) -> bytes:
    start, end = _span(content, rng)
    return bytes(content[:start] + content[end:])


def _doubled(content: bytearray, rng: np.random.Generator) -> bytes:
    start, end = _span(content, rng)
    return bytes(content[:end] + content[start:])


def _zeroed(content: bytearray, rng: np.random.Generator) -> bytes:
    start, end = _span(content, rng)
    end = min(end, len(content))
    content[start:end] = bytes(max(end - start, 0))
    return bytes(content)


def _with_words(content: bytearray, rng: np.random.Generator) -> bytes:
    """A word of a text replaced, else bytes put in anywhere."""
    word = WORDS[int(rng.integers(len(WORDS)))]
    digits = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
    if not digits:
        start, end = _span(content, rng)
        return bytes(content[:start] + word + content[end:])
    start = end = digits[int(rng.integers(len(digits)))]
    while end < len(content) and chr(content[end]) in "0123456789.":
        end += 1
    return bytes(content[:start] + word + content[end:])


def _wide(content: bytearray, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.5:
        return b"\xef\xbb\xbf" + bytes(content)
    return bytes(content).decode("latin-1").encode("utf-16")
