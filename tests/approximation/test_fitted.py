"""`FittedFunction`: prediction, its standard deviation and the range, from plain arrays."""

import itertools
import math

import numpy as np
import pytest

from facesmith.approximation.model import fitted
from facesmith.approximation.model.fitted import FittedFunction, Member


def member(sizes=(2, 3, 1), seed=0, **changes):
    rng = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(sizes))
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairs)
    settings = {
        "weights": tuple(rng.normal(size=pair) for pair in pairs),
        "biases": tuple(rng.normal(size=n_out) for _, n_out in pairs),
        "output": 0,
        "weight": 1.0,
        "covariance_root": 0.1 * rng.normal(size=(n_parameters, 4)),
        "noise_variance": 0.04,
    }
    return Member(**(settings | changes))


def function(members, n_outputs=1):
    return FittedFunction(
        members=tuple(members),
        input_offset=np.array([1.0, -2.0]),
        input_scale=np.array([2.0, 0.5]),
        output_offset=10.0 + np.arange(n_outputs),
        output_scale=3.0 + np.arange(n_outputs),
        input_min=np.array([0.0, -1.0]),
        input_max=np.array([2.0, -1.0]),
    )


def flat(net):
    return np.concatenate(
        [part.ravel() for pair in zip(net.weights, net.biases, strict=True) for part in pair]
    )


def with_parameters(net, parameters):
    """The same net with other numbers, in the order that the contract states."""
    weights, biases, start = [], [], 0
    for old_weights, old_bias in zip(net.weights, net.biases, strict=True):
        end = start + old_weights.size
        weights.append(parameters[start:end].reshape(old_weights.shape))
        start = end + old_bias.size
        biases.append(parameters[end:start])
    return member(
        (2, *[bias.size for bias in biases]), weights=tuple(weights), biases=tuple(biases)
    )


def test_prediction_equals_the_formula_in_plain_python():
    net = member()
    x = (2.5, -1.7)
    z = ((x[0] - 1.0) / 2.0, (x[1] + 2.0) / 0.5)
    (w, v), (b, c) = net.weights, net.biases
    hidden = [math.tanh(z[0] * w[0, u] + z[1] * w[1, u] + b[u]) for u in range(3)]
    expected = 10.0 + 3.0 * (sum(hidden[u] * v[u, 0] for u in range(3)) + c[0])
    assert function([net]).predict([x])[0, 0] == pytest.approx(expected, rel=1e-14)


def test_members_are_weighted_and_belong_to_their_outputs():
    nets = [
        member(seed=0, weight=0.25),
        member(seed=1, weight=0.75),
        member((2, 1), seed=2, output=1),
    ]
    inputs = np.random.default_rng(3).normal(size=(5, 2))
    alone = [
        function([member(net_sizes, seed=seed)]).predict(inputs)[:, 0]
        for net_sizes, seed in (((2, 3, 1), 0), ((2, 3, 1), 1), ((2, 1), 2))
    ]
    together = function(nets, n_outputs=2).predict(inputs)
    np.testing.assert_allclose(together[:, 0], 0.25 * alone[0] + 0.75 * alone[1])
    np.testing.assert_allclose(together[:, 1], 11.0 + 4.0 * (alone[2] - 10.0) / 3.0)


@pytest.mark.parametrize("sizes", [(2, 1), (2, 3, 1), (2, 4, 3, 1)])
def test_variance_is_that_of_the_linearised_net(sizes):
    net = member(sizes)
    scaled = np.random.default_rng(1).normal(size=(6, 2))
    parameters, step = flat(net), 1e-6
    jacobian = np.empty((6, net.n_parameters))
    for place in range(net.n_parameters):
        change = np.zeros(net.n_parameters)
        change[place] = step
        above, below = (with_parameters(net, parameters + s * change) for s in (1, -1))
        jacobian[:, place] = (above(scaled) - below(scaled)) / (2 * step)
    covariance = net.covariance_root @ net.covariance_root.T
    expected = np.einsum("np,pq,nq->n", jacobian, covariance, jacobian)
    np.testing.assert_allclose(net.output_and_variance(scaled)[1], expected, rtol=1e-6)


def test_standard_deviation_adds_parameters_noise_and_disagreement():
    certain = {"covariance_root": np.zeros((3, 0)), "weight": 0.5}
    low, high = (
        member((2, 1), weights=(np.zeros((2, 1)),), biases=(np.array([bias]),), **certain)
        for bias in (-0.3, 0.3)
    )
    # Two constants, -0.3 and 0.3: variance 0.09 of the mixture and 0.04 of noise, times 3 squared.
    mean, std = function([low, high]).predict_with_std([[0.0, 0.0]])
    assert mean[0, 0] == pytest.approx(10.0)
    assert std[0, 0] == pytest.approx(3.0 * math.sqrt(0.13))


def test_blocks_of_rows_give_the_same_predictions(monkeypatch):
    both = function([member(weight=0.4), member(seed=1, weight=0.6)])
    inputs = np.random.default_rng(0).normal(size=(20, 2))
    whole = both.predict_with_std(inputs)
    monkeypatch.setattr(fitted, "BLOCK_ROWS", 7)
    np.testing.assert_allclose(both.predict_with_std(inputs), whole, rtol=1e-12)
    np.testing.assert_allclose(both.predict(inputs), whole[0], rtol=1e-12)


def test_no_rows_give_no_predictions():
    assert function([member()]).predict(np.empty((0, 2))).shape == (0, 1)


def test_values_beyond_the_range_are_outside():
    # First input trained on [0, 2]: 5 % of the range, 0.1, is still inside. The second is constant.
    inputs = [[0.0, -1.0], [2.1, -1.0], [2.2, -1.0], [-0.2, -1.0], [1.0, -0.9]]
    np.testing.assert_array_equal(
        function([member()]).outside(inputs),
        [[False, False], [False, False], [True, False], [True, False], [False, True]],
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": ()}, "one entry per layer"),
        ({"weights": (np.ones((2, 3)), np.ones((4, 1)))}, "chain to one output"),
        ({"weights": (np.ones((2, 3)), np.ones((3, 2)))}, "chain to one output"),
        ({"covariance_root": np.ones((12, 2))}, "13 rows"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        member(**changes)


def test_an_output_without_a_net_and_wrong_inputs_are_named():
    with pytest.raises(ValueError, match="each of 2 outputs"):
        function([member()], n_outputs=2)
    with pytest.raises(ValueError, match="member 0 must take 2 inputs"):
        function([member((3, 1))])
    with pytest.raises(ValueError, match=r"shape \(n, 2\); got \(3,\)"):
        function([member()]).predict([1.0, 2.0, 3.0])
