"""The YAML that describes YOLO data sets: keys with a text, a list or a mapping of texts each.

Everything else that YAML can say (anchors, tags, texts over several lines, nesting) is refused by
name under the keys that are asked for, and passed over under others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facesmith.annotations.files import read_text
from facesmith.errors import AnnotationError

Value = str | list[str] | dict[str, str]

_KEY = re.compile(r"""(?P<quote>["']?)(?P<key>[^"'#:{}\[\],&*!|>%@`]+?)(?P=quote)\s*:(?:\s+|$)""")
_STRANGE = tuple("&*!|>%@`{}[],")  # what begins anything but a plain text


def read_plain_yaml(path: Path, keys: Sequence[str]) -> dict[str, Value]:
    """The values of some keys of a YAML file, as texts; keys that are missing or empty are not in.

    Raises:
        AnnotationError: If the file cannot be read, or the value of one of the keys is of a kind
            that is not understood here.
    """
    blocks = _blocks(path, read_text(path))
    found: dict[str, Value] = {}
    for key, (number, rest, lines) in blocks.items():
        if key not in keys:
            continue
        try:
            value = _value(rest, lines)
        except ValueError as error:
            raise AnnotationError(
                f"{path} line {number}: cannot read `{key}`: {error}. Write it as a text, a list "
                "of texts (`- text`, or `[text, text]`) or a mapping (`0: text`)."
            ) from None
        if value:
            found[key] = value
    return found


def _blocks(path: Path, text: str) -> dict[str, tuple[int, str, list[str]]]:
    """Key at the left margin -> its line, what stands behind it, and the lines below it."""
    blocks: dict[str, tuple[int, str, list[str]]] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        line = _without_comment(line.rstrip("\r")).rstrip()  # noqa: PLW2901
        if not line or line in ("---", "..."):
            continue
        if line[0] in " \t-" and current is not None:
            current.append(line)
            continue
        match = _KEY.match(line)
        if match is None:
            current = []  # a line of a kind that no wanted key has: its block is passed over
            continue
        if match["key"] in blocks:
            raise AnnotationError(f"{path} line {number}: the key `{match['key']}` stands twice.")
        current = []
        blocks[match["key"]] = (number, line[match.end() :].strip(), current)
    return blocks


def _without_comment(line: str) -> str:
    quote = ""
    for position, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (position == 0 or line[position - 1] in " \t[{,:-"):
            quote = letter
        elif letter == "#" and (position == 0 or line[position - 1] in " \t"):
            return line[:position]
    return line


def _value(rest: str, lines: list[str]) -> Value:
    if not lines or rest.startswith(("[", "{")):
        return _flow(" ".join([rest, *(line.strip() for line in lines)]).strip())
    if rest:
        raise ValueError(f"a text over several lines, {rest[:40]!r}")
    margins = {len(line) - len(line.lstrip()) for line in lines}
    if len(margins) > 1:
        raise ValueError("values within values")
    stripped = [line.strip() for line in lines]
    if all(line.startswith("- ") for line in stripped):
        return [_text(line[2:]) for line in stripped]
    pairs: dict[str, str] = {}
    for line in stripped:
        match = _KEY.match(line)
        if match is None:
            raise ValueError(f"expected `key: text`, got {line[:40]!r}")
        pairs[match["key"]] = _text(line[match.end() :])
    return pairs


def _flow(text: str) -> Value:
    if text.startswith("[") and text.endswith("]"):
        return [_text(part) for part in _parts(text[1:-1])]
    if text.startswith("{") and text.endswith("}"):
        pairs: dict[str, str] = {}
        for part in _parts(text[1:-1]):
            match = _KEY.match(part)
            if match is None:
                raise ValueError(f"expected `key: text`, got {part[:40]!r}")
            pairs[match["key"]] = _text(part[match.end() :])
        return pairs
    return _text(text)


def _parts(text: str) -> list[str]:
    """What stands between commas, which may stand in quotes too."""
    parts = re.findall(r"""(?:"[^"]*"|'[^']*'|[^,"'])+""", text)
    return [part.strip() for part in parts if part.strip()]


def _text(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        if "\\" in inner and text[0] == '"':
            raise ValueError(f"a backslash in double quotes, {text[:40]!r}")
        return inner.replace("''", "'") if text[0] == "'" else inner
    if text.startswith(_STRANGE) or text.startswith(("'", '"', "- ", "? ")):
        raise ValueError(f"{text[:40]!r}")
    return "" if text in ("~", "null", "Null", "NULL") else text
