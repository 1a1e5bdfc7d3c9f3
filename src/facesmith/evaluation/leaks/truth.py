"""The faces of a made film: which, where and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.errors import EvaluationError
from facesmith.evaluation.leaks.config import MIN_SHARE
from facesmith.files import write_json
from facesmith.untrusted import ContentError, parsed_json, read_text


@dataclass(frozen=True, eq=False)
class TrueFrame:
    """The faces of one frame.

    Attributes:
        time: Seconds.
        boxes: float64 `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels; they may leave the frame.
        tracks: int64 `(n,)`; a face has the same number in all frames of a scene.
        counts: bool `(n,)`, whether it must be covered: it is annotated as a face, high enough, and
            at least half of it is in view.
    """

    time: float
    boxes: npt.NDArray[np.float64]
    tracks: npt.NDArray[np.int64]
    counts: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TrueFilm:
    """A film and its faces.

    Attributes:
        path: The film.
        size_wh: Width and height of its frames, pixels.
        frames: In order.
    """

    path: Path
    size_wh: tuple[int, int]
    frames: Sequence[TrueFrame]

    @property
    def interval(self) -> float:
        """Usual seconds between frames; 1 of a film of one frame."""
        times = [frame.time for frame in self.frames]
        return float(np.median(np.diff(times))) if len(times) > 1 else 1.0


def share_in_view(
    boxes: npt.NDArray[np.float64], size_wh: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """The part of each box that lies within the frame, float64 `(n,)`."""
    boxes = boxes.reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    seen = np.minimum(boxes[:, 2:], size_wh) - np.maximum(boxes[:, :2], 0)
    shares: npt.NDArray[np.float64] = np.maximum(seen, 0).prod(axis=1) / np.maximum(
        sides.prod(axis=1), 1e-9
    )
    return shares


def true_frame(
    time: float,
    boxes: npt.NDArray[np.float64],
    tracks: npt.NDArray[np.int64],
    faces: npt.NDArray[np.bool_],
    size_wh: tuple[int, int],
    min_height: float,
) -> TrueFrame:
    """The faces that are in view, and which of them count.

    Args:
        time: Seconds.
        boxes: float64 `(n, 4)`.
        tracks: int64 `(n,)`.
        faces: bool `(n,)`; `False` for what the annotations ignore.
        size_wh: Width and height of the frame.
        min_height: Of a face that counts, pixels.
    """
    shares = share_in_view(boxes, size_wh)
    counts = faces & (shares >= MIN_SHARE) & (boxes[:, 3] - boxes[:, 1] >= min_height)
    seen = shares > 0
    return TrueFrame(time, boxes[seen], tracks[seen], counts[seen])


def write_truth(film: TrueFilm, path: Path) -> None:
    """Write it as JSON beside the film."""
    frames = [
        {
            "time": round(frame.time, 6),
            "faces": [
                {"track": track, "box": [round(edge, 2) for edge in box], "counts": counts}
                for box, track, counts in zip(
                    frame.boxes.tolist(), frame.tracks.tolist(), frame.counts.tolist(), strict=True
                )
            ],
        }
        for frame in film.frames
    ]
    write_json(path, {"film": film.path.name, "size_wh": list(film.size_wh), "frames": frames})


def read_truth(path: Path) -> TrueFilm:
    """Read what `write_truth` wrote; the film lies beside it.

    Raises:
        EvaluationError: If the file is none of these, or the film is missing.
    """
    try:
        read = parsed_json(read_text(path), str(path))
        film = path.with_name(Path(read["film"]).name)
        width, height = map(int, read["size_wh"])
        frames = [_frame(each) for each in read["frames"]]
    except ContentError as error:
        raise EvaluationError(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(
            f"{path} does not hold the faces of a film: expected `film`, `size_wh` and `frames`, "
            "as `facesmith benchmark anonymise` writes them."
        ) from error
    if not film.is_file():
        raise EvaluationError(f"{path} tells of {film}, which is not there. Put it back.")
    return TrueFilm(film, (width, height), frames)


def _frame(read: Any) -> TrueFrame:
    faces = read["faces"]
    boxes = np.array([face["box"] for face in faces], np.float64).reshape(-1, 4)
    return TrueFrame(
        float(read["time"]),
        boxes,
        np.array([int(face["track"]) for face in faces], np.int64),
        np.array([bool(face["counts"]) for face in faces], np.bool_),
    )
