"""The plain answer of a report, and notes on rows that may be grossly wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesmith.approximation.experiment.findings import answer, wrong_rows
from facesmith.approximation.experiment.points import Points, Split
from facesmith.approximation.experiment.report import r_squared


def case(noise: float | None, test_errors: np.ndarray, *, wrong: int | None = None) -> Any:
    """A fit of y = x with these errors on 20 test rows, and one wrong training row."""
    x = np.arange(100.0)
    targets = x.copy()
    targets[80:] += test_errors
    if wrong is not None:
        targets[wrong] += 1000.0
    points = Points(x[:, None], targets, np.arange(2, 102))
    train, validation, test = (
        points.rows(list(range(*ends))) for ends in ((0, 60), (60, 80), (80, 100))
    )
    split = Split(train, validation, test, ("x",), "y")
    predictions = test.inputs[:, 0]
    fit = SimpleNamespace(
        label="bayesian-ensemble",
        noise=noise,
        function=SimpleNamespace(predict=lambda inputs: inputs),
        predictions=predictions,
        rmse=float(np.sqrt(np.mean(np.square(predictions - test.targets)))),
        r2=r_squared(predictions, test.targets),
    )
    report = SimpleNamespace(chosen=fit, approximations=(fit,), split=split)
    return fit, split, report


ERRORS = np.tile([1.0, -1.0], 10)


def test_a_noise_far_above_the_test_error_names_the_farthest_rows() -> None:
    fit, split, _ = case(130.0, ERRORS, wrong=7)
    (note,) = wrong_rows(fit, split)
    assert note.startswith("The estimated noise, 130.0, is 1.3e+02 times the error on the test")
    assert "The farthest from the fit: lines 9, " in note
    assert "try another --seed" in note


def test_one_test_row_far_off_is_named() -> None:
    errors = ERRORS.copy()
    errors[4] = 300.0
    fit, split, _ = case(1.0, errors)
    (note,) = wrong_rows(fit, split)
    assert "Half of the test rows are off by less than 1, one by 300.0" in note
    assert "86" in note


@pytest.mark.parametrize("noise", [None, 1.0, 0.5])
def test_ordinary_errors_are_no_reason_to_look_for_wrong_rows(noise: float | None) -> None:
    fit, split, _ = case(noise, ERRORS)
    assert wrong_rows(fit, split) == ()


def test_the_answer_is_one_sentence() -> None:
    # y is 80 to 99 with 2.5 and -2.5 by turns: variance 33.25 + 6.25 - 2.5, 6.25 of it unexplained.
    assert answer(case(0.92, 2.5 * ERRORS)[2]) == (
        "Explains 83 % of the variance of the test rows; typical error 2.5 (RMSE); estimated "
        "noise 0.92."
    )
    assert "noise" not in answer(case(None, 2.5 * ERRORS)[2])


def test_noise_alone_is_told_first() -> None:
    fit, _, report = case(40.0, ERRORS)
    fit.r2 = -0.36
    assert answer(report).startswith("These inputs do not explain y: on the test rows the fit is")
    fit.noise = 1.0  # it fits well elsewhere: the test rows are odd
    assert answer(report).startswith("Explains nothing (R2 -0.3600) of the variance")
