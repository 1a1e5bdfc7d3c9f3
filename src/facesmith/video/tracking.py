"""Tracks of a whole film in bounded memory: `track`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.video.both_ways import tracks_of_scene
from facesmith.video.config import TrackConfig
from facesmith.video.filling import fill
from facesmith.video.results import NO_TRACK, FrameFaces


# A scene is worked through in windows, so that memory does not grow with its length. A frame is
# given out when this much after it is known; the next window begins this much before it.
@dataclass(frozen=True)
class _Spans:
    """Seconds of a window, of what is known after a frame, and before the next window's first."""

    window: float
    after: float
    before: float
    min_looks: int  # after and before, where there are few a second


_FILM = _Spans(60.0, 10.0, 5.0, min_looks=8)
_MOST_FRAMES = 20_000  # of a window, whatever their times say,
_MOST_KNOWN = 4_000  # and of those in it that were given out


def track(
    frames: Iterable[FrameFaces],
    config: TrackConfig | None = None,
    *,
    ahead: float | None = None,
) -> Iterator[FrameFaces]:
    """Give the faces of a film ids that stay over time, and fill in where they were not seen.

    Each scene is tracked forwards and backwards. Frames come out in order, up to a minute of film
    later than they go in; memory does not depend on the length of the film.

    Args:
        frames: What the detector found in each frame, in order, as `detect_frames` yields it: with
            faces of low scores too, from `config.lowest` on.
        config: The settings; `TrackConfig.of_detector` makes them for a detector.
        ahead: Give frames out no later than so many seconds after they went in, as cameras need
            it: then half of that is known of what follows. `None`: up to a minute.

    Yields:
        The same frames. Faces that are of no track are left out, boxes of tracks that were not
        seen added and marked in `filled`. Ids count from 1 in order of appearance.

    Raises:
        ValueError: If a frame's time is before that of the one before it, or `ahead` is not
            positive.

    Example:
        >>> import numpy as np
        >>> from facesmith import Faces
        >>> face = Faces(np.float32([[10, 10, 30, 34]]), np.float32([0.9]))
        >>> found = [face, face, Faces.empty(), face]
        >>> frames = [FrameFaces(n, n / 25, (64, 48), faces) for n, faces in enumerate(found)]
        >>> for frame in track(frames):
        ...     print(frame.number, frame.tracks, frame.filled)
        0 [1] [False]
        1 [1] [False]
        2 [1] [ True]
        3 [1] [False]
    """
    if ahead is not None and not ahead > 0:
        raise ValueError(f"`ahead` must be positive, in seconds; got ahead={ahead}.")
    spans = _FILM if ahead is None else _Spans(ahead, ahead / 2, 1.5 * ahead, min_looks=1)
    windows = _Windows(config or TrackConfig(), spans)
    for frame in frames:
        if frame.cut:
            yield from windows.finish()
        yield from windows.add(frame)
    yield from windows.finish()


class _Windows:
    """The frames of a scene that are still needed, and the tracks that were given out."""

    def __init__(self, config: TrackConfig, spans: _Spans) -> None:
        self._config, self._spans = config, spans
        self._frames: list[FrameFaces] = []
        self._known: list[npt.NDArray[np.int64]] = []  # tracks of the first of them, given out
        self._next_id = 1

    def add(self, frame: FrameFaces) -> list[FrameFaces]:
        """Take in a frame; returns what can be given out now."""
        if self._frames and frame.time < self._frames[-1].time:
            raise ValueError(
                f"Times must not fall; frame {frame.number} at {frame.time} s comes after "
                f"{self._frames[-1].time} s. Sort the frames."
            )
        self._frames.append(frame)
        full = frame.time - self._frames[len(self._known)].time > self._spans.window
        if not full and len(self._frames) - len(self._known) < _MOST_FRAMES:
            return []
        out = self._before(len(self._frames), self._spans.after)
        out = out if out > len(self._known) else len(self._frames) - self._spans.min_looks
        if full and out <= len(self._known):
            return []
        ids = self._ids()
        done = fill(self._frames, ids, self._config)[len(self._known) : out]
        kept_from = max(self._before(out, self._spans.before), out - _MOST_KNOWN)
        self._frames, self._known = self._frames[kept_from:], ids[kept_from:out]
        return done

    def finish(self) -> list[FrameFaces]:
        """Give out what is left of the scene."""
        ids = self._ids()
        done = fill(self._frames, ids, self._config)[len(self._known) :]
        self._frames, self._known = [], []
        return done

    def _before(self, end: int, seconds: float) -> int:
        """Index of the frame so long, and so many looks, before the one before `end`."""
        looks, k = 0, end - 1
        last = self._frames[k].time
        while k > 0 and (last - self._frames[k].time < seconds or looks < self._spans.min_looks):
            looks += self._frames[k].looked
            k -= 1
        return k

    def _ids(self) -> list[npt.NDArray[np.int64]]:
        """The tracks of all frames, by the ids that were given out before."""
        local = tracks_of_scene(self._frames, self._config)
        votes: dict[tuple[int, int], int] = {}
        for known, ids in zip(self._known, local, strict=False):
            for old, new in zip(known.tolist(), ids.tolist(), strict=True):
                if NO_TRACK not in (old, new):
                    votes[new, old] = votes.get((new, old), 0) + 1
        names = {NO_TRACK: NO_TRACK}
        for new, old in sorted(votes, key=lambda pair: (-votes[pair], pair)):
            if new not in names and old not in names.values():
                names[new] = old
        for ids in local[len(self._known) :]:
            for new in ids.tolist():
                if new not in names:
                    names[new] = self._next_id
                    self._next_id += 1
        return [np.array([names.get(n, NO_TRACK) for n in ids.tolist()], np.int64) for ids in local]
