"""Where a face will be: a Kalman filter of constant velocity over centre and size.

The four measured numbers are the centre's x and y, in pixels, and the logarithms of width and
height, so that a size is never negative and grows by the same part in the same time. Each has a
velocity. The four do not depend on each other, so that each needs a 2x2 covariance only.

Source: R. E. Kalman, A New Approach to Linear Filtering and Prediction Problems, 1960; the noise of
a process driven by white acceleration as in Bar-Shalom, Li and Kirubarajan, Estimation with
Applications to Tracking and Navigation, section 6.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

# Standard deviations, of the face's size for the centre, of the logarithm for the size.
_CENTRE_NOISE = 0.06  # of a measured centre
_SIZE_NOISE = 0.08  # of a measured side
_FIRST_SPEED = 2.0  # of a face that has just been found, sizes a second
_FIRST_GROWTH = 0.5  # 1/s
_CENTRE_JOLT = 4.0  # density of the white acceleration, sizes^2 / s^3
_SIZE_JOLT = 0.25  # 1 / s^3


def measured(box: npt.NDArray[np.floating]) -> Float64Array:
    """Centre x and y, logarithm of width and of height, float64 `(4,)`.

    Args:
        box: `(4,)` as `(x_min, y_min, x_max, y_max)`; sides of less than a hundredth of a pixel
            count as that.
    """
    x_min, y_min, x_max, y_max = box.astype(np.float64)
    sides = np.maximum([x_max - x_min, y_max - y_min], 0.01)
    return np.array([(x_min + x_max) / 2, (y_min + y_max) / 2, *np.log(sides)])


def as_box(state: Float64Array) -> npt.NDArray[np.float32]:
    """The box of a measurement, float32 `(4,)`; undoes `measured`."""
    half = np.exp(np.clip(state[2:4], -5, 20)) / 2
    return np.concatenate([state[:2] - half, state[:2] + half]).astype(np.float32)


class KalmanBox:
    """The filter of one face; begins at rest at a box."""

    def __init__(self, box: npt.NDArray[np.floating]) -> None:
        self.position = measured(box)
        self.velocity = np.zeros(4)
        speeds = np.array([_FIRST_SPEED, _FIRST_SPEED, _FIRST_GROWTH, _FIRST_GROWTH])
        unit = self._unit()
        self._p00 = self._noise() ** 2
        self._p01 = np.zeros(4)
        self._p11 = (speeds * unit) ** 2

    @property
    def box(self) -> npt.NDArray[np.float32]:
        """Where the face is, float32 `(4,)`."""
        return as_box(self.position)

    @property
    def size(self) -> float:
        """Geometric mean of width and height, pixels."""
        return float(np.exp(self.position[2:4].mean()))

    def predict(self, seconds: float) -> None:
        """Move on by so many seconds."""
        if seconds <= 0:
            return
        jolt = np.array([_CENTRE_JOLT, _CENTRE_JOLT, _SIZE_JOLT, _SIZE_JOLT]) * self._unit() ** 2
        self.position = self.position + seconds * self.velocity
        self._p00 = (
            self._p00 + 2 * seconds * self._p01 + seconds**2 * self._p11 + jolt * seconds**3 / 3
        )
        self._p01 = self._p01 + seconds * self._p11 + jolt * seconds**2 / 2
        self._p11 = self._p11 + jolt * seconds

    def update(self, box: npt.NDArray[np.floating]) -> None:
        """Take in a measured box."""
        residual = measured(box) - self.position
        total = self._p00 + self._noise() ** 2
        gain, gain_velocity = self._p00 / total, self._p01 / total
        self.position = self.position + gain * residual
        self.velocity = self.velocity + gain_velocity * residual
        self._p11 = self._p11 - gain_velocity * self._p01
        self._p01 = self._p01 * (1 - gain)
        self._p00 = self._p00 * (1 - gain)

    def _unit(self) -> Float64Array:
        return np.array([self.size, self.size, 1.0, 1.0])

    def _noise(self) -> Float64Array:
        return np.array([_CENTRE_NOISE, _CENTRE_NOISE, _SIZE_NOISE, _SIZE_NOISE]) * self._unit()
