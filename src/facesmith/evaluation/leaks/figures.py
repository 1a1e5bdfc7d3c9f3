"""The leak rate and what goes with it: `leak_figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from facesmith.evaluation.leaks.covered import FrameCoverage, Times
from facesmith.evaluation.leaks.truth import TrueFilm, share_in_view

HIDDEN = 0.95  # of a face, from which on it is covered
HEIGHTS = (("below 32 px", 0, 32), ("32 to 64 px", 32, 64), ("64 to 128 px", 64, 128),
           ("128 px and more", 128, np.inf))  # fmt: skip
SPEEDS = (("still", 0, 0.25), ("slow", 0.25, 2), ("fast", 2, np.inf))  # own sizes a second
_WHOLE = 0.999  # of a face in view: less is at the edge of the frame


@dataclass(frozen=True)
class Sighting:
    """A face in a frame, where it counts.

    Attributes:
        number: Of the frame, from 0.
        time: Of the frame, seconds.
        box: Pixels of the frame.
        hidden: How much of it is covered, 0 to 1.
        whole: Whether all of it is in the frame.
        speed: Of its middle, in its own sizes a second; 0 in a single frame.
    """

    number: int
    time: float
    box: tuple[float, float, float, float]
    hidden: float
    whole: bool
    speed: float

    @property
    def covered(self) -> bool:
        """Whether at least `HIDDEN` of it is covered."""
        return self.hidden >= HIDDEN

    @property
    def height(self) -> float:
        """Of the face, pixels."""
        return self.box[3] - self.box[1]


@dataclass(frozen=True)
class Leak:
    """Neighbouring frames in which a face is not covered.

    Attributes:
        film: Name of the film's file.
        track: The face.
        first: Number of the first of these frames.
        frames: How many.
        seconds: How long they are shown.
        box: Of the face in the frame that shows most of it, pixels.
        shown_in: Number of that frame.
        hidden: How much of the face is covered there, 0 to 1.
    """

    film: str
    track: int
    first: int
    frames: int
    seconds: float
    box: tuple[float, ...]
    shown_in: int
    hidden: float


@dataclass(frozen=True)
class LeakFigures:
    """How well a program covered the faces of some films; shares are NaN without any face.

    Attributes:
        face_frames: Faces that count, frame by frame.
        covered: Share of these of which at least 95 % is covered.
        tracks: Faces over time.
        tracks_uncovered: Of these, those with a frame in which they are not covered.
        longest: Neighbouring frames in which the same face is not covered, at most.
        longest_seconds: How long these are shown.
        flicker: Share of neighbouring frames of a face between which it is covered in one and not
            in the other.
        vain_of_covered: Share of the covered pixels that are near no face.
        vain_of_picture: The same as a share of all pixels.
        frames: Of the films.
        frames_out: Of the covered films.
        missing: Frames at whose time the covered film shows none.
        times_kept: Films whose time stamps are all kept.
        films: How many.
        by_kind: Kind of faces -> their number and the share covered.
    """

    face_frames: int
    covered: float
    tracks: int
    tracks_uncovered: int
    longest: int
    longest_seconds: float
    flicker: float
    vain_of_covered: float
    vain_of_picture: float
    frames: int
    frames_out: int
    missing: int
    times_kept: int
    films: int
    by_kind: Mapping[str, tuple[int, float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        kinds = {
            name: {"face_frames": n, "covered": share} for name, (n, share) in self.by_kind.items()
        }
        return {**asdict(self), "by_kind": kinds}


@dataclass(frozen=True, eq=False)
class Measured:
    """What a program covered in one film."""

    film: TrueFilm
    coverage: Sequence[FrameCoverage]
    times: Times


def leak_figures(measured: Sequence[Measured]) -> tuple[LeakFigures, list[Leak]]:
    """The figures of some films together, and all leaks, the longest first."""
    tracks = [
        (each.film, number, rows)
        for each in measured
        for number, rows in _tracks(each.film, each.coverage).items()
    ]
    rows = [row for _, _, rows in tracks for row in rows]
    leaks = [leak for film, number, rows in tracks for leak in _leaks(film, number, rows)]
    pairs = [(a, b) for _, _, rows in tracks for a, b in pairwise(rows) if b.number == a.number + 1]
    frames = [frame for each in measured for frame in each.coverage]
    in_vain = sum(frame.in_vain for frame in frames)
    leaks.sort(key=lambda leak: (-leak.frames, leak.film, leak.track, leak.first))
    figures = LeakFigures(
        face_frames=len(rows),
        covered=_share(row.covered for row in rows),
        tracks=len(tracks),
        tracks_uncovered=len({(leak.film, leak.track) for leak in leaks}),
        longest=leaks[0].frames if leaks else 0,
        longest_seconds=leaks[0].seconds if leaks else 0.0,
        flicker=_share(a.covered != b.covered for a, b in pairs),
        vain_of_covered=_ratio(in_vain, sum(frame.covered for frame in frames)),
        vain_of_picture=_ratio(in_vain, sum(frame.pixels for frame in frames)),
        frames=sum(each.times.frames for each in measured),
        frames_out=sum(each.times.frames_out for each in measured),
        missing=sum(each.times.missing for each in measured),
        times_kept=sum(each.times.kept for each in measured),
        films=len(measured),
        by_kind=_by_kind(rows),
    )
    return figures, leaks


def _tracks(film: TrueFilm, coverage: Sequence[FrameCoverage]) -> dict[int, list[Sighting]]:
    """The faces that count, by track, in order of time."""
    found: dict[int, list[Sighting]] = {}
    last: dict[int, tuple[float, Any]] = {}  # track -> time and middle in the frame before
    for number, (truth, covered) in enumerate(zip(film.frames, coverage, strict=True)):
        now: dict[int, tuple[float, Any]] = {}
        whole = share_in_view(truth.boxes, film.size_wh) >= _WHOLE
        for i, track in enumerate(truth.tracks.tolist()):
            box = truth.boxes[i]
            now[track] = truth.time, (box[:2] + box[2:]) / 2
            if not truth.counts[i] or np.isnan(covered.hidden[i]):
                continue
            speed = 0.0
            if track in last:
                apart = float(np.hypot(*(now[track][1] - last[track][1])))
                size = float(np.sqrt((box[2:] - box[:2]).prod()))
                speed = apart / size / max(truth.time - last[track][0], 1e-6)
            x_min, y_min, x_max, y_max = box.tolist()
            sighting = Sighting(
                number,
                truth.time,
                (x_min, y_min, x_max, y_max),
                float(covered.hidden[i]),
                bool(whole[i]),
                speed,
            )
            found.setdefault(track, []).append(sighting)
        last = now
    return found


def _leaks(film: TrueFilm, track: int, rows: Sequence[Sighting]) -> list[Leak]:
    runs: list[list[Sighting]] = []
    for row in rows:
        if row.covered:
            continue
        if runs and runs[-1][-1].number == row.number - 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    leaks = []
    for run in runs:
        worst = min(run, key=lambda row: row.hidden)
        leaks.append(
            Leak(
                film=film.path.name,
                track=track,
                first=run[0].number,
                frames=len(run),
                seconds=round(run[-1].time - run[0].time + film.interval, 3),
                box=tuple(round(edge, 1) for edge in worst.box),
                shown_in=worst.number,
                hidden=round(worst.hidden, 3),
            )
        )
    return leaks


def _by_kind(rows: Sequence[Sighting]) -> dict[str, tuple[int, float]]:
    kinds: dict[str, list[Sighting]] = {}
    for name, low, high in HEIGHTS:
        kinds[name] = [row for row in rows if low <= row.height < high]
    for name, slow, fast in SPEEDS:
        kinds[name] = [row for row in rows if slow <= row.speed < fast]
    kinds["at the edge"] = [row for row in rows if not row.whole]
    return {name: (len(some), _share(row.covered for row in some)) for name, some in kinds.items()}


def _share(values: Any) -> float:
    given = list(values)
    return sum(given) / len(given) if given else float("nan")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
