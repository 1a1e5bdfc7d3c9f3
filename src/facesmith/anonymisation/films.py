"""Films with their faces covered: tracked forwards and backwards, at the times they had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.choosing import Choice
from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.film_boxes import steadied
from facesmith.anonymisation.film_frames import FrameCover
from facesmith.anonymisation.records import BoxFile
from facesmith.detection import PhotoDetector
from facesmith.errors import VideoError
from facesmith.faces import Faces
from facesmith.video import (
    FrameFaces,
    LookConfig,
    TrackConfig,
    Video,
    VideoFrame,
    VideoWriter,
    detect_frames,
    open_video,
    track,
)
from facesmith.video.writing import QUALITY

HOLD = 0.3  # seconds for which the ends of tracks are held
# Of 25 and 30 frames a second the second ones are looked at less, of 60 three of four.
FULL_SECONDS = 0.06
# So often smaller faces are looked for, too. On made films with known faces this left 18 of 150
# with a frame uncovered instead of 21, of all sizes: a look at another scale is a second chance.
FINE_SECONDS = 0.2
_HIGH_SHARE = 1 / 3  # of the detector's threshold, from which tracks begin
_SOUND = ("audio",)  # subtitles of drones hold places


@dataclass(frozen=True, eq=False)
class FilmConfig:
    """How a film is covered.

    Attributes:
        cover: How faces are covered.
        choice: Which are.
        tracking: How they are followed.
        look: How frames are looked at.
        quality: Constant rate factor of H.264, 0 to 51; lower is better.
        boxes: What to cover, instead of what is found.
    """

    cover: CoverConfig
    tracking: TrackConfig
    look: LookConfig
    choice: Choice = field(default_factory=Choice)
    quality: int = QUALITY
    boxes: BoxFile | None = None


def tracks_that_miss_little(detector: PhotoDetector, min_score: float | None = None) -> TrackConfig:
    """The settings of tracks for those who would rather cover too much.

    Tracks begin at a third of the detector's threshold, and go on at its `find_all_score`; with
    `min_score` they begin there, and go on at a third of it.
    """
    if min_score is not None:
        return TrackConfig(high_score=min_score, hold=HOLD)
    high = detector.min_score * _HIGH_SHARE
    low = detector.find_all_score
    return TrackConfig(high, high * _HIGH_SHARE if low is None else min(low, high), hold=HOLD)


@dataclass(frozen=True, eq=False)
class CoveredFrame:
    """What was covered in one frame.

    Attributes:
        found: The frame's faces as they were covered, before the margin, see `film_boxes.steadied`.
        spared: Boxes of the faces that were not covered, for `Choice` said so, `(n, 4)`.
    """

    found: FrameFaces
    spared: npt.NDArray[np.float32]


def film_name(name: str) -> str:
    """What a covered film is called: MP4 where its own kind is not written.

    Example:
        >>> film_name("a/clip.mkv"), film_name("a/clip.avi")
        ('a/clip.mkv', 'a/clip.avi.mp4')
    """
    written = (".m4v", ".mkv", ".mov", ".mp4", ".webm")
    return name if name.lower().endswith(written) else f"{name}.mp4"


def cover_film(
    name: str,
    out: Path,
    detector: PhotoDetector,
    config: FilmConfig,
    *,
    on_time: Callable[[float, float | None], None] | None = None,
    problems: list[str] | None = None,
) -> Iterator[CoveredFrame]:
    """Write a film with its faces covered; the file takes its place at the end, whole.

    Frames keep their times, sound is copied, metadata and subtitles are left out. The film is read
    twice at once: the tracks of a frame are known up to a minute after it is looked at.

    Args:
        name: The film.
        out: The file to write; the suffix says which kind.
        detector: What finds faces.
        config: How.
        on_time: Called with the time that was looked at and the film's length, seconds.
        problems: Gets sentences about damage that was passed over, and what the file lacks.

    Yields:
        What was covered in each frame, in order. The film is whole when there are no more.

    Raises:
        VideoError: If the film cannot be read, or its sound not be written to this kind of file.
        WriteError: If the file cannot be written.
    """
    with ExitStack() as stack:
        looked_at = stack.enter_context(open_video(name))
        shown = stack.enter_context(open_video(name))
        writer = stack.enter_context(
            VideoWriter(
                out,
                shown.size_wh,
                shown.time_base,
                rate=shown.rate,
                orientation=shown.orientation,
                source=shown,
                quality=config.quality,
                copied=_SOUND,
            )
        )
        if problems is not None:
            problems += writer.notes()
        frames = shown.frames(writer.copy)
        paint = FrameCover(config.cover)
        for found in _tracked(name, looked_at, detector, config, on_time):
            frame = next(frames, None)
            if frame is None or frame.number != found.number or frame.time != found.time:
                raise VideoError(f"{name} changed while it was read. Run the command again.")
            covered = chosen_faces(name, found, config)
            writer.write(*paint(frame, covered.found.faces.boxes))
            yield covered
        for _ in frames:  # the sound that lasts longer than the frames
            pass
        if problems is not None:
            problems += looked_at.problems()


def _tracked(
    name: str,
    video: Video,
    detector: PhotoDetector,
    config: FilmConfig,
    on_time: Callable[[float, float | None], None] | None,
) -> Iterator[FrameFaces]:
    frames = video.frames() if on_time is None else _told(video, on_time)
    if config.boxes is not None:
        yield from _listed(name, frames, config.boxes)
        return
    yield from steadied(track(detect_frames(frames, detector, config.look), config.tracking))


def _told(video: Video, on_time: Callable[[float, float | None], None]) -> Iterator[VideoFrame]:
    for frame in video.frames():
        yield frame
        on_time(frame.time, video.duration)


def _listed(name: str, frames: Iterable[VideoFrame], boxes: BoxFile) -> Iterator[FrameFaces]:
    for frame in frames:
        faces = boxes.faces(name, frame.number)
        if faces is None:
            raise VideoError(
                f"Frame {frame.number} of {name} has no line in {boxes.path}. Add one, with "
                '"faces": [] if there is nothing to cover.'
            )
        boxes.check_size(name, frame.size_wh, frame.number)
        yield FrameFaces(frame.number, frame.time, frame.size_wh, faces)


def chosen_faces(name: str, found: FrameFaces, config: FilmConfig) -> CoveredFrame:
    """The frame with those faces only that are to be covered."""
    config.choice.check_size(name, found.size_wh, found.number)
    chosen = config.choice.of(found.faces, name, found.number)
    if chosen.all():
        return CoveredFrame(found, np.zeros((0, 4), np.float32))
    kept = _with_faces(found, found.faces[chosen], found.tracks[chosen], found.filled[chosen])
    return CoveredFrame(kept, found.faces.boxes[~chosen])


def _with_faces(
    frame: FrameFaces, faces: Faces, tracks: npt.NDArray[np.int64], filled: npt.NDArray[np.bool_]
) -> FrameFaces:
    return FrameFaces(
        frame.number, frame.time, frame.size_wh, faces, tracks, filled, frame.looked, frame.cut
    )
