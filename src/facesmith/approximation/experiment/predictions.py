"""Predictions for the rows of a CSV file, from what an earlier run fitted."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.approximation.experiment.settings import current_name
from facesmith.approximation.experiment.tables import opened_table, read_inputs
from facesmith.approximation.model.fitted import FittedFunction
from facesmith.approximation.model.intervals import Predictions
from facesmith.approximation.model.saving import load_function
from facesmith.errors import TableError, TrainingError
from facesmith.printable import shortened_text
from facesmith.untrusted import ContentError, read_json

# The columns that are added to those of the file.
COLUMNS = ("prediction", "lower", "upper", "extrapolation")
_METRICS = "metrics.json"
_BLOCK_ROWS = 8192
# Digits of a number: at least so many, and so many more than its interval is sure of.
_MIN_DIGITS, _MORE_DIGITS, _MAX_DIGITS = 6, 4, 17


@dataclass(frozen=True, eq=False)
class PredictedTable:
    """A file's rows with their predictions.

    Attributes:
        path: The file.
        predictions: Of the rows that can be used, in the order of the file; one output.
        lines: The line of the file that each of these rows ends on, int64 `(n,)`.
        decimal_comma: Whether the file writes decimal commas.
        notes: What the user should know of the file, a sentence or two each.
    """

    path: Path
    predictions: Predictions
    lines: npt.NDArray[np.int64]
    decimal_comma: bool
    notes: tuple[str, ...]


def load_chosen(model: str | Path) -> tuple[str, FittedFunction]:
    """The fit that a run has chosen, its label and its function; or the one of a file.

    Args:
        model: A run folder of `facesmith approximate`, or one of the `.npz` files in its `models/`.

    Raises:
        TrainingError: If it is neither, or all fits of the run diverged.
        WeightsError: If the function's file is missing, damaged or something else.
    """
    model = Path(model)
    if not model.is_dir():
        return model.stem.replace("_", " "), load_function(model)
    try:
        rows = read_json(model / _METRICS)["rows"]
        errors = {
            str(row["label"]): row["validation_mean_abs_error"]
            for row in rows
            if row["verdict"] != "diverged"
        }
        converged = {label: error for label, error in errors.items() if _is_number(error)}
    except (ContentError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{model} is no run folder of `facesmith approximate` "
            f"({shortened_text(str(error))}). Pass the --out of an earlier run as --model."
        ) from error
    if not converged:
        raise TrainingError(
            f"No fit of {model} ended with finite numbers: there is nothing to predict with. Fit "
            "anew, as its report.md says."
        )
    label = min(converged, key=lambda each: float(converged[each]))
    file = f"{label.replace(' ', '_')}.npz"
    if Path(file).name != file:
        raise TrainingError(
            f"{model / _METRICS} names a fit {shortened_text(label)!r}, which no file can have "
            "as a name. Pass the --out of an earlier run as --model."
        )
    return current_name(label), load_function(model / "models" / file)


def predict_table(
    function: FittedFunction,
    path: str | Path,
    *,
    level: float = 0.95,
    skip_bad_lines: bool = False,
) -> PredictedTable:
    """Predict the target of each row of a CSV file.

    The file is read as the points of a fit are: columns parted by commas, semicolons or tabs, in
    any order, and found by their names; others are left alone.

    Raises:
        TableError: If the file or a value in it cannot be used, or it has a column with the name
            of one to be added.
        TrainingError: If the function has no names of its inputs.
        ValueError: If the level is not between 0 and 1.
    """
    path = Path(path)
    if not function.input_names:
        raise TrainingError(
            "The function has no names of its inputs, so that no column can be found. Fit it with "
            "`facesmith approximate`, or pass arrays to `predict_with_interval`."
        )
    rows, notes = read_inputs(path, function.input_names, skip_bad_lines=skip_bad_lines)
    for name in COLUMNS:
        if name in rows.header:
            raise TableError(
                f"{path} has a column {name!r} already, the name of one to be added. Rename it."
            )
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = function.predict_with_interval(rows.values, level)
    ends = predictions.upper - predictions.lower
    if not np.isfinite(ends).all():
        line = int(rows.lines[np.argmin(np.isfinite(ends[:, 0]))])
        raise TableError(
            f"{path} line {line}: so far outside the range of the training inputs the function has "
            "no finite value. Correct the line or leave it out."
        )
    return PredictedTable(path, predictions, rows.lines, rows.decimal_comma is not None, notes)


def interval_text(table: PredictedTable, label: str) -> str:
    """What the intervals are and promise, in a sentence."""
    found = table.predictions
    text = (
        f"{label}: {_percent(found.level)} % intervals of new targets, the prediction plus and "
        f"minus {found.factors[0]:.3g} of its standard deviations"
    )
    if found.proven_level < found.level:
        return f"{text}."
    return (
        f"{text}, as {found.n_held_out:,} held-out rows ask for: {_percent(found.level)} % of new "
        "rows like them are expected within."
    )


def cautions(table: PredictedTable) -> list[str]:
    """What to beware of: lines left out, intervals that little vouches for, rows far away."""
    found, said = table.predictions, list(table.notes)
    n = found.n_held_out
    if n == 0:
        said.append(
            "The intervals are the function's own estimate. It has no held-out rows that vouch for "
            "them: runs of earlier versions kept none. Fit anew for intervals that are checked."
        )
    elif found.proven_level < found.level:
        needed = math.ceil(found.level / (1 - found.level) - 1e-9)
        said.append(
            f"{n:,} held-out {'row vouches' if n == 1 else 'rows vouch'} for intervals of "
            f"{_percent(found.proven_level)} % at most; {_percent(found.level)} % need {needed:,}. "
            "Fit to more rows, or pass a lower --level."
        )
    outside = int(found.extrapolated.sum())
    if outside:
        count = len(found.extrapolated)
        said.append(
            f"{outside:,} of {count:,} rows {'lies' if outside == 1 else 'lie'} outside the "
            "range of the training inputs (extrapolation is 1): neither prediction nor interval "
            "can be trusted there."
        )
    return said


def predicted_lines(table: PredictedTable) -> Iterator[str]:
    """The file as CSV text with the columns of the predictions, in blocks of whole lines.

    The values of the file stay as they are; the quotes about them are set anew. Columns are parted
    as in the file, and numbers have its decimal mark. The lines that cannot be used are left out.

    Raises:
        TableError: If the file has changed since it was predicted.
    """
    with opened_table(table.path) as (header, delimiter, rows):
        named = len(header) if header[-1] else len(header) - 1
        yield _text([(*header[:named], *COLUMNS)], delimiter)
        done = 0
        used = iter(table.lines.tolist())
        line_wanted = next(used, None)
        while block := list(islice(rows, _BLOCK_ROWS)):
            kept: list[tuple[str, ...]] = []
            for line, row in block:
                if line == line_wanted:
                    kept.append((*row[:named], *_cells(table, done + len(kept))))
                    line_wanted = next(used, None)
            done += len(kept)
            yield _text(kept, delimiter)
        if line_wanted is not None:
            raise TableError(f"{table.path} has changed while it was read. Run the command again.")


def _cells(table: PredictedTable, row: int) -> tuple[str, ...]:
    found = table.predictions
    half = float(found.upper[row, 0] - found.lower[row, 0]) / 2
    numbers = (float(values[row, 0]) for values in (found.values, found.lower, found.upper))
    texts = (_number_text(number, half) for number in numbers)
    if table.decimal_comma:
        texts = (text.replace(".", ",") for text in texts)
    return (*texts, "1" if found.extrapolated[row] else "0")


def _number_text(number: float, half: float) -> str:
    """A number with the digits that matter beside half the width of its interval.

    Example:
        >>> _number_text(37.921877491234, 3.5), _number_text(1234567.8912345, 0.002)
        ('37.9219', '1234567.891235')
    """
    digits = _MIN_DIGITS
    if number and half < abs(number):
        sure = math.log10(abs(number)) - math.log10(half) if half > 0 else _MAX_DIGITS
        digits = max(digits, math.ceil(sure) + _MORE_DIGITS)
    return f"{number:.{min(digits, _MAX_DIGITS)}g}"


def _text(rows: list[tuple[str, ...]], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _percent(level: float) -> str:
    """A level as a number of percent, cut off: 0.95 is 95, 12 / 13 is 92.3."""
    return f"{math.floor(1000 * level + 1e-9) / 10:g}"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
