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

# Standard deviations of centre x and y, in sizes of the face (the geometric mean of its sides), and
# of the logarithms of width and height.
_NOISE = np.array([0.06, 0.06, 0.08, 0.08])  # of what is measured
_FIRST_SPEED = np.array([2.0, 2.0, 0.5, 0.5])  # a second, of a face that has just been found
_JOLT = np.array([2.0, 2.0, 0.5, 0.5])  # roots of the white acceleration's density, per s^(3/2)


def measured(boxes: npt.NDArray[np.floating]) -> Float64Array:
    """Centres x and y, logarithms of widths and heights, float64 `(n, 4)`.

    Args:
        boxes: `(n, 4)` as `(x_min, y_min, x_max, y_max)`; sides of less than a hundredth of a pixel
            count as that.
    """
    corners = boxes.astype(np.float64)
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0.01)
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, np.log(sides)], axis=1)


def as_boxes(states: Float64Array) -> npt.NDArray[np.float32]:
    """The boxes of measurements, float32 `(n, 4)`; undoes `measured`."""
    half = np.exp(np.clip(states[:, 2:], -5, 20)) / 2
    return np.concatenate([states[:, :2] - half, states[:, :2] + half], axis=1).astype(np.float32)


class KalmanBoxes:
    """The filters of several faces, row by row.

    Attributes:
        position: What `measured` gives, float64 `(n, 4)`.
        velocity: The same a second.
    """

    def __init__(self) -> None:
        self.position = self.velocity = np.zeros((0, 4))
        # Covariances of position, of position and velocity, of velocity.
        self._p00 = self._p01 = self._p11 = np.zeros((0, 4))

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """Where the faces are, float32 `(n, 4)`."""
        return as_boxes(self.position)

    def add(self, boxes: npt.NDArray[np.floating]) -> None:
        """Begin filters, at rest at these boxes, `(k, 4)`, behind those that are there."""
        position = measured(boxes)
        still = np.zeros_like(position)
        self.position = np.concatenate([self.position, position])
        self.velocity = np.concatenate([self.velocity, still])
        self._p00 = np.concatenate([self._p00, _scaled(_NOISE, position) ** 2])
        self._p01 = np.concatenate([self._p01, still])
        self._p11 = np.concatenate([self._p11, _scaled(_FIRST_SPEED, position) ** 2])

    def keep(self, chosen: npt.NDArray[np.bool_]) -> None:
        """End the filters that are not chosen, bool `(n,)`."""
        self.position, self.velocity = self.position[chosen], self.velocity[chosen]
        self._p00, self._p01, self._p11 = (
            each[chosen] for each in (self._p00, self._p01, self._p11)
        )

    def predict(self, seconds: float) -> None:
        """Move on by so many seconds."""
        if seconds <= 0 or not len(self.position):
            return
        jolt = _scaled(_JOLT, self.position) ** 2
        self.position = self.position + seconds * self.velocity
        self._p00 = self._p00 + seconds * (2 * self._p01 + seconds * self._p11)
        self._p00 += jolt * (seconds**3 / 3)
        self._p01 = self._p01 + seconds * self._p11 + jolt * (seconds**2 / 2)
        self._p11 = self._p11 + jolt * seconds

    def update(self, rows: npt.NDArray[np.intp], boxes: npt.NDArray[np.floating]) -> None:
        """Take in measured boxes `(k, 4)` of some of the faces."""
        residual = measured(boxes) - self.position[rows]
        p00, p01, p11 = self._p00[rows], self._p01[rows], self._p11[rows]
        total = p00 + _scaled(_NOISE, self.position[rows]) ** 2
        gain, gain_velocity = p00 / total, p01 / total
        self.position[rows] += gain * residual
        self.velocity[rows] += gain_velocity * residual
        self._p11[rows] = p11 - gain_velocity * p01
        self._p01[rows] = p01 * (1 - gain)
        self._p00[rows] = p00 * (1 - gain)


def _scaled(deviations: Float64Array, position: Float64Array) -> Float64Array:
    """Standard deviations in pixels and logarithms, `(n, 4)`, for faces of these sizes."""
    scaled = np.tile(deviations, (len(position), 1))
    scaled[:, :2] *= np.exp(position[:, 2:].mean(axis=1, keepdims=True))
    return scaled
