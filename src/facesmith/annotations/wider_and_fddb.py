"""WIDER FACE text and FDDB ellipse lists: a photo's name, a count, and so many lines.

WIDER FACE: `x y w h blur expression illumination invalid occlusion pose` in pixels. A photo without
faces has the count 0 and, unlike any other list, one line of zeros.

FDDB: `major minor angle x_centre y_centre 1`, an ellipse: two half axes in pixels, the angle of the
major one in radians, the centre. It becomes the smallest upright rectangle around it: from the top
of the head to the chin, higher than boxes of other data sets. `.jpg` is added to names.

Source:
    WIDER FACE, readme of the face annotations `wider_face_split`.
    V. Jain, E. Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings",
    2010, and the README of its annotations. The rectangle: the extreme points of an ellipse turned
    by t with half axes a and b lie sqrt((a cos t)^2 + (b sin t)^2) and
    sqrt((a sin t)^2 + (b cos t)^2) from the centre.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import cos, hypot, isfinite, nan, pi, sin
from pathlib import Path
from string import whitespace

from facesmith.annotations.destinations import Destination, check_plain, whole_pixels
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import files_below, numbers, read_lines
from facesmith.annotations.passed_over import FLAGS, OUTLINES
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.values import flag
from facesmith.errors import AnnotationError
from facesmith.images import IMAGE_SUFFIXES

_WIDER_INVALID = 7  # position of the flag in a line
Corners = tuple[float, float, float, float]


@dataclass
class _Block:
    """A name and the lines up to the next name."""

    where: str
    name: str
    lines: list[tuple[int, str]] = field(default_factory=list)


def read_wider(path: Path, log: ProblemLog) -> list[PhotoEntry]:
    """Photos of a WIDER FACE text file, in its order. A box marked invalid is ignored."""
    entries = []
    for block in _blocks(path, log):
        flags = [values[4:] for _, text in block.lines if len(values := numbers(text) or []) == 10]
        if len(block.lines) == 2 and block.lines[0][1] == "0" and _zeros(block.lines[1][1]):
            del block.lines[1]
        entry = _read_block(path, block, log, "x y w h and six flags", 10, _wider_box)
        if entry is not None:
            if any(any(each[:3] + each[4:]) for each in flags):
                entry.passed_over.add(FLAGS)
            entries.append(entry)
    return entries


def wider_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The one file of a WIDER FACE list; edges in whole pixels, ignored regions `invalid`."""
    del destination
    check_plain(photos)
    lines: list[str] = []
    for photo in photos:
        lines += [_name_line(photo.name), str(len(photo.boxes))]
        for box, ignored in zip(photo.boxes.tolist(), photo.ignored.tolist(), strict=True):
            x_min, y_min, x_max, y_max = whole_pixels(box, photo.width, photo.height)
            lines.append(
                f"{x_min} {y_min} {x_max - x_min} {y_max - y_min} 0 0 0 {int(ignored)} 0 0"
            )
        if not len(photo.boxes):
            lines.append("0 0 0 0 0 0 0 0 0 0")
    yield "wider.txt", "".join(f"{line}\n" for line in lines).encode()


def fddb_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The one file of an FDDB list: upright ellipses that fill their boxes; no ignored regions."""
    del destination
    check_plain(photos)
    lines: list[str] = []
    for photo in photos:
        boxes = photo.boxes[~photo.ignored].astype(float)
        lines += [_fddb_name(photo.name), str(len(boxes))]
        for x_min, y_min, x_max, y_max in boxes.tolist():
            half_width, half_height = (x_max - x_min) / 2, (y_max - y_min) / 2
            lines.append(
                f"{half_height:.6f} {half_width:.6f} {pi / 2:.6f} {x_min + half_width:.6f} "
                f"{y_min + half_height:.6f} 1"
            )
    yield "ellipseList.txt", "".join(f"{line}\n" for line in lines).encode()


def _name_line(name: str) -> str:
    """The line of a photo's name, or an `AnnotationError` if it would not be read as that name."""
    if not _is_name_line(name):
        raise AnnotationError(
            f"{name!r} cannot be a line of a list: it would be read as numbers, or without the "
            "spaces at its ends. Rename the photo, or choose coco, cvat or label-studio."
        )
    return name


def _is_name_line(text: str) -> bool:
    values = numbers(text)
    one_number = values is not None and len(values) == 1 and len(text.split()) == 1
    return text == text.strip(f"{whitespace}\ufeff").strip() and (
        one_number or (values is None and not _damaged_box(text))
    )


def _fddb_name(name: str) -> str:
    """The line of a name: without `.jpg`, as in FDDB, where that is read as the same name."""
    if not name.lower().endswith(IMAGE_SUFFIXES):
        raise AnnotationError(
            f"{name!r} has no suffix of an image, and `.jpg` would be added when the list is read. "
            "Rename the photo, or choose coco, cvat or label-studio."
        )
    bare = name.removesuffix(".jpg")
    kept = bare.lower().endswith(IMAGE_SUFFIXES) or not bare or not _is_name_line(bare)
    return _name_line(name if kept else bare)


