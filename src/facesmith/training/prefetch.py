"""Batches that are prepared while the network works on the one before."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from facesmith.detection.sessions import available_cores

# Seconds after which a thread that holds the interpreter's lock hands it on, by default 0.005: so
# long the next operation of the network would wait for a batch to be drawn, many times a step.
_TURN = 0.0002


@contextmanager
def prepared_ahead(
    prepare: Callable[[int, int], Any], positions: Iterable[tuple[int, int]], prefetch: int
) -> Iterator[Iterator[Any]]:
    """Batches in order, some prepared ahead, each in a thread of its own.

    Args:
        prepare: Makes the batch of an epoch and a step.
        positions: Epoch and step of each batch.
        prefetch: As `LoopConfig.prefetch` has it.
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

    usual_turn = sys.getswitchinterval()
    sys.setswitchinterval(min(usual_turn, _TURN))
    try:
        yield ahead()
    finally:
        sys.setswitchinterval(usual_turn)
        pool.shutdown(wait=False, cancel_futures=True)
