"""Boxes where a track was not seen: put between in gaps, held at both ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facesmith.faces import Faces
from facesmith.video.config import ROUNDING, TrackConfig
from facesmith.video.forward import with_filled
from facesmith.video.kalman import as_boxes, measured
from facesmith.video.results import NO_TRACK, FrameFaces

_SPEED_SECONDS = 0.3  # of a track that tell how fast it enters and leaves


class _Filled:
    """What is to be put into one frame."""

    def __init__(self) -> None:
        self.boxes: list[npt.NDArray[np.float32]] = []
        self.scores: list[float] = []
        self.ids: list[int] = []
        self.between: list[bool] = []

    def add(self, box: npt.NDArray[np.float32], score: float, number: int, between: bool) -> None:
        self.boxes.append(box)
        self.scores.append(score)
        self.ids.append(number)
        self.between.append(between)


def fill(
    frames: Sequence[FrameFaces], ids: Sequence[npt.NDArray[np.int64]], config: TrackConfig
) -> list[FrameFaces]:
    """The frames with tracks, whose gaps are filled and whose ends are held.

    Args:
        frames: Of one scene, in order, with what the detector found.
        ids: The track of each of these faces, 0: of none; such faces are left out.
        config: The settings. Where frames are looked at less often than `max_gap`, the gaps between
            two looks are filled all the same.
    """
    looks = np.cumsum([frame.looked for frame in frames])
    times = np.array([frame.time for frame in frames])
    filled = [_Filled() for _ in frames]
    for number, places in _places(ids).items():
        states = measured(np.stack([frames[k].faces.boxes[i] for k, i in places]))
        scores = np.array([frames[k].faces.scores[i] for k, i in places])
        at = np.array([k for k, _ in places])
        for n in np.flatnonzero(np.diff(at) > 1):
            a, b = at[n], at[n + 1]
            if times[b] - times[a] <= config.max_gap + ROUNDING or looks[b] - looks[a] == 1:
                part = _parts(times[a : b + 1])[:, None]
                boxes = as_boxes((1 - part) * states[n] + part * states[n + 1])
                between = (1 - part[:, 0]) * scores[n] + part[:, 0] * scores[n + 1]
                for k, box, score in zip(range(a + 1, b), boxes, between, strict=True):
                    filled[k].add(box, float(score), number, between=True)
        for end, step in ((0, -1), (len(at) - 1, 1)):
            velocity = _velocity(times[at], states, end)
            k = at[end] + step
            while 0 <= k < len(frames) and (
                abs(times[k] - times[at[end]]) <= config.hold + ROUNDING
            ):
                box = as_boxes((states[end] + velocity * (times[k] - times[at[end]]))[None])[0]
                filled[k].add(box, float(scores[end]), number, between=False)
                k += step
    return [_with(*row) for row in zip(frames, ids, filled, strict=True)]


def _with(frame: FrameFaces, ids: npt.NDArray[np.int64], filled: _Filled) -> FrameFaces:
    if not len(ids) and not filled.ids:
        return frame
    seen = np.flatnonzero(ids != NO_TRACK)
    if not filled.ids:
        return with_filled(frame, seen, ids[seen], Faces.empty(), np.zeros(0, np.int64))
    faces = Faces(np.stack(filled.boxes), np.clip(np.array(filled.scores, np.float32), 0, 1))
    return with_filled(
        frame,
        seen,
        ids[seen],
        faces,
        np.array(filled.ids, np.int64),
        keep=np.array(filled.between),
    )


def _places(ids: Sequence[npt.NDArray[np.int64]]) -> dict[int, list[tuple[int, int]]]:
    """Track -> its frames and its face there, in order."""
    places: dict[int, list[tuple[int, int]]] = {}
    for k, row in enumerate(ids):
        for i, number in enumerate(row.tolist()):
            if number != NO_TRACK:
                places.setdefault(number, []).append((k, i))
    return places


def _parts(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much of the way from the first to the last time is behind at those between."""
    span = times[-1] - times[0]
    return (times[1:-1] - times[0]) / span if span > 0 else np.zeros(len(times) - 2)


def _velocity(
    times: npt.NDArray[np.float64], states: npt.NDArray[np.float64], end: int
) -> npt.NDArray[np.float64]:
    """Of the centre at one end of a track, pixels a second; the size is held. float64 `(4,)`."""
    near = np.abs(times - times[end]) <= _SPEED_SECONDS
    if near.sum() < 3:  # two boxes differ by their noise
        return np.zeros(4)
    t, centres = times[near], states[near, :2]
    t = t - t.mean()
    speed = (t[:, None] * (centres - centres.mean(axis=0))).sum(axis=0) / max((t**2).sum(), 1e-9)
    return np.array([*speed, 0.0, 0.0])
