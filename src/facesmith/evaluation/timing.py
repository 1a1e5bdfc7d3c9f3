"""Milliseconds of several detectors that take turns, so that each meets the same load."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Timing:
    """How long one detector takes for a photo, from the array to the faces."""

    median_ms: float  # median over all calls, milliseconds of wall-clock time; NaN without calls
    p95_ms: float  # 95 of 100 calls took at most this, milliseconds; NaN without calls
    cpu_share: float  # CPU time of the process by wall-clock time: about its busy threads; or NaN
    n_calls: int  # calls that count


@dataclass
class Stopwatch:
    """Collects the times of one detector's calls."""

    wall: list[float] = field(default_factory=list)  # seconds, one a call
    cpu: list[float] = field(default_factory=list)

    def __call__(self, work: Callable[[], Any]) -> Any:
        """Do the work and note its time; returns what it returns."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        return result

    def timing(self) -> Timing:
        """The figures."""
        if not self.wall:
            return Timing(float("nan"), float("nan"), float("nan"), 0)
        median, p95 = np.percentile(np.array(self.wall) * 1e3, (50, 95))
        share = sum(self.cpu) / max(sum(self.wall), 1e-9)
        return Timing(float(median), float(p95), share, len(self.wall))


def time_in_turns(
    detectors: Mapping[str, Callable[[Image], Any]],
    images: Sequence[Image],
    *,
    rounds: int,
    progress: Callable[[], object] | None = None,
) -> dict[str, Timing]:
    """Time detectors, by name, that take turns on each image, uint8 `(height, width, 3)`, BGR.

    Each of the `rounds` shows every image to every detector; whose turn is first goes around, since
    the first finds the image outside the processor's caches. A round before loads what is loaded
    lazily and does not count. `progress` is called once for every image of a round.

    Raises:
        ValueError: If `rounds` is not positive.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1; got rounds={rounds}.")
    watches = {name: Stopwatch() for name in detectors}
    names = list(detectors)
    turn = 0
    for number in range(rounds + 1):
        for image in images:
            for name in names[turn:] + names[:turn]:
                watch = watches[name] if number else Stopwatch()
                watch(partial(detectors[name], image))
            turn = (turn + 1) % max(len(names), 1)
            if progress is not None:
                progress()
    return {name: watch.timing() for name, watch in watches.items()}
