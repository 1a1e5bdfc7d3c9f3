"""What the readers of text formats share."""

from __future__ import annotations

from pathlib import Path

from facesmith.errors import AnnotationError
from facesmith.images import IMAGE_SUFFIXES


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that are not empty, stripped, with their numbers from 1.

    Raises:
        AnnotationError: If the file is not text in UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AnnotationError(f"{path}: expected text in UTF-8.") from None
    lines = enumerate(text.splitlines(), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def numbers(text: str) -> list[float] | None:
    """The numbers of a line, `None` if there is anything else (or nothing) in it."""
    try:
        return [float(word) for word in text.split()] or None
    except ValueError:
        return None


def photo_of(label: Path, images_dir: Path) -> str | None:
    """Name of the photo of a label file: the same path below `images_dir`, another suffix.

    Args:
        label: Path of the label file below the folder of the labels.
        images_dir: Folder of the photos.

    Returns:
        The name, written with `/`; `None` if there is no such photo.
    """
    for suffix in IMAGE_SUFFIXES:
        for spelt in (suffix, suffix.upper()):
            photo = label.parent / f"{label.stem}{spelt}"
            if (images_dir / photo).is_file():
                return photo.as_posix()
    return None
