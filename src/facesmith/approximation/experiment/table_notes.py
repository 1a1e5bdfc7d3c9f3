"""What the user should know of the rows of a table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.approximation.experiment.points import Points

# Targets that differ by less than this part of their deviation were rounded, not contradictory.
_ROUNDING = 1e-5
# Part of the rows that may be copies without a word: rounded numbers meet now and then.
_FEW_COPIES = 0.1


def copies(points: Points, lines: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """A note where many rows are the same as another, in the target too."""
    rows = np.column_stack([points.inputs, points.targets])
    order = np.lexsort(rows.T[::-1])
    same = np.flatnonzero((rows[order][1:] == rows[order][:-1]).all(axis=1))
    if len(same) <= _FEW_COPIES * len(rows):
        return ()
    one, other = sorted(lines[order[same[0] : same[0] + 2]].tolist())
    note = (
        f"{len(same):,} of {len(rows):,} rows are exact copies of another, for instance lines "
        f"{one} and {other}. Each counts as one more measurement of the same value: if they are "
        "none, the noise looks smaller than it is, and test rows are no new ones. Leave copies out."
    )
    return (note,)


def contradictions(points: Points, lines: npt.NDArray[np.int64], target: str) -> tuple[str, ...]:
    """A note where rows of equal inputs have different targets: no function fits them all."""
    order = np.lexsort(points.inputs.T[::-1])
    same = np.ones(len(order) - 1, dtype=bool)
    for column in points.inputs.T:
        ordered = column[order]
        same &= ordered[1:] == ordered[:-1]
    if not same.any():
        return ()
    # Only rows with an equal neighbour; those with equal inputs get the same number.
    repeated = np.flatnonzero(np.append(same, False) | np.append(False, same))
    order = order[repeated]
    begins = ~np.append(False, same)[repeated]
    group = np.cumsum(begins) - 1
    targets = points.targets[order]
    counts = np.bincount(group)
    squares = np.square(targets - (np.bincount(group, targets) / counts)[group])
    starts = np.flatnonzero(begins)
    # Not by the squares: a mean of equal numbers may be off by a rounding error.
    differing = np.maximum.reduceat(targets, starts) > np.minimum.reduceat(targets, starts)
    if not differing.any():
        return ()
    freedom = int((counts[differing] - 1).sum())
    deviation = float(np.sqrt(squares[differing[group]].sum() / freedom))
    if deviation < _ROUNDING * points.targets.std():
        return ()
    places = np.flatnonzero(group == int(np.argmax(differing)))
    one, other = sorted(
        (int(lines[order[p]]), float(targets[p]))
        for p in (places[0], places[np.argmax(targets[places] != targets[places[0]])])
    )
    note = (
        f"{int(counts[differing].sum()):,} rows share their inputs with a row of another target, "
        f"for instance lines {one[0]} and {other[0]} ({target} {one[1]:g} and {other[1]:g}). No "
        f"function passes through both; the fit goes between. Within such rows the target "
        f"deviates by {deviation:.3g}: no prediction can be surer than that."
    )
    return (note,)
