"""Prepares the next batches in threads while the network trains on the current one."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from facesmith.detection.sessions import available_cores

# Python's switch interval during a training, seconds. With the default of 0.005 the network's
# thread waits up to 5 ms for the lock (GIL) many times a step.
_SWITCH_INTERVAL = 0.0002


@contextmanager
def prepared_ahead(
    prepare: Callable[[int, int], Any], positions: Iterable[tuple[int, int]], prefetch: int
) -> Iterator[Iterator[Any]]:
    """Yields the batches in order. Up to `prefetch` (see `LoopConfig`) are prepared ahead.

    Args:
        prepare: Returns the batch of an epoch and a step. It is called from several threads.
        positions: Epoch and step of each batch.
        prefetch: Number of batches; 0 for none ahead, below 0 for one a core.
    """
    positions = iter(positions)
    if not prefetch:
        yield (prepare(*position) for position in positions)
        return
    max_ahead = prefetch if prefetch > 0 else max(available_cores(), 2)
    pool = ThreadPoolExecutor(max_workers=max_ahead)
    waiting: deque[Future[Any]] = deque()

    def ahead() -> Iterator[Any]:
        while True:
            while len(waiting) < max_ahead:
                position = next(positions, None)
                if position is None:
                    break
                waiting.append(pool.submit(prepare, *position))
            if not waiting:
                return
            yield waiting.popleft().result()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, _SWITCH_INTERVAL))
    try:
        yield ahead()
    finally:
        sys.setswitchinterval(usual)
        pool.shutdown(wait=False, cancel_futures=True)
