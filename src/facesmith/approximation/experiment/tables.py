"""Reading a user's own table of points from a CSV file."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from facesmith.approximation.experiment.points import Points
from facesmith.approximation.experiment.table_faults import column_faults
from facesmith.approximation.experiment.table_notes import contradictions, copies
from facesmith.approximation.experiment.table_rows import (
    Row,
    TableRows,
    finite_number,
    numbered_rows,
)
from facesmith.errors import TableError
from facesmith.files import open_regular
from facesmith.printable import shortened_text

# Fewer rows leave nothing to judge by after the split.
_MIN_ROWS = 10
# Squares of larger numbers and their sums come near the end of float64.
_LARGEST = 1e150
# What a message says of a header line: a file of another kind may seem to have thousands of names.
_MOST_NAMES, _LONGEST_NAME = 12, 40
_LONGEST_LINE = 2**24  # characters


@dataclass(frozen=True, eq=False)
class Table:
    """The points of a file.

    `lines` are those of the file that the rows came from, int64 `(n,)`; `notes` what the user
    should know of the table, a sentence or two each.
    """

    points: Points
    input_names: tuple[str, ...]
    lines: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()


def read_table(
    path: str | Path, target: str, inputs: Sequence[str] = (), *, skip_bad_lines: bool = False
) -> Table:
    """Read points from a CSV file with a header line.

    Values are parted by commas, semicolons or tabs, as in the header line. Decimal commas are
    understood where no number of the table has a decimal point. Empty lines are skipped, and so
    is a last column without name and content, which some programs write. The file is read block
    by block: of a large one, the numbers are held in memory, not the text.

    Columns that are not used may hold anything; without `inputs` all but the target are used.
    With `skip_bad_lines` those that cannot be used are left out, as `notes` says.

    Raises:
        TableError: If the file is missing, empty or no text, a column is missing or constant, a
            value is no finite number, or there are fewer than 10 rows.
    """
    path = Path(path)
    with opened_table(path) as (header, _, lines):
        names = _check_header(path, header, target, inputs)
        rows = TableRows(header, (*names, target))
        rows.read(lines)
    _check_commas(path, rows)
    notes = _check_faults(path, rows, target, skip_bad_lines=skip_bad_lines)
    _check_values(path, rows)
    points = Points(rows.values[:, :-1], rows.values[:, -1], rows.lines)
    notes = (*notes, *contradictions(points, rows.lines, target), *copies(points, rows.lines))
    return Table(points, names, rows.lines, notes)


def read_inputs(
    path: str | Path, inputs: Sequence[str], *, skip_bad_lines: bool = False
) -> tuple[TableRows, tuple[str, ...]]:
    """Read the inputs of a fitted function from a CSV file, as `read_table` reads the points.

    Columns are found by their names; there may be others, in any order. One row is enough, and a
    column may have a single value.

    Returns:
        The rows, one value for each of `inputs`, and notes of what was left out.

    Raises:
        TableError: If the file is missing, empty or no text, has no row that can be used, lacks a
            column, or a value is no finite number.
    """
    path = Path(path)
    with opened_table(path) as (header, _, lines):
        _check_header(path, header, None, inputs)
        rows = TableRows(header, tuple(inputs))
        rows.read(lines)
    _check_commas(path, rows)
    notes = _check_faults(path, rows, None, skip_bad_lines=skip_bad_lines)
    if not len(rows.values):
        left = "that can be used " if rows.n_bad else ""
        raise TableError(f"{path} has no row {left}below its header line. Add rows to predict.")
    _check_sizes(path, rows)
    return rows, notes


@contextmanager
def opened_table(path: Path) -> Iterator[tuple[tuple[str, ...], str, Iterator[Row]]]:
    """The names in the header line, what parts the columns, and the rows below, while it is open.

    Raises:
        TableError: If the file is missing, empty or no text, wherever it is read.
    """
    with _opened(path) as file:
        text = _text_lines(path, file)
        filled = ((i, line) for i, line in enumerate(text) if line.strip(" \t\r\n,;"))
        n_skipped, first = next(filled, (0, ""))
        if not first:
            raise TableError(f"{path} is empty. Expected a header line and one line per point.")
        # Names in quotes may hold any of the three.
        unquoted = re.sub(r'"[^"]*"', "", first)
        delimiter = max(",;\t", key=unquoted.count)
        reader = csv.reader(chain([first], text), delimiter=delimiter)
        lines = numbered_rows(path, reader, n_skipped)
        _, cells = next(lines, (0, []))
        if not cells:
            raise TableError(f"{path} has no header line with the names of its columns.")
        header = tuple(cell.strip() for cell in cells)
        yield header, delimiter, _without_last_column(path, lines, header)


def _text_lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a file; TableError for one that would take much memory."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise TableError(
                f"{path} line {number} has {_LONGEST_LINE:,} characters or more: this is no table. "
                "Pass a CSV file with a line for each point."
            )
        yield line


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The file as text; TableError where it is missing or, wherever it is read, no text."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the header. newline="": the csv
        # module itself tells an end of line from a line break inside quotes.
        with open_regular(path) as raw:
            yield io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8-sig", newline="")
    except FileNotFoundError as error:
        raise TableError(f"{path} does not exist. Pass the path of a CSV file.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise TableError(
            f"{path} cannot be read as a UTF-8 text file ({error}). Save the table as CSV, UTF-8."
        ) from error


def _without_last_column(
    path: Path, lines: Iterator[Row], header: tuple[str, ...]
) -> Iterator[Row]:
    """The lines; where the header line ends with a comma, the last column has to be empty."""
    for line, row in lines:
        if not header[-1] and len(row) == len(header) and row[-1].strip():
            raise TableError(
                f"{path} line {line}: the last value, {row[-1].strip()!r}, belongs to no column: "
                f"the header line names {len(header) - 1}. Name it there."
            )
        yield line, row


def _check_header(
    path: Path, header: tuple[str, ...], target: str | None, inputs: Sequence[str]
) -> tuple[str, ...]:
    """The names of the input columns; without a target those of `inputs`, to predict from."""
    wanted = tuple(inputs) if target is None else (target, *inputs)
    listing = ", ".join(repr(shortened_text(name, _LONGEST_NAME)) for name in header[:_MOST_NAMES])
    if len(header) > _MOST_NAMES:
        listing += f" and {len(header) - _MOST_NAMES} more"
    for name in wanted:
        if name not in header:
            likely = {each.lower(): each for each in reversed(header)}
            near = difflib.get_close_matches(name.lower(), likely, n=1)
            remedy = "" if target is not None else " The function needs it."
            if all(finite_number(cell) is not None for cell in header):
                remedy = " Put a line with the columns' names before it."
            elif header[0].startswith("#"):
                remedy = " If that is a comment, delete it; the header line has to be the first."
            elif near:
                remedy = f" Did you mean {likely[near[0]]!r}?"
            elif len(header) == 1:
                remedy = " Columns are parted by commas, semicolons or tabs."
            raise TableError(
                f"{path} has no column {name!r}; its header line reads {listing}.{remedy}"
            )
    if target in inputs:
        raise TableError(f"{path}: {target!r} is both --target and among --inputs. Choose one.")
    named = header if header[-1] else header[:-1]
    names = tuple(inputs) or tuple(name for name in named if name != target)
    if not names:
        raise TableError(
            f"{path} has no column besides the target {target!r}. Add at least one input column; "
            "columns are parted by commas, semicolons or tabs."
        )
    for name in dict.fromkeys((*names, *wanted)):
        if not name:
            raise TableError(
                f"{path}: column {header.index(name) + 1} has no name in the header line, which "
                f"reads {listing}. Name it, or choose the columns with --inputs."
            )
        if header.count(name) > 1:
            places = [str(place) for place, other in enumerate(header, 1) if other == name]
            raise TableError(
                f"{path}: {len(places)} columns are named {name!r}, columns "
                f"{', '.join(places[:-1])} and {places[-1]}. Give each its own name."
            )
    return names


def _check_commas(path: Path, rows: TableRows) -> None:
    """TableError where a comma in a number could mean either thing."""
    if rows.decimal_comma is None:
        return
    line, name, cell = rows.decimal_comma
    if rows.decimal_point is not None:
        other_line, other_name, other = rows.decimal_point
        found = f"has a decimal comma, but line {other_line}, column {other_name!r} a decimal point"
        found += f" ({other!r})"
    elif not rows.commas_are_decimal:
        found = f"may mean {cell.replace(',', '.')} or {cell.replace(',', '')}"
    else:
        return
    raise TableError(
        f"{path} line {line}, column {name!r}: {cell!r} {found}. Write decimal points instead of "
        "decimal commas, and nothing between thousands."
    )


def _check_faults(
    path: Path, rows: TableRows, target: str | None, *, skip_bad_lines: bool
) -> tuple[str, ...]:
    """TableError for lines and columns that cannot be used; notes of what was skipped."""
    if fault_of_columns := column_faults(rows, target):
        raise TableError(f"{path}{fault_of_columns}")
    if not rows.faults:
        return ()
    fault = next(iter(rows.faults.values()))
    if skip_bad_lines:
        left_out = f"Left out {rows.n_bad:,} of {rows.n_rows:,} lines of {path} that cannot be used"
        return (f"{left_out}, the first one {fault}.",)
    more, ways = "", "Fix or delete the line"
    if rows.n_bad > 1:
        more = f" {rows.n_bad - 1:,} more of its {rows.n_rows:,} lines cannot be used either."
        ways += "s"
    if fault.column is None and rows.doubled:
        more += " Decimal commas need another character between the columns, such as a semicolon."
    if target is not None and fault.column not in (None, target):
        ways += ", leave the column out with --inputs,"
    raise TableError(f"{path} {fault}.{more} {ways} or pass --skip-bad-lines.")


def _check_values(path: Path, rows: TableRows) -> None:
    """TableError where there are too few rows, or a column has one value, or too large ones."""
    values = rows.values
    if len(values) < _MIN_ROWS:
        what = "row" if len(values) == 1 else "rows"
        left = " that can be used" if rows.n_bad else ""
        raise TableError(
            f"{path} has {len(values)} {what} of points{left}; at least {_MIN_ROWS} are needed to "
            "fit a function and to judge it. Add rows."
        )
    for name, column in zip(rows.used, values.T, strict=True):
        if column.min() == column.max():
            remedy = "It tells nothing apart; leave it out with --inputs."
            if name == rows.used[-1]:
                remedy = "There is nothing to predict; choose another --target."
            raise TableError(
                f"{path}: column {name!r} is {column[0]:g} in every one of its {len(column)} rows. "
                f"{remedy}"
            )
    _check_sizes(path, rows)


def _check_sizes(path: Path, rows: TableRows) -> None:
    """TableError where a number is too large to reckon with."""
    for name, column in zip(rows.used, rows.values.T, strict=True):
        if max(-column.min(), column.max()) > _LARGEST:
            row = int(np.argmax(np.abs(column)))
            raise TableError(
                f"{path} line {rows.lines[row]}, column {name!r}: expected a number below "
                f"{_LARGEST:g}; got {column[row]:g}. Give the column in a larger unit."
            )
