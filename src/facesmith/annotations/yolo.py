"""YOLO: a folder of text files, one for each photo, one line for each box.

A line is `class x_centre y_centre width height`, the last four as parts of the photo's size.

Source:
    The format of Darknet's YOLO, pjreddie.com/darknet/yolo, "Training YOLO on VOC".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facesmith.annotations.categories import choose_categories
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import PhotoNames, files_below, numbers, read_lines
from facesmith.errors import AnnotationError, ImageError
from facesmith.images import IMAGE_SUFFIXES, read_size

NOT_LABELS = ("classes.txt", "train.txt", "val.txt", "test.txt", "notes.txt", "README.txt")


@dataclass(frozen=True)
class _Line:
    where: str
    category: int
    parts: list[float]  # x_centre, y_centre, width, height


def read_yolo(
    path: Path, images_dir: Path, log: ProblemLog, categories: Sequence[str] | None
) -> list[PhotoEntry]:
    """Photos of a folder of YOLO label files with its sub-folders (or of one file), by file name.

    The photo of `some/name.txt` is `some/name` with the suffix of an image, below `images_dir`. An
    empty file stands for a face-free photo. Photos without a label file are not read: nothing says
    that somebody looked at them. A `classes.txt` (or `obj.names`) in the folder names the classes.

    Raises:
        AnnotationError: If the class is not clear.
    """
    files = label_files(path)
    photo_names = PhotoNames(images_dir)
    folder = path.parent if path.is_file() else path
    entries: list[PhotoEntry] = []
    lines: list[tuple[PhotoEntry, _Line]] = []
    for file in files:
        label = file.relative_to(folder)
        where = label.as_posix()
        photos = photo_names.photos_of(label)
        if len(photos) != 1:
            got = ", ".join(photos) or "none"
            log.add(
                where,
                f"expected one photo called {label.with_suffix('').as_posix()} with the suffix of "
                f"an image ({', '.join(IMAGE_SUFFIXES)}) in {images_dir}, got {got}. The file "
                "is left out.",
                "photo",
            )
            continue
        photo = photos[0]
        entry = PhotoEntry(where, photo)
        try:
            entry.size_wh = read_size(images_dir / photo)
            texts = read_lines(file)
        except (ImageError, AnnotationError) as error:
            log.add(where, f"{error} The photo is left out.", "photo")
            continue
        entries.append(entry)
        for number, text in texts:
            line = _read_line(f"{where} line {number}", text, log)
            if line is None:
                entry.complete = False
            else:
                lines.append((entry, line))
    found = {line.category for _, line in lines}
    names = _class_names(folder)
    known = {
        category: names[category] if category < len(names) else str(category)
        for category in sorted(found)
    }
    faces = choose_categories(path, known, categories) if known else set()
    for entry, line in lines:
        if line.category in faces and entry.size_wh is not None:
            entry.boxes.append(_box(line, entry.size_wh))
    return entries


def label_files(path: Path) -> list[Path]:
    """The label files of a folder, sorted; lists of photos and of class names are none."""
    if path.is_file():
        return [path]
    return [file for file in files_below(path, ".txt") if file.name not in NOT_LABELS]


def _read_line(where: str, text: str, log: ProblemLog) -> _Line | None:
    values = numbers(text)
    if values is None or len(values) != 5 or not values[0].is_integer() or values[0] < 0:
        log.add(
            where,
            "expected a class number and four numbers `x_centre y_centre width height`, got "
            f"{text[:60]!r}.",
            "box",
        )
        return None
    if max(values[1:]) > 2:
        log.add(
            where,
            "expected parts of the photo's width and height, from 0 to 1, got "
            f"{text[:60]!r}. Are these pixels?",
            "box",
        )
        return None
    return _Line(where, int(values[0]), values[1:])


def _box(line: _Line, size_wh: tuple[int, int]) -> BoxEntry:
    x, y, width, height = (part * size_wh[axis % 2] for axis, part in enumerate(line.parts))
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return BoxEntry(line.where, corners)


def _class_names(folder: Path) -> list[str]:
    for file in (folder / "classes.txt", folder / "obj.names"):
        if file.is_file():
            return [text for _, text in read_lines(file)]
    return []
