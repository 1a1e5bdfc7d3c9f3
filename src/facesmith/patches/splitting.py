"""Which split a photo belongs to: train, validation or test. Never decided by patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.patches.seeding import name_number

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitShares:
    """Share of the photos in each split; they add up to 1.

    Raises:
        ValueError: If a share is negative or the sum is not 1.
    """

    train: float = 0.7  # what the weights learn from
    validation: float = 0.15  # when to stop, which checkpoint, which threshold
    test: float = 0.15  # looked at last

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if not (all(share >= 0 for share in shares) and abs(sum(shares) - 1) < 1e-6):
            raise ValueError(
                "`train`, `validation` and `test` must be 0 or more and add up to 1; "
                f"got {shares}. Pass for example 0.7, 0.15, 0.15."
            )


def draw_splits(groups: Sequence[str], seed: int, shares: SplitShares) -> npt.NDArray[np.uint8]:
    """The split of every photo group, uint8 `(n,)`, indices into `SPLITS`.

    A pure function of seed and name: photos that are added or removed do not move the others.

    Args:
        groups: Names of the groups; equal names get equal splits.
        seed: Another seed, another division.
        shares: How large the splits are to be, on average.
    """
    edges = np.cumsum([shares.train, shares.validation])
    uniform = np.array([name_number(seed, "split", group) / 2**64 for group in groups], np.float64)
    splits = np.searchsorted(edges, uniform, side="right")
    return splits.astype(np.uint8)
