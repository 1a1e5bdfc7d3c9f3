"""The result types of films: `FrameFaces`, the faces of a frame, and `Track`, those of a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.detection.as_json import face_as_dict
from facesmith.faces import Faces

NO_TRACK = 0  # what `tracks` holds where faces have not been tracked


@dataclass(frozen=True, eq=False)
class FrameFaces:
    """The faces of one frame.

    Attributes:
        number: Of the frame, from 0.
        time: Of the frame, seconds.
        size_wh: Width and height of the upright frame, pixels.
        faces: In pixels of the upright frame.
        tracks: int64 `(n,)`, the track of each face, from 1; 0 where faces were not tracked.
        filled: bool `(n,)`, whether the detector did not see the face in this frame: its box is
            put between those before and after, or held where a track begins or ends. Its score is
            then that of its neighbours.
        looked: Whether the detector looked at this frame.
        cut: Whether a new scene begins with this frame: no track goes on from before.

    Raises:
        ValueError: If `tracks` or `filled` do not have one entry a face.

    Example:
        >>> FrameFaces(0, 0.0, (640, 480), Faces.empty()).tracks
        array([], dtype=int64)
    """

    number: int
    time: float
    size_wh: tuple[int, int]
    faces: Faces
    tracks: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    filled: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    looked: bool = True
    cut: bool = False

    def __post_init__(self) -> None:
        n = len(self.faces)
        for name, dtype in (("tracks", np.int64), ("filled", np.bool_)):
            given = np.array(getattr(self, name), dtype)
            values = given if given.size else np.zeros(n, dtype)
            if values.shape != (n,):
                raise ValueError(
                    f"`{name}` must have shape ({n},), one entry a face; got {values.shape}."
                )
            values.setflags(write=False)
            object.__setattr__(self, name, values)


@dataclass(frozen=True, eq=False)
class Track:
    """One face over time.

    Attributes:
        id: Its number, from 1.
        numbers: Of the frames, int64 `(n,)`, rising.
        times: Of the frames, seconds, float64 `(n,)`.
        boxes: float32 `(n, 4)`, pixels of the upright frames.
        scores: float32 `(n,)`.
        filled: bool `(n,)`, see `FrameFaces`.
    """

    id: int
    numbers: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    filled: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.numbers)


def collect_tracks(frames: Iterable[FrameFaces]) -> list[Track]:
    """The tracks of a film, by id: all of them in memory at once, about 60 bytes a face.

    Args:
        frames: What `track` yields; faces without a track are passed over.
    """
    rows: dict[int, list[tuple[int, float, npt.NDArray[np.float32], float, bool]]] = {}
    for frame in frames:
        for i, number in enumerate(frame.tracks.tolist()):
            if number != NO_TRACK:
                row = (
                    frame.number,
                    frame.time,
                    frame.faces.boxes[i],
                    float(frame.faces.scores[i]),
                    bool(frame.filled[i]),
                )
                rows.setdefault(number, []).append(row)
    return list(_tracks(rows))


def _tracks(
    rows: dict[int, list[tuple[int, float, npt.NDArray[np.float32], float, bool]]],
) -> Iterator[Track]:
    for number in sorted(rows):
        numbers, times, boxes, scores, filled = zip(*rows[number], strict=True)
        yield Track(
            number,
            np.array(numbers, np.int64),
            np.array(times, np.float64),
            np.stack(boxes),
            np.array(scores, np.float32),
            np.array(filled, np.bool_),
        )


def frame_as_dict(name: str, frame: FrameFaces) -> dict[str, Any]:
    """A frame of the film `name` for JSON, with each face's track."""
    rows = zip(frame.faces, frame.tracks.tolist(), frame.filled.tolist(), strict=True)
    return {
        "file": name,
        "frame": frame.number,
        "time": round(frame.time, 6),
        "width": frame.size_wh[0],
        "height": frame.size_wh[1],
        "faces": [
            face_as_dict(face) | {"track": track, "filled": filled} for face, track, filled in rows
        ],
    }
