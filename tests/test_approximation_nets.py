"""Nets as plain arrays and their files, the exercise's Adam-trained nets, and reports of both."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facesmith.approximation.adam_nets import build_net, train_adam_net
from facesmith.approximation.dense_net import DenseNet, load_net
from facesmith.approximation.experiment import ApproximationReport, approximate
from facesmith.approximation.plots import plot_curve, plot_surface
from facesmith.approximation.points import Points, Split, split_points
from facesmith.errors import WeightsError


def small_net(**changes: Any) -> DenseNet:
    rng = np.random.default_rng(0)
    settings: dict[str, Any] = {
        "weights": (rng.normal(size=(2, 3)), rng.normal(size=(3, 1))),
        "biases": (rng.normal(size=3), rng.normal(size=1)),
        "tanh_layers": (True, False),
        "input_mean": np.array([1.0, -2.0]),
        "input_scale": np.array([2.0, 0.5]),
        "target_mean": 7.0,
        "target_scale": 3.0,
        "input_names": ("x", "y"),
        "target_name": "z",
    }
    return DenseNet(**(settings | changes))


def plane_split(n: int = 60) -> Split:
    inputs = np.random.default_rng(2).uniform(-1, 1, (n, 2))
    points = Points(inputs, 3 * inputs[:, 0] - inputs[:, 1] + 0.5)
    return split_points(points, ("x", "y"), "z", test_fraction=0.2, validation_fraction=0.1, seed=0)


def test_net_equals_a_loop_over_units() -> None:
    net = small_net()
    x, y = (4.0 - 1.0) / 2.0, (-1.5 + 2.0) / 0.5  # scaled
    (w0, w1), (b0, b1) = net.weights, net.biases
    hidden = [math.tanh(w0[0, u] * x + w0[1, u] * y + b0[u]) for u in range(3)]
    expected = 7.0 + 3.0 * (sum(w1[u, 0] * hidden[u] for u in range(3)) + b1[0])
    assert net([[4.0, -1.5]]) == pytest.approx([expected])
    assert net(np.zeros((0, 2))).shape == (0,)
    assert net.n_parameters == 6 + 3 + 3 + 1


def test_file_keeps_the_net_and_its_bytes(tmp_path: Path) -> None:
    net = small_net()
    net.save(tmp_path / "net.npz")
    loaded = load_net(tmp_path / "net.npz")
    inputs = np.random.default_rng(1).normal(size=(5, 2))
    np.testing.assert_array_equal(loaded(inputs), net(inputs))
    assert loaded.input_names == ("x", "y")
    assert loaded.target_name == "z"
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "net.npz").read_bytes()


def test_files_that_are_no_net_are_named(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with pytest.raises(WeightsError, match=r"net\.npz does not exist"):
        load_net(path)
    small_net().save(path)
    whole = path.read_bytes()
    for damaged in (b"", b"no net", whole[:-40], whole[:200]):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"net\.npz is damaged or no net"):
            load_net(path)
    np.savez(path, about=np.array('{"kind": "something else"}'))
    with pytest.raises(WeightsError, match="its kind is 'something else'"):
        load_net(path)
    np.savez(path, about=np.array([{"a": 1}], dtype=object))  # would need unpickling
    with pytest.raises(WeightsError, match="damaged or no net"):
        load_net(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tanh_layers": (True,)}, "one entry per layer; got 2, 2 and 1"),
        ({"input_mean": np.zeros(3), "input_scale": np.ones(3)}, "layer 0 must take 3 values"),
        ({"biases": (np.zeros(2), np.zeros(1))}, "layer 0"),
        (
            {"weights": (np.zeros((2, 3)),), "biases": (np.zeros(3),), "tanh_layers": (False,)},
            "must have one output",
        ),
    ],
)
def test_layers_that_do_not_chain_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_net(**changes)


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(n, 2\); got \(2,\)"):
        small_net()([1.0, 2.0])


@pytest.mark.parametrize(
    ("method", "layers"),
    [
        ("linear", ["Linear 2 64", "Linear 64 1"]),
        (
            "tanh-adam",
            ["Linear 2 64", "Linear 64 64", "Tanh", "Linear 64 64", "Linear 64 1"],
        ),
    ],
)
def test_nets_are_the_exercise_s(method: str, layers: list[str]) -> None:
    net = build_net(method, 2)
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
    net, history, _ = train_adam_net("linear", split, seed=0, epochs=60, on_progress=parts.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert parts == pytest.approx([(epoch + 1) / 60 for epoch in range(60)])
    errors = np.abs(net(split.validation.inputs) - split.validation.targets)
    assert errors.max() < 0.05
    # The curve's last entry belongs to the final net.
    assert history.validation[-1] == pytest.approx(errors.mean(), rel=1e-3)
    assert len(history.train) == len(history.validation) == 60
    again, _, _ = train_adam_net("linear", split, seed=0, epochs=60)
    other, _, _ = train_adam_net("linear", split, seed=1, epochs=60)
    np.testing.assert_array_equal(again(split.test.inputs), net(split.test.inputs))
    assert not np.array_equal(other(split.test.inputs), net(split.test.inputs))


@pytest.fixture(scope="module")
def report() -> ApproximationReport:
    return approximate("plane", plane_split(), ("default",), seed=0)


def test_default_finds_the_plane_itself(report: ApproximationReport) -> None:
    assert report["default"].net.n_parameters == 3
    assert report["default"].rmse < 1e-6
    assert report["default"].verdict.kind == "settled"


def test_unknown_methods_and_unfit_plots_are_named(report: ApproximationReport) -> None:
    with pytest.raises(ValueError, match="`methods` must be among linear, tanh-adam, default"):
        approximate("plane", plane_split(), ("magic",), seed=0)
    with pytest.raises(KeyError, match="it has default"):
        report["linear"]
    with pytest.raises(ValueError, match="A curve needs one input; these points have 2"):
        plot_curve(report, "default")
    inputs = np.arange(20.0)[:, None]
    line = split_points(
        Points(inputs, inputs[:, 0] ** 2),
        ("x",),
        "z",
        test_fraction=0.2,
        validation_fraction=0.1,
        seed=0,
    )
    with pytest.raises(ValueError, match="A surface needs two inputs; these points have 1"):
        plot_surface(approximate("line", line, ("default",), seed=0), "default")
