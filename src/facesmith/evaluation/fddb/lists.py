"""FDDB's text lists: an image's name, a count, and so many lines of numbers.

Names have no suffix; one such as `.jpg` is taken off. Whatever does not fit is an error with file
and line: a benchmark must not leave anything out in silence.

Source:
    The README of FDDB's annotations and results, http://vis-www.cs.umass.edu/fddb/ .
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.annotations.files import numbers, read_text
from facesmith.errors import AnnotationError
from facesmith.evaluation.fddb.spans import MAX_PX
from facesmith.images import IMAGE_SUFFIXES

FloatArray = npt.NDArray[np.float64]
_OF_AN_ELLIPSE = 6  # numbers of a line
_MAX_COUNTED = 10_000_000
_MAX_RADIANS = 1e6
_BLANK = " \t\r\f\v\x1a"  # the last: old end of a file on Windows, in the middle of joined files


@dataclass(frozen=True, eq=False)
class Entry:
    """An image's lines: where its name stands, and its numbers `(n, columns)`."""

    where: str
    name: str
    rows: FloatArray


def read_entries(
    path: Path, columns: Sequence[int], meaning: str, seen: dict[str, str]
) -> Iterator[Entry]:
    """The entries of a list, each name once.

    Args:
        path: The list.
        columns: How many numbers a line may have; all lines of an image have the same.
        meaning: What they are, for messages.
        seen: Names and where they stand, of earlier files too; added to.
    """
    lines = text_lines(path)
    at = 0
    while at < len(lines):
        number, text = lines[at]
        where = f"{path} line {number}"
        values = numbers(text)
        if values is not None and len(values) > 1:
            before = f" The count of {next(reversed(seen))} may be too small." if at else ""
            raise AnnotationError(
                f"{where}: expected the name of an image, got {text[:60]!r}.{before}"
            )
        name = bare_name(text)
        if name in seen:
            raise AnnotationError(f"{where}: {name} stands already in {seen[name]}.")
        seen[name] = where
        count = lines[at + 1][1] if at + 1 < len(lines) else "the end of the file"
        if not (count.isascii() and count.isdigit() and int(count[:12]) <= _MAX_COUNTED):
            number = lines[at + 1][0] if at + 1 < len(lines) else number
            raise AnnotationError(
                f"{path} line {number}: expected the number of lines of {name}, got {count[:60]!r}."
            )
        rows: list[list[float]] = []
        for offset in range(at + 2, at + 2 + int(count)):
            values = numbers(lines[offset][1]) if offset < len(lines) else None
            if (
                values is None
                or len(values) not in columns
                or len(values) != len((rows or [values])[0])
            ):
                raise _bad_row(path, lines, at, offset, name, int(count), columns, meaning)
            expected = _bad_values(values or [])
            if expected:
                bad_number, bad = lines[offset]
                raise AnnotationError(
                    f"{path} line {bad_number} ({name}): expected {expected} ({meaning}), got "
                    f"{bad[:80]!r}."
                )
            rows.append(values or [])
        table = np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0)
        yield Entry(where, name, table)
        at += 2 + int(count)


def _bad_row(
    path: Path,
    lines: list[tuple[int, str]],
    at: int,
    offset: int,
    name: str,
    count: int,
    columns: Sequence[int],
    meaning: str,
) -> AnnotationError:
    """What is wrong with line `offset` of the entry that starts at line `at`."""
    counted = f"the count of {name} in line {lines[at + 1][0]} is {count}"
    if offset >= len(lines):
        return AnnotationError(
            f"{path} line {lines[-1][0]}: the file ends here, but {counted}, and "
            f"{offset - at - 2} lines follow it."
        )
    number, text = lines[offset]
    values = numbers(text)
    if values is None and len(text.split()) < min(columns):
        return AnnotationError(
            f"{path} line {number}: {counted}, but after {offset - at - 2} lines comes "
            f"{text[:60]!r}. Correct the count or add what is missing."
        )
    expected = " or ".join(str(n) for n in columns)
    return AnnotationError(
        f"{path} line {number} ({name}): expected {expected} numbers ({meaning}), the same for all "
        f"lines, got {text[:80]!r}."
    )


def _bad_values(values: list[float]) -> str | None:
    """What a line's numbers should be instead, `None` where they are all right."""
    if not all(map(isfinite, values)):
        return "finite numbers"
    if len(values) == _OF_AN_ELLIPSE:
        major, minor, angle, x, y, _ = values
        if min(major, minor) < 0:
            return "half axes of 0 and more"
        if abs(angle) > _MAX_RADIANS:
            return "an angle in radians"
        largest = max(major, minor, abs(x), abs(y))
    else:
        if min(values[2:4]) < 0:
            return "a width and a height of 0 and more"
        largest = max(map(abs, values[:4]))
    return f"pixels, at most {MAX_PX}" if largest > MAX_PX else None


def bare_name(name: str) -> str:
    """A name as FDDB writes it: forward slashes, no suffix."""
    name = name.replace("\\", "/")
    return name.rpartition(".")[0] if name.lower().endswith(IMAGE_SUFFIXES) else name


def text_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not empty, stripped, with their numbers from 1."""
    text = read_text(path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise AnnotationError(f"{path} line {line}: expected text, got bytes of another file type.")
    stripped = ((n, line.strip(_BLANK)) for n, line in enumerate(text.split("\n"), start=1))
    return [(n, line) for n, line in stripped if line]
