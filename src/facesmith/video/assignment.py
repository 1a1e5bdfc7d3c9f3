"""Which box belongs to which track: pairs of the largest total likeness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


def generalised_iou(
    a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Overlap of every box in `a` with every box in `b`, below 0 for boxes that are apart.

    Args:
        a: `(n, 4)` as `(x_min, y_min, x_max, y_max)`.
        b: `(m, 4)`.

    Returns:
        float64 `(n, m)` in [-1, 1]: intersection over union, less the part of the box around both
        that neither covers. Boxes without area have -1 with everything.

    Source:
        Rezatofighi et al., Generalized Intersection over Union, CVPR 2019, algorithm 1.

    Example:
        >>> generalised_iou(np.float32([[0, 0, 1, 1]]), np.float32([[0, 0, 1, 2], [3, 0, 4, 1]]))
        array([[ 0.5, -0.5]])
    """
    a, b = a.astype(np.float64)[:, None], b.astype(np.float64)[None, :]
    inner = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    outer = np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2])
    shared = np.maximum(inner, 0).prod(axis=-1)
    around = outer.prod(axis=-1)
    union = (
        (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - shared
    )
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    bare = np.divide(around - union, around, out=np.ones_like(around), where=around > 0)
    return np.where(union > 0, overlap - bare, -1.0)


def assign(likeness: npt.NDArray[np.floating], allowed: npt.NDArray[np.bool_]) -> list[list[int]]:
    """One-to-one pairs of rows and columns of the largest total likeness.

    As many pairs as possible are made; among those the total decides.

    Args:
        likeness: `(n, m)`, finite.
        allowed: bool `(n, m)`, the pairs that may be made.

    Returns:
        The pairs `[row, column]`, rows rising.

    Example:
        >>> assign(np.array([[0.9, 0.8], [0.7, 0.1]]), np.ones((2, 2), bool))
        [[0, 1], [1, 0]]
    """
    pairs: list[list[int]] = []
    # Where two can only have each other there is nothing to weigh, which is most often so.
    lonely = allowed & (allowed.sum(axis=1, keepdims=True) == 1)
    lonely &= allowed.sum(axis=0, keepdims=True) == 1
    pairs += np.argwhere(lonely).tolist()
    rows = np.flatnonzero(allowed.any(axis=1) & ~lonely.any(axis=1))
    columns = np.flatnonzero(allowed.any(axis=0) & ~lonely.any(axis=0))
    if len(rows) and len(columns):
        table, free = likeness[np.ix_(rows, columns)], allowed[np.ix_(rows, columns)]
        spread = float(np.ptp(table)) + 1.0
        forbidden = spread * (min(table.shape) + 1)  # more than all others together
        costs = np.where(free, table.max() - table, forbidden)
        turned = len(rows) > len(columns)
        for row, column in enumerate(_cheapest(costs.T if turned else costs)):
            i, j = (column, row) if turned else (row, column)
            if free[i, j]:
                pairs.append([int(rows[i]), int(columns[j])])
    return sorted(pairs)


def _cheapest(costs: npt.NDArray[np.float64]) -> list[int]:
    """The column of each row, no column twice, with the least total cost.

    Shortest augmenting paths with prices, O(n^2 m), for a table that is not higher than wide.

    Source:
        Kuhn-Munkres by successive shortest paths (Jonker and Volgenant, 1987). SciPy has the same,
        and is not part of the base install.
    """
    n, m = costs.shape
    row_price, column_price = np.zeros(n), np.zeros(m)
    row_of = np.full(m, -1)
    for start in range(n):
        shortest, before = np.full(m, np.inf), np.full(m, -1)
        done = np.zeros(m, bool)
        row, column = start, -1
        while row >= 0:
            done_cost = shortest[column] if column >= 0 else 0.0
            reduced = costs[row] - row_price[row] - column_price + done_cost
            better = ~done & (reduced < shortest)
            shortest[better], before[better] = reduced[better], column
            column = int(np.where(done, np.inf, shortest).argmin())
            done[column] = True
            row = int(row_of[column])
        total = shortest[column]
        row_price[start] += total
        for j in np.flatnonzero(done):
            if j != column:
                row_price[row_of[j]] += total - shortest[j]
                column_price[j] -= total - shortest[j]
        while column >= 0:
            previous = int(before[column])
            row_of[column] = start if previous < 0 else row_of[previous]
            column = previous
    return [int(np.flatnonzero(row_of == row)[0]) for row in range(n)]
