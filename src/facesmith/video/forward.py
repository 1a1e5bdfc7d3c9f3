"""Faces to tracks, one frame after the other: what a camera needs, and half of what a film gets.

A Kalman filter tells where each face should be; faces and tracks are paired by overlap. Faces with
high scores go first and may begin tracks; those with low scores only go on with tracks that are
left over.

Source: Bewley et al., Simple Online and Realtime Tracking, 2016; the two levels of scores from
Zhang et al., ByteTrack, 2022; looking where a lost face was last seen as well as where it should be
from Cao et al., Observation-Centric SORT, 2023. Ours goes by time stamps, not by frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.boxes import box_iou, clip_boxes
from facesmith.faces import Faces
from facesmith.video.assignment import assign, generalised_iou
from facesmith.video.config import ROUNDING, TrackConfig
from facesmith.video.kalman import KalmanBoxes
from facesmith.video.results import NO_TRACK, FrameFaces

# A face may be this far from where it should be, in its own sizes: near by at once, and farther the
# longer ago it was seen, as far as one that runs past the camera.
_REACH, _REACH_A_SECOND, _MOST_REACH = 0.5, 8.0, 1.5
_SIZE_FACTOR = np.log(2.0)  # neither side may be more than twice or less than half of what it was
_MIN_LOW_LIKENESS = 0.2  # generalised IoU of a face with a low score with its track
_SAME_FACE_IOU = 0.3  # a held box that overlaps a face so much is of that face


@dataclass
class _Live:
    id: int
    box: npt.NDArray[np.float32]  # where it was last seen
    time: float  # when
    score: float
    missed: int = 0  # looks since then


class ForwardTracker:
    """The tracks of faces as frames come; times must not fall.

    Args:
        config: The settings.
        first_id: Of the first track; the others count on.
    """

    def __init__(self, config: TrackConfig | None = None, first_id: int = 1) -> None:
        self._config = config or TrackConfig()
        self._live: list[_Live] = []
        self._filters = KalmanBoxes()  # of the live tracks, in their order
        self._next_id = first_id
        self._time = -np.inf

    def step(self, faces: Faces, time: float) -> npt.NDArray[np.int64]:
        """The track of each face in the frame at a time, int64 `(n,)`; 0: of none.

        Raises:
            ValueError: If the time is before that of the last frame.
        """
        if time < self._time:
            raise ValueError(
                f"Times must not fall; got {time} after {self._time}. Sort the frames."
            )
        self._end_lost(time)
        if np.isfinite(self._time):
            self._filters.predict(time - self._time)
        self._time = time
        ids = np.full(len(faces), NO_TRACK, np.int64)
        if not len(faces) and not self._live:
            return ids
        high = np.flatnonzero(faces.scores >= self._config.high_score)
        low = np.flatnonzero(
            (faces.scores < self._config.high_score) & (faces.scores >= self._config.lowest)
        )
        free = list(range(len(self._live)))
        free = self._pair(faces, high, free, ids)
        free = self._pair(faces, high, free, ids, last_seen=True)
        free = self._pair(faces, low, free, ids, min_likeness=_MIN_LOW_LIKENESS)
        for index in free:
            self._live[index].missed += 1
        self._begin(faces, high[ids[high] == NO_TRACK], ids)
        return ids

    def _end_lost(self, time: float) -> None:
        """End the tracks that have not been seen for too long."""
        longest = self._config.max_gap + ROUNDING
        going = [live.missed == 0 or time - live.time <= longest for live in self._live]
        if not all(going):
            self._filters.keep(np.array(going))
            self._live = [live for live, goes in zip(self._live, going, strict=True) if goes]

    def _begin(
        self, faces: Faces, chosen: npt.NDArray[np.intp], ids: npt.NDArray[np.int64]
    ) -> None:
        """Begin a track with each of the chosen faces, and write it into `ids`."""
        if not len(chosen):
            return
        self._filters.add(faces.boxes[chosen])
        for index in chosen:
            live = _Live(self._next_id, faces.boxes[index], self._time, float(faces.scores[index]))
            self._live.append(live)
            ids[index] = live.id
            self._next_id += 1

    def end_scene(self) -> None:
        """End all tracks: the next frame is of another scene."""
        self._live, self._filters = [], KalmanBoxes()

    def held(self) -> tuple[Faces, npt.NDArray[np.int64]]:
        """The tracks that were not seen in the last frame but shortly before, where they should be.

        Returns:
            Their boxes with the scores they had last, and their ids, int64 `(n,)`.
        """
        longest = self._config.hold + ROUNDING
        rows = [
            row
            for row, live in enumerate(self._live)
            if live.missed and self._time - live.time <= longest
        ]
        if not rows:
            return Faces.empty(), np.zeros(0, np.int64)
        scores = np.array([self._live[row].score for row in rows], np.float32)
        ids = np.array([self._live[row].id for row in rows], np.int64)
        return Faces(self._filters.boxes[rows], scores), ids

    def _pair(
        self,
        faces: Faces,
        chosen: npt.NDArray[np.intp],
        free: list[int],
        ids: npt.NDArray[np.int64],
        *,
        min_likeness: float = -1.0,
        last_seen: bool = False,
    ) -> list[int]:
        """Pair some faces that have no track yet with the free tracks.

        Args:
            faces: All of the frame.
            chosen: Indices of those to pair.
            free: Indices of the tracks.
            ids: Of all faces; those of the paired ones are written into it.
            min_likeness: Generalised IoU of a pair at least.
            last_seen: Whether tracks are looked for where they were seen last instead of where they
                should be: faces stop and turn back.

        Returns:
            The tracks that are still free.
        """
        chosen = chosen[ids[chosen] == NO_TRACK]
        if not len(chosen) or not free:
            return free
        tracks = [self._live[index] for index in free]
        places = np.stack([each.box for each in tracks]) if last_seen else self._filters.boxes[free]
        since = np.array([self._time - each.time for each in tracks])
        reach = np.minimum(_REACH + _REACH_A_SECOND * since, _MOST_REACH)
        boxes = faces.boxes[chosen]
        allowed = _within_reach(places, boxes, reach)
        if not allowed.any():
            return free
        likeness = generalised_iou(places, boxes)
        pairs = assign(likeness, allowed & (likeness >= min_likeness))
        if not pairs:
            return free
        rows = np.array([free[row] for row, _ in pairs])
        found = chosen[[column for _, column in pairs]]
        self._filters.update(rows, faces.boxes[found])
        for row, index in zip(rows.tolist(), found.tolist(), strict=True):
            live = self._live[row]
            live.box, live.time, live.missed = faces.boxes[index], self._time, 0
            live.score = float(faces.scores[index])
            ids[index] = live.id
        return [index for index in free if index not in set(rows.tolist())]


def _within_reach(
    places: npt.NDArray[np.float32],
    boxes: npt.NDArray[np.float32],
    reach: npt.NDArray[np.float64],
) -> npt.NDArray[np.bool_]:
    """Whether a box is near a place and of about its size, bool `(n, m)`."""
    sides = [np.maximum(each[:, 2:] - each[:, :2], 0.01) for each in (places, boxes)]
    centres = [(each[:, 2:] + each[:, :2]) / 2 for each in (places, boxes)]
    apart = np.abs(centres[0][:, None] - centres[1][None])
    size = np.sqrt(sides[0].prod(axis=1))[:, None]
    near = np.hypot(apart[..., 0], apart[..., 1]) / size <= reach[:, None]
    growth = np.abs(np.log(sides[0])[:, None] - np.log(sides[1])[None])
    allowed: npt.NDArray[np.bool_] = near & (growth <= _SIZE_FACTOR).all(axis=-1)
    return allowed


class LiveTracker:
    """Tracks for cameras: what is known now, without what comes later.

    A face that is not seen is held for `config.hold` seconds where it should be. Gaps that turn out
    to be longer stay empty; `track` fills them, but needs what comes after.
    """

    def __init__(self, config: TrackConfig | None = None) -> None:
        self._tracker = ForwardTracker(config)

    def update(self, frame: FrameFaces) -> FrameFaces:
        """The frame with tracks; faces with low scores that go on with none are left out.

        Raises:
            ValueError: If its time is before that of the last frame.
        """
        if frame.cut:
            self._tracker.end_scene()
        if not frame.looked:
            return frame
        ids = self._tracker.step(frame.faces, frame.time)
        held, held_ids = self._tracker.held()
        seen = np.flatnonzero(ids != NO_TRACK)
        return with_filled(frame, seen, ids[seen], held, held_ids)


def with_filled(
    frame: FrameFaces,
    seen: npt.NDArray[np.intp],
    seen_ids: npt.NDArray[np.int64],
    filled: Faces,
    filled_ids: npt.NDArray[np.int64],
    *,
    keep: npt.NDArray[np.bool_] | None = None,
) -> FrameFaces:
    """The frame with the faces that tracks have in it.

    Args:
        frame: What the detector found.
        seen: Indices of its faces that are of tracks, `(n,)`.
        seen_ids: Their tracks, `(n,)`.
        filled: Boxes of tracks that were not seen, put between or held.
        filled_ids: Their tracks, `(m,)`.
        keep: bool `(m,)`: a box stays even if it overlaps a face that is seen; `None`: none does.

    Returns:
        First the faces that were seen, best score first, then the others, cut at the border; those
        outside the frame are left out.
    """
    faces = frame.faces[seen]
    boxes = clip_boxes(filled.boxes, *frame.size_wh)
    good = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if len(faces) and len(boxes):
        clear = box_iou(boxes, faces.boxes).max(axis=1) < _SAME_FACE_IOU
        good &= clear if keep is None else clear | keep
    if not good.any():
        filled_ids, n_filled, together = filled_ids[:0], 0, faces
    else:
        filled_ids, n_filled = filled_ids[good], int(good.sum())
        together = Faces(
            np.concatenate([faces.boxes, boxes[good]]),
            np.concatenate([faces.scores, filled.scores[good]]),
        )
    return FrameFaces(
        number=frame.number,
        time=frame.time,
        size_wh=frame.size_wh,
        faces=together,
        tracks=np.concatenate([seen_ids, filled_ids]),
        filled=np.arange(len(together)) >= len(together) - n_filled,
        looked=frame.looked,
        cut=frame.cut,
    )
