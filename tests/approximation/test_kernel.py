"""The Gaussian process of the search: its evidence, its predictions and when it is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern

from facesmith import FunctionApproximator
from facesmith.approximation.model.kernel_fit import KernelFit, _Evidence
from facesmith.approximation.model.kernel_member import SHAPES, KernelMember
from facesmith.approximation.model.preparation import TrainingRows


def table(n: int = 40, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(n, 2))
    return inputs, np.sin(2 * inputs[:, 0]) + inputs[:, 1] + noise * rng.normal(size=n)


def peer(member: KernelMember, inputs: np.ndarray, targets: np.ndarray) -> GaussianProcessRegressor:
    """scikit-learn's process of the same kernel, its settings fixed."""
    shape = RBF if member.shape == "gaussian" else (lambda lengths: Matern(lengths, nu=2.5))
    kernel = ConstantKernel(member.kernel_variance) * shape(1 / member.inverse_lengths)
    kernel += ConstantKernel(member.plane_variance) * DotProduct(1.0)
    process = GaussianProcessRegressor(kernel, alpha=member.row_variances, optimizer=None)
    return process.fit(inputs, targets)


@pytest.mark.parametrize("shape", SHAPES)
def test_evidence_is_the_density_of_the_targets_and_its_gradient_that_of_differences(
    shape: str,
) -> None:
    inputs, targets = table(20)
    weights = np.linspace(0.5, 2.0, 20)
    evidence = _Evidence(inputs, targets, weights, shape)
    at = np.array([0.1, -0.4, 0.3, -0.6, -1.5])
    value, gradient = evidence(at)
    lengths, kernel, plane, noise = np.exp(-at[:2]), *np.exp(2 * at[2:])
    apart = np.sqrt((((inputs[:, None] - inputs) / lengths) ** 2).sum(axis=2))
    root = np.sqrt(5) * apart
    basis = np.exp(-(apart**2) / 2)
    if shape == "matern":
        basis = (1 + root + root**2 / 3) * np.exp(-root)
    covariance = kernel * basis + plane * (inputs @ inputs.T + 1) + np.diag(noise / weights)
    expected = -multivariate_normal(np.zeros(20), covariance).logpdf(targets) / 20
    assert value == pytest.approx(expected, rel=1e-6)
    assert evidence.solve(at) == pytest.approx(value, rel=1e-12)
    inverse = np.linalg.inv(covariance)
    np.testing.assert_allclose(evidence.precisions, inverse.diagonal(), rtol=1e-9)
    assert evidence.n_effective == pytest.approx(20 - inverse.diagonal() @ (noise / weights))
    for number in range(5):
        step = 1e-6 * np.eye(5)[number]
        slope = (evidence(at + step)[0] - evidence(at - step)[0]) / 2e-6
        assert gradient[number] == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_member_predicts_what_scikit_learns_process_predicts(shape: str) -> None:
    inputs, targets = table()
    fit = KernelFit(TrainingRows(inputs, targets, np.ones(40)))
    fit.fit(np.random.default_rng(0), 30)
    fit.shape = shape
    fit._solve(fit._parameters)
    member = fit.member(0, 1.0)
    new = np.random.default_rng(2).normal(size=(30, 2))
    means, variances = member.output_and_variance(new)
    expected, deviations = peer(member, inputs, targets).predict(new, return_std=True)
    np.testing.assert_allclose(means, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(variances), deviations, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(member(new), means)


def test_fit_finds_noise_and_the_input_that_does_nothing() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 3))
    targets = np.sin(2 * inputs[:, 0]) * inputs[:, 1] + 0.2 * rng.normal(size=200)
    fit = KernelFit(TrainingRows(inputs, targets, np.ones(200)))
    fit.fit(rng, 100)
    assert fit.noise_variance**0.5 == pytest.approx(0.2, rel=0.15)
    assert fit.member(0, 1.0).inverse_lengths[2] < 0.1
    assert len(fit.train_errors) == fit.n_iterations


def test_smooth_curve_of_few_rows_is_left_to_the_process() -> None:
    inputs = np.random.default_rng(0).uniform(-6, 6, (60, 1))
    model = FunctionApproximator(n_starts=4).fit(inputs, np.sin(inputs[:, 0]))
    assert [bool(each.kernel) for each in model.tried_ if each.weight > 0] == [True]
    new = np.linspace(-5.5, 5.5, 200)[:, None]
    assert np.abs(model.predict(new) - np.sin(new[:, 0])).max() < 1e-4


def test_named_sizes_or_alpha_are_fitted_by_nets_alone() -> None:
    inputs, targets = table()
    for settings in ({"hidden_layer_sizes": 5}, {"alpha": 0.1}):
        model = FunctionApproximator(**settings, n_starts=2, max_iter=30).fit(inputs, targets)
        assert not any(each.kernel for each in model.tried_)


def test_unknown_shape_and_arrays_that_disagree_are_refused() -> None:
    one = np.ones(1)
    rest = {"bias": 0.0, "output": 0, "weight": 1.0, "kernel_variance": 1.0}
    rest |= {"plane_variance": 1.0, "row_variances": one, "noise_variance": 1.0}
    arrays = {"inverse_lengths": one, "centres": np.ones((1, 1)), "heights": one, "slope": one}
    with pytest.raises(ValueError, match="must be among gaussian, matern; got 'box'"):
        KernelMember(shape="box", **arrays, **rest)
    with pytest.raises(ValueError, match=r"`heights` must have shape \(1,\); got \(2,\)"):
        KernelMember(shape="gaussian", **(arrays | {"heights": np.ones(2)}), **rest)


def test_few_rows_of_a_nearly_polynomial_function_end_at_high_evidence() -> None:
    # Long lengths and a large process: from short ones, inputs that count a little end as if they
    # said nothing.
    rng = np.random.default_rng([3013461134, 30, 0])
    low, high = np.array([[50, 25, 0.5, 1.2, 0.25, 50], [150, 70, 3, 2.5, 1.2, 300]])
    b1, b2, f, c1, c2, beta = (low + (high - low) * rng.random((2030, 6))).T
    inputs = np.column_stack([b1, b2, f, c1, c2, beta])[:30]
    gain = beta * (c2 + 9)
    targets = (12 * b2 / (b1 + b2) + 0.74) * gain / (gain + f) + 11.35 * f / (gain + f)
    targets += 0.74 * f * gain / ((gain + f) * c1)
    targets = targets[:30] + 0.01 * targets[30:].std() * rng.normal(size=30)
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    targets = (targets - targets.mean()) / targets.std()
    fit = KernelFit(TrainingRows(inputs, targets, np.ones(30)))
    fit.fit(np.random.default_rng(0), 600)
    # scikit-learn's process of the best of two kernels has 27.1 nats; without such starts 21.9.
    assert fit.final_log_evidence > 26.5
