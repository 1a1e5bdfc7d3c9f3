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

    A line has one of the numbers of `columns`, all lines of an image the same; `meaning` says what
    they are, for messages. `seen` maps names to where they stand, in earlier files too; added to.
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
        counted = f"the count of {name} in line {lines[at + 1][0]} is {count}"
        for offset in range(at + 2, at + 2 + int(count)):
            if offset >= len(lines):
                raise AnnotationError(
                    f"{path} line {lines[-1][0]}: the file ends here, but {counted}, and "
                    f"{len(rows)} lines follow it."
                )
            number, text = lines[offset]
            values = numbers(text)
            if values is None and len(text.split()) < min(columns):
                raise AnnotationError(
                    f"{path} line {number}: {counted}, but after {len(rows)} lines comes "
                    f"{text[:60]!r}. Correct the count or add what is missing."
                )
            expected: str | None = f"{' or '.join(map(str, columns))} numbers"
            same = ", the same for all lines"
            fits = columns if not rows else [len(rows[0])]
            if values is not None and len(values) in fits:
                expected, same = _bad_values(values), ""
                rows.append(values)
            if expected is not None:
                raise AnnotationError(
                    f"{path} line {number} ({name}): expected {expected} ({meaning}){same}, got "
                    f"{text[:80]!r}."
                )
        table = np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0)
        yield Entry(where, name, table)
        at += 2 + int(count)


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
