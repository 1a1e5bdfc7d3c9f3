"""Where a thing stands in the picture, how large it is and which way it is turned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Place:
    """Maps a thing's own coordinates, about one unit each way, to pixels.

    Attributes:
        x: Its middle, pixels.
        y: Its middle, pixels.
        size: Pixels a unit.
        roll: How far it leans clockwise, radians.
        turn: Sideways turn: what stands out moves towards one side, and the thing gets narrower.
        squeeze: Its width, as a part of the usual one.
    """

    x: float
    y: float
    size: float
    roll: float = 0.0
    turn: float = 0.0
    squeeze: float = 1.0

    def at(self, x: FloatArray | float, y: FloatArray | float, out: float = 0.0) -> FloatArray:
        """Points that stand out by `out`, to pixels `(..., 2)`."""
        moved = np.asarray(x, float) * self.squeeze * (1 - 0.25 * abs(self.turn))
        x, y = np.broadcast_arrays(moved + out * self.turn, np.asarray(y, float))
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        points = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
        return np.array([self.x, self.y]) + self.size * points

    def outline(self, points: FloatArray, out: float = 0.0) -> FloatArray:
        """The same for points `(n, 2)`."""
        return self.at(points[:, 0], points[:, 1], out)
