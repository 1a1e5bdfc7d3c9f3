"""What the writers of the formats share: names of label files, boxes in whole pixels.

A writer yields the files of its format, each as a name below the folder and its bytes. It writes
nothing itself, so that it need not know what may be replaced.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path, PurePosixPath

import numpy as np

from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.errors import AnnotationError


@dataclass(frozen=True)
class Destination:
    """Where annotations are to be used."""

    folder: Path  # where the files will lie
    images_dir: Path  # the folder of the photos
    # The attribute that says how doubtful each box is, from 0 to 1, where the boxes are proposals
    # of a detector that a person is to correct; empty: they are annotations.
    doubt: str = ""


_OF_ONE_FILE = "choose a format of one file: coco, cvat or label-studio"
Writer = Callable[[Sequence[AnnotatedPhoto], Destination], Iterator[tuple[str, bytes]]]


def label_names(photos: Sequence[AnnotatedPhoto], suffix: str) -> list[str]:
    """The name of each photo with another suffix: of formats with one file a photo.

    Raises:
        AnnotationError: If two photos would share a file, one lies outside the folder, or one is
            hidden, as hidden label files are not read.
    """
    taken: dict[str, str] = {}
    for photo in photos:
        path = PurePosixPath(photo.name)
        if path.is_absolute() or ".." in path.parts:
            raise AnnotationError(
                f"{photo.name} lies outside the folder of the photos, and so would its label file. "
                f"Move the photo, or {_OF_ONE_FILE}."
            )
        if any(part.startswith(".") for part in path.parts):
            raise AnnotationError(
                f"{photo.name} is hidden, or lies in a hidden folder, and so would its label file, "
                f"which is then not read. Rename it, or {_OF_ONE_FILE}."
            )
        name = path.with_suffix(suffix).as_posix()
        first = taken.setdefault(name, photo.name)
        if first != photo.name:
            raise AnnotationError(
                f"{first} and {photo.name} would share the label file {name}, as this format has "
                f"one file for each name without suffix. Rename one of them, or {_OF_ONE_FILE}."
            )
    return list(taken)


def check_plain(photos: Sequence[AnnotatedPhoto]) -> None:
    """Refuse names and attributes that text and XML cannot hold.

    Raises:
        AnnotationError: If there is a control character, or what is no Unicode.
    """
    for photo in photos:
        said = [text for each in photo.attributes for pair in each.items() for text in pair]
        for text in (photo.name, *said):
            if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
                raise AnnotationError(
                    f"{photo.name}: the format cannot hold the text {text!r}, which has a control "
                    "character or is no Unicode. Rename it, or choose coco or label-studio."
                )


def number(value: float) -> str:
    """A coordinate in as few digits as give the same float32 again; no exponent.

    Example:
        >>> number(10.1), number(64)
        ('10.1', '64')
    """
    return np.format_float_positional(np.float32(value), trim="-")


def whole_pixels(box: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """The edges of a box to the next whole pixel; at least one pixel wide and high.

    Example:
        >>> whole_pixels([10.4, 20.5, 10.45, 60], 200, 100)
        (10, 21, 11, 60)
    """
    edges = []
    for low, high, end in ((box[0], box[2], width), (box[1], box[3], height)):
        first, last = floor(low + 0.5), floor(high + 0.5)
        if first >= last:
            first = min(floor(low), end - 1)
            last = first + 1
        edges.append((first, last))
    (x_min, x_max), (y_min, y_max) = edges
    return x_min, y_min, x_max, y_max


def has_fractions(photo: AnnotatedPhoto) -> bool:
    """Whether a box begins or ends within a pixel, by more than a thousandth of it."""
    return bool((np.abs(photo.boxes - np.rint(photo.boxes)) > 1e-3).any())


def points_leave(photo: AnnotatedPhoto) -> bool:
    """Whether a point that is annotated lies outside the photo."""
    size = np.array([photo.width, photo.height], np.float32)
    inside = (photo.landmarks >= 0) & (photo.landmarks <= size)
    return bool((~inside.all(axis=2) & (photo.landmark_visibility > 0)).any())
