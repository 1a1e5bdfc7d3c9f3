"""Gross errors among the targets: found, left out, named; and none where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation import FunctionApproximator, approximate_table

QUICK = {"n_starts": 4, "max_iter": 80}


def table(
    n: int = 150, n_off: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets, truth, and which targets are off by 5 to 15 deviations of the function."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-2, 2, (n, 2))
    truth = np.sin(2 * inputs[:, 0]) + 0.5 * inputs[:, 1]
    off = np.zeros(n, dtype=bool)
    off[rng.choice(n, n_off, replace=False)] = True
    targets = truth + 0.05 * rng.normal(size=n)
    targets[off] += rng.choice([-1, 1], n_off) * rng.uniform(5, 15, n_off) * truth.std()
    return inputs, targets, truth, off


def rmse(model: FunctionApproximator, inputs: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((model.predict(inputs) - truth) ** 2)))


def test_outliers_are_found_and_do_not_bend_the_function() -> None:
    inputs, targets, truth, off = table()
    model = FunctionApproximator(**QUICK).fit(inputs, targets)
    np.testing.assert_array_equal(model.outliers_, off)
    assert rmse(model, inputs, truth) < 0.05
    assert model.noise_std_ == pytest.approx(0.05, rel=0.3)
    clean = FunctionApproximator(**QUICK).fit(inputs[~off], targets[~off])
    # Rows like them will come again: the intervals are wider than without any.
    _, deviations = model.predict(inputs, return_std=True)
    _, of_clean = clean.predict(inputs, return_std=True)
    assert 1.1 < np.median(deviations / of_clean) < 1.6


def test_a_table_without_outliers_is_fitted_whole() -> None:
    for noise in (0.0, 0.1):
        rng = np.random.default_rng(1)
        inputs = rng.uniform(-2, 2, (120, 2))
        targets = np.sin(2 * inputs[:, 0]) + 0.5 * inputs[:, 1] + noise * rng.normal(size=120)
        assert not FunctionApproximator(**QUICK).fit(inputs, targets).outliers_.any()


def test_a_narrow_peak_is_no_outlier() -> None:
    inputs = np.linspace(-3, 3, 121)[:, None]
    targets = 5 * np.exp(-50 * inputs[:, 0] ** 2) + 0.1 * inputs[:, 0]
    assert not FunctionApproximator(**QUICK).fit(inputs, targets).outliers_.any()


def test_each_output_has_outliers_of_its_own_and_rows_keep_their_places() -> None:
    inputs, targets, truth, off = table()
    both = np.column_stack([truth, targets])
    order = np.random.default_rng(3).permutation(len(inputs))
    weights = np.ones(len(inputs))
    weights[order[:3]] = 0
    model = FunctionApproximator(**QUICK).fit(inputs[order], both[order], weights)
    assert model.outliers_.shape == both.shape
    assert not model.outliers_[:, 0].any()
    expected = off[order] & (weights > 0)
    np.testing.assert_array_equal(model.outliers_[:, 1], expected)


def test_the_report_names_the_lines_of_outliers(tmp_path: Path) -> None:
    inputs, targets, _, off = table()
    rows = np.column_stack([inputs, targets])
    np.savetxt(tmp_path / "points.csv", rows, "%.6f", ",", header="a,b,z", comments="")
    report = approximate_table(tmp_path / "points.csv", "z", max_iter=60)
    lines = report.split.train.lines
    assert lines is not None
    left_out = sorted(int(line) for line in lines if off[line - 2])
    said = ", ".join(str(line) for line in left_out)
    summary = report["bayesian-ensemble"].summary
    assert f"Left out as outliers: {len(left_out)} of {len(lines)} training rows" in summary
    assert f"lines {said}" in summary
