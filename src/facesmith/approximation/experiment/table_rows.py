"""The rows of a CSV file as numbers, block by block: memory for the numbers and not for the text.

Blocks that are in order take a fast way through whole columns. Only a block with something odd in
it is looked at cell by cell, to name what is wrong with its line and its column.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.errors import TableError

_BLOCK_ROWS = 8192
_MOST_TEXTS = 3
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
# What could as well be thousands: 1,234 or 12,345,678 (the latter is no number here at all).
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")

# A row with the line of the file that it ends on, counted from 1.
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line: its number, the column's name or None, and what came instead."""

    line: int
    column: str | None
    text: str

    def __str__(self) -> str:
        column = "" if self.column is None else f", column {self.column!r}"
        return f"line {self.line}{column}: {self.text}"


@dataclass
class TableRows:
    """What was found in a file, good rows and bad ones; `read` fills it.

    `used` names the columns whose numbers are wanted; the target's is the last.
    """

    header: tuple[str, ...]
    used: tuple[str, ...]
    n_rows: int = 0  # with anything on them, without the header
    n_bad: int = 0
    # Of each column the first thing that is wrong; under None the first line of a wrong length.
    faults: dict[str | None, Fault] = field(default_factory=dict)
    n_faults: Counter[str] = field(default_factory=Counter)  # cells without a finite number
    n_empty: Counter[str] = field(default_factory=Counter)  # cells without anything
    # Up to three of the texts in each column where a number belongs.
    texts: dict[str, set[str]] = field(default_factory=dict)
    doubled: bool = False  # whether that line has twice as many values as it should
    # Line, column and text of the first numbers with a decimal comma and with a decimal point.
    decimal_comma: tuple[int, str, str] | None = None
    decimal_point: tuple[int, str, str] | None = None
    commas_are_decimal: bool = False  # whether a comma was seen that cannot part thousands

    def __post_init__(self) -> None:
        self._places = [self.header.index(name) for name in self.used]
        # They grow in place: a list of blocks would need the memory twice when it is joined.
        self._values = array("d")
        self._lines = array("q")

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The good rows, float64 `(n, n_used)`, in the order of the file."""
        return np.frombuffer(self._values).reshape(-1, len(self.used))

    @property
    def lines(self) -> npt.NDArray[np.int64]:
        """The line of the file that each good row ends on, int64 `(n,)`."""
        return np.frombuffer(self._lines, dtype=np.int64)

    def read(self, rows: Iterator[Row]) -> None:
        """Take up the rows below the header; those that cannot be used are counted and told."""
        while block := list(islice(rows, _BLOCK_ROWS)):
            self.n_rows += len(block)
            if self._add_quickly(block):
                continue
            for line, row in block:
                numbers = self._numbers(line, row)
                if numbers is None:
                    self.n_bad += 1
                else:
                    self._values.extend(numbers)
                    self._lines.append(line)

    def _add_quickly(self, block: list[Row]) -> bool:
        """Take up a block in which every used cell is a finite number; False for any other."""
        if {len(row) for _, row in block} != {len(self.header)}:
            return False
        by_column = list(zip(*(row for _, row in block), strict=True))
        cells = [by_column[place] for place in self._places]
        texts = ["".join(column) for column in cells]
        try:
            values = np.array([[float(cell) for cell in column] for column in cells])
        except ValueError:
            return False
        if not np.isfinite(values).all() or any("_" in text for text in texts):
            return False
        for name, column, text in zip(self.used, cells, texts, strict=True):
            if self.decimal_point is None and "." in text:
                row = next(i for i, cell in enumerate(column) if "." in cell)
                self.decimal_point = (block[row][0], name, column[row].strip())
        self._values.frombytes(np.ascontiguousarray(values.T).tobytes())
        self._lines.extend([line for line, _ in block])
        return True

    def _numbers(self, line: int, row: Sequence[str]) -> list[float] | None:
        """The used cells of a row as finite numbers, or None and the fault noted."""
        expected, got = len(self.header), len(row)
        if got != expected:
            if None not in self.faults:
                text = f"expected {expected} values, as in the header line; got {got}"
                self.faults[None] = Fault(line, None, text)
                self.doubled = got == 2 * expected
            return None
        numbers = []
        for name, place in zip(self.used, self._places, strict=True):
            cell = row[place].strip()
            self._note_marks(line, name, cell)
            number = finite_number(cell)
            if number is not None:
                numbers.append(number)
                continue
            self.n_faults[name] += 1
            self.n_empty[name] += not cell
            found = self.texts.setdefault(name, set())
            if len(found) < _MOST_TEXTS:
                found.add(cell)
            shown = cell if len(cell) <= 40 else cell[:37] + "..."
            what = f"got {shown!r}" if cell else "the cell is empty"
            self.faults.setdefault(name, Fault(line, name, f"expected a finite number; {what}"))
        return numbers if len(numbers) == len(self.used) else None

    def _note_marks(self, line: int, name: str, cell: str) -> None:
        """Note the first decimal comma and the first decimal point."""
        if _DECIMAL_COMMA.fullmatch(cell):
            self.decimal_comma = self.decimal_comma or (line, name, cell)
            self.commas_are_decimal |= not _THOUSANDS.fullmatch(cell)
        elif "." in cell:
            self.decimal_point = self.decimal_point or (line, name, cell)


def finite_number(cell: str) -> float | None:
    """The finite number in a cell, a decimal comma read as a point; None for anything else."""
    if _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    try:
        # Python reads 1_005 as 1005; in a table it is a misprint.
        number = math.nan if "_" in cell else float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def numbered_rows(path: Path, reader: Iterator[list[str]], n_before: int) -> Iterator[Row]:
    """The rows of a CSV reader with the line of the file that each ends on, without empty ones.

    The reader was not given the first `n_before` lines. TableError if a line is no CSV.
    """
    try:
        for row in reader:
            # A full first cell, as nearly always, spares the look at the others.
            if row and (row[0].strip() or any(cell.strip() for cell in row)):
                yield n_before + reader.line_num, row  # type: ignore[attr-defined]
    except csv.Error as error:
        line = n_before + reader.line_num  # type: ignore[attr-defined]
        raise TableError(
            f"{path} line {line} cannot be read as CSV ({error}). Fix or delete it."
        ) from error
