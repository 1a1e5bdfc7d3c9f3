"""The exercise's Adam-trained nets, and reports of both."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from facesmith.approximation.experiment.adam_checkpoint import load_checkpoint, save_checkpoint
from facesmith.approximation.experiment.adam_nets import adam_function, build_net, train_adam_net
from facesmith.approximation.experiment.compare import approximate
from facesmith.approximation.experiment.plots import plot_curve, plot_surface
from facesmith.approximation.experiment.points import Points, Split, split_points
from facesmith.approximation.experiment.report import ApproximationReport, r_squared
from facesmith.approximation.experiment.report_text import curve_lines, report_page, report_text
from facesmith.approximation.experiment.settings import AdamSettings, Plan, plan_fits
from facesmith.errors import TrainingError, WeightsError


def plane_split(n: int = 60) -> Split:
    inputs = np.random.default_rng(2).uniform(-1, 1, (n, 2))
    points = Points(inputs, 3 * inputs[:, 0] - inputs[:, 1] + 0.5)
    return split_points(points, ("x", "y"), "z", test_fraction=0.2, validation_fraction=0.1, seed=0)


@pytest.mark.parametrize(
    ("method", "depth", "layers"),
    [
        ("linear", 1, ["Linear 2 64", "Linear 64 1"]),
        (
            "tanh-adam",
            1,
            ["Linear 2 64", "Linear 64 64", "Tanh", "Linear 64 64", "Linear 64 1"],
        ),
        ("tanh-adam", 0, ["Linear 2 64", "Linear 64 64", "Linear 64 1"]),
        (
            "tanh-adam",
            2,
            [
                *("Linear 2 64", "Linear 64 64", "Tanh", "Linear 64 64", "Tanh"),
                *("Linear 64 64", "Linear 64 1"),
            ],
        ),
    ],
)
def test_nets_are_the_exercise_s_and_deeper_ones(
    method: str, depth: int, layers: list[str]
) -> None:
    net = build_net(method, 2, AdamSettings(depth=depth))
    found = [
        f"Linear {layer.in_features} {layer.out_features}"
        if isinstance(layer, torch.nn.Linear)
        else type(layer).__name__
        for layer in net
    ]
    assert found == layers
    for layer in net:
        if isinstance(layer, torch.nn.Linear):
            # Glorot: uniform within sqrt(6 / (n_in + n_out)).
            bound = math.sqrt(6 / (layer.in_features + layer.out_features))
            assert 0.8 * bound < float(layer.weight.detach().abs().max()) <= bound
            assert not layer.bias.any()


def test_adam_learns_a_plane_and_leaves_no_trace() -> None:
    split = plane_split()
    torch.manual_seed(9)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    parts: list[float] = []
    settings = AdamSettings(epochs=60)
    end = train_adam_net("linear", split, settings, seed=0, on_progress=parts.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert parts == pytest.approx([(epoch + 1) / 60 for epoch in range(60)])
    function = adam_function(end, split)
    errors = np.abs(function.predict(split.validation.inputs)[:, 0] - split.validation.targets)
    assert errors.max() < 0.05
    # The curve's last entry belongs to the final net.
    assert end.history.validation[-1] == pytest.approx(errors.mean(), rel=1e-3)
    assert len(end.history.train) == len(end.history.validation) == 60
    again = train_adam_net("linear", split, settings, seed=0)
    other = train_adam_net("linear", split, settings, seed=1)
    for one, same in zip(end.parameters, again.parameters, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(other.parameters[0], end.parameters[0])


@pytest.mark.parametrize(
    ("method", "depth"), [("linear", 1), *(("tanh-adam", d) for d in range(4))]
)
def test_the_function_is_the_net_with_its_affine_layers_multiplied_out(
    method: str, depth: int
) -> None:
    split = plane_split()
    settings = AdamSettings(depth=depth, units=7, epochs=2)
    end = train_adam_net(method, split, settings, seed=3)
    net = build_net(method, 2, settings).double()
    with torch.no_grad():
        for parameter, trained in zip(net.parameters(), end.parameters, strict=True):
            parameter.copy_(torch.from_numpy(trained))
        train = split.train.inputs
        scaled = (split.test.inputs - train.mean(axis=0)) / train.std(axis=0)
        expected = net(torch.from_numpy(scaled)).numpy()
    function = adam_function(end, split)
    np.testing.assert_allclose(function.predict(split.test.inputs), expected, rtol=1e-12)
    assert len(function.members[0].weights) == (1 if method == "linear" else depth + 1)
    assert (function.input_names, function.output_names) == (("x", "y"), ("z",))
    # The noise is what the validation rows show.
    errors = function.predict(split.validation.inputs)[:, 0] - split.validation.targets
    assert function.members[0].noise_variance == pytest.approx(np.mean(errors**2))


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_a_training_that_goes_on_is_the_longer_training(tmp_path: Path, batch_size: int) -> None:
    split = plane_split()

    def settings(epochs: int) -> AdamSettings:
        return AdamSettings(batch_size, learning_rate=0.02, units=5, epochs=epochs)

    whole = train_adam_net("tanh-adam", split, settings(7), seed=4)
    part = train_adam_net("tanh-adam", split, settings(3), seed=4)
    # Through the file, and in two stages.
    for epochs in (4, 7):
        save_checkpoint(part, tmp_path / "checkpoint.npz")
        part = load_checkpoint(tmp_path / "checkpoint.npz")
        part = train_adam_net("tanh-adam", split, settings(epochs), seed=4, checkpoint=part)
    assert part.steps == whole.steps == 7 * math.ceil(len(split.train) / batch_size)
    for name in ("parameters", "means", "squares"):
        for one, other in zip(getattr(whole, name), getattr(part, name), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(whole.history.train, part.history.train)
    np.testing.assert_array_equal(whole.history.validation, part.history.validation)


def test_a_training_goes_on_with_its_own_settings_and_points_only() -> None:
    split = plane_split()
    settings = AdamSettings(units=3, epochs=2)
    end = train_adam_net("linear", split, settings, seed=0)

    def go_on(split: Split, settings: AdamSettings, seed: int = 0, method: str = "linear") -> None:
        train_adam_net(method, split, settings, seed=seed, checkpoint=end)

    with pytest.raises(TrainingError, match=r"has batch_size 16; got 8\. Leave it as it is"):
        go_on(split, AdamSettings(batch_size=8, units=3, epochs=4))
    with pytest.raises(TrainingError, match="has seed 0; got 1"):
        go_on(split, settings, seed=1)
    with pytest.raises(TrainingError, match="has method linear; got tanh-adam"):
        go_on(split, settings, method="tanh-adam")
    with pytest.raises(TrainingError, match="had other points or another split"):
        go_on(plane_split(61), settings)
    with pytest.raises(TrainingError, match="has done 2 epochs; got epochs 1"):
        go_on(split, AdamSettings(units=3, epochs=1))


def test_checkpoints_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    path = tmp_path / "linear.npz"
    with pytest.raises(WeightsError, match=r"linear\.npz does not exist: this run cannot go on"):
        load_checkpoint(path)
    save_checkpoint(train_adam_net("linear", plane_split(), AdamSettings(epochs=1), seed=0), path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(WeightsError, match=r"linear\.npz is no \.npz file, or it is damaged"):
        load_checkpoint(path)
    np.savez(path, about=np.array('{"kind": "something else"}'))
    with pytest.raises(WeightsError, match="its kind is 'something else'"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1; got batch_size=0"),
        ({"depth": -1}, "`depth` must be an integer of at least 0; got depth=-1"),
        ({"units": 2.5}, "`units` must be an integer"),
        ({"epochs": 0}, "`epochs`"),
        ({"learning_rate": 0.0}, "`learning_rate` must be positive and finite"),
        ({"learning_rate": math.nan}, "`learning_rate` must be positive and finite"),
    ],
)
def test_settings_out_of_bounds_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdamSettings(**settings)


def test_every_combination_is_compared_once() -> None:
    base = AdamSettings(epochs=9)
    compare = {"depth": [0, 2, 0], "learning-rate": [1e-3, 0.5]}
    found = plan_fits(["tanh-adam"], base, compare)
    assert [plan.compared for plan in found] == [
        "depth=0 learning-rate=0.001",
        "depth=0 learning-rate=0.5",
        "depth=2 learning-rate=0.001",
        "depth=2 learning-rate=0.5",
    ]
    assert found[2].adam == AdamSettings(depth=2, learning_rate=1e-3, epochs=9)
    assert plan_fits(["tanh-adam"], base) == (Plan("tanh-adam", "", base),)
    with pytest.raises(ValueError, match="25 combinations are too many to compare; at most 24"):
        plan_fits(["tanh-adam"], base, {"depth": range(5), "units": range(1, 6)})
    with pytest.raises(ValueError, match="`compare` must be among batch-size, learning-rate"):
        plan_fits(["tanh-adam"], base, {"colour": [1]})


@pytest.fixture(scope="module")
def report() -> ApproximationReport:
    return approximate("plane", plane_split(), plan_fits(["bayesian-ensemble"]), seed=0)


def test_default_finds_the_plane_itself(report: ApproximationReport) -> None:
    assert report["bayesian-ensemble"].rmse < 1e-6
    assert report["bayesian-ensemble"].verdict.kind == "unjudged"  # 8 rows
    assert report["default"] is report["bayesian-ensemble"]  # its former name


@pytest.mark.parametrize("seed", range(3))
def test_r2_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = 1e6 + rng.normal(size=30)
    predictions = targets + rng.normal(size=30) * seed
    assert r_squared(predictions, targets) == pytest.approx(r2_score(targets, predictions))


def test_r2_without_variance_is_undefined_and_of_a_diverged_net_minus_infinity() -> None:
    assert math.isnan(r_squared(np.ones(3), np.full(3, 2.0)))
    assert math.isnan(r_squared(np.ones(1), np.ones(1)))
    assert r_squared(np.array([1.0, np.inf]), np.array([0.0, 1.0])) == -np.inf


def test_unknown_methods_and_unfit_plots_are_named(report: ApproximationReport) -> None:
    with pytest.raises(
        ValueError, match="`methods` must be among linear, tanh-adam, bayesian-ensemble"
    ):
        plan_fits(["magic"])
    with pytest.raises(ValueError, match="its depth cannot be compared"):
        plan_fits(["linear"], compare={"depth": [1, 2]})
    with pytest.raises(KeyError, match="it has bayesian-ensemble"):
        report["linear"]
    with pytest.raises(ValueError, match=r"is of 1 input\(s\); these points have 2"):
        plot_curve(report, "bayesian-ensemble")
    inputs = np.arange(20.0)[:, None]
    line = split_points(
        Points(inputs, inputs[:, 0] ** 2),
        ("x",),
        "z",
        test_fraction=0.2,
        validation_fraction=0.1,
        seed=0,
    )
    with pytest.raises(ValueError, match=r"is of 2 input\(s\); these points have 1"):
        plot_surface(
            approximate("line", line, plan_fits(["bayesian-ensemble"]), seed=0), "bayesian-ensemble"
        )


def test_the_smallest_validation_error_is_chosen_and_a_diverged_net_never() -> None:
    split = plane_split()
    plans = plan_fits(["linear"], AdamSettings(epochs=12), {"learning-rate": [1e30, 1e-6, 0.01]})
    report = approximate("plane", split, plans, seed=0)
    kinds = [fit.verdict.kind for fit in report.approximations]
    assert kinds[0] == "diverged"
    assert report.chosen.label == "linear learning-rate=0.01"
    smallest = min(fit.validation_error for fit in report.approximations[1:])
    assert report.chosen.validation_error == smallest
    text = report_text(report)
    assert "Chosen: linear learning-rate=0.01, for the smallest mean abs. error" in text
    assert "diverged" in text
    assert "12 epochs, 64 units a layer, no tanh" in text
    page = report_page(report, ["comparison.png"])
    for fit in report.approximations:
        assert f"**{fit.label}.** {fit.verdict.text}" in page
    assert "![comparison.png](comparison.png)" in page


def test_a_page_shows_names_as_they_are_and_obeys_none_of_them() -> None:
    split = replace(plane_split(), target_name="z|</pre>*_")
    plans = plan_fits(["bayesian-ensemble"])
    report = approximate("<b>|*[x](y)\n# `a`.csv", split, plans, seed=0)
    page = report_page(replace(report, notes=("column <i>a_b</i>\x1b[2J is left out",)), [])
    assert page.startswith("# \\<b\\>\\|\\*\\[x\\](y) \\# \\`a\\`.csv\n\n")
    assert "in the unit of z\\|\\</pre\\>\\*\\_. R2" in page
    assert "Note: column \\<i\\>a\\_b\\</i\\>\\\\x1b\\[2J is left out" in page
    assert not re.search(r"(?<!\\)<", page)


def test_learning_curves_in_numbers_are_those_of_the_training() -> None:
    split = plane_split()
    plans = plan_fits(["linear"], AdamSettings(epochs=30))
    report = approximate("plane", split, plans, seed=0)
    head, train, validation = curve_lines(report.approximations)
    assert head.split() == ["epoch", "1", "2", "3", "5", "10", "17", "30"]
    history = report["linear"].history
    steps = [int(step) - 1 for step in head.split()[1:]]
    for line, words, curve in ((train, 2, history.train), (validation, 1, history.validation)):
        numbers = [float(number.replace(",", "")) for number in line.split()[words:]]
        assert numbers == pytest.approx(curve[steps], rel=5e-3)
