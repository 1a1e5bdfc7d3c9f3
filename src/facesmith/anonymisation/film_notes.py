"""What a report says of a film while it is covered: its tracks and the doubtful ones."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.films import CoveredFrame
from facesmith.video.results import NO_TRACK

_SHORT = 0.5  # seconds; faces are seldom seen for less
_EDGE = 0.15  # of width and height: nearer to the border a face may have left the picture
_LAST = 0.5  # seconds before the end of a film or scene within which tracks end with it


@dataclass
class _Track:
    first: tuple[int, float]
    last: tuple[int, float]
    best: float = 0.0
    n_seen: int = 0
    in_middle: bool = False  # where it was last


class FrameBoxes:
    """The boxes of each frame of a film, in 8 bytes a frame and 16 a box."""

    def __init__(self) -> None:
        self._edges = array("f")
        self._ends = array("q")

    def append(self, boxes: npt.NDArray[np.floating]) -> None:
        """Add the next frame's, `(n, 4)`."""
        self._edges.frombytes(np.asarray(boxes, np.float32).tobytes())
        self._ends.append(len(self._edges))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, frame: int) -> npt.NDArray[np.float32]:
        """Of a frame, float32 `(n, 4)`; none beyond the last frame."""
        if frame >= len(self._ends):
            return np.zeros((0, 4), np.float32)
        begin = self._ends[frame - 1] if frame else 0
        return np.array(self._edges[begin : self._ends[frame]], np.float32).reshape(-1, 4)


@dataclass
class FilmNotes:
    """Gathers what was covered, frame by frame; memory grows by some 50 bytes a frame.

    Attributes:
        boxes: What was covered in each frame, before the margin.
        n_boxes: Boxes that were covered, in all frames.
        spared: What was not covered in each frame, for `Choice` said so.
        n_spared: How many of these there are.
        seconds: Time of the last frame.
    """

    boxes: FrameBoxes = field(default_factory=FrameBoxes)
    spared: FrameBoxes = field(default_factory=FrameBoxes)
    n_spared: int = 0
    n_boxes: int = 0
    seconds: float = 0.0
    size_wh: tuple[int, int] = (0, 0)
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _cuts: list[float] = field(default_factory=list)

    def add(self, covered: CoveredFrame) -> None:
        """Take in the next frame."""
        frame = covered.found
        self.boxes.append(frame.faces.boxes)
        self.spared.append(covered.spared)
        self.n_spared += len(covered.spared)
        self.n_boxes += len(frame.faces)
        self.seconds, self.size_wh = frame.time, frame.size_wh
        if frame.cut:
            self._cuts.append(frame.time)
        now = (frame.number, frame.time)
        rows = zip(
            frame.tracks.tolist(),
            frame.faces.boxes.astype(float),
            frame.faces.scores.tolist(),
            frame.filled.tolist(),
            strict=True,
        )
        for number, box, score, filled in rows:
            if number == NO_TRACK:
                continue
            track = self._tracks.setdefault(number, _Track(now, now))
            track.last = now
            if not filled:
                track.n_seen += 1
                track.best = max(track.best, score)
                track.in_middle = self._is_in_middle(box)

    @property
    def n_tracks(self) -> int:
        """How many tracks there are."""
        return len(self._tracks)

    def doubtful(self, sure_score: float) -> list[dict[str, Any]]:
        """The tracks to look at, in order, each with `why`.

        Args:
            sure_score: Tracks none of whose faces has this score are doubtful.
        """
        found = []
        for number in sorted(self._tracks):
            track = self._tracks[number]
            why = []
            if track.last[1] - track.first[1] < _SHORT:
                why.append("short")
            if track.best < sure_score:
                why.append("low score")
            if track.in_middle and not self._ends_with_scene(track.last[1]):
                why.append("ends in mid-frame")
            if why:
                found.append(
                    {
                        "track": number,
                        "frame": track.first[0],
                        "last_frame": track.last[0],
                        "time": round(track.first[1], 3),
                        "last_time": round(track.last[1], 3),
                        "seen": track.n_seen,
                        "score": round(track.best, 4),
                        "why": why,
                    }
                )
        return found

    def _is_in_middle(self, box: npt.NDArray[np.float64]) -> bool:
        centre = (box[:2] + box[2:]) / 2 / np.array(self.size_wh)
        return bool((centre > _EDGE).all() and (centre < 1 - _EDGE).all())

    def _ends_with_scene(self, time: float) -> bool:
        ends = [*self._cuts, self.seconds]
        return any(-1e-6 <= end - time <= _LAST for end in ends)
