"""Where a thing stands in the picture, how large it is and which way it is turned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Place:
    """Maps a thing's own coordinates, about one unit each way, to pixels."""

    x: float  # its middle, pixels
    y: float  # its middle, pixels
    size: float  # pixels a unit
    roll: float = 0.0  # how far it leans clockwise, radians
    turn: float = 0.0  # sideways turn: what stands out moves to one side, the thing narrows
    squeeze: float = 1.0  # its width, as a part of the usual one

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
