"""The shape of a head in space and where its points fall in the picture.

Coordinates on the head: `u` to the right, `v` down, both in half heights of the head; the top of
the skull is v = -1, the eyes lie near v = 0, the chin is v = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facesmith.demo.synthetic.canvas import FloatArray

_DIRECTIONS = np.linspace(0, 2 * np.pi, 56, endpoint=False)
_ROUND = np.linspace(0, 2 * np.pi, 18, endpoint=False)
# Finer towards crown and chin, where the outline turns fast.
_HEIGHTS = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 65))
_COMPASS = np.stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)])


@dataclass(frozen=True)
class HeadShape:
    """What of a head is bone."""

    width: float = 0.74  # half width at the cheeks
    jaw: float = 2.4  # 2: an oval face, 3: a square jaw
    taper: float = 0.12  # how much the face narrows towards the chin
    depth: float = 0.9  # half depth of the skull


@dataclass(frozen=True)
class Pose:
    """Where a head is and which way it looks; angles in radians, lengths in pixels."""

    centre_x: float
    centre_y: float
    half_height: float
    yaw: float = 0.0  # positive: looks to the right of the picture
    pitch: float = 0.0  # positive: looks up
    roll: float = 0.0  # positive: leans clockwise


class Head:
    """A posed head: maps points on and around it to the picture."""

    def __init__(self, shape: HeadShape, pose: Pose) -> None:
        self.shape, self.pose = shape, pose
        self._widths, self._depths, self._middles = _profiles(shape)
        cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
        cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        cr, sr = math.cos(pose.roll), math.sin(pose.roll)
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self._turn = roll @ pitch @ yaw
        self._centre = np.array([pose.centre_x, pose.centre_y])

    def width_at(self, v: FloatArray | float) -> FloatArray:
        """Half width of the head at each height."""
        return np.asarray(np.interp(v, _HEIGHTS, self._widths))

    def project(
        self, x: FloatArray | float, y: FloatArray | float, z: FloatArray | float
    ) -> FloatArray:
        """Points in space, in half heights about the middle of the head, to pixels `(n, 2)`."""
        turned = self._turn[:2] @ np.stack(np.broadcast_arrays(x, y, z)).reshape(3, -1)
        pixels: FloatArray = self._centre + self.pose.half_height * turned.T
        return pixels

    def in_space(self, x: float, y: float, z: float) -> FloatArray:
        """One point in space, pixels `(2,)`; see `project`."""
        pixel: FloatArray = self.project(x, y, z)[0]
        return pixel

    def surface(self, u: FloatArray, v: FloatArray | float, lift: float = 0.0) -> FloatArray:
        """Points on the front of the head, raised by `lift`, to pixels `(n, 2)`."""
        u, v = np.broadcast_arrays(np.asarray(u, float), np.asarray(v, float))
        width = np.maximum(self.width_at(v), 1e-3)
        side = np.clip(u / width, -0.995, 0.995)
        depth, middle = self._depth_at(v)
        return self.project(side * width, v, middle + depth * np.sqrt(1 - side**2) + lift)

    def point(self, u: float, v: float, lift: float = 0.0) -> FloatArray:
        """One point on the front of the head, pixels `(2,)`."""
        pixel: FloatArray = self.surface(np.array([u]), v, lift)[0]
        return pixel

    def faces_viewer(self, u: float, v: float) -> float:
        """Cosine between the skin at a point and the line of sight; negative: out of sight."""
        side = min(max(u / float(self.width_at(v)), -1.0), 1.0)
        normal = np.array([side, 0.25 * v, math.sqrt(1 - side * side)])
        return float(self._turn[2] @ normal)

    def around(self, v: FloatArray | float, angle: FloatArray, swell: float = 1.0) -> FloatArray:
        """Points round the head at heights `v`, enlarged by `swell`, pixels `(n, 2)`.

        Angles are in radians and broadcast with `v`: 0 is the front, pi/2 the right, pi the back.
        """
        width = self.width_at(v)
        depth, middle = self._depth_at(v)
        z = middle + depth * np.cos(angle)
        return self.project(swell * width * np.sin(angle), swell * v, swell * z)

    def silhouette(self, top: float = -1.0, bottom: float = 1.0, swell: float = 1.0) -> FloatArray:
        """The silhouette of the head between two heights, enlarged, pixels `(k, 2)`."""
        heights = np.linspace(top, bottom, 19)
        return hull(self.around(heights[:, None], _ROUND, swell))

    def skin(self, hairline: float, side: float, drop: float = 0.45) -> FloatArray:
        """The part of the silhouette that no hair covers, pixels `(k, 2)`.

        The hair's edge is at the height `hairline` over the middle of the forehead and lower by
        `drop` at the temples; it begins at the angle `side` from the front, radians.
        """
        angle = np.linspace(-side, side, 13)
        low = hairline + drop * (angle / side) ** 4
        heights = low + (1 - low) * np.linspace(0, 1, 12)[:, None]
        return hull(self.around(heights, angle))

    def _depth_at(self, v: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """Half depth of the head at each height, and where the middle of that depth lies."""
        depth, middle = (np.interp(v, _HEIGHTS, known) for known in (self._depths, self._middles))
        return np.asarray(depth), np.asarray(middle)


def _profiles(shape: HeadShape) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Half width, half depth and middle of the depth at each of `_HEIGHTS`."""
    power = np.where(_HEIGHTS < 0, 2.3, shape.jaw)
    below = np.maximum(_HEIGHTS, 0)
    away = np.abs(_HEIGHTS)
    width = shape.width * (1 - away**power) ** (1 / power) * (1 - shape.taper * below)
    depth = shape.depth * (1 - away**2.6) ** (1 / 2.6) * (1 - 0.35 * below)
    front = 0.74 * (1 - away**5) ** 0.2
    return width, depth, front - depth


def hull(points: FloatArray) -> FloatArray:
    """Convex outline of points `(n, 2)`: the farthest of them in each direction, `(k, 2)`."""
    outline: FloatArray = points[np.argmax(points @ _COMPASS, axis=0)]
    return outline
