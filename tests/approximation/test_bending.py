"""Skewed columns, bent where the evidence is greater for it, and kept in every file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation import FunctionApproximator
from facesmith.approximation.model.bending import bent, slopes, straightened
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.saving import load_function, save_function

BENDS = np.array([[0.0, 1e-4], [3.0, 0.5], [0.0, 0.0]])


def log_uniform(n: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs over six decades, and a sine of their logarithm."""
    rng = np.random.default_rng(seed)
    inputs = 10 ** rng.uniform(-3, 3, (n, 2))
    return inputs, np.sin(1.5 * np.log10(inputs[:, 0])) + np.log10(inputs[:, 1]) / 3


def test_bending_is_undone_and_its_slope_is_that_of_differences() -> None:
    values = np.random.default_rng(0).normal(size=(20, 3)) * [1e3, 5.0, 1e160]
    np.testing.assert_allclose(straightened(bent(values, BENDS), BENDS), values, rtol=1e-12)
    np.testing.assert_array_equal(bent(values, BENDS)[:, 2], values[:, 2])
    step = np.array([1e-4, 1e-6, 1e150])
    differences = (bent(values + step, BENDS) - bent(values - step, BENDS)) / (2 * step)
    np.testing.assert_allclose(slopes(values, BENDS), differences, rtol=1e-5)
    assert bent(values, None) is values


def test_inputs_over_decades_are_fitted_by_their_logarithm() -> None:
    inputs, targets = log_uniform()
    model = FunctionApproximator(n_starts=4).fit(inputs, targets)
    assert (model.function_.input_bends[:, 1] > 0).all()
    assert model.function_.output_bends is None
    new, truth = log_uniform(seed=1)
    assert np.sqrt(np.mean((model.predict(new) - truth) ** 2)) < 0.01
    # Zero is 0.001 from the smallest training input, and decades beyond it.
    assert model.function_.outside([[0.0, 1.0]]).tolist() == [[True, False]]


def test_a_target_of_factors_is_fitted_by_its_logarithm_and_its_mean_predicted() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (400, 2))
    means = np.exp(2 * inputs[:, 0] + np.sin(3 * inputs[:, 1]))
    spread = 0.5
    targets = means * np.exp(spread * rng.normal(size=400))
    model = FunctionApproximator(n_starts=4).fit(inputs, targets)
    assert model.function_.output_bends[0, 1] > 0
    predicted = model.predict(inputs)
    assert np.mean(predicted / means) == pytest.approx(np.exp(spread**2 / 2), rel=0.06)
    assert (predicted > 0).all()
    found = model.function_.predict_with_interval(inputs, 0.95)
    assert (found.lower > -0.1 * predicted[:, None]).all()
    # Not symmetric, and it holds its share.
    assert np.mean((found.upper - found.values) / (found.values - found.lower)) > 1.5
    inside = (found.lower[:, 0] <= targets) & (targets <= found.upper[:, 0])
    assert 0.92 < inside.mean() < 0.98
    held_out = model.function_.with_held_out(inputs, targets)
    level = held_out.predict_with_interval(inputs, 0.9)
    inside = (level.lower[:, 0] <= targets) & (targets <= level.upper[:, 0])
    assert inside.mean() == pytest.approx(0.9, abs=0.01)
    assert model.noise_std_ == pytest.approx(spread * np.median(targets), rel=0.3)


def test_even_columns_and_named_sizes_stay_straight() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(0, 1, (60, 2))
    model = FunctionApproximator(n_starts=4, max_iter=30).fit(inputs, inputs.sum(axis=1))
    assert model.function_.input_bends is None
    skewed, targets = log_uniform(60)
    model = FunctionApproximator(5, n_starts=2, max_iter=30).fit(skewed, targets)
    assert model.function_.input_bends is None


def test_skewed_inputs_of_a_line_stay_straight() -> None:
    inputs, _ = log_uniform()
    model = FunctionApproximator(n_starts=4, max_iter=30).fit(inputs, inputs @ [1.0, 2.0])
    assert model.function_.input_bends is None
    assert model.function_.output_bends is None


@pytest.mark.parametrize(
    ("bends", "message"),
    [(np.zeros((2, 2)), r"`input_bends` must have shape \(1, 2\)"), (np.array([[0, -1.0]]), "neg")],
)
def test_bends_that_do_not_fit_are_refused(bends: np.ndarray, message: str, tmp_path: Path) -> None:
    one, zero = np.ones(1), np.zeros(1)
    plane = Member((np.array([[3.0]]),), (zero,), 0, 1.0, np.zeros((2, 0)), 0.0)
    whole = FittedFunction((plane,), zero, one, zero, one, zero, one)
    with pytest.raises(ValueError, match=message):
        FittedFunction((plane,), zero, one, zero, one, zero, one, input_bends=bends)
    save_function(whole, tmp_path / "straight.npz")
    with np.load(tmp_path / "straight.npz") as file:
        assert "input_bends" not in file
    assert load_function(tmp_path / "straight.npz").input_bends is None


def test_a_polynomial_with_few_large_values_stays_straight() -> None:
    # Evidence alone prefers bent targets, and misses the large ones by four times as much.
    rng = np.random.default_rng(0)
    (x, y), (new_x, new_y) = (rng.uniform([-3, -2], [3, 2], (n, 2)).T for n in (40, 500))

    def camel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2

    model = FunctionApproximator(n_starts=4).fit(np.column_stack([x, y]), camel(x, y))
    assert model.function_.output_bends is None
    errors = model.function_.predict(np.column_stack([new_x, new_y]))[:, 0] - camel(new_x, new_y)
    assert np.sqrt(np.mean(errors**2)) < 0.2 * camel(new_x, new_y).std()
