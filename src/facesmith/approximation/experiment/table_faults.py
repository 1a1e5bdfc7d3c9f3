"""What is said of whole columns of a table that hold no numbers."""

from __future__ import annotations

import shlex

from facesmith.approximation.experiment.table_rows import TableRows
from facesmith.printable import shortened_text

# Columns that are named; of more, a message says how many.
_MOST_NAMES, _LONGEST_NAME = 12, 40


def column_faults(rows: TableRows, target: str | None) -> str:
    """All columns without a number and the way out; empty where there is none.

    `target` is None where a fitted function needs all columns.
    """
    bad = [name for name, count in rows.n_faults.items() if count == rows.n_rows]
    if not bad:
        return ""
    # The target first: without it no choice of inputs helps.
    bad.sort(key=lambda name: name != target)
    first, count = bad[0], rows.n_rows
    said = f" {rows.faults[first]}, and none in any of its {count} rows."
    if rows.n_empty[first] == count:
        said = f": column {first!r} is empty in all of its {count} rows."
    if len(bad) > 1:
        noun = "column" if len(bad) == 2 else "columns"
        said += f" Nor has {noun} {_listed(bad[1:])} any."
    if target is None:
        return f"{said} The function needs {'its' if len(bad) == 1 else 'their'} numbers."
    if first == target:
        return f"{said} Choose another --target."
    said += f" Leave {'it' if len(bad) == 1 else 'them'} out with {_inputs_option(rows, bad)}."
    if two := [name for name in bad if len(rows.texts[name]) == 2 and not rows.n_empty[name]]:
        values = " and ".join(
            repr(shortened_text(t, _LONGEST_NAME)) for t in sorted(rows.texts[two[0]])
        )
        said += f" The two values of {two[0]!r}, {values}, can be written as 0 and 1."
    others = [name for name in rows.n_faults if name not in bad]
    if others:
        name, number = others[0], rows.n_faults[others[0]]
        lacking = "1 row has" if number == 1 else f"{number:,} rows have"
        said += (
            f" Besides, {lacking} no number in column {name!r}, line {rows.faults[name].line} "
            "for one: fix that, too, or pass --skip-bad-lines."
        )
    return said


def _listed(names: list[str]) -> str:
    """Names in quotes, joined."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    quoted = (repr(shortened_text(name, _LONGEST_NAME)) for name in names[:_MOST_NAMES])
    return ", ".join(quoted) + more


def _inputs_option(rows: TableRows, bad: list[str]) -> str:
    """The option as it has to be written for the other columns."""
    good = [name for name in rows.used[:-1] if name not in bad]
    if not 0 < len(good) <= _MOST_NAMES or any("," in name for name in good):
        return "--inputs A,B,..."
    return f"--inputs {shlex.quote(','.join(good))}"
