"""Damages files as disks, transfers and attackers do; the same seed does the same damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

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
