"""Reading a user's own table of points from a CSV file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facesmith.approximation.points import Points
from facesmith.errors import TableError

# Fewer rows leave nothing to judge by after the split.
_MIN_ROWS = 10


@dataclass(frozen=True, eq=False)
class Table:
    """The points of a file.

    Attributes:
        points: Its rows.
        input_names: The columns that the inputs came from, in order.
        target_name: The column that the target came from.
    """

    points: Points
    input_names: tuple[str, ...]
    target_name: str


def read_table(path: str | Path, target: str, inputs: Sequence[str] = ()) -> Table:
    """Read points from a CSV file with a header line.

    Values are parted by commas; semicolons or tabs are understood too. Empty lines are skipped.

    Args:
        path: The file, UTF-8.
        target: Name of the column to predict.
        inputs: Names of the columns to predict it from; all others if empty. Columns that are
            not used may hold anything.

    Returns:
        The table.

    Raises:
        TableError: If the file is missing, empty or no text, a column is missing or constant, a
            value is no finite number, or there are fewer than 10 rows. The message names the
            line and the column.
    """
    path = Path(path)
    lines, header = _read_lines(path)
    names = _check_header(path, header, target, inputs)
    places = [header.index(name) for name in (*names, target)]
    values = np.array([_numbers(path, line, row, header, places) for line, row in lines])
    if len(lines) < _MIN_ROWS:
        raise TableError(
            f"{path} has {len(lines)} rows of points; at least {_MIN_ROWS} are needed to fit a "
            "function and to judge it. Add rows."
        )
    for name, column in zip((*names, target), values.T, strict=True):
        if (column == column[0]).all():
            remedy = (
                "There is nothing to predict; choose another --target."
                if name == target
                else "It tells nothing apart; leave it out with --inputs."
            )
            raise TableError(
                f"{path}: column {name!r} is {column[0]:g} in every one of its {len(column)} rows. "
                f"{remedy}"
            )
    return Table(Points(values[:, :-1], values[:, -1]), names, target)


def _read_lines(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The rows with their line numbers, and the header."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the header.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise TableError(f"{path} does not exist. Pass the path of a CSV file.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise TableError(
            f"{path} cannot be read as a UTF-8 text file ({error}). Save the table as CSV."
        ) from error
    first_line = text.lstrip().split("\n", 1)[0]
    if not first_line:
        raise TableError(f"{path} is empty. Expected a header line and one line per point.")
    delimiter = max(",;\t", key=first_line.count)
    # newline="": the csv module itself tells an end of line from a line break inside quotes.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise TableError(
            f"{path} line {reader.line_num} cannot be read as CSV ({error}). Fix or delete it."
        ) from error
    header = [cell.strip() for cell in lines.pop(0)[1]]
    return lines, header


def _check_header(
    path: Path, header: list[str], target: str, inputs: Sequence[str]
) -> tuple[str, ...]:
    """The names of the input columns."""
    listing = ", ".join(repr(name) for name in header)
    for name in (target, *inputs):
        if name not in header:
            headless = all(_is_number(cell) for cell in header)
            remedy = " Put a line with the columns' names before it." if headless else ""
            raise TableError(
                f"{path} has no column {name!r}; its header line reads {listing}.{remedy}"
            )
    if target in inputs:
        raise TableError(f"{path}: {target!r} is both --target and among --inputs. Choose one.")
    names = tuple(inputs) or tuple(name for name in header if name != target)
    if not names:
        raise TableError(
            f"{path} has no column besides the target {target!r}. Add at least one input column; "
            "columns are parted by commas, semicolons or tabs."
        )
    for name in (*names, target):
        if not name:
            raise TableError(
                f"{path}: column {header.index(name) + 1} has no name in the header line, which "
                f"reads {listing}. Name it, or choose the columns with --inputs."
            )
        if header.count(name) > 1:
            raise TableError(
                f"{path}: {header.count(name)} columns are named {name!r}. Give each its own name."
            )
    return names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(
    path: Path, line: int, row: list[str], header: list[str], places: list[int]
) -> list[float]:
    """The used cells of a row as finite numbers."""
    if len(row) != len(header):
        raise TableError(
            f"{path} line {line}: expected {len(header)} values, as in the header line; got "
            f"{len(row)}. Fix or delete the line."
        )
    numbers = []
    for place in places:
        cell = row[place].strip()
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            what = f"got {cell!r}" if cell else "the cell is empty"
            remedy = (
                "Write decimal points instead of decimal commas."
                if "," in cell and _is_number(cell.replace(",", ".", 1))
                else "Fix or delete the line, or leave the column out with --inputs."
            )
            raise TableError(
                f"{path} line {line}, column {header[place]!r}: expected a finite number; {what}. "
                f"{remedy}"
            )
        numbers.append(number)
    return numbers
