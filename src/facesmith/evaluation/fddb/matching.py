"""One-to-one matching of maximum total overlap, kept up while detections come in one by one.

The official tool solves an assignment afresh for every score of an image. Here each detection,
surest first, changes the best matching before it along one alternating path: it takes a face, the
one that had it takes another or none. So one pass yields the best matching for all thresholds.

Source:
    The augmenting step of H. W. Kuhn, "The Hungarian method for the assignment problem", 1955: two
    best matchings, without and with one more vertex, differ by alternating paths and circles, and
    only the path that begins at this vertex can gain anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Of matchings whose totals differ by less than this, that with more pairs above one half is better:
# then the result does not depend on the order of faces or detections.
SAME_TOTAL = 1e-9
_ROUNDING = 1e-12  # gains below this are rounding errors


@dataclass
class Matching:
    """The best matching of the detections so far with the faces of one image."""

    n_matched: int = 0  # pairs with an overlap above one half
    total: float = 0.0  # sum of the overlaps of all pairs
    _overlaps: dict[int, Mapping[int, float]] = field(default_factory=dict)
    _owner: dict[int, int] = field(default_factory=dict)  # face -> detection

    def add(self, detection: int, overlaps: Mapping[int, float]) -> None:
        """Take in one more detection, `overlaps` being its IoU with the faces it touches."""
        self._overlaps[detection] = overlaps
        path = self._best_path(detection)
        for taker, face in reversed(path):
            before = self._owner.get(face)
            if before is not None:
                self._count(before, face, -1)
            self._owner[face] = taker
            self._count(taker, face, 1)

    def _best_path(self, start: int) -> list[tuple[int, int]]:
        """Who takes which face, from `start` on; empty where nothing is gained."""
        gains = {start: 0.0}
        came_from: dict[int, tuple[int, int]] = {}  # detection that lost its face <- (taker, face)
        best_gain, best_end = _ROUNDING, None
        waiting = [start]
        while waiting:
            taker = waiting.pop(0)
            for face, overlap in self._overlaps[taker].items():
                gain = gains[taker] + _weight(overlap)
                owner = self._owner.get(face)
                if owner == taker:
                    continue
                if owner is not None:
                    gain -= _weight(self._overlaps[owner][face])
                if gain > best_gain + _ROUNDING:
                    best_gain, best_end = gain, (taker, face)
                if owner is not None and gain > gains.get(owner, -1e9) + _ROUNDING:
                    gains[owner], came_from[owner] = gain, (taker, face)
                    waiting.append(owner)
        if best_end is None:
            return []
        path = [best_end]
        while path[-1][0] != start:
            path.append(came_from[path[-1][0]])
        return path[::-1]

    def _count(self, detection: int, face: int, sign: int) -> None:
        overlap = self._overlaps[detection][face]
        self.total += sign * overlap
        self.n_matched += sign * (overlap > 0.5)


def _weight(overlap: float) -> float:
    return overlap + SAME_TOTAL * (overlap > 0.5)
