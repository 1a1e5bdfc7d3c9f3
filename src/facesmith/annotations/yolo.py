"""YOLO: a folder of text files, one for each photo, one line for each box.

A line is `class x_centre y_centre width height`, the last four as parts of the photo's size. In
data sets for poses the points follow, see `yolo_points`.

Source:
    The format of Darknet's YOLO, pjreddie.com/darknet/yolo, "Training YOLO on VOC".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from facesmith.annotations.categories import choose_categories
from facesmith.annotations.destinations import Destination, check_plain, label_names
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import PhotoNames, files_below, numbers, read_lines, reason_of
from facesmith.annotations.keypoints import points_of_arrays
from facesmith.annotations.passed_over import OTHER_CATEGORIES, SPLITS, UNNAMED_POINTS
from facesmith.annotations.photo_paths import is_file
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.yolo_dataset import Dataset, class_names, described_points, find_dataset
from facesmith.annotations.yolo_points import (
    KNOWN,
    PointShape,
    parts_of_points,
    points_of_parts,
)
from facesmith.errors import AnnotationError, ImageError
from facesmith.faces import MIRRORED_LANDMARKS, N_LANDMARKS
from facesmith.images import IMAGE_SUFFIXES, read_size

# Lists that lie among labels. One that has a photo, or lines of boxes, is a label all the same.
_LISTS = ("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "notes.txt", "readme.txt")
# Trainers look for photos in `images` beside `labels`, from this file's folder where no `path` is.
_DESCRIPTION = """\
train: images
val: images
names:
  0: face
  1: unsure
