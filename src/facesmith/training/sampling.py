"""Random draws in which some things come more often than others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facesmith.training.arrays import Floats


def draw_one(n: int, weights: Floats | None, rng: np.random.Generator) -> int:
    """One of `n` numbers, in proportion to their weights `(n,)`; `None`: all alike."""
    if weights is None:
        return int(rng.integers(n))
    ends = np.cumsum(weights, dtype=np.float64)
    return int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))


def draw_many(
    rows: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64] | None,
    count: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """`count` of some rows: each equally often, or once more than others; with weights likewise.

    Args:
        rows: What to draw from, `(n,)`.
        weights: How often each comes, in proportion, `(n,)`; `None`: all alike. A row with a weight
            comes its share of `count` times, rounded up or down at random.
        count: How many to draw.
        rng: Where all randomness comes from.
    """
    if weights is not None and np.ptp(weights):
        order = rng.permutation(len(rows))
        ends = np.cumsum(weights[order])
        places = (np.arange(count) + rng.random()) * (ends[-1] / max(count, 1))
        found = np.searchsorted(ends, places, side="right")
        return np.asarray(rows[order[np.minimum(found, len(rows) - 1)]], np.int64)
    rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
    return np.concatenate([*rounds, np.zeros(0, np.int64)])[:count]


def draw_rows(
    sources: Sequence[str | None],
    power: float,
    seed: int,
    epoch: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.int64]:
    """Which photos an epoch takes, in which order; as many as there are.

    Args:
        sources: Where each photo with faces comes from; `None` for face-free ones, which are
            taken once each.
        power: Sources are drawn in proportion to their number of photos to this power.
        seed: Of the order.
        epoch: Its number; each has another order.
        weights: How often each photo is drawn beside others of its source, float64 `(n,)`; `None`:
            all alike.

    Returns:
        Indices int64 `(n,)`. A source that is drawn more often than it has photos begins anew.
    """
    rng = np.random.default_rng([seed, epoch])
    groups: dict[str | None, list[int]] = {}
    for row, source in enumerate(sources):
        groups.setdefault(source, []).append(row)
    face_free = groups.pop(None, [])
    totals = np.array([len(rows) for rows in groups.values()], np.float64) ** power
    shares = np.cumsum(totals) / max(totals.sum(), 1e-12)
    ends = np.round(shares * (len(sources) - len(face_free))).astype(int)
    drawn = [np.array(face_free, np.int64)]
    for rows, count in zip(groups.values(), np.diff(ends, prepend=0), strict=True):
        of_rows = None if weights is None else weights[rows]
        drawn.append(draw_many(np.array(rows, np.int64), of_rows, int(count), rng))
    return rng.permutation(np.concatenate(drawn))
