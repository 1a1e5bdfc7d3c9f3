"""Kinds of tables that a search may get wrong: noise alone, few rows, many inputs, many periods."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from facesmith.approximation import ExtrapolationWarning, FunctionApproximator


@pytest.fixture(autouse=True)
def _random_rows_at_the_edge():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        yield


def rmse(model: FunctionApproximator, inputs: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((model.predict(inputs) - truth) ** 2)))


@pytest.mark.parametrize(("n", "n_inputs"), [(60, 2), (200, 6)])
def test_of_noise_alone_nothing_is_learned(n: int, n_inputs: int) -> None:
    rng = np.random.default_rng(n)
    inputs, targets = rng.uniform(size=(n, n_inputs)), 3.0 + rng.normal(size=n)
    model = FunctionApproximator(n_starts=4).fit(inputs, targets)
    assert rmse(model, inputs, np.full(n, targets.mean())) < 0.01
    assert model.noise_std_ == pytest.approx(targets.std(), rel=0.05)
    # A weak line is more than noise.
    model.fit(inputs, targets + 3 * inputs[:, 0])
    assert np.corrcoef(model.predict(inputs), inputs[:, 0])[0, 1] > 0.9


def test_fewer_than_seven_rows_are_refused() -> None:
    inputs = np.arange(7.0)[:, None]
    with pytest.raises(ValueError, match=r"6 rows are too few .* at least 7 are needed"):
        FunctionApproximator().fit(inputs[:6], np.arange(6.0))
    assert FunctionApproximator(n_starts=2, max_iter=30).fit(inputs, inputs[:, 0]).n_iter_ >= 1


def test_few_rows_get_wide_intervals() -> None:
    held = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        inputs = rng.uniform(-2, 2, (8, 2))
        new = rng.uniform(-2, 2, (300, 2))
        model = FunctionApproximator(n_starts=4, max_iter=60)
        model.fit(inputs, np.sin(2 * inputs[:, 0]) + inputs[:, 1])
        found, deviations = model.predict(new, return_std=True)
        truth = np.sin(2 * new[:, 0]) + new[:, 1]
        held.append(np.mean(np.abs(found - truth) <= 1.96 * deviations))
    assert np.mean(held) > 0.75


def test_a_sine_of_many_periods_is_found() -> None:
    inputs = np.random.default_rng(0).uniform(0, 1, (80, 1))
    model = FunctionApproximator(n_starts=4).fit(inputs, np.sin(16 * np.pi * inputs[:, 0]))
    new = np.linspace(0.02, 0.98, 300)[:, None]
    assert rmse(model, new, np.sin(16 * np.pi * new[:, 0])) < 0.02


def test_one_short_length_beside_a_trend_is_found() -> None:
    # Gramacy and Lee: fast at one end, slow at the other.
    def function(x: np.ndarray) -> np.ndarray:
        return np.sin(10 * np.pi * x) / (2 * x) + (x - 1) ** 4

    inputs = np.random.default_rng(0).uniform(0.5, 2.5, (60, 1))
    model = FunctionApproximator(n_starts=4).fit(inputs, function(inputs[:, 0]))
    new = np.linspace(0.55, 2.45, 300)
    assert rmse(model, new[:, None], function(new)) < 0.03


@pytest.mark.parametrize(("n", "n_inputs", "noise"), [(60, 50, 0.5), (150, 60, 0.5)])
def test_many_inputs_leave_honest_intervals(n: int, n_inputs: int, noise: float) -> None:
    rng = np.random.default_rng(0)
    inputs, new = rng.uniform(-1, 1, (n, n_inputs)), rng.uniform(-1, 1, (500, n_inputs))
    slopes = np.arange(1, 9) / 8
    targets = inputs[:, :8] @ slopes + noise * rng.normal(size=n)
    new_targets = new[:, :8] @ slopes + noise * rng.normal(size=500)
    model = FunctionApproximator(n_starts=4, max_iter=60).fit(inputs, targets)
    found, deviations = model.predict(new, return_std=True)
    assert 0.87 < np.mean(np.abs(found - new_targets) <= 1.96 * deviations) < 0.995
    assert model.noise_std_ > 0.4 * noise
