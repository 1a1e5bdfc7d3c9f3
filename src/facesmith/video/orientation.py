"""How the frames of a film lie in its file, and how they are turned upright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)
_ONE = 1 << 16  # 1 in the fixed-point numbers of a display matrix
_ONE_W = 1 << 30  # and in its last column


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways a stored frame is turned upright: transposed, then mirrored.

    Attributes:
        transposed: Whether rows become columns.
        flip_x: Whether left and right are exchanged after that.
        flip_y: Whether top and bottom are exchanged after that.

    Example:
        >>> Orientation.from_matrix((0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)).degrees
        90
    """

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """What a display matrix asks for; an angle between goes to the nearest quarter turn.

        Args:
            matrix: Its nine numbers, row by row, as MP4 and FFmpeg have them.
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @property
    def matrix(self) -> tuple[int, ...]:
        """The display matrix, nine numbers, row by row."""
        x, y = -_ONE if self.flip_x else _ONE, -_ONE if self.flip_y else _ONE
        if self.transposed:
            return (0, y, 0, x, 0, 0, 0, 0, _ONE_W)
        return (x, 0, 0, 0, y, 0, 0, 0, _ONE_W)

    @property
    def degrees(self) -> int:
        """Counter-clockwise rotation that turns a frame upright: 0, 90, 180 or 270.

        A mirrored frame is mirrored left to right after it.
        """
        if self.transposed:
            return 90 if self.flip_y else 270
        return 180 if self.flip_y else 0

    def upright_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright frame."""
        return (height, width) if self.transposed else (width, height)

    def upright(self, stored: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The upright frame, `(height, width, ...)`; a view where nothing is to be done."""
        image = stored.swapaxes(0, 1) if self.transposed else stored
        return np.ascontiguousarray(image[self._flips()])

    def stored(self, upright: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The frame as its file has it; undoes `upright`."""
        image = upright[self._flips()]
        return np.ascontiguousarray(image.swapaxes(0, 1) if self.transposed else image)

    def _flips(self) -> tuple[slice, slice]:
        return slice(None, None, -1 if self.flip_y else 1), slice(
            None, None, -1 if self.flip_x else 1
        )


UPRIGHT = Orientation()