"""
_POSE = f"kpt_shape: [{N_LANDMARKS}, 3]\nflip_idx: {list(MIRRORED_LANDMARKS)}\n"


@dataclass(frozen=True)
class _Line:
    where: str
    category: int
    parts: list[float]  # x_centre, y_centre, width, height
    points: list[float]  # as parts of the photo's size, with their v if the lines have it
    shape: PointShape | None  # of these


@dataclass(frozen=True)
class _Label:
    where: str  # for messages
    file: Path
    photos: list[Path]  # those that it may belong to: one, unless something is wrong
    photos_dir: Path  # where they were looked for


def read_yolo(
    path: Path,
    images_dir: Path,
    log: ProblemLog,
    categories: Sequence[str] | None,
    *,
    pose: bool = False,
) -> list[PhotoEntry]:
    """Photos of a folder of YOLO label files with its sub-folders (or of one file), by file name.

    The photo of `some/name.txt` is `some/name` with the suffix of an image, below `images_dir`. An
    empty file stands for a face-free photo. Photos without a label file are not read: nothing says
    that somebody looked at them. A `classes.txt` (or `obj.names`) in the folder names the classes;
    boxes of the class `unsure` are ignored.

    The root of a data set, or its `data.yaml`, is read with all its splits, see `yolo_dataset`.
    If that describes points, or `pose` is true, five points may follow each box.

    Raises:
        AnnotationError: If the class is not clear.
    """
    dataset = find_dataset(path, images_dir)
    if dataset is None:
        folder = path.parent if path.is_file() else path
        labels = list(_labels(label_files(path, images_dir), folder, images_dir, ""))
        names, points = class_names(folder), described_points(folder)
    else:
        labels, names, points = _labels_of_dataset(dataset), dataset.names, dataset.points
    shapes = _shapes(points, pose=pose)
    divided = dataset is not None and dataset.n_splits > 1
    entries: list[PhotoEntry] = []
    lines: list[tuple[PhotoEntry, _Line]] = []
    for label in labels:
        entry = _read_label(label, images_dir, log)
        if entry is None:
            continue
        try:
            texts = read_lines(label.file)
        except AnnotationError as error:
            reason = reason_of(error, label.file)
            log.add(label.where, f"{reason} The photo is left out.", "photo")
            continue
        entry.passed_over |= {SPLITS} if divided else set()
        entries.append(entry)
        for number, text in texts:
            line = _read_line(f"{label.where} line {number}", text, shapes, log)
            if line is None:
                entry.complete = False
            else:
                lines.append((entry, line))
    # The classes that have names count, too: where they are face and car, and all boxes are those
    # of cars, the only class that occurs is not the face.
    found = {line.category for _, line in lines}
    known = {
        category: names.get(category, str(category)) for category in sorted(found | set(names))
    }
    kept = choose_categories(path, known, categories) if found else {}
    for entry, line in lines:
        if line.category not in kept:
            entry.passed_over.add(OTHER_CATEGORIES)
        elif entry.size_wh is not None:
            entry.boxes.append(_box(line, entry, entry.size_wh, log, ignored=kept[line.category]))
    return entries


def yolo_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """`data.yaml` and, below `labels`, the text file of each photo; ignored regions are class 1.

    Raises:
        AnnotationError: If two photos would share a file, or a label would not lead to its photo.
    """
    yield from _files(photos, destination, pose=False)


def yolo_pose_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """As `yolo_files`, with the five points in each line; zeros where there are none."""
    yield from _files(photos, destination, pose=True)


def _files(
    photos: Sequence[AnnotatedPhoto], destination: Destination, *, pose: bool
) -> Iterator[tuple[str, bytes]]:
    check_plain(photos)
    photo_names = PhotoNames(destination.images_dir)
    yield "data.yaml", (_DESCRIPTION + (_POSE if pose else "")).encode()
    for photo, label in zip(photos, label_names(photos, ".txt"), strict=True):
        _check_leads_back(photo, photo_names.photos_of(Path(label)))
        size = np.array([photo.width, photo.height], np.float64)
        low, high = photo.boxes[:, :2] / size, photo.boxes[:, 2:] / size
        parts = np.concatenate([(low + high) / 2, high - low], axis=1)
        lines = [
            f"{int(ignored)} {' '.join(f'{part:.8f}' for part in box)}"
            for box, ignored in zip(parts.tolist(), photo.ignored.tolist(), strict=True)
        ]
        if pose:
            points = points_of_arrays(photo.landmarks, photo.landmark_visibility)
            size_wh = (photo.width, photo.height)
            pairs = zip(lines, points, strict=True)
            lines = [f"{line} {parts_of_points(each, size_wh)}" for line, each in pairs]
        yield f"labels/{label}", "".join(f"{line}\n" for line in lines).encode()


def _check_leads_back(photo: AnnotatedPhoto, called_alike: Sequence[str]) -> None:
    """Refuse a photo that would not be found again from the name of its label."""
    if PurePosixPath(photo.name).suffix.lower() not in IMAGE_SUFFIXES:
        raise AnnotationError(
            f"{photo.name!r} has no suffix of an image, by which the photos of YOLO's labels are "
            "found. Rename the photo, or choose another format."
        )
    others = [name for name in called_alike if name != photo.name]
    if others:
        raise AnnotationError(
            f"{photo.name} and {others[0]} in the folder of the photos would share a label: whose "
            "it is could not be told. Rename one of them, or choose another format."
        )


def _read_label(label: _Label, images_dir: Path, log: ProblemLog) -> PhotoEntry | None:
    """The photo of a label, without its boxes."""
    if len(label.photos) != 1:
        got = ", ".join(path.name for path in label.photos) or "none"
        log.add(
            label.where,
            f"expected one photo called {label.file.stem} with the suffix of an image "
            f"({', '.join(IMAGE_SUFFIXES)}) in {label.photos_dir}, got {got}. The file is left "
            "out.",
            "photo",
            kind="" if label.photos else "without a photo",
            photo=label.where,
        )
        return None
    photo = label.photos[0]
    # `relpath`, as photos of a data set may lie beside the folder that was named.
    entry = PhotoEntry(label.where, Path(os.path.relpath(photo, images_dir)).as_posix())
    try:
        entry.size_wh = read_size(photo)
    except ImageError as error:
        log.add(
            label.where,
            f"{error} The photo is left out.",
            "photo",
            kind="damaged",
            photo=entry.name,
        )
        return None
    return entry


def label_files(path: Path, images_dir: Path | None = None) -> list[Path]:
    """The label files of a folder, sorted; lists of photos and of class names are none.

    A list's name is that of a label where there is a photo of that name, or where all its lines
    are boxes.
    """
    if path.is_file():
        return [path]
    photos = None if images_dir is None else PhotoNames(images_dir)
    return [
        file
        for file in files_below(path, (".txt",))
        if file.name.lower() not in _LISTS or _is_label(file, file.relative_to(path), photos)
    ]


def _is_label(file: Path, label: Path, photos: PhotoNames | None) -> bool:
    """Whether a file called like a list is a label."""
    try:
        lines = [numbers(text) for _, text in read_lines(file)]
    except AnnotationError:
        return False
    if lines and all(values is not None and len(values) == 5 for values in lines):
        return True
    has_photo = photos is not None and bool(photos.photos_of(label))
    return has_photo and (not lines or any(values is not None for values in lines))


def _labels(files: Iterable[Path], folder: Path, photos_dir: Path, prefix: str) -> Iterator[_Label]:
    """The labels of a folder with the photos of the same path below another."""
    photo_names = PhotoNames(photos_dir)
    for file in files:
        label = file.relative_to(folder)
        photos = [photos_dir / name for name in photo_names.photos_of(label)]
        yield _Label(f"{prefix}{label.as_posix()}", file, photos, (photos_dir / label).parent)


def _labels_of_dataset(dataset: Dataset) -> list[_Label]:
    labels: list[_Label] = []
    for folder in dataset.folders:
        files = label_files(folder.labels, folder.photos)
        prefix = f"{folder.labels.as_posix()}/"
        labels += _labels(files, folder.labels, folder.photos, prefix)
    for photo, file in dataset.listed:
        if is_file(file):  # a photo without a label is not read
            labels.append(_Label(file.as_posix(), file, [photo], photo.parent))
    return labels


def _read_line(
    where: str, text: str, shapes: Mapping[int, PointShape | None], log: ProblemLog
) -> _Line | None:
    values = numbers(text)
    if (
        values is None
        or len(values) - 5 not in shapes
        or not values[0].is_integer()
        or values[0] < 0
    ):
        log.add(
            where,
            "expected a class number and four numbers `x_centre y_centre width height`"
            f"{_and_points(shapes)}, got {text[:60]!r}."
            f"{_hint(values, shapes)}",
            "box",
        )
        return None
    if max(values[1:5]) > 2:
        log.add(
            where,
            "expected parts of the photo's width and height, from 0 to 1, got "
            f"{text[:60]!r}. Are these pixels?",
            "box",
        )
        return None
    return _Line(where, int(values[0]), values[1:5], values[5:], shapes[len(values) - 5])


def _shapes(points: PointShape | None, *, pose: bool) -> dict[int, PointShape | None]:
    """By how many numbers they take, the points that may follow a box; 0: none."""
    if points is not None:
        return {0: None, points.width: points}
    return {0: None, **KNOWN} if pose else {0: None}


def _and_points(shapes: Mapping[int, PointShape | None]) -> str:
    widths = [str(width) for width in shapes if width]
    return f", perhaps followed by {' or '.join(widths)} numbers of points" if widths else ""


def _hint(values: list[float] | None, shapes: Mapping[int, PointShape | None]) -> str:
    pose = values is not None and len(values) - 5 in KNOWN and len(shapes) == 1
    return " Are these points? Say so with --format yolo-pose." if pose else ""


def _box(
    line: _Line,
    entry: PhotoEntry,
    size_wh: tuple[float, float],
    log: ProblemLog,
    *,
    ignored: bool,
) -> BoxEntry:
    x, y, width, height = (part * size_wh[axis % 2] for axis, part in enumerate(line.parts))
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    points = None
    if line.shape is not None and line.shape.usual:
        try:
            points = points_of_parts(line.points, line.shape, size_wh)
        except ValueError as error:
            log.add(line.where, f"{error}. The points are left out, the box stays.", "points")
    elif any(line.points):
        entry.passed_over.add(UNNAMED_POINTS)
    return BoxEntry(line.where, corners, ignored, points=points)
