"""Poses of heads, from five points of each face."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from facesmith.boxes import Float32Array, box_iou
from facesmith.faces import Faces
from facesmith.metrics.landmarks import yaw_angles

Pose = Literal["frontal", "half", "turned", "bowed", "unknown"]

TURNED, HALF_TURNED = 50.0, 30.0  # degrees of yaw
BOWED = 0.6  # height of the nose
MIN_IOU = 0.3  # of a box and the detection that has its points
MIN_SCORE = 0.3


def nose_heights(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Where the nose lies between eyes (0) and mouth (1), `(n,)`: high in bowed heads."""
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = mouth - eyes
    length = np.maximum(np.linalg.norm(down, axis=1), 1e-6)
    along: npt.NDArray[np.float32] = ((points[:, 2] - eyes) * down).sum(axis=1) / length**2
    return along


def poses_of(boxes: Float32Array, found: Faces, points: npt.NDArray[np.float32]) -> list[Pose]:
    """The pose of the face in each box, by the points of the detection that lies on it.

    Args:
        boxes: float32 `(n, 4)`.
        found: The faces that a detector with points found in the same photo.
        points: Five points of each, `(m, 5, 2)`, as for `yaw_angles`.

    Returns:
        One pose a box; `unknown` where no detection lies on it.
    """
    heard = found.scores >= MIN_SCORE
    yaws, noses = yaw_angles(points[heard]), nose_heights(points[heard])
    poses: list[Pose] = []
    for overlaps in box_iou(boxes, found.boxes[heard]):
        best = int(overlaps.argmax()) if len(overlaps) else -1
        if best < 0 or overlaps[best] < MIN_IOU:
            poses.append("unknown")
        elif yaws[best] >= TURNED:
            poses.append("turned")
        elif noses[best] >= BOWED:
            poses.append("bowed")
        else:
            poses.append("half" if yaws[best] >= HALF_TURNED else "frontal")
    return poses
