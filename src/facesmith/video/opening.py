"""Opens a film by its name, whatever reads it."""

from __future__ import annotations

import os
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


def is_film(path: str | Path) -> bool:
    """Whether a file is a film by its suffix."""
    return str(path).lower().endswith(VIDEO_SUFFIXES) and not os.path.isdir(path)  # noqa: PTH112 - never raises


def is_animation(path: str | Path) -> bool:
    """Whether a file is a GIF, WebP or PNG of several frames."""
    return str(path).lower().endswith(ANIMATION_SUFFIXES) and n_image_frames(path) > 1
