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
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
# What could as well be thousands: 1,234 or 12,345,678 (the latter is no number here at all).
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class Columns:
    """Where the numbers of a line stand.

    Attributes:
        path: The file, for messages.
        header: The names of all columns.
        places: The columns that are used, as indices into `header`; the target's is the last.
    """

    path: Path
    header: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the used columns."""
        return tuple(self.header[place] for place in self.places)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line.

    Attributes:
        line: Line of the file, counted from 1.
        column: The column's name; None where the line as a whole is at fault.
        text: What was expected and what came.
    """

    line: int
    column: str | None
    text: str

    def __str__(self) -> str:
        column = "" if self.column is None else f", column {self.column!r}"
        return f"line {self.line}{column}: {self.text}"


@dataclass
class TableRows:
    """What was found in a file, good rows and bad ones.

    Attributes:
        columns: Where the numbers stood.
        n_rows: Lines with anything on them, without the header.
        n_bad: Those of them that cannot be used.
        first_fault: The first thing that is wrong in the file.
        column_faults: For each column, the first thing that is wrong in it.
        n_faults: For each column, the number of its cells that hold no finite number.
        n_empty: For each column, the number of its cells that hold nothing.
        decimal_comma: Line, column and text of the first number with a decimal comma.
        decimal_point: The same of the first one with a decimal point.
        commas_are_decimal: Whether a comma was seen that cannot part thousands.
    """

    columns: Columns
    n_rows: int = 0
    n_bad: int = 0
    first_fault: Fault | None = None
    column_faults: dict[str, Fault] = field(default_factory=dict)
    n_faults: Counter[str] = field(default_factory=Counter)
    n_empty: Counter[str] = field(default_factory=Counter)
    decimal_comma: tuple[int, str, str] | None = None
    decimal_point: tuple[int, str, str] | None = None
    commas_are_decimal: bool = False

    def __post_init__(self) -> None:
        # They grow in place: a list of blocks would need the memory twice when it is joined.
        self._values = array("d")
        self._lines = array("q")

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The good rows, float64 `(n, n_used)`, in the order of the file."""
        return np.frombuffer(self._values).reshape(-1, len(self.columns.places))

    @property
    def lines(self) -> npt.NDArray[np.int64]:
        """The line of the file that each good row ends on, int64 `(n,)`."""
        return np.frombuffer(self._lines, dtype=np.int64)

    def add(self, block: list[tuple[int, list[str]]]) -> None:
        """Take up a block of lines with their numbers, none of them empty."""
        self.n_rows += len(block)
        if self._add_quickly(block):
            return
        for line, row in block:
            numbers = self._numbers(line, row)
            if numbers is None:
                self.n_bad += 1
            else:
                self._values.extend(numbers)
                self._lines.append(line)

    def _add_quickly(self, block: list[tuple[int, list[str]]]) -> bool:
        """Take up a block in which every used cell is a finite number; False for any other."""
        if {len(row) for _, row in block} != {len(self.columns.header)}:
            return False
        by_column = list(zip(*(row for _, row in block), strict=True))
        cells = [by_column[place] for place in self.columns.places]
        try:
            values = np.array([[float(cell) for cell in column] for column in cells])
        except ValueError:
            return False
        if not np.isfinite(values).all():
            return False
        if self.decimal_point is None:
            for name, column in zip(self.columns.used, cells, strict=True):
                if "." in "".join(column):
                    row = next(i for i, cell in enumerate(column) if "." in cell)
                    self.decimal_point = (block[row][0], name, column[row].strip())
                    break
        self._values.frombytes(np.ascontiguousarray(values.T).tobytes())
        self._lines.extend([line for line, _ in block])
        return True

    def _numbers(self, line: int, row: Sequence[str]) -> list[float] | None:
        """The used cells of a row as finite numbers, or None and the fault noted."""
        header = self.columns.header
        if len(row) != len(header):
            text = f"expected {len(header)} values, as in the header line; got {len(row)}"
            self._note(Fault(line, None, text))
            return None
        numbers = []
        for place in self.columns.places:
            name, cell = header[place], row[place].strip()
            number = self._number(line, name, cell)
            if number is None:
                self.n_faults[name] += 1
                self.n_empty[name] += not cell
                what = f"got {_shortened(cell)!r}" if cell else "the cell is empty"
                self._note(Fault(line, name, f"expected a finite number; {what}"))
            else:
                numbers.append(number)
        return numbers if len(numbers) == len(self.columns.places) else None

    def _number(self, line: int, name: str, cell: str) -> float | None:
        if _DECIMAL_COMMA.fullmatch(cell):
            self.decimal_comma = self.decimal_comma or (line, name, cell)
            self.commas_are_decimal |= not _THOUSANDS.fullmatch(cell)
            cell = cell.replace(",", ".")
        elif "." in cell:
            self.decimal_point = self.decimal_point or (line, name, cell)
        try:
            number = float(cell)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _note(self, fault: Fault) -> None:
        self.first_fault = self.first_fault or fault
        if fault.column is not None:
            self.column_faults.setdefault(fault.column, fault)


def read_rows(columns: Columns, lines: Iterator[tuple[int, list[str]]]) -> TableRows:
    """Read the lines below the header; those that cannot be used are counted and described."""
    rows = TableRows(columns)
    while block := list(islice(lines, _BLOCK_ROWS)):
        rows.add(block)
    return rows


def numbered_rows(
    path: Path, reader: Iterator[list[str]], n_before: int
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV reader with the line of the file that each ends on, without empty ones.

    Args:
        path: The file, for messages.
        reader: A `csv.reader`.
        n_before: Lines of the file that the reader was not given.

    Raises:
        TableError: If a line is no CSV.
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


def _shortened(cell: str) -> str:
    return cell if len(cell) <= 40 else cell[:37] + "..."
