"""What learning curves say in words, on histories whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from facesmith.approximation.experiment.verdict import History, assess_overfitting, smooth_curve

STEPS = np.arange(1, 201)


def history(train: npt.ArrayLike, validation: npt.ArrayLike) -> History:
    return History("epoch", np.asarray(train, float), np.asarray(validation, float))


def v_shape(lowest_at: int, lowest: float, end: float) -> npt.NDArray[np.float64]:
    """Falls from 2 to `lowest`, then rises to `end`, both in a straight line."""
    return np.interp(STEPS, [1, lowest_at, 200], [2.0, lowest, end])


def test_overfitting_is_told_with_its_beginning_and_its_size() -> None:
    # Validation falls by 0.01 an epoch to 1 at epoch 101, then rises by 0.00495 an epoch to 1.49.
    # The window is 9 epochs: on a line the median is the value at its centre, so that the last one
    # is that of epoch 196, 1.4702. In the valley a window holds at best 1, two values 0.01 and 0.02
    # above it from before, and six from after: 0.00495, 0.0099, 0.01485, ... above. The 5th
    # smallest of those is 1.01485. Rise: 1.4702 / 1.01485 - 1 = 0.4487.
    verdict = assess_overfitting(history(1 / STEPS, v_shape(101, 1.0, 1.49)), constant_error=2.0)
    assert verdict.kind == "overfit"
    assert abs(verdict.best_step - 101) <= 2
    assert verdict.rise == pytest.approx(0.4487, abs=1e-4)
    assert verdict.text.startswith(f"Overfits from about epoch {verdict.best_step} on")
    assert "rose by 45%" in verdict.text
    assert "1.01 to 1.47" in verdict.text


@pytest.mark.parametrize(
    ("kind", "train", "validation", "said"),
    [
        # Both errors high: a third of what is left after a constant is not half.
        ("underfit", np.full(200, 0.8), np.full(200, 0.85), "80% of what a constant"),
        ("underfit", np.full(200, 0.8), np.full(200, 0.85), "The net is too stiff"),
        # A learning rate so small that little has happened yet, in a straight line: the smoothed
        # curve has 192 values, its middle is that of epoch 101.
        (
            "underfit",
            1 - STEPS / 1e3,
            np.full(200, 1.0),
            "still lowered it from 0.899: more epochs",
        ),
        # Validation wavers upwards, but so does train.
        ("unsteady", v_shape(100, 0.2, 0.4), v_shape(100, 0.2, 0.4), "Unsteady, not overfitting"),
        ("still-learning", 0.99**STEPS, 1.1 * 0.99**STEPS, "fell by 18%"),
        ("settled", np.full(200, 0.2), np.full(200, 0.3), "1.5 times"),
        # 4 % above its lowest is within what a curve does by chance.
        ("settled", 0.4 / STEPS**0.1, v_shape(100, 0.3, 0.312), "without overfitting"),
        # Three times above its lowest, but a ten-thousandth of what a constant misses by.
        ("settled", 1e-4 / STEPS, v_shape(100, 0.3, 0.9) * 1e-4, "No overfitting to speak of"),
        ("settled", 1e-4 / STEPS, np.full(200, 4e-4), "0.0004, 0.04% of the error of a constant."),
        ("settled", 1e-7 / STEPS, np.full(200, 6e-7), ", less than 0.01% of the error of a cons"),
        ("diverged", [0.5] * 150 + [np.inf] * 50, np.full(200, 0.5), "from epoch 151 on"),
        ("diverged", np.full(200, 0.5), [0.5] * 9 + [np.nan] * 191, "from epoch 10 on"),
    ],
)
def test_kinds(kind: str, train: npt.ArrayLike, validation: npt.ArrayLike, said: str) -> None:
    verdict = assess_overfitting(history(train, validation), constant_error=1.0)
    assert verdict.kind == kind
    assert said in verdict.text


def test_a_stiff_net_that_overfits_is_told_both() -> None:
    # The exercise's linear net: train falls by a few percent, to far above zero, while validation
    # turns up.
    train = np.interp(STEPS, [1, 50, 200], [12.0, 10.0, 9.5])
    validation = np.interp(STEPS, [1, 50, 200], [12.0, 10.0, 11.0])
    verdict = assess_overfitting(history(train, validation), constant_error=12.7)
    assert verdict.kind == "overfit"
    assert "rose by 9%" in verdict.text or "rose by 10%" in verdict.text
    assert "underfits as well" in verdict.text


def test_noise_alone_is_no_overfitting() -> None:
    rng = np.random.default_rng(0)
    train = 0.3 / STEPS**0.3
    kinds = [
        assess_overfitting(
            history(train, 0.3 + 0.06 * rng.normal(size=200)), constant_error=1.0
        ).kind
        for _ in range(200)
    ]
    assert kinds.count("overfit") < 10


def test_noise_alone_is_no_overfitting_in_a_short_history_either() -> None:
    # Of 30 steps each is a window of its own: nothing is smoothed.
    rng = np.random.default_rng(1)
    steps = np.arange(1, 31)
    kinds = [
        assess_overfitting(
            history(0.3 / steps**0.3, 0.3 + 0.03 * rng.normal(size=30)), constant_error=1.0
        ).kind
        for _ in range(200)
    ]
    assert kinds.count("overfit") < 10
    valley = np.interp(steps, [1, 10, 30], [0.6, 0.3, 0.5]) + 0.003 * rng.normal(size=30)
    verdict = assess_overfitting(history(0.3 / steps, valley), constant_error=1.0)
    assert verdict.kind == "overfit"
    assert abs(verdict.best_step - 10) <= 2


def test_overfitting_is_found_under_noise() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        validation = v_shape(60, 0.4, 0.8) * (1 + 0.1 * rng.normal(size=200))
        verdict = assess_overfitting(history(1 / STEPS, validation), constant_error=1.0)
        assert verdict.kind == "overfit"
        assert 40 <= verdict.best_step <= 85


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_short_histories_have_a_verdict(n_steps: int) -> None:
    verdict = assess_overfitting(
        history(np.full(n_steps, 0.2), np.full(n_steps, 0.2)), constant_error=1.0
    )
    assert verdict.kind == "settled"


def test_perfect_fit_has_a_verdict() -> None:
    assert (
        assess_overfitting(history(np.zeros(200), np.zeros(200)), constant_error=1.0).kind
        == "settled"
    )


def test_unit_does_not_matter_and_large_numbers_stay_readable() -> None:
    curves = 1 / STEPS, v_shape(101, 1.0, 1.49)
    plain = assess_overfitting(history(*curves), constant_error=2.0)
    for unit in (1e-9, 1e3, 1e30):
        scaled = assess_overfitting(
            history(curves[0] * unit, curves[1] * unit), constant_error=2 * unit
        )
        assert (scaled.kind, scaled.best_step) == (plain.kind, plain.best_step)
        assert scaled.rise == pytest.approx(plain.rise)
        assert len(scaled.text) < len(plain.text) + 20


def test_smoothing_is_a_loop_of_medians() -> None:
    values = np.random.default_rng(1).normal(size=100)
    first, smooth = smooth_curve(values)  # a twentieth of 100 steps, odd: 5
    expected = [float(np.median(values[start : start + 5])) for start in range(96)]
    assert first == 3
    np.testing.assert_array_equal(smooth, expected)


@pytest.mark.parametrize(("train", "validation"), [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [1.0])])
def test_curves_of_different_length_are_refused(
    train: npt.ArrayLike, validation: npt.ArrayLike
) -> None:
    with pytest.raises(ValueError, match="curves of the same length"):
        history(train, validation)


@pytest.mark.parametrize("n_validation", [1, 9])
def test_few_validation_rows_are_no_base_for_a_verdict(n_validation: int) -> None:
    curves = history(1 / STEPS, v_shape(101, 1.0, 1.49))
    verdict = assess_overfitting(curves, 2.0, n_validation)
    assert verdict.kind == "unjudged"
    assert verdict.text.startswith(f"{n_validation} validation row")
    assert assess_overfitting(curves, 2.0, 10).kind == "overfit"


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        (np.full(200, 0.8), np.full(200, 0.85)),
        (1 - STEPS / 1e3, np.full(200, 1.0)),
        (v_shape(100, 0.2, 0.4), v_shape(100, 0.2, 0.4)),
        ([np.inf] * 200, np.full(200, 0.5)),
    ],
)
def test_the_ensemble_is_advised_nothing_that_is_adams(
    train: npt.ArrayLike, validation: npt.ArrayLike
) -> None:
    curves = history(train, validation)
    with_adam = assess_overfitting(curves, 1.0)
    without = assess_overfitting(curves, 1.0, by_adam=False)
    assert without.kind == with_adam.kind
    for word in ("learning rate", "batches", "too stiff"):
        assert word not in without.text
