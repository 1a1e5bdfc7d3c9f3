"""Cameras with their faces covered: written a second late, so that tracks see what comes next."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from facesmith.anonymisation.film_boxes import steadied
from facesmith.anonymisation.film_frames import FrameCover
from facesmith.anonymisation.films import CoveredFrame, FilmConfig, chosen_faces
from facesmith.detection import PhotoDetector
from facesmith.errors import VideoError
from facesmith.video import VideoFrame, VideoWriter, detect_frames, track
from facesmith.video.camera import shown_name

AHEAD = 1.0  # seconds of frames that tracks hold back, in memory; boxes 0.2 more
_LONGEST_NAME = 60


def camera_film_name(name: str) -> str:
    """What the film of a camera is called; nothing of a user, a password or a query is in it.

    Example:
        >>> camera_film_name("0"), camera_film_name("rtsp://me:secret@cam.local:554/live/1?key=2")
        ('camera-0.mp4', 'camera-cam.local-554-live-1.mp4')
    """
    place = re.sub(r"^\w+://", "", shown_name(name)).split("?")[0]
    words = re.sub(r"[^A-Za-z0-9.]+", "-", place.removeprefix("/dev/")).strip("-.")
    return f"camera-{words[:_LONGEST_NAME] or 'stream'}.mp4"


def cover_camera(
    frames: Iterable[VideoFrame],
    name: str,
    out: Path,
    detector: PhotoDetector,
    config: FilmConfig,
    *,
    problems: list[str] | None = None,
) -> Iterator[CoveredFrame]:
    """Write what a camera shows with the faces covered; the file takes its place at the end, whole.

    Each frame is written when those of the next 0.7 to 1.2 seconds are known, at the time at which
    it came. No more than these are in memory. Ends of tracks are held for half a second at
    least: a face that is lost may come again after what is known.

    Args:
        frames: Of `Camera.frames`.
        name: What messages call the camera.
        out: The file to write; the suffix says which kind.
        detector: What finds faces.
        config: How.
        problems: Gets a sentence if the file has other sides than the frames.

    Yields:
        What was covered in each frame, in order. The film is whole when there are no more.

    Raises:
        VideoError: If no frame came, or the film cannot be written.
        WriteError: If the file cannot be written.
    """
    held: deque[VideoFrame] = deque()

    def kept() -> Iterator[VideoFrame]:
        for frame in frames:
            held.append(frame)
            yield frame

    tracking = replace(config.tracking, hold=max(config.tracking.hold, AHEAD / 2))
    looked_at = detect_frames(kept(), detector, config.look)
    paint = FrameCover(config.cover)
    writer: VideoWriter | None = None
    with ExitStack() as stack:
        for found in steadied(track(looked_at, tracking, ahead=AHEAD)):
            frame = held.popleft()
            if writer is None:
                opened = VideoWriter(out, frame.size_wh, frame.time_base, quality=config.quality)
                writer = stack.enter_context(opened)
                if problems is not None:
                    problems += writer.notes()
            covered = chosen_faces(name, found, config)
            writer.write(*paint(frame, covered.found.faces.boxes))
            yield covered
        if writer is None:
            raise VideoError(f"{name} sent no frame. Check the camera or the address.")
