"""Thresholds that keep a promise: worked out by hand, against a slow search, and stored."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.errors import EvaluationError
from facesmith.metrics.operating_point import (
    Target,
    choose_threshold,
)
from facesmith.metrics.scored_rows import ScoredRows, patch_rows

# Scores falling, right or not, one photo each; one face more is never found.
ROWS = ScoredRows(
    np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
    np.array([True, True, False, True, False, False]),
    np.arange(6),
    np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
)


@pytest.mark.parametrize(
    ("target", "threshold", "reached", "tpr"),
    [
        # Precision down the list: 1, 1, 2/3, 3/4, 3/5, 1/2. Faces: 4.
        pytest.param(Target("precision", 1.0), 0.75, 1.0, 0.5, id="only right ones"),
        pytest.param(Target("precision", 0.75), 0.55, 0.75, 0.75, id="beyond a dip"),
        pytest.param(Target("precision", 0.0), 0.2, 0.5, 0.75, id="anything"),
        # False ones down the list: 0, 0, 1, 1, 2, 3 of 3.
        pytest.param(Target("fpr", 0.0), 0.75, 0.0, 0.5, id="no false one"),
        pytest.param(Target("fpr", 0.4), 0.55, 1 / 3, 0.75, id="one of three"),
        # In 6 photos: 0, 0, 1/6, 1/6, 1/3, 1/2.
        pytest.param(Target("false_per_photo", 0.2), 0.55, 1 / 6, 0.75, id="one in six photos"),
    ],
)
def test_the_lowest_threshold_that_keeps_it(target, threshold, reached, tpr):
    point = choose_threshold(ROWS, target, n_resamples=50)
    assert point.threshold == pytest.approx(threshold)
    assert point.reached == pytest.approx(reached)
    assert point.tpr == pytest.approx(tpr)
    assert (point.n_faces, point.n_groups) == (4, 6)


def test_photos_may_weigh_differently():
    """The false box at 0.7 counts three times: precision 1, 1, 2/5, 3/6, 3/7, 3/8."""
    weights = np.array([1.0, 1.0, 3.0, 1.0, 1.0, 1.0])
    point = choose_threshold(ROWS, Target("precision", 0.5), photo_weights=weights, n_resamples=50)
    assert (point.threshold, point.reached) == (pytest.approx(0.55), 0.5)
    assert choose_threshold(ROWS, Target("precision", 0.5), n_resamples=50).threshold < 0.5
    alike = choose_threshold(
        ROWS, Target("precision", 0.5), photo_weights=np.full(6, 2.0), n_resamples=50
    )
    assert alike == choose_threshold(ROWS, Target("precision", 0.5), n_resamples=50)


def test_rows_of_equal_score_go_together():
    rows = patch_rows([1, 0, 1], [0.8, 0.8, 0.3], [0, 1, 2])
    point = choose_threshold(rows, Target("precision", 0.6))
    # 1 of 2 at 0.8, 2 of 3 at 0.3.
    assert (point.threshold, point.reached) == (pytest.approx(0.15), pytest.approx(2 / 3))
    with pytest.raises(EvaluationError, match=r"a precision of at least 0.9.*best is 0.6667"):
        choose_threshold(rows, Target("precision", 0.9))


def slow_choice(rows: ScoredRows, target: Target) -> float | None:
    """Every score as a threshold, from the lowest on."""
    for threshold in sorted(set(rows.scores.tolist())):
        accepted = rows.scores >= threshold
        true = int((accepted & rows.right).sum())
        false = int((accepted & ~rows.right).sum())
        if target.promise == "precision" and true / (true + false) >= target.value:
            return float(threshold)
        if target.promise == "fpr" and false / (~rows.right).sum() <= target.value:
            return float(threshold)
    return None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("target", [Target("precision", 0.8), Target("fpr", 0.1)])
def test_it_agrees_with_a_slow_search(seed, target):
    rng = np.random.default_rng(seed)
    labels = rng.random(80) < 0.5
    scores = np.round(np.clip(rng.normal(0.4 + 0.3 * labels, 0.2), 0, 1), 2)  # with ties
    rows = patch_rows(labels, scores, np.arange(80) // 4)
    expected = slow_choice(rows, target)
    assert expected is not None
    point = choose_threshold(rows, target, n_resamples=20)
    assert point.threshold <= expected
    assert (scores >= point.threshold).sum() == (scores >= expected).sum()


def test_intervals_cover_the_truth_and_shrink_with_more_photos():
    """Scores of others are uniform: an FPR of 0.1 is a threshold of 0.9."""
    widths = []
    for n in (200, 5_000):
        rng = np.random.default_rng(1)
        labels = np.arange(n) % 2
        scores = np.where(labels == 1, 0.95, rng.random(n))
        point = choose_threshold(patch_rows(labels, scores, np.arange(n)), Target("fpr", 0.1))
        low, high = point.threshold_interval
        assert low <= 0.9 <= high
        assert point.reached_interval[0] <= 0.1 <= point.reached_interval[1] + 1e-9
        assert point.tpr_interval == (1, 1)
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_the_same_seed_gives_the_same_intervals():
    first, again = (choose_threshold(ROWS, Target("precision", 0.75), seed=3) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("rows", "target", "message"),
    [
        (patch_rows([1, 1], [0.3, 0.4], [0, 1]), Target("fpr", 0.1), "needs rows that are no face"),
        (patch_rows([0, 0], [0.3, 0.4], [0, 1]), Target("fpr", 0.1), "2 rows with 0 faces"),
        (patch_rows([], [], []), Target("precision", 0.9), "0 rows with 0 faces"),
        (patch_rows([0, 1], [0.9, 0.4], [0, 1]), Target("fpr", 0.0), "the best is 1.0000"),
    ],
)
def test_what_cannot_be_kept_is_named(rows, target, message):
    with pytest.raises(EvaluationError, match=message):
        choose_threshold(rows, target)


@pytest.mark.parametrize(
    "target", [Target("precision", 1.5), Target("fpr", -0.1), Target("false_per_photo", -1)]
)
def test_targets_out_of_range(target):
    with pytest.raises(ValueError, match=f"`{target.promise}` must be"):
        choose_threshold(ROWS, target)


def test_a_point_is_plain_json_and_a_line_of_text():
    point = choose_threshold(ROWS, Target("precision", 0.75))
    values = point.to_dict()
    assert (values["target"], values["value"]) == ("precision", 0.75)
    assert values["threshold"] == point.threshold
    assert str(point).startswith("threshold 0.550 (95 %: ")
