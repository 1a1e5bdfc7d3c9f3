"""labelme: a folder of JSON files, one for each photo, read and written.

A shape has a `label` and `points` in pixels of the upright photo, counted from 0, with fractions. A
rectangle has two opposite corners. Ignored regions are shapes with the label `unsure`.

Source:
    labelme's `labelme/_label_file.py` for the keys of a file and of a shape. Keys that it does not
    know, such as `attributes`, which X-AnyLabeling writes, it keeps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from math import hypot
from pathlib import Path
from typing import Any

from facesmith.annotations.categories import UNSURE, choose_categories
from facesmith.annotations.destinations import Destination, label_names, number
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import PhotoNames, files_below, read_json, reason_of, shortened
from facesmith.annotations.outlines import Corners, around_points
from facesmith.annotations.passed_over import (
    ANSWERS,
    OTHER_CATEGORIES,
    OUTLINES,
    ROTATIONS,
    SCORES,
)
from facesmith.annotations.photo_paths import is_file, known_name
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.values import number_of, stated_size, words_of
from facesmith.errors import AnnotationError

_VERSION = "5.5.0"  # of labelme, which warns of files of another major version
_TURNED = ("oriented_rectangle", "rotation")  # of labelme and of X-AnyLabeling
Shape = tuple[PhotoEntry, str, dict[str, Any]]


def read_labelme(
    path: Path, images_dir: Path, log: ProblemLog, categories: Sequence[str] | None
) -> list[PhotoEntry]:
    """Photos of a folder of labelme files with its sub-folders (or of one file), by file name.

    The photo is the one that `imagePath` names from the file's own folder, if it lies below
    `images_dir`, else the one of this name in the folder of the same path there. JSON files without
    `shapes` are passed over. Of polygons and circles the upright rectangle around them is taken.

    Raises:
        AnnotationError: If the label is not clear.
    """
    files = [path] if path.is_file() else list(files_below(path, (".json",)))
    photo_names = PhotoNames(images_dir)
    entries: list[PhotoEntry] = []
    shapes: list[Shape] = []
    for file in files:
        label = file.relative_to(path.parent if path.is_file() else path)
        where = label.as_posix()
        try:
            content = read_json(file)
        except AnnotationError as error:
            log.add(where, f"{reason_of(error, file)} The photo is left out.", "photo")
            continue
        if not isinstance(content, dict) or "shapes" not in content:
            if path.is_file():
                raise AnnotationError(f"{path}: expected a JSON object with `shapes`.")
            continue  # something else that lies there
        entry = _read_photo(file, label, content, images_dir, photo_names, log)
        if entry is None:
            continue
        entries.append(entry)
        for place, shape in enumerate(content["shapes"], start=1):
            each = f"{where} shape {place}"
            if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
                log.lose_box(
                    entry, each, f"expected a shape with a `label`, got {shortened(shape)}."
                )
            else:
                shapes.append((entry, each, shape))
    names = {name: name for name in sorted({shape["label"] for _, _, shape in shapes})}
    kept = choose_categories(path, names, categories) if names else {}
    for entry, where, shape in shapes:
        if shape["label"] in kept:
            _read_shape(entry, where, shape, log, ignored=kept[shape["label"]])
        else:
            entry.passed_over.add(OTHER_CATEGORIES)
    return entries


def _read_photo(
    file: Path,
    label: Path,
    content: dict[str, Any],
    images_dir: Path,
    photo_names: PhotoNames,
    log: ProblemLog,
) -> PhotoEntry | None:
    where, given = label.as_posix(), content.get("imagePath")
    name = None
    if isinstance(given, str) and given:
        name = _photo_name(file, label, given, images_dir)
        if not is_file(images_dir / name):
            name = _photo_name(file, label, given.replace("\\", "/"), images_dir)
    elif given is None:
        alike = photo_names.photos_of(label)
        name = alike[0] if len(alike) == 1 else None
    if name is None or not isinstance(content["shapes"], list):
        log.add(
            where,
            f"expected a list as `shapes`, got {shortened(content['shapes'])}, or the photo's name "
            f"as `imagePath`, got {shortened(given)}. The photo is left out.",
            "photo",
        )
        return None
    width, height = content.get("imageWidth"), content.get("imageHeight")
    try:
        size_wh = stated_size(width, height)
    except ValueError:
        log.add(
            where,
            f"expected numbers as `imageWidth` and `imageHeight`, got {shortened(width)} and "
            f"{shortened(height)}: whether its boxes fit the photo cannot be told. The photo is "
            "left out.",
            "photo",
        )
        return None
    entry = PhotoEntry(where, name, size_wh=size_wh)
    flags = content.get("flags")
    if isinstance(flags, dict) and any(flags.values()):
        entry.passed_over.add(ANSWERS)
    return entry


def _photo_name(file: Path, label: Path, given: str, images_dir: Path) -> str:
    beside = _relative(file.parent.resolve() / given, images_dir.resolve())
    if ".." not in beside.parts and not beside.is_absolute() and is_file(images_dir / beside):
        return beside.as_posix()
    same = label.parent / Path(given).name
    return same.as_posix() if is_file(images_dir / same) else known_name(given, images_dir)


def _relative(path: Path, folder: Path) -> Path:
    try:
        return Path(os.path.relpath(path, folder))
    except ValueError:  # on another drive, or a name that cannot be
        return path


def _read_shape(
    entry: PhotoEntry, where: str, shape: dict[str, Any], log: ProblemLog, *, ignored: bool
) -> None:
    try:
        corners = _corners(shape, entry)
    except ValueError as error:
        log.lose_box(entry, where, str(error))
        return
    attributes = words_of(shape.get("flags")) | words_of(shape.get("attributes"))
    if shape.get("score") is not None:
        entry.passed_over.add(SCORES)
    entry.boxes.append(BoxEntry(where, corners, ignored, attributes))


def _corners(shape: dict[str, Any], entry: PhotoEntry) -> Corners:
    """The upright rectangle of a shape, or a `ValueError`."""
    points = _points(shape.get("points"))
    kind = shape.get("shape_type") or "polygon"  # what early versions drew
    if kind == "rectangle" and len(points) in (2, 4):
        return around_points(points)
    if kind == "circle" and len(points) == 2:
        entry.passed_over.add(OUTLINES)
        (x, y), (edge_x, edge_y) = points
        radius = hypot(edge_x - x, edge_y - y)
        return x - radius, y - radius, x + radius, y + radius
    if (kind == "polygon" or kind in _TURNED) and len(points) >= 3:
        entry.passed_over.add(ROTATIONS if kind in _TURNED else OUTLINES)
        return around_points(points)
    raise ValueError(
        f"expected a rectangle of two points, got {shortened(kind)} of {len(points)}. Draw it as a "
        "rectangle."
    )


def _points(value: Any) -> list[tuple[float, float]]:
    points = []
    for pair in value if isinstance(value, list) else ():
        x, y = map(number_of, pair) if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if x is None or y is None:
            break
        points.append((x, y))
    if not points or len(points) != len(value):
        raise ValueError(f"expected `points` as [[x, y], [x, y]], got {shortened(value)}.")
    return points


def labelme_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The JSON file of each photo, which names the photo from where the file will lie.

    Raises:
        AnnotationError: If two photos would share a file.
    """
    for photo, label in zip(photos, label_names(photos, ".json"), strict=True):
        folder = (destination.folder / label).parent
        place = _relative(destination.images_dir.resolve() / photo.name, folder.resolve())
        shapes = []
        for box, ignored, attributes in zip(
            photo.boxes.tolist(), photo.ignored.tolist(), photo.attributes, strict=True
        ):
            x_min, y_min, x_max, y_max = (float(number(edge)) for edge in box)
            shapes.append(
                {
                    "label": UNSURE if ignored else "face",
                    "points": [[x_min, y_min], [x_max, y_max]],
                    "group_id": None,
                    "description": ", ".join(f"{name} {said}" for name, said in attributes.items()),
                    "shape_type": "rectangle",
                    "flags": {},
                    **({"attributes": dict(attributes)} if attributes else {}),
                }
            )
        content: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": place.as_posix(),
            "imageData": None,
            "imageHeight": photo.height,
            "imageWidth": photo.width,
        }
        yield label, (json.dumps(content, indent=1) + "\n").encode()
