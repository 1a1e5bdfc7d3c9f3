"""Boxes of tracks as they are covered in films: steady over time, wider where a face is cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.covering import grown_boxes
from facesmith.faces import Faces
from facesmith.video import FrameFaces

# Chosen on films made of photos that the training holds out, see decision 28.
STEADY = 0.2  # seconds before and after, whose largest width and height a box takes
FILM_MARGIN = 0.1  # a part of the longer side, added on each side: boxes jitter, or are guessed
EDGE_MARGIN = 0.15  # added to that where a face is cut by the edge: it is found smaller than it is
_NEAR_EDGE = 0.08  # of the longer side: a box so near to the edge is of a face that is cut
_ROUNDING = 1e-6  # seconds


def steadied(frames: Iterable[FrameFaces]) -> Iterator[FrameFaces]:
    """The frames with each box as large as its track is shortly before and after, and grown.

    Frames come out `STEADY` seconds of film later than they go in.

    Args:
        frames: What `track` yields; a track is in one scene only.
    """
    waiting: deque[FrameFaces] = deque()
    sizes: dict[int, deque[tuple[float, float, float]]] = {}  # track -> time, width and height
    for frame in frames:
        for number, box in zip(frame.tracks.tolist(), frame.faces.boxes.tolist(), strict=True):
            size = (frame.time, box[2] - box[0], box[3] - box[1])
            sizes.setdefault(number, deque()).append(size)
        waiting.append(frame)
        while waiting[0].time + STEADY + _ROUNDING < frame.time:
            yield _steady(waiting.popleft(), sizes)
    while waiting:
        yield _steady(waiting.popleft(), sizes)


def _steady(frame: FrameFaces, sizes: dict[int, deque[tuple[float, float, float]]]) -> FrameFaces:
    for number in [each for each, seen in sizes.items() if _is_over(seen, frame.time)]:
        del sizes[number]
    if not len(frame.faces):
        return frame
    boxes = frame.faces.boxes.astype(np.float64)
    for i, number in enumerate(frame.tracks.tolist()):
        near = [size for size in sizes[number] if size[0] <= frame.time + STEADY + _ROUNDING]
        widest = np.array([max(size[1] for size in near), max(size[2] for size in near)])
        more = np.maximum(widest - (boxes[i, 2:] - boxes[i, :2]), 0) / 2
        boxes[i] += np.concatenate([-more, more])
    boxes = _grown(boxes, frame.size_wh)
    return replace(frame, faces=Faces(boxes.astype(np.float32), frame.faces.scores))


def _is_over(seen: deque[tuple[float, float, float]], time: float) -> bool:
    """Whether a track ended too long ago; forgets what is too long ago of the others."""
    while seen and seen[0][0] < time - STEADY - _ROUNDING:
        seen.popleft()
    return not seen


def _grown(boxes: npt.NDArray[np.float64], size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    reach = _NEAR_EDGE * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    cut = ((boxes[:, :2] < reach) | (boxes[:, 2:] > np.array(size_wh) - reach)).any(axis=1)
    return np.where(
        cut[:, None], grown_boxes(boxes, FILM_MARGIN + EDGE_MARGIN), grown_boxes(boxes, FILM_MARGIN)
    )
