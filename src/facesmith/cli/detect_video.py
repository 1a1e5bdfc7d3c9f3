"""`facesmith detect` for films and cameras: a JSON line a frame, and drawings as a film."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.numbers import counted
from facesmith.cli.paths import refuse_existing
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.errors import FacesmithError, MissingPackageError, VideoError

if TYPE_CHECKING:
    from facesmith.detection import PhotoDetector, WindowConfig
    from facesmith.video import FrameFaces, TrackConfig, Video, VideoFrame

_STEPS_A_SECOND = 10  # of a progress bar, in seconds of film


@dataclass(frozen=True)
class VideoTask:
    """What the command was asked to do with films or cameras.

    Attributes:
        inputs: Files, or cameras.
        draw: The film to write, if any.
        model: Path of the weights; `None`: those that come along.
        windows: Of a classifier.
        min_score: Of a face that begins a track; `None`: the detector's own.
        min_face: See `Detector`.
        rotations: See `Detector`.
        every: Look at each so manieth frame.
        max_seconds: Stop after so much film, or time.
        max_frames: Stop after so many frames.
        lines: Whether to print lines.
        quiet: Whether to say errors only.
        force: Whether `draw` may replace a file.
    """

    inputs: Sequence[str]
    draw: Path | None
    model: Path | None
    windows: WindowConfig | None
    min_score: float | None
    min_face: float | None
    rotations: Sequence[int]
    every: int
    max_seconds: float | None
    max_frames: int | None
    lines: bool
    quiet: bool
    force: bool


def are_videos(inputs: Sequence[str]) -> bool:
    """Whether the inputs are films and cameras, and not photos.

    An animation among photos is a photo: its first frame is looked at.

    Raises:
        UsageError: If they are both.
    """
    from facesmith.video.camera import is_camera  # noqa: PLC0415 - loads NumPy
    from facesmith.video.opening import is_animation, is_film  # noqa: PLC0415

    films = [name for name in inputs if is_camera(name) or is_film(name)]
    if films and len(films) < len(inputs):
        others = [name for name in inputs if name not in films and not is_animation(name)]
        if others:
            raise click.UsageError(
                f"{films[0]} is a film and {others[0]} is none. Look at photos and films in two "
                "runs."
            )
    return bool(films) or all(map(is_animation, inputs))


def detect_videos(task: VideoTask) -> int:
    """Look at each film or camera in turn; returns the exit code.

    Raises:
        UsageError: If the options do not fit together.
    """
    from facesmith.detection.opening import open_detector  # noqa: PLC0415 - see `detect`
    from facesmith.video.libav import import_av  # noqa: PLC0415
    from facesmith.video.writing import check_video_name  # noqa: PLC0415

    if task.draw is not None:
        if len(task.inputs) > 1:
            raise click.UsageError("--draw writes one film. Give one INPUT, or leave --draw out.")
        check_video_name(task.draw)
        refuse_existing([task.draw], force=task.force)
    import_av()
    detector = open_detector(task.model, windows=task.windows)
    failed = False
    for name in dict.fromkeys(task.inputs):
        try:
            failed |= not _Run(task, detector).look_at(name)
        except MissingPackageError:
            raise
        except FacesmithError as error:
            failed = True
            if task.lines:
                echo(json.dumps({"file": _shown(name), "error": str(error)}))
            echo(f"Error: {error}", err=True)
    return int(failed)


def _shown(name: str) -> str:
    from facesmith.video.camera import shown_name  # noqa: PLC0415 - see `detect`

    return shown_name(name)


class _Run:
    """One film or camera."""

    def __init__(self, task: VideoTask, detector: PhotoDetector) -> None:
        from facesmith.video import LookConfig, TrackConfig  # noqa: PLC0415 - see `detect`

        self._task, self._detector = task, detector
        self._tracking: TrackConfig = TrackConfig.of_detector(detector, task.min_score)
        self._look = LookConfig(self._tracking.lowest, task.min_face, task.rotations, task.every)
        self._n_frames = self._n_faces = 0
        self._last_time = 0.0
        self._tracks: set[int] = set()

    def look_at(self, name: str) -> bool:
        """Look at a film or camera; returns whether all of it could be read."""
        from facesmith.video import is_camera  # noqa: PLC0415 - see `detect`

        with ShownProgress(quiet=self._task.quiet) as progress:
            problems: list[str] = []
            if is_camera(name):
                self._camera(name, progress)
            else:
                problems = self._film(name, progress)
        for problem in problems:
            echo(f"Warning: {problem}", err=True)
        if not self._task.quiet:
            echo(
                f"{_shown(name)}: {counted(self._n_frames, 'frame')}, {self._last_time:.1f} s, "
                f"{counted(len(self._tracks), 'track')}.",
                err=True,
            )
        return not any("cut off" in problem for problem in problems)

    def _film(self, name: str, progress: ShownProgress) -> list[str]:
        from facesmith.video import detect_frames, open_video, track  # noqa: PLC0415

        with ExitStack() as stack:
            video = stack.enter_context(open_video(name))
            read = self._limited(video.frames(), video, progress)
            tracked = track(detect_frames(read, self._detector, self._look), self._tracking)
            drawn = None
            if self._task.draw is not None:
                drawn = stack.enter_context(_DrawnFilm(name, self._task.draw))
                for note in drawn.notes:
                    progress.say(f"Warning: {note}")
            for frame in tracked:
                self._show(name, frame)
                if drawn is not None:
                    drawn.add(frame)
            if drawn is not None and video.at_end:
                drawn.finish()
            return video.problems()

    def _limited(
        self, frames: Iterator[VideoFrame], video: Video, progress: ShownProgress
    ) -> Iterator[VideoFrame]:
        """The frames that were asked for, and how far they are."""
        task = self._task
        total = video.duration
        if task.max_seconds is not None and total is not None:
            total = min(total, task.max_seconds)
        first: float | None = None
        for frame in frames:
            first = frame.time if first is None else first
            if task.max_frames is not None and frame.number >= task.max_frames:
                return
            if task.max_seconds is not None and frame.time - first >= task.max_seconds:
                return
            yield frame
            if total:
                steps = max(round(total * _STEPS_A_SECOND), 1)
                done = min(round(frame.time * _STEPS_A_SECOND), steps)
                progress.report("Film", max(done, 0), steps)

    def _camera(self, name: str, progress: ShownProgress) -> None:
        """Until the time or the frames that were asked for are over, or Ctrl-C."""
        from facesmith.video import Camera, LiveTracker, VideoWriter, detect_frames  # noqa: PLC0415

        task, tracker = self._task, LiveTracker(self._tracking)
        with ExitStack() as stack:
            camera = stack.enter_context(Camera(name, progress.say))
            if not task.quiet:
                progress.say(f"{camera.name}: looking. Ctrl-C ends it.")
            writer: VideoWriter | None = None
            newest = _Newest()
            frames = camera.frames(max_seconds=task.max_seconds, max_frames=task.max_frames)
            try:
                for found in detect_frames(newest.each(frames), self._detector, self._look):
                    frame, tracked = newest.frame, tracker.update(found)
                    self._show(name, tracked)
                    if task.draw is not None:
                        if writer is None:
                            writer = VideoWriter(task.draw, frame.size_wh, frame.time_base)
                            stack.enter_context(writer)
                        writer.write(frame, _drawing(frame, tracked))
            except KeyboardInterrupt:
                pass  # the way to stop a camera: what was drawn is kept
        if self._n_frames == 0:
            raise VideoError(f"{camera.name} sent no frame. Check the camera or the address.")

    def _show(self, name: str, frame: FrameFaces) -> None:
        """Print the line of a frame that was looked at, and count."""
        from facesmith.video.results import frame_as_dict  # noqa: PLC0415 - see `detect`

        self._n_frames += 1
        self._last_time = frame.time
        self._tracks.update(frame.tracks.tolist())
        if frame.looked and self._task.lines:
            echo(json.dumps(frame_as_dict(_shown(name), frame)))


class _Newest:
    """Keeps the frame that was handed on last, for drawing."""

    frame: VideoFrame

    def each(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        for self.frame in frames:
            yield self.frame


class _DrawnFilm:
    """The film with its faces drawn; use it with `with`. The film is read a second time for it."""

    def __init__(self, name: str, path: Path) -> None:
        from facesmith.video import VideoWriter, open_video  # noqa: PLC0415 - see `detect`

        self._name = name
        self._stack = ExitStack()
        with ExitStack() as stack:
            video = stack.enter_context(open_video(name))
            writer = VideoWriter(
                path,
                video.size_wh,
                video.time_base,
                rate=video.rate,
                orientation=video.orientation,
                source=video,
            )
            self._writer = stack.enter_context(writer)
            self._frames = video.frames(self._writer.copy)
            self._stack = stack.pop_all()
        self.notes = writer.notes()

    def add(self, found: FrameFaces) -> None:
        """Draw the next frame."""
        frame = next(self._frames, None)
        if frame is None or frame.number != found.number or frame.time != found.time:
            raise VideoError(f"{self._name} changed while it was read. Run the command again.")
        self._writer.write(frame, _drawing(frame, found))

    def finish(self) -> None:
        """Copy the sound that lasts longer than the frames."""
        for _ in self._frames:
            pass

    def __enter__(self) -> _DrawnFilm:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


def _drawing(frame: VideoFrame, found: FrameFaces) -> Any:
    """The frame with a green box around faces that were seen, an orange one around the others."""
    from facesmith.pictures.drawing import WRONG_COLOUR, draw_faces  # noqa: PLC0415 - see `detect`

    image = frame.image()
    for filled in (True, False):
        chosen = found.filled == filled
        if not chosen.any():
            continue
        faces, tracks = found.faces[chosen], found.tracks[chosen].tolist()
        if filled:
            labels = [f"#{track}" for track in tracks]
            image = draw_faces(image, faces, labels=labels, colour=WRONG_COLOUR)
        else:
            pairs = zip(tracks, faces.scores, strict=True)
            labels = [f"#{track}  {score:.2f}" for track, score in pairs]
            image = draw_faces(image, faces, labels=labels)
    return image
