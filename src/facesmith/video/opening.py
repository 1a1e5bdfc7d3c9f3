"""Opens a film by its name, whatever reads it."""

from __future__ import annotations

from pathlib import Path

from facesmith.video.animation import ANIMATION_SUFFIXES, Animation, n_image_frames
from facesmith.video.reading import VIDEO_SUFFIXES, FilmFile, Video


def open_video(path: str | Path) -> Video:
    """Open a film: MP4, MOV, MKV, WebM, AVI, GIF, animated WebP and PNG, and what FFmpeg reads.

    Use it with `with`, or close it. Memory does not grow with its length.

    Args:
        path: The file.

    Raises:
        VideoError: If it is missing, damaged or no film.
        MissingPackageError: If the extra `video` is not installed.
    """
    if str(path).lower().endswith((".webp", ".png", ".apng")):
        return Animation(path)
    return FilmFile(path)


def is_video_file(path: str | Path) -> bool:
    """Whether a file is a film: by its suffix, or an image of several frames by its content."""
    name = str(path).lower()
    if name.endswith(ANIMATION_SUFFIXES):
        return n_image_frames(path) > 1
    return name.endswith(VIDEO_SUFFIXES)
