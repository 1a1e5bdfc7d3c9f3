"""How long a training will take, by how long its last steps took."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from facesmith.printable import counted
from facesmith.progress import duration

_FIRST = 10  # steps that are timed before anything is said
_RECENT = 100  # steps whose time counts: other programs come and go
_WORTH_SAYING = 60.0  # seconds in all below which nothing is said
_OFF_BY = 1.4  # factor between what was said and what is expected now, to say it anew


class Pace:
    """The time that is left of so many steps.

    Args:
        total: Steps in all.
        done: Steps that an earlier call has done.
        clock: Seconds since some moment.
    """

    def __init__(
        self, total: int, done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total, self._done, self._clock = total, done, clock
        self._ends: deque[tuple[int, float]] = deque([(done, clock())], maxlen=_RECENT)
        self._first = done
        self._said_end: float | None = None  # when it was last said to end, seconds of the clock

    def step(self, done: int) -> None:
        """So many steps are done now."""
        self._done = done
        self._ends.append((done, self._clock()))

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last step; `None` before enough steps were timed."""
        (first, began), (last, now) = self._ends[0], self._ends[-1]
        if self._done - self._first < min(_FIRST, self._total - self._first) or last == first:
            return None
        return (now - began) / (last - first) * (self._total - self._done)

    def note(self) -> str:
        """What a progress bar says, such as "4 min left"; empty before there is a figure."""
        left = self.seconds_left
        return "" if left is None else f"{duration(left)} left"

    def news(self) -> str:
        """A line where there is something new to say of how long it takes, else nothing."""
        left = self.seconds_left
        if left is None or left < _WORTH_SAYING:
            return ""
        n_left, end = self._total - self._done, self._clock() + left
        if self._said_end is None:
            steps = counted(n_left, "step")
            text = f"About {duration(left)} for {steps}, by the first {self._timed()}."
        else:
            said = max(self._said_end - self._clock(), 1.0)
            if 1 / _OFF_BY < left / said < _OFF_BY:
                return ""
            text = f"Now about {duration(left)} for {counted(n_left, 'step')} more."
        self._said_end = end
        return text

    def _timed(self) -> int:
        return self._done - self._first
