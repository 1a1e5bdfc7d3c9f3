"""From the proposal network's maps to boxes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]


def decode(
    maps: Sequence[Float32Array], strides: Sequence[int], box_unit: float, min_logit: float
) -> tuple[Float32Array, Float32Array]:
    """The boxes of the cells that reach a logit of `min_logit`.

    Args:
        maps: One a stride, float32 `(1, 5, rows, columns)`: logit; the box's centre from that of
            the cell, across and down, in strides; logarithms of its width and height, in
            `box_unit` strides.
        strides: Width and height of the cells, pixels of the network's input.
        box_unit: See there.
        min_logit: A logit.

    Returns:
        Boxes float32 `(n, 4)`, pixels of the network's input, by stride and row; logits `(n,)`.
    """
    cells = np.concatenate([level.reshape(5, -1) for level in maps], axis=1)
    found = np.flatnonzero(cells[0] >= min_logit)
    cells = cells[:, found]
    grid = _grid(tuple(level.shape[2:4] for level in maps), tuple(strides))[:, found]
    centre = (cells[1:3] + grid[:2]) * grid[2]
    half = np.exp(np.clip(cells[3:5], -5, 5)) * (grid[2] * np.float32(box_unit / 2))
    return np.concatenate([centre - half, centre + half]).T, cells[0]


@lru_cache(maxsize=16)  # photos of one size are looked at in two or three sizes
def _grid(shapes: tuple[tuple[int, ...], ...], strides: tuple[int, ...]) -> Float32Array:
    """Of all cells: x and y of the centre in strides, and the stride, `(3, n)`. Not to be changed.

    Args:
        shapes: Rows and columns at each stride.
        strides: Pixels.
    """
    parts = []
    for (rows, columns), stride in zip(shapes, strides, strict=True):
        y, x = np.indices((rows, columns), np.float32).reshape(2, -1) + np.float32(0.5)
        parts.append(np.stack([x, y, np.full_like(x, stride)]))
    grid = np.concatenate(parts, axis=1)
    grid.flags.writeable = False
    return grid
