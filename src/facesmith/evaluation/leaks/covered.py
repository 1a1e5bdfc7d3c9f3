"""How much of each face a covered film hides, told from its pixels alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.errors import EvaluationError
from facesmith.evaluation.leaks.truth import TrueFilm, TrueFrame
from facesmith.video import VideoFrame, open_video

BoolArray = npt.NDArray[np.bool_]
Colour = tuple[int, int, int]

TOLERANCE = 48  # of 255: a pixel no farther than this from the colour, in any channel, has it
VAIN_MARGIN = 0.5  # of a face's longer side, on each side: what is covered there is not in vain
SAME_TIME = 0.001  # seconds


@dataclass(frozen=True, eq=False)
class FrameCoverage:
    """What a program covered in one frame.

    Attributes:
        hidden: The part of each true face that is covered, float64 `(n,)`: of what is in view, and
            had not the colour before. NaN where more than half of that had it.
        in_vain: Pixels covered outside all faces, each grown by half its longer side on each side.
        covered: Pixels covered in all.
        pixels: Of the frame.
    """

    hidden: npt.NDArray[np.float64]
    in_vain: int
    covered: int
    pixels: int


@dataclass(frozen=True)
class Times:
    """How the time stamps of a covered film are, beside those of the film.

    Attributes:
        frames: Of the film.
        frames_out: Of the covered film.
        missing: Frames of the film at whose time the covered one shows none.
        kept: Whether both have the same time stamps, to the millisecond.
    """

    frames: int
    frames_out: int
    missing: int
    kept: bool


def film_coverage(
    film: TrueFilm, covered: Path, colour: Colour
) -> tuple[list[FrameCoverage], Times]:
    """What is covered in each frame of a film.

    Args:
        film: The film and its faces.
        covered: The same film after a program covered its faces in one colour.
        colour: Red, green, blue, 0 to 255 each.

    Raises:
        EvaluationError: If the frames have another size, or the film not the frames that its faces
            are of.
        VideoError: If a film cannot be read.
    """
    found: list[FrameCoverage] = []
    missing = 0
    with ExitStack() as stack:
        given = stack.enter_context(open_video(str(film.path)))
        shown = _Shown(stack.enter_context(open_video(str(covered))).frames(), film.interval / 2)
        kept = True
        frames = given.frames()
        for truth in film.frames:
            before = next(frames, None)
            if before is None or abs(before.time - truth.time) > SAME_TIME:
                raise EvaluationError(
                    f"{film.path} has not the frames that {film.path.with_suffix('.json')} tells "
                    "of. Make the films again."
                )
            after = shown.at(truth.time)
            missing += after is None
            kept &= after is not None and abs(after.time - truth.time) <= SAME_TIME
            if after is not None and after.size_wh != film.size_wh:
                raise EvaluationError(
                    f"{covered} has frames of {after.size_wh[0]}x{after.size_wh[1]} pixels, the "
                    f"film {film.size_wh[0]}x{film.size_wh[1]}. A program that covers faces must "
                    "keep the size."
                )
            found.append(frame_coverage(truth, before.image(), _image(after), colour))
        n_out = shown.count()
    kept &= n_out == len(film.frames)
    return found, Times(len(film.frames), n_out, missing, bool(kept))


def frame_coverage(
    truth: TrueFrame,
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8] | None,
    colour: Colour,
) -> FrameCoverage:
    """What is covered in one frame.

    Args:
        truth: Its faces.
        before: The frame, BGR.
        after: The same after a program covered its faces; `None`: there is none at this time, and
            no face counts as covered.
        colour: Red, green, blue.
    """
    had = _has(before, colour)
    new = np.zeros_like(had) if after is None else _has(after, colour) & ~had
    hidden = np.full(len(truth.boxes), np.nan)
    height, width = had.shape
    for i, (x_min, y_min, x_max, y_max) in enumerate(truth.boxes.tolist()):
        place = np.s_[_within(y_min, y_max, height), _within(x_min, x_max, width)]
        judged = ~had[place]
        if judged.size and 2 * judged.sum() >= judged.size:
            hidden[i] = new[place].sum() / judged.sum()
    total = int(new.sum())
    sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
    more = VAIN_MARGIN * sides.max(axis=1, initial=0)
    for (x_min, y_min, x_max, y_max), add in zip(truth.boxes.tolist(), more.tolist(), strict=True):
        new[_within(y_min - add, y_max + add, height), _within(x_min - add, x_max + add, width)] = 0
    return FrameCoverage(hidden, int(new.sum()), total, new.size)


class _Shown:
    """The frame of a covered film that is nearest to each time; times must not fall."""

    def __init__(self, frames: Iterator[VideoFrame], reach: float) -> None:
        self._frames, self._reach = frames, reach
        self._now = next(frames, None)
        self._next = next(frames, None)
        self._count = (self._now is not None) + (self._next is not None)

    def at(self, time: float) -> VideoFrame | None:
        """The frame; `None` if none is nearer than half the usual time between frames."""
        while self._now is not None and self._next is not None:
            if abs(self._next.time - time) > abs(self._now.time - time):
                break
            self._now, self._next = self._next, next(self._frames, None)
            self._count += self._next is not None
        near = self._now is not None and abs(self._now.time - time) <= self._reach
        return self._now if near else None

    def count(self) -> int:
        """How many frames there are; reads the film to its end."""
        self._count += sum(1 for _ in self._frames)
        return self._count


def _image(frame: VideoFrame | None) -> npt.NDArray[np.uint8] | None:
    return None if frame is None else frame.image()


def _has(image: npt.NDArray[np.uint8], colour: Colour) -> BoolArray:
    """Which pixels have the colour, bool `(height, width)`."""
    low = np.clip(np.array(colour[::-1]) - TOLERANCE, 0, 255).astype(np.uint8)
    high = np.clip(np.array(colour[::-1]) + TOLERANCE, 0, 255).astype(np.uint8)
    has: BoolArray = np.ones(image.shape[:2], bool)
    for channel in range(3):
        plane = image[..., channel]
        has &= (plane >= low[channel]) & (plane <= high[channel])
    return has


def _within(low: float, high: float, length: int) -> slice:
    """The pixels whose middle lies between, cut off at the border."""
    begin = min(max(int(np.ceil(low - 0.5)), 0), length)
    return slice(begin, max(min(int(np.ceil(high - 0.5)), length), begin))
