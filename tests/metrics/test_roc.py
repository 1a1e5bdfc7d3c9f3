"""ROC arithmetic against a double loop, scikit-learn and hand-worked numbers."""

import math

import numpy as np
import pytest

from facesmith.metrics.roc import (
    EXERCISE_THRESHOLDS,
    UndefinedMetricWarning,
    accuracy,
    area_under_curve,
    bootstrap_intervals,
    roc_curve,
)
from oracles import pairwise_auc, rates_at


def drawn(n: int, seed: int, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores that overlap; with few `levels` there are many ties."""
    r = np.random.default_rng(seed)
    labels = r.integers(0, 2, n)
    labels[:2] = [0, 1]
    scores = 1 / (1 + np.exp(-r.normal(labels * 1.5 - 0.7, 1)))
    return labels, scores if levels is None else np.round(scores * levels) / levels


@pytest.mark.parametrize("levels", [None, 4, 1])
@pytest.mark.parametrize("n", [2, 3, 40])
def test_curve_and_area_agree_with_a_double_loop(n, levels):
    labels, scores = drawn(n, seed=n, levels=levels)
    curve = roc_curve(labels, scores)
    assert curve.auc == pytest.approx(pairwise_auc(labels, scores), abs=1e-12)
    assert area_under_curve(labels, scores) == pytest.approx(curve.auc, abs=1e-12)
    for tpr, fpr, threshold in zip(curve.tpr, curve.fpr, curve.thresholds, strict=True):
        assert (tpr, fpr) == pytest.approx(rates_at(labels, scores, threshold), abs=1e-12)
    assert (curve.fpr[0], curve.tpr[0]) == (0, 0)
    assert (curve.fpr[-1], curve.tpr[-1]) == (1, 1)


@pytest.mark.parametrize("levels", [None, 5])
def test_curve_agrees_with_scikit_learn(levels):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, scores = drawn(300, seed=1, levels=levels)
    fpr, tpr, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
    curve = roc_curve(labels, scores)
    np.testing.assert_allclose(curve.fpr, fpr)
    np.testing.assert_allclose(curve.tpr, tpr)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert curve.auc == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert accuracy(labels, scores) == pytest.approx(metrics.accuracy_score(labels, scores >= 0.5))


def test_hand_worked_curve():
    # Faces at .9, .6, .4; others at .6, .1. From the top: .9 -> (0, 1/3); .6 takes a face and
    # another at once -> (1/2, 2/3); .4 -> (1/2, 1); .1 -> (1, 1). The area by trapezia:
    # 1/2 * (1/3 + 2/3) / 2 + 1/2 * 1 = 0.75. Squared distances to (0, 1): 1, 4/9, 13/36, 1/4, 1.
    curve = roc_curve([1, 0, 1, 1, 0], [0.9, 0.6, 0.6, 0.4, 0.1])
    np.testing.assert_allclose(curve.fpr, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(curve.tpr, [0, 1 / 3, 2 / 3, 1, 1])
    np.testing.assert_array_equal(curve.thresholds, [math.inf, 0.9, 0.6, 0.4, 0.1])
    assert curve.auc == pytest.approx(0.75)
    assert (curve.best.threshold, curve.best.tpr, curve.best.fpr) == (0.4, 1, 0.5)
    # At 0.5: right are .9, .6 (faces) and .1 -> 3 of 5.
    assert accuracy([1, 0, 1, 1, 0], [0.9, 0.6, 0.6, 0.4, 0.1]) == pytest.approx(0.6)


def test_equally_near_points_give_the_higher_threshold():
    # (0, 1/2) at 0.8 and (1/2, 1) at 0.3 are equally far from (0, 1).
    assert roc_curve([1, 1, 0, 0], [0.8, 0.3, 0.3, 0.1]).best.threshold == 0.8


def test_given_thresholds_are_sorted_and_kept():
    labels, scores = drawn(50, seed=2)
    curve = roc_curve(labels, scores, thresholds=[0.2, 0.8, 0.5, 0.5])
    np.testing.assert_array_equal(curve.thresholds, [0.8, 0.5, 0.2])
    assert (curve.tpr[1], curve.fpr[1]) == pytest.approx(rates_at(labels, scores, 0.5))
    coarse = roc_curve(labels, scores, EXERCISE_THRESHOLDS)
    assert len(coarse.thresholds) == 101
    assert coarse.auc == pytest.approx(area_under_curve(labels, scores), abs=0.02)


def test_monotone_rescaling_changes_no_rate():
    labels, scores = drawn(80, seed=3, levels=20)
    one, two = roc_curve(labels, scores), roc_curve(labels, np.exp(5 * scores) - 3)
    np.testing.assert_array_equal(one.fpr, two.fpr)
    np.testing.assert_array_equal(one.tpr, two.tpr)


def test_inputs_are_not_modified():
    labels, scores = drawn(30, seed=4)
    copies = labels.copy(), scores.copy()
    roc_curve(labels, scores)
    bootstrap_intervals(labels, scores, best_threshold=0.5, n_resamples=10)
    np.testing.assert_array_equal(labels, copies[0])
    np.testing.assert_array_equal(scores, copies[1])


@pytest.mark.parametrize(
    ("labels", "missing", "defined"),
    [([1, 1], "non-face", "tpr"), ([0, 0], "face", "fpr"), ([], "face and no non-face", None)],
)
def test_a_missing_label_gives_nan_and_a_named_warning(labels, missing, defined):
    scores = [0.2, 0.7][: len(labels)]
    with pytest.warns(UndefinedMetricWarning, match=f"No {missing} among {len(labels)} rows"):
        curve = roc_curve(labels, scores)
    assert math.isnan(curve.auc)
    assert math.isnan(area_under_curve(labels, scores))
    assert all(math.isnan(v) for v in vars(curve.best).values())
    for name in {"tpr", "fpr"} - {defined}:
        assert np.isnan(getattr(curve, name)).all()
    if defined:
        np.testing.assert_array_equal(getattr(curve, defined), [0, 0.5, 1])
    intervals = bootstrap_intervals(labels, scores, best_threshold=0.5, n_resamples=20)
    assert math.isnan(intervals.auc[0])
    assert math.isnan(intervals.accuracy[0]) == (not labels)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5, math.nan], "must be finite; got nan in row 1"),
        ([0, 1], [math.inf, 0.5], "must be finite; got inf in row 0"),
        ([0, 2], [0.1, 0.2], "must be 0 or 1; got 2"),
        ([0, 1], [0.1], "equal length"),
        ([[0], [1]], [[0.1], [0.2]], "equal length"),
    ],
)
def test_bad_arrays_are_refused(labels, scores, message):
    for function in (roc_curve, area_under_curve, accuracy):
        with pytest.raises(ValueError, match=message):
            function(labels, scores)


def test_nan_threshold_is_refused():
    with pytest.raises(ValueError, match="thresholds"):
        roc_curve([0, 1], [0.1, 0.2], thresholds=[0.5, math.nan])


def test_bootstrap_of_rows_agrees_with_a_plain_loop():
    """The same resamples one at a time, each rate from a recomputed curve."""
    labels, scores = drawn(60, seed=5, levels=12)
    n_resamples, best = 80, 0.6
    found = bootstrap_intervals(
        labels, scores, best_threshold=best, n_resamples=n_resamples, seed=9
    )
    draws = np.random.default_rng(9).integers(0, 60, (n_resamples, 60))
    rows = []
    for draw in draws:
        tpr, fpr = rates_at(labels[draw], scores[draw], best)
        rows.append(
            [
                pairwise_auc(labels[draw], scores[draw]),
                np.mean((scores[draw] >= 0.5) == labels[draw]),
                np.mean((scores[draw] >= best) == labels[draw]),
                tpr,
                fpr,
            ]
        )
    expected = np.percentile(rows, [2.5, 97.5], axis=0).T
    np.testing.assert_allclose(np.array(list(vars(found).values())), expected, atol=1e-12)


def test_bootstrap_covers_the_truth_and_narrows_with_more_rows():
    # Scores of faces and others normal with unit spread, 1 apart: AUC = Phi(1 / sqrt 2) = 0.7602.
    truth, covered, widths = 0.7602, 0, {}
    for n in (100, 400):
        for seed in range(60):
            r = np.random.default_rng([n, seed])
            labels = r.permutation(np.arange(n) % 2)
            scores = r.normal(labels, 1)
            low, high = bootstrap_intervals(labels, scores, best_threshold=0.5, n_resamples=300).auc
            covered += low <= truth <= high
            widths.setdefault(n, []).append(high - low)
    assert covered / 120 > 0.88  # 0.95 expected, standard error 0.02
    assert np.mean(widths[400]) == pytest.approx(np.mean(widths[100]) / 2, rel=0.1)


def test_drawing_whole_photos_widens_the_interval():
    """Ten copies of each row in one photo: as uncertain as the rows once, not a tenth of it."""
    labels, scores = drawn(60, seed=6)
    once = bootstrap_intervals(labels, scores, best_threshold=0.5)
    many = np.repeat(labels, 10), np.repeat(scores, 10)
    by_photo = bootstrap_intervals(
        *many, best_threshold=0.5, groups=np.repeat(np.arange(60) * 7, 10)
    )
    by_row = bootstrap_intervals(*many, best_threshold=0.5)
    width = once.auc[1] - once.auc[0]
    assert by_photo.auc[1] - by_photo.auc[0] == pytest.approx(width, rel=0.1)
    assert by_row.auc[1] - by_row.auc[0] < 0.5 * width


def test_bootstrap_is_a_function_of_its_seed():
    labels, scores = drawn(50, seed=7)
    one, same, other = (
        bootstrap_intervals(labels, scores, best_threshold=0.5, n_resamples=200, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_bootstrap_wants_one_group_per_row():
    with pytest.raises(ValueError, match="one entry per row"):
        bootstrap_intervals([0, 1], [0.1, 0.2], best_threshold=0.5, groups=[1])
