"""The second-order fit and `FunctionApproximator`."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.linear_model import ARDRegression, LinearRegression

import facesmith
from facesmith.approximation import FunctionApproximator
from facesmith.approximation.experiment.points import monkey_saddle_split
from facesmith.approximation.model.preparation import TrainingRows
from facesmith.approximation.model.second_order import SecondOrderFit
from facesmith.approximation.model.tanh_network import TanhNetwork


def wavy_points(n=80, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-2, 2, (n, 2))
    targets = np.sin(2 * inputs[:, 0]) + inputs[:, 0] * inputs[:, 1]
    return inputs, targets + noise * rng.normal(size=n)


def equal_rows(inputs, targets):
    return TrainingRows(inputs, targets, np.ones(len(targets)))


# The network


@pytest.mark.parametrize(
    "layer_sizes", [(3, 1), (1, 4, 1), (2, 5, 1), (3, 4, 2, 1), (2, 3, 3, 3, 1)]
)
def test_jacobian_equals_numerical_differences(layer_sizes):
    rng = np.random.default_rng(1)
    network = TanhNetwork(layer_sizes)
    parameters = network.initial_parameters(rng) + 0.1 * rng.normal(size=network.n_parameters)
    inputs = rng.normal(size=(6, layer_sizes[0]))
    outputs, jacobian = network.outputs_and_jacobian(parameters, inputs)
    np.testing.assert_array_equal(outputs, network.outputs(parameters, inputs))
    step = 1e-6
    for place in range(network.n_parameters):
        change = np.zeros(network.n_parameters)
        change[place] = step
        above = network.outputs(parameters + change, inputs)
        below = network.outputs(parameters - change, inputs)
        np.testing.assert_allclose(jacobian[:, place], (above - below) / (2 * step), atol=1e-8)


def test_outputs_equal_a_loop_over_units():
    network = TanhNetwork((2, 3, 1))
    parameters = np.random.default_rng(0).normal(size=network.n_parameters)
    x, y = 0.3, -0.8
    # Flat vector: weights (2, 3) row by row, 3 biases, 3 output weights, output bias.
    w = parameters.tolist()
    expected = w[12] + sum(
        w[9 + unit] * math.tanh(w[unit] * x + w[3 + unit] * y + w[6 + unit]) for unit in range(3)
    )
    assert network.n_parameters == 13
    assert network.outputs(parameters, np.array([[x, y]])) == pytest.approx(expected)


# The fit


def linear_fit(coefficients=(1.0, -0.5, 0.7), max_iter=300):
    """A net without hidden layers is ridge regression: everything is known in closed form."""
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(40, 3))
    targets = inputs @ coefficients + 0.4 + 0.3 * rng.normal(size=40)
    network = TanhNetwork((3, 1))
    fit = SecondOrderFit(network, equal_rows(inputs, targets), network.initial_parameters(rng))
    fit.advance(max_iter, tol=0.0)
    return fit, np.column_stack([inputs, np.ones(40)]), targets


def test_fit_of_a_linear_net_equals_regression_with_one_precision_an_input():
    fit, design, targets = linear_fit()
    oracle = ARDRegression(
        fit_intercept=False,
        alpha_1=0,
        alpha_2=0,
        lambda_1=0,
        lambda_2=0,
        tol=1e-12,
        max_iter=1000,
        threshold_lambda=1e12,
    ).fit(design, targets)
    np.testing.assert_allclose(fit.parameters, oracle.coef_, rtol=1e-5, atol=1e-7)
    assert 1 / fit.noise_variance == pytest.approx(oracle.alpha_, rel=1e-5)
    np.testing.assert_allclose(fit.ratios, oracle.lambda_ / oracle.alpha_, rtol=1e-4)
    root = fit.covariance_root()
    np.testing.assert_allclose(root @ root.T, oracle.sigma_, rtol=1e-4, atol=1e-9)


def test_an_input_that_says_nothing_is_switched_off():
    fit, _, _ = linear_fit((1.0, -0.5, 0.0))
    assert abs(fit.parameters[2]) < 1e-4
    assert abs(fit.parameters[1]) > 0.4


def test_log_evidence_of_a_linear_net_is_the_density_of_its_targets():
    fit, design, targets = linear_fit()
    # Weights ~ N(0, 1 / alpha_i) and noise ~ N(0, 1 / beta) make the targets Gaussian themselves.
    prior = np.diag(fit.noise_variance / fit.ratios)
    covariance = design @ prior @ design.T + fit.noise_variance * np.eye(len(targets))
    expected = multivariate_normal(np.zeros(len(targets)), covariance).logpdf(targets)
    assert fit.final_log_evidence == pytest.approx(expected, rel=1e-6)


def test_fit_ends_where_the_objective_is_flat():
    inputs, targets = wavy_points(noise=0.2)
    network = TanhNetwork((2, 4, 1))
    fit = SecondOrderFit(
        network,
        equal_rows(inputs, targets),
        network.initial_parameters(np.random.default_rng(0)),
        1.0,
    )
    fit.advance(500, tol=0.0)
    outputs, jacobian = network.outputs_and_jacobian(fit.parameters, inputs)
    gradient = jacobian.T @ (targets - outputs) - fit.ratios[network.groups] * fit.parameters
    assert np.abs(gradient).max() < 1e-4 * np.abs(jacobian.T @ targets).max()


def test_rows_in_blocks_give_the_same_fit(monkeypatch):
    inputs, targets = wavy_points(noise=0.1)
    network = TanhNetwork((2, 4, 1))
    start = network.initial_parameters(np.random.default_rng(0))
    whole = SecondOrderFit(network, equal_rows(inputs, targets), start)
    whole.advance(15, tol=0.0)
    monkeypatch.setattr("facesmith.approximation.model.second_order._BLOCK_ROWS", 7)
    blocks = SecondOrderFit(network, equal_rows(inputs, targets), start)
    blocks.advance(15, tol=0.0)
    np.testing.assert_allclose(blocks.parameters, whole.parameters, rtol=1e-6, atol=1e-8)


# The regressor


def test_default_reaches_the_exercise_bar_on_the_exercise_points():
    split = monkey_saddle_split()
    approximator = FunctionApproximator().fit(split.train.inputs, split.train.targets)
    errors = approximator.predict(split.test.inputs) - split.test.targets
    assert np.linalg.norm(errors) / 240 < 0.1


def test_beats_the_best_plane_and_comes_close_to_a_gaussian_process():
    inputs, targets = wavy_points(160)
    train, test = slice(0, 80), slice(80, None)

    def rmse(model):
        model.fit(inputs[train], targets[train])
        return np.sqrt(np.mean((model.predict(inputs[test]) - targets[test]) ** 2))

    ours = rmse(FunctionApproximator(n_starts=4))
    kernel = ConstantKernel(1.0, (1e-3, 1e6)) * RBF([1.0, 1.0], (1e-2, 1e3))
    assert ours < 1e-2 * rmse(LinearRegression())
    assert ours < 30 * rmse(GaussianProcessRegressor(kernel, alpha=1e-10, normalize_y=True)) + 1e-3


def test_estimates_the_noise_and_does_not_follow_it():
    inputs, targets = wavy_points(200, noise=0.3)
    clean = wavy_points(200)[1]
    approximator = FunctionApproximator().fit(inputs, targets)
    assert approximator.noise_std_ == pytest.approx(0.3, rel=0.2)
    rmse = np.sqrt(np.mean((approximator.predict(inputs) - clean) ** 2))
    assert rmse < 0.15  # half of the noise; following it would give 0.3
    assert approximator.n_effective_parameters_ < 40


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pure_noise_gives_nearly_a_constant(seed):
    rng = np.random.default_rng(seed)
    inputs, targets = rng.normal(size=(60, 3)), rng.normal(size=60)
    predictions = FunctionApproximator(n_starts=4).fit(inputs, targets).predict(inputs)
    # The correlation of a few inputs with the targets is real on these rows: 1 / sqrt(60) each.
    assert predictions.std() < 0.3 * targets.std()


def test_units_of_inputs_and_target_do_not_matter():
    inputs, targets = wavy_points(60, noise=0.1)
    plain = FunctionApproximator(4, n_starts=2, max_iter=60).fit(inputs, targets)
    scaled = FunctionApproximator(4, n_starts=2, max_iter=60).fit(
        inputs * [1e3, 1e-3] + [5.0, -1.0], targets * 1e6 - 7e6
    )
    expected = plain.predict(inputs) * 1e6 - 7e6
    np.testing.assert_allclose(
        scaled.predict(inputs * [1e3, 1e-3] + [5.0, -1.0]), expected, rtol=1e-5, atol=1e2
    )


def test_same_seed_same_net_to_the_byte():
    inputs, targets = wavy_points(50)
    first, second = (
        FunctionApproximator(5, n_starts=2, max_iter=50, random_state=7).fit(inputs, targets)
        for _ in range(2)
    )
    assert first.predict(inputs).tobytes() == second.predict(inputs).tobytes()


def test_errors_on_validation_rows_are_logged_and_change_nothing():
    inputs, targets = wavy_points(70)
    validation = FunctionApproximator(5, n_starts=2, max_iter=50)
    validation.fit(inputs[:50], targets[:50], X_val=inputs[50:], y_val=targets[50:])
    alone = clone(validation).fit(inputs[:50], targets[:50])
    np.testing.assert_array_equal(validation.predict(inputs), alone.predict(inputs))
    assert len(validation.validation_curve_) == len(validation.train_curve_) == validation.n_iter_
    assert len(alone.validation_curve_) == 0
    for rows, curve in (
        (slice(0, 50), validation.train_curve_),
        (slice(50, None), validation.validation_curve_),
    ):
        errors = np.abs(validation.predict(inputs[rows]) - targets[rows])
        assert curve[-1] == pytest.approx(errors.mean())


def test_constant_target_and_constant_input_are_fitted():
    inputs = np.column_stack([np.linspace(0, 1, 20), np.full(20, 3.0)])
    constant = FunctionApproximator(n_starts=4, max_iter=100).fit(inputs, np.full(20, 0.1))
    np.testing.assert_allclose(constant.predict(inputs), 0.1)
    ramp = FunctionApproximator(n_starts=4, max_iter=100).fit(inputs, inputs[:, 0])
    np.testing.assert_allclose(ramp.predict(inputs), inputs[:, 0], atol=1e-2)


def test_progress_rises_to_one():
    parts = []
    inputs, targets = wavy_points(40)
    FunctionApproximator(3, n_starts=2, max_iter=60).fit(inputs, targets, on_progress=parts.append)
    assert parts == sorted(parts)
    assert 0 < parts[0] < 0.1
    assert parts[-1] == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": (4, 0)}, r"hidden_layer_sizes=\(4, 0\)"),
        ({"hidden_layer_sizes": 2.5}, "hidden_layer_sizes=2.5"),
        ({"n_starts": 0}, "`n_starts` must be an integer of at least 1; got n_starts=0"),
        ({"max_iter": 1.5}, "max_iter=1.5"),
        ({"tol": -1}, "tol=-1"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        FunctionApproximator(**settings).fit([[0.0], [1.0]], [0.0, 1.0])


def test_inputs_are_not_modified():
    inputs, targets = wavy_points(30)
    inputs.setflags(write=False)
    targets.setflags(write=False)
    FunctionApproximator(3, n_starts=1, max_iter=10).fit(inputs, targets).predict(inputs)


def test_is_exported():
    assert facesmith.FunctionApproximator is FunctionApproximator
