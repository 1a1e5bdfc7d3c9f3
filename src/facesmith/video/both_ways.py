"""The tracks of one scene, looked at forwards and backwards.

Going backwards finds what going forwards cannot: the faint faces before the first sure one, and the
other half of a face that was lost because it moved on in an unforeseen way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from facesmith.video.config import TrackConfig
from facesmith.video.forward import ForwardTracker
from facesmith.video.results import NO_TRACK, FrameFaces

Ids = list[npt.NDArray[np.int64]]


def tracks_of_scene(frames: Sequence[FrameFaces], config: TrackConfig) -> Ids:
    """The track of each face in each frame, 0 for none.

    Args:
        frames: Of one scene, in order; only those that were looked at count.
        config: The settings.

    Returns:
        One int64 `(n,)` a frame; ids are of this call only.
    """
    forward = _one_way(frames, config, backwards=False)
    backward = _one_way(frames, config, backwards=True)
    return _merged(forward, backward)


def _one_way(frames: Sequence[FrameFaces], config: TrackConfig, *, backwards: bool) -> Ids:
    tracker = ForwardTracker(config)
    ids = [np.zeros(len(frame.faces), np.int64) for frame in frames]
    order = range(len(frames) - 1, -1, -1) if backwards else range(len(frames))
    for k in order:
        frame = frames[k]
        if frame.looked:
            ids[k] = tracker.step(frame.faces, -frame.time if backwards else frame.time)
    return ids


class _Groups:
    """Forward tracks that are found to be one; each group has one face a frame."""

    def __init__(self, forward: Ids) -> None:
        self._parent: dict[int, int] = {}
        self.frames: dict[int, set[int]] = {}
        for k, ids in enumerate(forward):
            for number in ids.tolist():
                if number != NO_TRACK:
                    self.frames.setdefault(number, set()).add(k)

    def root(self, number: int) -> int:
        while number in self._parent:
            number = self._parent[number]
        return number

    def join(self, a: int, b: int) -> None:
        """Make one of two, unless both have a face at the same time."""
        a, b = self.root(a), self.root(b)
        if a == b:
            return
        first, second = sorted((a, b), key=lambda number: min(self.frames[number]))
        if max(self.frames[first]) < min(self.frames[second]):
            self._parent[second] = first
            self.frames[first] |= self.frames.pop(second)


def _merged(forward: Ids, backward: Ids) -> Ids:
    """Forward tracks, joined and made longer by what backward tracks have together."""
    ways: dict[int, list[tuple[int, int]]] = {}  # backward track -> frame and face, in order
    for k, ids in enumerate(backward):
        for i, number in enumerate(ids.tolist()):
            if number != NO_TRACK:
                ways.setdefault(number, []).append((k, i))
    groups = _Groups(forward)
    for way in ways.values():
        met = [int(forward[k][i]) for k, i in way if forward[k][i] != NO_TRACK]
        for a, b in pairwise(met):
            groups.join(a, b)
    merged = [np.array([groups.root(n) for n in ids.tolist()], np.int64) for ids in forward]
    for way in ways.values():
        following = NO_TRACK
        for k, i in reversed(way):
            number = int(merged[k][i])
            if number != NO_TRACK:
                following = number
            elif following != NO_TRACK and k not in groups.frames[following]:
                merged[k][i] = following
                groups.frames[following].add(k)
    return merged
