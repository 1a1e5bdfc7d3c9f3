"""Values of annotation files that tools write in different ways: yes and no, numbers, ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Generic, TypeVar

_YES = ("1", "true", "yes", "y", "t", "on")
_NO = ("0", "false", "no", "n", "f", "off", "", "none", "null", "nil")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"([+-]?\d{1,40})(\.0*)?")

Found = TypeVar("Found")


def flag(value: Any) -> bool | None:
    """Whether a value says yes or no; `None` if it says neither. Nothing at all says no.

    Example:
        >>> flag("FALSE"), flag(1.0), flag(None), flag("Unspecified")
        (False, True, False, None)
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _YES or word in _NO:
            return word in _YES
    number = number_of(value)
    return bool(number) if number in (0, 1) else None


def number_of(value: Any) -> float | None:
    """A finite number or a text that is one; `None` for anything else.

    Example:
        >>> number_of("1024.0"), number_of(7), number_of("1_000"), number_of(True)
        (1024.0, 7.0, None, None)
    """
    if isinstance(value, str):
        value = value.strip()
        if not (value.isascii() and _NUMBER.fullmatch(value)):
            return None
    elif type(value) not in (int, float):  # true and false are no numbers
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON allows whole numbers of any length
        return None
    return number if isfinite(number) else None


def stated_size(width: Any, height: Any) -> tuple[float, float] | None:
    """Width and height in pixels as a file states them; 0 for one that is not known.

    `None` if neither is: some tools write zeros, or nothing, when they do not know.

    Raises:
        ValueError: If one of them is stated and no number from 0.
    """
    sides = []
    for side in (width, height):
        unknown = side is None or (isinstance(side, str) and not side.strip())
        number = 0.0 if unknown else number_of(side)
        if number is None or number < 0:
            raise ValueError(side)
        sides.append(number)
    return (sides[0], sides[1]) if any(sides) else None


def words_of(attributes: Any) -> dict[str, str]:
    """Of an object's values the words, and true and false as `yes` and `no`; else an empty one."""
    if not isinstance(attributes, dict):
        return {}
    words: dict[str, str] = {}
    for name, value in attributes.items():
        if isinstance(value, bool):
            words[name] = "yes" if value else "no"
        elif isinstance(value, str) and value:
            words[name] = value
    return words


def _exact(key: Any) -> tuple[str, str | int] | None:
    if type(key) is str:
        return ("text", key)
    number = _whole(key)
    return None if number is None else ("number", number)


def _whole(key: Any) -> int | None:
    """The whole number that a number or a text stands for; as text too long for float64, exact."""
    if type(key) is int:
        return key
    if type(key) is float:
        return int(key) if isfinite(key) and key.is_integer() else None
    if type(key) is str and key.isascii():
        match = _WHOLE.fullmatch(key.strip())
        return int(match[1]) if match else None
    return None


def is_id(key: Any) -> bool:
    """Whether a value can be an id: a text, or a whole number however it is written."""
    return _exact(key) is not None


def plain_id(key: Any) -> int | str | None:
    """An id as a text or a whole number; `None` if it is none."""
    exact = _exact(key)
    return None if exact is None else exact[1]


@dataclass
class Ids(Generic[Found]):
    """What ids stand for. 7, 7.0 and "7" are the same id unless the file tells them apart."""

    _found: dict[tuple[str, str | int], Found] = field(default_factory=dict)
    _numbers: dict[int, list[Found]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[str | int]:
        """The ids, each as it was added."""
        return (key for _, key in self._found)

    def add(self, key: Any, found: Found) -> Found | None:
        """Let an id, for which `is_id` holds, stand for something; what it stands for already."""
        exact = _exact(key)
        if exact is None:
            raise ValueError(f"`key` must be a text or a whole number; got {key!r}.")
        if exact in self._found:
            return self._found[exact]
        self._found[exact] = found
        number = _whole(key)
        if number is not None:
            self._numbers.setdefault(number, []).append(found)
        return None

    def get(self, key: Any) -> Found | None:
        """What an id stands for; `None` if that is nothing, or not clear."""
        exact = _exact(key)
        if exact is None:
            return None
        if exact in self._found:
            return self._found[exact]
        number = _whole(key)
        alike = self._numbers.get(number, []) if number is not None else []
        return alike[0] if len(alike) == 1 else None

    def is_another(self, key: Any) -> bool:
        """Whether an id that stands for nothing is written as all others are.

        Then it belongs to something that the file lacks. An id of another kind (none at all, a text
        among numbers) may be meant for any of them.
        """
        exact = _exact(key)
        kinds = {kind[0] for kind in self._found}
        return exact is not None and kinds == {exact[0]}
