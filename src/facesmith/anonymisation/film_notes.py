"""What a report says of a film: its tracks, the doubtful ones, what is still to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.films import CoveredFrame
from facesmith.anonymisation.verifying import VerifyConfig, still_visible
from facesmith.boxes import box_iou
from facesmith.detection import PhotoDetector
from facesmith.pictures.contact_sheet import cut_cell
from facesmith.video import open_video
from facesmith.video.results import NO_TRACK

_SHORT = 0.5  # seconds; faces are seldom seen for less
_EDGE = 0.15  # of width and height: nearer to the border a face may have left the picture
_LAST = 0.5  # seconds before the end of a film or scene within which tracks end with it
_SAME = 0.3  # overlap of what is seen in two frames, from which it is one face
_LOST_FRAMES = 10  # after which it is another


@dataclass
class _Track:
    first: tuple[int, float]
    last: tuple[int, float]
    best: float = 0.0
    n_seen: int = 0
    in_middle: bool = False  # where it was last


@dataclass
class FilmNotes:
    """Gathers what was covered, frame by frame; memory grows by some 100 bytes a frame.

    Attributes:
        boxes: What was covered in each frame, before the margin, float32 `(n, 4)`.
        n_boxes: Boxes that were covered, in all frames.
        n_spared: Faces that were not covered, for `Choice` said so, in all frames.
        seconds: Time of the last frame.
    """

    boxes: list[npt.NDArray[np.float32]] = field(default_factory=list)
    n_spared: int = 0
    n_boxes: int = 0
    seconds: float = 0.0
    size_wh: tuple[int, int] = (0, 0)
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _cuts: list[float] = field(default_factory=list)

    def add(self, covered: CoveredFrame) -> None:
        """Take in the next frame."""
        frame = covered.found
        self.boxes.append(np.array(frame.faces.boxes))
        self.n_spared += covered.spared
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


@dataclass
class LeftInFilm:
    """One thing in a film that may still be a face, over the frames in which it is seen.

    Attributes:
        frame: First frame.
        time: Of that, seconds.
        last_frame: Last frame.
        n_frames: In how many it is seen.
        score: The best.
        box: With it, pixels of the upright frame.
        best_frame: The frame of it.
        picture: Its surroundings there.
    """

    frame: int
    time: float
    last_frame: int
    n_frames: int
    score: float
    box: npt.NDArray[np.float32]
    best_frame: int
    picture: Image.Image
    last_box: npt.NDArray[np.float32]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "frame": self.frame,
            "time": round(self.time, 3),
            "last_frame": self.last_frame,
            "frames": self.n_frames,
            "box": [round(edge, 1) for edge in self.box.astype(float).tolist()],
            "score": round(self.score, 4),
        }


def left_in_film(
    path: Path,
    boxes: Sequence[npt.NDArray[np.float32]],
    detector: PhotoDetector,
    cover: CoverConfig,
    config: VerifyConfig,
    on_time: Callable[[float, float | None], None] | None = None,
) -> list[LeftInFilm]:
    """What may still be a face in a covered film, by the time of its first frame.

    Args:
        path: The covered film.
        boxes: What was covered in each frame.
        detector: What looks.
        cover: How it was covered.
        config: How to look.
        on_time: Called with the time that was looked at and the film's length, seconds.
    """
    found: list[LeftInFilm] = []
    seen = _seen(path, boxes, detector, cover, config, on_time)
    for number, time, image, box, score in seen:
        same = [
            each
            for each in found[-50:]
            if number - each.last_frame <= _LOST_FRAMES
            and each.last_frame < number
            and box_iou(each.last_box[None], box[None])[0, 0] > _SAME
        ]
        if not same:
            picture = cut_cell(image, box, box[None])
            found.append(LeftInFilm(number, time, number, 1, score, box, number, picture, box))
            continue
        left = same[-1]
        left.last_frame, left.n_frames, left.last_box = number, left.n_frames + 1, box
        if score > left.score:
            left.score, left.box, left.best_frame = score, box, number
            left.picture = cut_cell(image, box, box[None])
    return found


def _seen(
    path: Path,
    boxes: Sequence[npt.NDArray[np.float32]],
    detector: PhotoDetector,
    cover: CoverConfig,
    config: VerifyConfig,
    on_time: Callable[[float, float | None], None] | None,
) -> Iterator[tuple[int, float, npt.NDArray[np.uint8], npt.NDArray[np.float32], float]]:
    with open_video(path) as video:
        for frame in video.frames():
            image = frame.image()
            covered = boxes[frame.number] if frame.number < len(boxes) else np.zeros((0, 4))
            faces = still_visible(detector, image, covered, cover, config)
            for box, score in zip(faces.boxes, faces.scores.tolist(), strict=True):
                yield frame.number, frame.time, image, np.array(box), score
            if on_time is not None:
                on_time(frame.time, video.duration)
