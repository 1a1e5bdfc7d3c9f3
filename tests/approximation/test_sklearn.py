"""`FunctionApproximator` among scikit-learn's tools, with weights, intervals and large tables."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from facesmith.approximation import (
    ExtrapolationWarning,
    FunctionApproximator,
    LargeTableWarning,
)
from facesmith.approximation.model import large_tables
from facesmith.approximation.model.search import Tried

QUICK = {"hidden_layer_sizes": (5,), "n_starts": 2, "max_iter": 60}


def rows(n=60, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-2, 2, (n, 2))
    return inputs, np.sin(2 * inputs[:, 0]) + inputs[:, 1] + noise * rng.normal(size=n)


@pytest.fixture(autouse=True)
def _random_rows_at_the_edge():
    # Test rows of a small random table lie outside its training rows now and then.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        yield


# Tools


def test_works_in_a_pipeline_and_in_cross_validation():
    inputs, targets = rows(90)
    model = make_pipeline(PolynomialFeatures(2), FunctionApproximator(**QUICK))
    scores = cross_validate(model, inputs, targets, cv=3)["test_score"]
    assert scores.min() > 0.9


def test_grid_search_sets_its_parameters():
    search = GridSearchCV(
        FunctionApproximator(**QUICK), {"hidden_layer_sizes": [(1,), (6,)]}, cv=3
    ).fit(*rows(90))
    assert search.best_params_ == {"hidden_layer_sizes": (6,)}
    assert search.best_estimator_.function_.members[0].biases[0].shape == (6,)


def test_several_outputs_are_fitted_each_as_if_alone():
    inputs, targets = rows()
    both = FunctionApproximator(**QUICK).fit(inputs, np.column_stack([targets, inputs[:, 1] ** 2]))
    predictions, deviations = both.predict(inputs, return_std=True)
    assert predictions.shape == deviations.shape == (60, 2)
    alone = FunctionApproximator(**QUICK).fit(inputs, targets).predict(inputs)
    # The rows are sorted by other keys, so that sums round differently.
    np.testing.assert_allclose(predictions[:, 0], alone, atol=1e-2)
    np.testing.assert_allclose(predictions[:, 1], inputs[:, 1] ** 2, atol=0.1)
    assert both.noise_std_.shape == (2,)


def test_a_column_of_targets_gives_a_column():
    inputs, targets = rows()
    model = FunctionApproximator(**QUICK).fit(inputs, targets[:, None])
    assert model.predict(inputs).shape == (60, 1)


def test_names_of_pandas_columns_are_kept_and_checked():
    inputs, targets = rows()
    table = pd.DataFrame(inputs, columns=["width", "height"])
    model = FunctionApproximator(**QUICK).fit(table, pd.Series(targets))
    assert model.feature_names_in_.tolist() == ["width", "height"]
    assert model.function_.input_names == ("width", "height")
    np.testing.assert_array_equal(
        model.predict(table), clone(model).fit(inputs, targets).predict(inputs)
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["height", "width"]])


def test_polars_tables_are_read():
    polars = pytest.importorskip("polars")
    inputs, targets = rows()
    table = polars.DataFrame({"width": inputs[:, 0], "height": inputs[:, 1]})
    model = FunctionApproximator(**QUICK).fit(table, polars.Series(targets))
    assert model.feature_names_in_.tolist() == ["width", "height"]
    np.testing.assert_array_equal(
        model.predict(table), clone(model).fit(inputs, targets).predict(inputs)
    )


# Weights


def test_weight_two_is_the_row_twice_and_weight_zero_is_none():
    inputs, targets = rows()
    weights = np.random.default_rng(1).integers(0, 4, 60).astype(float)
    weighted = FunctionApproximator(**QUICK).fit(inputs, targets, weights)
    repeated = np.repeat(np.arange(60), weights.astype(int))
    twice = FunctionApproximator(**QUICK).fit(inputs[repeated], targets[repeated])
    np.testing.assert_array_equal(weighted.predict(inputs), twice.predict(inputs))
    assert not np.allclose(
        weighted.predict(inputs), clone(weighted).fit(inputs, targets).predict(inputs), atol=1e-3
    )


def test_copies_of_rows_are_counted():
    inputs, targets = rows(n=20)
    quick = {"hidden_layer_sizes": 2, "n_starts": 1, "max_iter": 2}
    assert FunctionApproximator(**quick).fit(inputs, targets).n_copies_ == 0
    weights = np.ones(25)
    weights[20:22] = 0  # of the five copies, two do not count
    more = np.concatenate([inputs, inputs[:5]]), np.concatenate([targets, targets[:5]])
    assert FunctionApproximator(**quick).fit(*more, weights).n_copies_ == 3
    others = np.concatenate([targets, targets[:5] + 1.0])
    assert FunctionApproximator(**quick).fit(more[0], others).n_copies_ == 0


def test_the_order_of_the_rows_does_not_matter():
    inputs, targets = rows()
    order = np.random.default_rng(2).permutation(60)
    one, other = (
        FunctionApproximator(**QUICK).fit(x, y)
        for x, y in ((inputs, targets), (inputs[order], targets[order]))
    )
    np.testing.assert_array_equal(one.predict(inputs), other.predict(inputs))


def test_weights_that_sum_to_one_are_no_single_row():
    inputs, targets = rows()
    plain = FunctionApproximator(**QUICK).fit(inputs, targets)
    shares = clone(plain).fit(inputs, targets, np.full(60, 1 / 60))
    np.testing.assert_allclose(shares.predict(inputs), plain.predict(inputs), atol=1e-3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.zeros(60), "zero"), (np.full(60, -1.0), "[Nn]egative"), (np.ones(59), "shape")],
)
def test_weights_out_of_bounds_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        FunctionApproximator(**QUICK).fit(*rows(), weights)


# Trust


def test_intervals_hold_what_they_promise():
    inputs, targets = rows(150, noise=0.3)
    model = FunctionApproximator(n_starts=4).fit(inputs, targets)
    new_inputs, new_targets = rows(2000, noise=0.3, seed=1)
    predictions, deviations = model.predict(new_inputs, return_std=True)
    covered = np.mean(np.abs(new_targets - predictions) <= 1.96 * deviations)
    assert 0.90 < covered < 0.98
    np.testing.assert_array_equal(predictions, model.predict(new_inputs))


def test_intervals_are_wider_where_there_were_no_rows():
    inputs, targets = rows(80)
    hole = (inputs[:, 0] > -0.8) & (inputs[:, 0] < 0.8)
    model = FunctionApproximator(n_starts=4).fit(inputs[~hole], targets[~hole])
    _, deviations = model.predict([[0.0, 0.0], [1.4, 0.0], [-1.4, 0.0]], return_std=True)
    assert deviations[0] > 1.5 * deviations[1:].max()


def test_inputs_outside_the_training_range_are_warned_of():
    inputs, targets = rows()
    model = FunctionApproximator(**QUICK).fit(
        pd.DataFrame(inputs, columns=["width", "height"]), targets
    )
    far = pd.DataFrame({"width": [0.0, 1.0, 9.5], "height": [0.0, 1.0, 0.5]})
    with pytest.warns(ExtrapolationWarning, match=r"1 of 3 rows .* 'width' was .* and is 9\.5"):
        model.predict(far)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(far[:2])


# Ways to fit


def test_a_fixed_alpha_of_a_plane_is_ridge_regression():
    from facesmith.approximation.model.preparation import TrainingRows  # noqa: PLC0415
    from facesmith.approximation.model.second_order import SecondOrderFit  # noqa: PLC0415
    from facesmith.approximation.model.tanh_network import TanhNetwork  # noqa: PLC0415

    inputs, targets = rows()
    equal = TrainingRows(inputs, targets, np.ones(60))
    fit = SecondOrderFit(TanhNetwork((2, 1)), equal, np.zeros(3), 3.0, fixed=True)
    fit.advance(200, tol=0.0)
    design = np.column_stack([inputs, np.ones(60)])
    oracle = Ridge(alpha=3.0, fit_intercept=False).fit(design, targets)
    np.testing.assert_allclose(fit.parameters, oracle.coef_, rtol=1e-8)


def test_a_large_alpha_makes_the_function_flat():
    inputs, targets = rows()
    stds = [
        FunctionApproximator(**QUICK, alpha=alpha).fit(inputs, targets).predict(inputs).std()
        for alpha in (1e-3, 10.0, 1e4)
    ]
    assert stds[0] > stds[1] > 100 * stds[2]


def test_early_stopping_keeps_the_net_of_least_validation_error():
    inputs, targets = rows(60, noise=0.5)
    settings = QUICK | {"n_starts": 1, "alpha": 0.0, "max_iter": 200}
    model = FunctionApproximator(**settings, early_stopping=True, n_iter_no_change=15)
    model.fit(inputs[:40], targets[:40], X_val=inputs[40:], y_val=targets[40:])
    assert model.n_iter_ < 200
    (net,) = [tried for tried in model.tried_ if tried.weight > 0]
    mse = np.mean((model.predict(inputs[40:]) - targets[40:]) ** 2)
    assert net.score == pytest.approx(-0.5 * np.log(mse / targets[:40].var()))
    # Held out of the table itself, and refused where nothing would be left.
    assert len(FunctionApproximator(**settings, early_stopping=True).fit(inputs, targets).tried_)
    with pytest.raises(ValueError, match="at least 3 different rows"):
        FunctionApproximator(early_stopping=True).fit([[0.0], [1.0]], [0.0, 1.0])


def test_a_large_table_says_so_and_is_fitted_to_all_rows(monkeypatch):
    monkeypatch.setattr("facesmith.approximation.model.regressor.LARGE_TABLE_ROWS", 200)
    monkeypatch.setattr(large_tables, "LARGE_TABLE_ROWS", 200)
    monkeypatch.setattr(large_tables, "SAMPLE_ROWS", 100)
    inputs, targets = rows(1000, noise=0.3)
    with pytest.warns(LargeTableWarning, match="1,000 different rows"):
        large = FunctionApproximator(n_starts=4).fit(inputs, targets)
    assert sum(tried.weight for tried in large.tried_) == pytest.approx(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = clone(large).fit(inputs[:100], targets[:100])
    truth = np.sin(2 * inputs[:, 0]) + inputs[:, 1]
    errors = [np.sqrt(np.mean((m.predict(inputs) - truth) ** 2)) for m in (large, part)]
    # Ten times the rows: about a third of the error.
    assert errors[0] < 0.6 * errors[1]


def test_what_was_tried_is_told():
    model = FunctionApproximator(n_starts=4).fit(*rows())
    assert {tried.hidden_layer_sizes for tried in model.tried_} >= {(), (5,), (10,), (20,), (8, 8)}
    assert sum(tried.weight for tried in model.tried_) == pytest.approx(1.0)
    assert all(isinstance(tried, Tried) and tried.n_iter > 0 for tried in model.tried_)
    weights = [member.weight for member in model.function_.members]
    assert weights == sorted((t.weight for t in model.tried_ if t.weight > 0), reverse=True)


def test_more_inputs_than_rows_can_be_fitted():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 300))
    model = FunctionApproximator(n_starts=4).fit(inputs, inputs[:, 0])
    assert {tried.hidden_layer_sizes for tried in model.tried_} == {()}
    assert np.corrcoef(model.predict(inputs), inputs[:, 0])[0, 1] > 0.9


def test_more_parameters_than_can_be_fitted_are_refused():
    inputs, targets = rows()
    with pytest.raises(ValueError, match=r"10,501 parameters, more than the 5,000"):
        FunctionApproximator((100, 100)).fit(inputs, targets)


CHIEF_CHECKS = {
    "check_estimator_cloneable",
    "check_estimators_nan_inf",
    "check_fit2d_1sample",
    "check_n_features_in",
    "check_no_attributes_set_in_init",
    "check_sample_weight_equivalence_on_dense_data",
    "check_supervised_y_2d",
}


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(estimator, check, id=check.func.__name__)
        for estimator, check in estimator_checks_generator(
            FunctionApproximator((3,), n_starts=1, max_iter=20), mark=None
        )
        if check.func.__name__ in CHIEF_CHECKS
    ],
)
def test_passes_the_chief_of_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [FunctionApproximator(n_starts=4, max_iter=60), FunctionApproximator((4,), n_starts=2)]
)
def test_passes_all_of_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("module", ["facesmith", "facesmith.approximation"])
def test_without_scikit_learn_the_error_names_what_to_install(module: str) -> None:
    code = f"import sys; sys.modules['sklearn'] = None; from {module} import FunctionApproximator"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert "MissingPackageError: This needs the package 'sklearn'" in last_line
    assert 'pip install ".[train]"' in last_line
