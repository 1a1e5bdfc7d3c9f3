"""Where one scene ends and another begins, told from small grey frames."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

_MIN_CHANGE = 0.35  # of a frame's pattern, see `_change`: half the picture is another
_TIMES_USUAL = 4.0  # a cut changes this many times more than the frames just before it
_REMEMBERED = 8  # changes before, whose median is the usual one
_MIN_DIFFERENCE = 10.0  # mean difference of the shades, of 255: two dark frames are no cut
_MIN_DEVIATION = 4.0  # shades; below it a frame is plain, and its pattern is noise


class SceneCuts:
    """Tells for one frame after the other whether a new scene begins with it.

    The pattern of a frame (its shades less their mean, by their deviation) is compared with that of
    the frame before. A flash or a slow fade keeps the pattern; a pan changes it a little from frame
    to frame, a cut all at once.
    """

    def __init__(self) -> None:
        self._last: npt.NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_REMEMBERED)

    def begins(self, grey: npt.NDArray[np.float32]) -> bool:
        """Whether a scene begins with this frame; the first one begins none.

        Args:
            grey: The frame in shades of grey, float32 `(height, width)`, 0 to 255.
        """
        last, self._last = self._last, grey
        if last is None:
            return False
        change = _change(last, grey)
        usual = float(np.median(self._changes)) if self._changes else 0.0
        self._changes.append(change)
        if change < max(_MIN_CHANGE, _TIMES_USUAL * usual):
            return False
        if float(np.abs(grey - last).mean()) < _MIN_DIFFERENCE:
            return False
        self._changes.clear()
        return True


def _change(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """1 less the correlation of two frames, 0 to 2; of a plain frame with another 1."""
    first, second = a - a.mean(), b - b.mean()
    deviations = float(first.std()), float(second.std())
    if min(deviations) < _MIN_DEVIATION:
        return 0.0 if max(deviations) < _MIN_DEVIATION else 1.0
    return 1.0 - float((first * second).mean()) / (deviations[0] * deviations[1])