def read_fddb(path: Path, log: ProblemLog) -> list[PhotoEntry]:
    """Photos of an FDDB ellipse list, or of all lists of a folder, in their order."""
    entries = []
    for file in [path] if path.is_file() else ellipse_lists(path):
        for block in _blocks(file, log):
            meaning = "major minor angle x_centre y_centre 1"
            entry = _read_block(file, block, log, meaning, 6, _fddb_box)
            if entry is not None:
                if not entry.name.lower().endswith(IMAGE_SUFFIXES):
                    entry.name += ".jpg"
                if entry.boxes:
                    entry.passed_over.add(OUTLINES)
                entries.append(entry)
    return entries


def ellipse_lists(folder: Path) -> list[Path]:
    """The ellipse lists of a folder, sorted by name."""
    return [path for path in files_below(folder, ("ellipselist.txt",)) if path.parent == folder]


def _blocks(path: Path, log: ProblemLog) -> list[_Block]:
    """The blocks of a file. No line of a box looks like a name, so one bad count loses one photo.

    A name may be a number, such as 0001; then its place tells it from a count.
    """
    blocks: list[_Block] = []
    for number, text in read_lines(path):
        counted = not blocks or bool(blocks[-1].lines)
        a_number = numbers(text) is not None and len(text.split()) == 1
        if (counted and a_number) or (numbers(text) is None and not _damaged_box(text)):
            blocks.append(_Block(f"{path.name} line {number}", text))
        elif blocks:
            blocks[-1].lines.append((number, text))
        else:
            log.add(
                f"{path.name} line {number}",
                f"expected the name of a photo, got {text[:60]!r}. The line is left out.",
                "box",
            )
    return blocks


def _damaged_box(text: str) -> bool:
    """Whether a line that is not all numbers looks like a box all the same: most words are."""
    words = text.split()
    if text.lower().endswith(IMAGE_SUFFIXES):
        return False
    return len(words) >= 4 and sum(numbers(word) is not None for word in words) >= len(words) / 2


def _read_block(
    path: Path,
    block: _Block,
    log: ProblemLog,
    meaning: str,
    n_numbers: int,
    convert: Callable[[list[float]], tuple[Corners, bool]],
) -> PhotoEntry | None:
    entry = PhotoEntry(f"{block.where} ({block.name})", block.name)
    count = block.lines[0][1] if block.lines else "nothing"
    boxes = block.lines[1:]
    if not (count.isascii() and count.isdigit() and len(count) < 10):
        log.add(
            entry.where,
            f"expected the number of faces in the next line, got {count[:60]!r}. The photo is left "
            "out.",
            "photo",
        )
        return None
    if int(count) != len(boxes):
        log.add(
            entry.where,
            f"expected {count} lines of boxes, as its count says, got {len(boxes)}. The photo is "
            "left out.",
            "photo",
        )
        return None
    for number, text in boxes:
        where = f"{path.name} line {number} ({block.name})"
        values = numbers(text)
        if values is None or len(values) != n_numbers:
            log.lose_box(
                entry, where, f"expected {n_numbers} numbers ({meaning}), got {text[:60]!r}."
            )
            continue
        try:
            corners, ignored = convert(values)
        except ValueError as error:
            log.lose_box(entry, where, str(error))
            continue
        entry.boxes.append(BoxEntry(where, corners, ignored))
    return entry


def _wider_box(values: list[float]) -> tuple[Corners, bool]:
    x, y, width, height = values[:4]
    invalid = flag(values[_WIDER_INVALID])
    if invalid is None:
        raise ValueError(f"expected 0 or 1 as the flag `invalid`, got {values[_WIDER_INVALID]:g}.")
    return (x, y, x + width, y + height), invalid


def _fddb_box(values: list[float]) -> tuple[Corners, bool]:
    major, minor, angle, x, y = values[:5]
    if not isfinite(angle):
        return (nan, nan, nan, nan), False
    if abs(angle) > 2 * pi:
        raise ValueError(f"expected an angle in radians, got {angle:g}. Are these degrees?")
    if min(major, minor) <= 0:  # no ellipse: let the check of the box say so
        half_width = half_height = min(major, minor)
        return (x - half_width, y - half_height, x + half_width, y + half_height), False
    half_width = hypot(major * cos(angle), minor * sin(angle))
    half_height = hypot(major * sin(angle), minor * cos(angle))
    return (x - half_width, y - half_height, x + half_width, y + half_height), False


def _zeros(text: str) -> bool:
    values = numbers(text)
    return values is not None and not any(values)
