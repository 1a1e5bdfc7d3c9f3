"""Photos that show the same picture: copies, resized, recompressed or slightly cropped.

If one copy were learnt from and the other tested on, the test would flatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

# Two photos are taken for one if at most this many of their 128 bits differ, ...
MAX_BITS = 28
# ... and their 8x8 colour thumbnails, brought to the same brightness and contrast, differ by at
# most this, root mean square, in standard deviations. Chosen by looking at pairs, see
# docs/decisions/0004-patches.md.
MAX_DIFFERENCE = 0.5
_GRID = 8
_BLOCK = 1024  # rows compared at once: a few MB


@dataclass(frozen=True)
class Fingerprint:
    """What is compared of a photo."""

    # Int8 `(128,)` on an 8x8 grid: +1 where the photo grows brighter to the right (first half) or
    # downwards (second half), else -1.
    bits: npt.NDArray[np.int8]
    colours: npt.NDArray[np.float32]  # float32 `(192,)`, 8x8 BGR, mean 0, standard deviation 1


def fingerprint(image: npt.NDArray[np.uint8]) -> Fingerprint:
    """Fingerprint of a photo, uint8 `(height, width, 3)`, of any size.

    Source:
        The difference hash of N. Krawetz, "Kind of Like That", hackerfactor.com, 2013; here in both
        directions, with the colours beside it.
    """
    source = Image.fromarray(image)
    grey = source.convert("L")
    box = Image.Resampling.BOX
    wide = np.asarray(grey.resize((_GRID + 1, _GRID), box), np.int16)
    high = np.asarray(grey.resize((_GRID, _GRID + 1), box), np.int16)
    right, down = wide[:, 1:] > wide[:, :-1], high[1:] > high[:-1]
    bits = np.where(np.concatenate([right.ravel(), down.ravel()]), 1, -1).astype(np.int8)
    colours = np.asarray(source.resize((_GRID, _GRID), box), np.float32).ravel()
    colours = (colours - colours.mean()) / max(float(colours.std()), 1.0)
    return Fingerprint(bits, colours)


def group_duplicates(prints: Sequence[Fingerprint]) -> npt.NDArray[np.intp]:
    """For every photo the index of the first photo of its group, intp `(n,)`.

    Photos are in one group whose fingerprints are close, directly or through others.
    """
    parents = np.arange(len(prints))
    if not len(prints):
        return parents
    bits = np.stack([one.bits for one in prints]).astype(np.float32)
    colours = np.stack([one.colours for one in prints])
    n_bits = bits.shape[1]
    for low in range(0, len(prints), _BLOCK):
        # Equal bits minus unequal ones is the dot product of signs.
        agreement = bits[low : low + _BLOCK] @ bits[low:].T
        rows, columns = np.nonzero(agreement >= n_bits - 2 * MAX_BITS)
        for row, column in zip(rows + low, columns + low, strict=True):
            if row < column:
                difference = np.sqrt(np.mean((colours[row] - colours[column]) ** 2))
                if difference <= MAX_DIFFERENCE:
                    _unite(parents, int(row), int(column))
    return np.array([_root(parents, index) for index in range(len(prints))], np.intp)


def _root(parents: npt.NDArray[np.intp], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = int(parents[index])
    return index


def _unite(parents: npt.NDArray[np.intp], a: int, b: int) -> None:
    a, b = _root(parents, a), _root(parents, b)
    parents[max(a, b)] = min(a, b)
