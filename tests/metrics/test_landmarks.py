"""Errors of landmarks, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.metrics.landmarks import (
    box_sizes,
    cumulative_errors,
    eye_distances,
    normalised_errors,
    point_distances,
    roll_errors,
    yaw_angles,
)
from facesmith.metrics.paired import paired_mean_change

FACE = [[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]]
HALF = [[10, 10], [26, 10], [25, 20], [12, 30], [24, 30]]
PROFILE = [[10, 10], [10, 10], [24, 20], [12, 30], [12, 30]]
NAN = float("nan")


def moved(*shifts: tuple[float, float]) -> np.ndarray:
    """The face with its points moved."""
    return np.array([FACE], float) + np.array([shifts])


def test_the_error_is_the_mean_distance_by_a_length() -> None:
    truth = np.array([FACE], np.float32)
    found = moved((3, 4), (0, 0), (0, 2), (6, 8), (-1, 0))
    distances = point_distances(found, truth)
    assert distances.tolist() == [[5, 0, 2, 10, 1]]
    sizes = box_sizes(np.array([[0, 0, 32, 50]]))  # the root of 1600
    assert sizes.tolist() == [40]
    assert normalised_errors(distances, sizes) == pytest.approx([18 / 5 / 40])
    assert eye_distances(truth).tolist() == [20]
    assert normalised_errors(distances, eye_distances(truth)) == pytest.approx([0.18])


def test_only_annotated_points_count() -> None:
    truth = np.array([FACE, FACE, FACE], float)
    truth[0, 3:] = NAN
    truth[1, 0] = NAN
    found = np.concatenate([moved((3, 4), (0, 0), (0, 1), (9, 9), (9, 9))] * 2)
    found = np.concatenate([found, np.full((1, 5, 2), NAN)])
    errors = normalised_errors(point_distances(found, truth), np.array([10.0, 10, 10]))
    assert errors[0] == pytest.approx((5 + 0 + 1) / 3 / 10)
    assert errors[1] == pytest.approx((0 + 1 + 2 * np.hypot(9, 9)) / 4 / 10)
    assert np.isnan(errors[2]), "it was not found"
    assert np.isnan(eye_distances(truth)[1])
    assert np.isnan(normalised_errors(np.ones((1, 5)), np.zeros(1))).all()
    assert normalised_errors(np.zeros((0, 5)), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("degrees", [0, 7, -30, 90, 180])
def test_the_roll_is_that_of_the_points_whatever_their_place_and_size(degrees: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    truth = np.array([FACE], float)
    found = 1.7 * (truth @ turn.T) + [100, -3]
    assert np.abs(roll_errors(found, truth)) == pytest.approx([abs(degrees)], abs=1e-6)
    assert np.sign(roll_errors(found, truth)[0].round(6)) == np.sign(degrees)


def test_the_roll_of_two_points_and_of_one() -> None:
    truth, found = np.full((2, 5, 2), NAN), np.full((2, 5, 2), 1.0)
    truth[:, 0] = [0, 0]
    truth[0, 1] = [10, 0]
    found[0, :2] = [[0, 0], [5, 5]]  # y points down: clockwise
    rolls = roll_errors(found, truth)
    assert rolls[0] == pytest.approx(45)
    assert np.isnan(rolls[1])


def test_yaw_rises_as_the_nose_leaves_the_middle() -> None:
    points = np.array([FACE, HALF, PROFILE, FACE], np.float32)
    points[3, 4] = NAN
    yaws = yaw_angles(points)
    assert yaws[0] == pytest.approx(0)
    # Eyes 16 apart, the nose 7 beside their middle: the arc tangent of 7 / (0.6 * 16).
    assert yaws[1] == pytest.approx(np.degrees(np.arctan2(7, 9.6)), abs=0.1)
    assert yaws[2] > 75
    assert np.isnan(yaws[3])


def test_faces_without_an_error_never_enter_the_curve() -> None:
    errors = np.array([0.02, 0.05, 0.05, NAN, 0.3])
    limits = np.array([0, 0.02, 0.05, 0.2, 1])
    assert cumulative_errors(errors, limits).tolist() == [0, 0.2, 0.6, 0.6, 0.8]
    assert np.isnan(cumulative_errors(np.zeros(0), limits)).all()


def test_the_interval_of_a_difference_that_all_groups_share_is_a_point() -> None:
    old = np.linspace(0.02, 0.1, 24)
    change = paired_mean_change(old, old + 0.01, np.arange(24) // 2)
    assert change.difference == pytest.approx(0.01)
    assert change.interval == pytest.approx((0.01, 0.01))
    assert change.told
    few = paired_mean_change(old[:19], old[:19] + 0.01, np.arange(19))
    assert np.isnan(few.interval).all()
    assert few.difference == pytest.approx(0.01)
    assert np.isnan(paired_mean_change(old[:0], old[:0], np.arange(0)).old)


def test_the_interval_is_that_of_whole_groups() -> None:
    """Two kinds of groups, far apart: with 12 groups the mean of a draw has a spread of 1 / 12."""
    groups = np.repeat(np.arange(12), 3)
    new = np.where(groups % 2, 1.0, 0.0)
    low, high = paired_mean_change(np.zeros(36), new, groups).interval
    # Of 12 throws of a coin 3 to 9 are heads in 96 %.
    assert low == pytest.approx(3 / 12, abs=0.01)
    assert high == pytest.approx(9 / 12, abs=0.01)
