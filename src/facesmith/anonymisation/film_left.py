"""What may still be a face in a covered film: the film is looked at again, as a stream."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.anonymisation.choosing import same_faces
from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.film_notes import FrameBoxes
from facesmith.anonymisation.verifying import VerifyConfig, still_visible
from facesmith.boxes import box_iou
from facesmith.detection import PhotoDetector
from facesmith.pictures.contact_sheet import cut_cell
from facesmith.video import VideoFrame, open_video
from facesmith.video.config import ROUNDING

_SAME = 0.3  # overlap of what is seen in two looks, from which it is one face
_LOST_LOOKS = 10  # after which it is another
_MOST_PICTURES = 100  # that are kept: a sheet shows no more


@dataclass
class LeftInFilm:
    """One thing in a film that may still be a face, over the frames in which it is seen.

    Attributes:
        frame: First frame.
        time: Of that, seconds.
        last_frame: Last frame.
        n_frames: In how many frames that were looked at again it is seen.
        score: The best.
        box: With it, pixels of the upright frame.
        best_frame: The frame of it.
        picture: Its surroundings there; `None`: of one with a low score, where there are many.
        last_box: Where it was seen last.
        last_look: The number of the look that saw it last.
        on_purpose: Whether it was not covered because `Choice` said so.
    """

    frame: int
    time: float
    last_frame: int
    n_frames: int
    score: float
    box: npt.NDArray[np.float32]
    best_frame: int
    picture: Image.Image | None
    last_box: npt.NDArray[np.float32]
    last_look: int
    on_purpose: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        marked = {"on_purpose": True} if self.on_purpose else {}
        return {
            "frame": self.frame,
            "time": round(self.time, 3),
            "last_frame": self.last_frame,
            "frames": self.n_frames,
            "box": [round(edge, 1) for edge in self.box.astype(float).tolist()],
            "score": round(self.score, 4),
            **marked,
        }


@dataclass
class SecondLook:
    """What a second look found.

    Attributes:
        left: What may still be a face, by the time of its first frame.
        n_looks: Frames that were looked at.
    """

    left: list[LeftInFilm] = field(default_factory=list)
    n_looks: int = 0

    def add(
        self, frame: VideoFrame, image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32],
        score: float, *, on_purpose: bool = False,
    ) -> None:  # fmt: skip
        """Take in what the present look saw."""
        look, number = self.n_looks, frame.number
        same = [
            each
            for each in self.left[-50:]
            if look - each.last_look <= _LOST_LOOKS
            and each.last_frame < number
            and each.on_purpose == on_purpose
            and box_iou(each.last_box[None], box[None])[0, 0] > _SAME
        ]
        if not same:
            picture = cut_cell(image, box, box[None])
            self.left.append(
                LeftInFilm(
                    number, frame.time, number, 1, score, box, number, picture, box, look,
                    on_purpose,
                )
            )  # fmt: skip
            self._drop_pictures()
            return
        left = same[-1]
        left.last_frame, left.n_frames, left.last_box = number, left.n_frames + 1, box
        left.last_look = look
        if score > left.score:
            left.score, left.box, left.best_frame = score, box, number
            left.picture = cut_cell(image, box, box[None])
            self._drop_pictures()

    def _drop_pictures(self) -> None:
        """Leave pictures to the best scores only, so that memory stays bounded."""
        having = [each for each in self.left if each.picture is not None]
        if len(having) > 2 * _MOST_PICTURES:
            for each in heapq.nsmallest(_MOST_PICTURES, having, key=lambda left: left.score):
                each.picture = None


def look_again(
    path: Path,
    boxes: FrameBoxes,
    detector: PhotoDetector,
    cover: CoverConfig,
    config: VerifyConfig,
    on_time: Callable[[float, float | None], None] | None = None,
    *,
    spared: FrameBoxes | None = None,
) -> SecondLook:
    """Look at a covered film again, frame by frame or at steps of time.

    Memory does not grow with the film's length, but by some 200 bytes for what is found.

    Args:
        path: The covered film.
        boxes: What was covered in each frame.
        detector: What looks.
        cover: How it was covered.
        config: How to look, and at which frames.
        on_time: Called with the time that was looked at and the film's length, seconds.
        spared: What was left on purpose in each frame; `None`: nothing.
    """
    spared = spared or FrameBoxes()
    found = SecondLook()
    with open_video(path) as video:
        for frame in _chosen(video.frames(), config.step):
            found.n_looks += 1
            image = frame.image()
            faces = still_visible(detector, image, boxes[frame.number], cover, config)
            on_purpose = same_faces(faces.boxes, spared[frame.number])
            rows = zip(faces.boxes, faces.scores.tolist(), on_purpose.tolist(), strict=True)
            for box, score, meant in rows:
                found.add(frame, image, np.array(box), score, on_purpose=meant)
            if on_time is not None:
                on_time(frame.time, video.duration)
    return found


def _chosen(frames: Iterator[VideoFrame], step: float) -> Iterator[VideoFrame]:
    """The first frame, and each that comes at least `step` seconds after the last chosen one."""
    last = -np.inf
    for frame in frames:
        if frame.time - last >= step - ROUNDING:
            last = frame.time
            yield frame
