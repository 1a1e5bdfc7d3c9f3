"""Intervals about predictions: what they hold of new targets, and how they are kept in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation import FunctionApproximator, load_function, save_function
from facesmith.approximation.experiment.compare import approximate
from facesmith.approximation.experiment.points import Points, Split
from facesmith.approximation.experiment.settings import AdamSettings, plan_fits
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.intervals import interval_factors
from facesmith.errors import WeightsError


def constant(noise_variance: float, scale: float = 1.0) -> FittedFunction:
    """A function that is 0 everywhere, and thinks its targets to have this variance."""
    zero, one = np.zeros(1), np.ones(1)
    member = Member((np.zeros((1, 1)),), (zero,), 0, 1.0, np.zeros((2, 0)), noise_variance)
    return FittedFunction((member,), zero, one, zero, one * scale, zero, one)


def sine(rng: np.random.Generator, n: int, noise: str) -> Points:
    inputs = rng.uniform(-3, 3, (n, 1))
    spread = {
        "normal": 0.2 * rng.normal(size=n),
        "heavy": 0.1 * rng.standard_t(2, size=n),
        "uneven": 0.15 * np.abs(inputs[:, 0]) * rng.normal(size=n),
    }[noise]
    return Points(inputs, np.sin(2 * inputs[:, 0]) + spread)


@pytest.mark.parametrize("noise", ["normal", "heavy", "uneven"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_new_targets_lie_in_their_intervals_as_often_as_stated(noise: str, level: float) -> None:
    """A line through a sine is wrong nearly everywhere; its intervals hold all the same."""
    held = []
    for seed in range(60):
        rng = np.random.default_rng([seed, len(noise)])
        split = Split(*(sine(rng, n, noise) for n in (40, 10, 39)), ("x",), "z")
        plans = plan_fits(["linear"], AdamSettings(epochs=1, batch_size=40, units=2))
        function = approximate("sine", split, plans, seed=seed)["linear"].function
        new = sine(rng, 200, noise)
        found = function.predict_with_interval(new.inputs, level)
        inside = (found.lower[:, 0] <= new.targets) & (new.targets <= found.upper[:, 0])
        assert found.proven_level == level
        held.append(inside.mean())
    # (n + 1) * level is whole, so that the expected part is the level itself; the standard error
    # of 60 runs, each of 39 held-out and 200 new rows, is below sqrt(.16 * (1/40 + 1/200) / 60).
    error = np.sqrt(level * (1 - level) * (1 / 40 + 1 / 200) / 60)
    assert abs(np.mean(held) - level) < 3.5 * error


@pytest.mark.slow
def test_the_ensemble_s_own_intervals_are_corrected_where_they_are_too_narrow() -> None:
    """The ensemble takes noise for the same everywhere, and of 30 rows for too small."""
    held, own = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        train, held_out, new = (sine(rng, n, "heavy") for n in (30, 39, 300))
        fitted = FunctionApproximator(random_state=seed).fit(train.inputs, train.targets).function_
        function = fitted.with_held_out(held_out.inputs, held_out.targets)
        for each, parts in ((function, held), (fitted, own)):
            found = each.predict_with_interval(new.inputs)
            inside = (found.lower[:, 0] <= new.targets) & (new.targets <= found.upper[:, 0])
            parts.append(inside.mean())
    assert np.mean(held) > 0.94
    assert np.mean(held) > np.mean(own)


def test_the_width_is_the_score_that_the_level_asks_for() -> None:
    # Errors of 1 to 19 about a function with deviation 2: scores of 0.5 to 9.5. For 95 % the 19th
    # of 19 is wanted, for 90 % the 18th, for 50 % the 10th.
    targets = np.arange(1.0, 20.0) * np.tile([1, -1], 10)[:19]
    function = constant(4.0).with_held_out(np.zeros((19, 1)), targets)
    for level, half in ((0.95, 19.0), (0.9, 18.0), (0.5, 10.0), (0.01, 1.0)):
        found = function.predict_with_interval([[0.5]], level)
        assert found.n_held_out == 19
        assert found.upper == pytest.approx(np.array([[half]]))
        assert found.lower == pytest.approx(np.array([[-half]]))
        assert found.proven_level == level
    # 20 rows would be needed for 96 %: the widest there is, or what the function thinks.
    found = function.predict_with_interval([[0.5]], 0.96)
    assert found.upper == pytest.approx(np.array([[19.0]]))
    assert found.proven_level == 0.95
    few = constant(4.0).with_held_out(np.zeros((1, 1)), [0.1])
    assert few.predict_with_interval([[0.5]]).upper == pytest.approx(np.array([[2 * 1.96]]), 1e-4)
    assert few.predict_with_interval([[0.5]]).proven_level == 0.5


def test_without_held_out_rows_the_function_s_own_deviation_counts() -> None:
    found = constant(4.0).predict_with_interval([[0.5], [2.0]])
    assert (found.n_held_out, found.proven_level) == (0, 0.0)
    assert found.upper[:, 0] == pytest.approx([2 * 1.959964] * 2)
    assert found.extrapolated.tolist() == [False, True]


def test_a_function_without_deviation_gets_intervals_too() -> None:
    targets = np.linspace(-3, 3, 39)
    function = constant(0.0, scale=1e-3).with_held_out(np.zeros((39, 1)), targets)
    found = function.predict_with_interval([[0.5]])
    # The 38th of 39 absolute errors: the second largest; each occurs twice but for 0.
    assert found.upper == pytest.approx(np.array([[3.0]]))


def test_levels_out_of_bounds_and_errors_that_are_no_numbers() -> None:
    for level in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`level` must be between 0 and 1"):
            interval_factors(None, level, 1)
    broken = constant(1.0).with_held_out(np.zeros((2, 1)), [np.nan, 1.0])
    assert broken.held_out_scores is None
    with pytest.raises(ValueError, match=r"`held_out_scores` must have shape \(n, 1\); got \(2,\)"):
        FittedFunction(**{**vars(constant(1.0)), "held_out_scores": np.ones(2)})


def test_a_file_keeps_the_scores_and_those_of_earlier_versions_have_none(tmp_path: Path) -> None:
    path = tmp_path / "function.npz"
    targets = np.random.default_rng(0).normal(size=30)
    function = constant(1.0).with_held_out(np.zeros((30, 1)), targets)
    save_function(function, path)
    loaded = load_function(path)
    assert loaded.held_out_scores is not None
    np.testing.assert_array_equal(loaded.held_out_scores, function.held_out_scores)
    save_function(constant(1.0), path)
    assert load_function(path).held_out_scores is None


@pytest.mark.parametrize("scores", [[[-1.0]], [[2.0], [1.0]], [1.0, 2.0], [[np.inf]], [[1.0, 2.0]]])
def test_damaged_scores_are_refused(tmp_path: Path, scores: list[list[float]]) -> None:
    path = tmp_path / "function.npz"
    save_function(constant(1.0), path)
    arrays = dict(np.load(path))
    np.savez(path, **arrays, held_out_scores=np.array(scores))
    with pytest.raises(WeightsError, match="is damaged or no function"):
        load_function(path)


def test_only_so_many_scores_are_kept() -> None:
    targets = np.concatenate([np.ones(10_000), np.full(5000, 9.0)])
    function = constant(1.0).with_held_out(np.zeros((15_000, 1)), targets)
    assert function.held_out_scores is not None
    assert function.held_out_scores.shape == (10_000, 1)
    assert function.held_out_scores.max() == 1.0
