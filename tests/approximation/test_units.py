"""Tables in units that squares of float64 cannot hold."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facesmith.approximation import FunctionApproximator, approximate_table

QUICK = {"n_starts": 4, "max_iter": 60}


def table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-2, 2, (60, 2))
    return inputs, np.sin(2 * inputs[:, 0]) + inputs[:, 1] + 0.05 * rng.normal(size=60)


@pytest.mark.parametrize("exponent", [-960, -530, 515, 960])
@pytest.mark.parametrize("column", ["input", "target"])
def test_a_power_of_two_as_unit_changes_nothing_but_the_unit(exponent: int, column: str) -> None:
    inputs, targets = table()
    unit = np.ldexp(1.0, exponent)
    input_units = np.array([unit if column == "input" else 1.0, 1.0])
    target_unit = unit if column == "target" else 1.0
    plain = FunctionApproximator(**QUICK).fit(inputs, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = FunctionApproximator(**QUICK).fit(inputs * input_units, targets * target_unit)
        found = scaled.predict(inputs * input_units, return_std=True)
    expected = plain.predict(inputs, return_std=True)
    np.testing.assert_array_equal(found[0], expected[0] * target_unit)
    np.testing.assert_array_equal(found[1], expected[1] * target_unit)
    assert scaled.noise_std_ == plain.noise_std_ * target_unit


@pytest.mark.parametrize(
    ("input_unit", "target_unit", "message"),
    [
        (1e302, 1.0, r"input 'width' has numbers up to .*e\+302, expected less than 1e\+300"),
        (1e-295, 1.0, r"input 'width' varies by .*e-295 only.* Give it in a smaller unit"),
        (1.0, 1e303, r"target number 0 has numbers up to .*e\+303"),
        (1.0, 1e-309, "target number 0 varies by .*e-309 only"),
    ],
)
def test_units_beyond_float64_are_refused_by_name(
    input_unit: float, target_unit: float, message: str
) -> None:
    inputs, targets = table()
    frame = pd.DataFrame(inputs * [input_unit, 1.0], columns=["width", "height"])
    with pytest.raises(ValueError, match=message):
        FunctionApproximator(**QUICK).fit(frame, targets * target_unit)


@pytest.mark.parametrize("unit", [1e-162, 1e149])
def test_errors_of_the_report_keep_the_unit(tmp_path: Path, unit: float) -> None:
    inputs, targets = table()
    errors = []
    for factor in (1.0, unit):
        rows = np.column_stack([inputs, targets * factor])
        path = tmp_path / "points.csv"
        np.savetxt(path, rows, "%.17g", ",", header="a,b,z", comments="")
        fit = approximate_table(path, "z", max_iter=30)["bayesian-ensemble"]
        errors.append((fit.rmse / factor, fit.l2_error / factor, fit.r2))
    np.testing.assert_allclose(errors[1], errors[0], rtol=0.02)
    assert 0.9 < errors[1][2] < 1.0
