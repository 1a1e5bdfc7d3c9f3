"""Poses from five points of a face."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.curation.poses import nose_heights, poses_of
from facesmith.faces import Faces
from facesmith.metrics.landmarks import yaw_angles

FRONTAL = [(10, 10), (30, 10), (20, 20), (12, 30), (28, 30)]
BOWED = [(10, 10), (30, 10), (20, 26), (12, 30), (28, 30)]
HALF = [(10, 10), (26, 10), (25, 20), (12, 30), (24, 30)]
PROFILE = [(10, 10), (10, 10), (24, 20), (12, 30), (12, 30)]


def turned(points: list[tuple[int, int]], degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.float32(np.array(points) @ rotation.T)


@pytest.mark.parametrize("degrees", [0, 35, 180])
def test_yaw_does_not_depend_on_the_roll_of_the_head(degrees: float) -> None:
    points = np.stack([turned(FRONTAL, degrees), turned(PROFILE, degrees)])

    assert yaw_angles(points) == pytest.approx([0, 90], abs=12)


def test_the_nose_of_a_bowed_head_lies_nearer_to_the_mouth() -> None:
    assert nose_heights(np.float32([FRONTAL, BOWED])) == pytest.approx([0.5, 0.8])


def test_points_that_coincide_give_finite_figures() -> None:
    points = np.zeros((1, 5, 2), np.float32)

    assert np.isfinite(yaw_angles(points)).all()
    assert np.isfinite(nose_heights(points)).all()


def test_a_box_has_the_pose_of_the_detection_on_it() -> None:
    boxes = np.float32([(40 * i, 0, 40 * i + 30, 40) for i in range(6)])
    scores = np.float32([0.9, 0.9, 0.9, 0.9, 0.2])
    points = np.float32([FRONTAL, BOWED, HALF, PROFILE, PROFILE])

    poses = poses_of(boxes, Faces(boxes[:5], scores), points)

    assert poses == ["frontal", "bowed", "half", "turned", "unknown", "unknown"]


def test_without_detections_all_poses_are_unknown() -> None:
    nothing = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    assert poses_of(np.float32([(0, 0, 9, 9)]), nothing, np.zeros((0, 5, 2), np.float32)) == [
        "unknown"
    ]
