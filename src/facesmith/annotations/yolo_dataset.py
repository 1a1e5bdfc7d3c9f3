"""YOLO data sets: folders with `images` and `labels`, and the `data.yaml` that describes them.

A label lies where its photo lies, with `labels` in place of the last `images` of the path. The
splits are folders of photos or lists of them; all that the file names are read.

Source:
    The data set format of Ultralytics YOLO, docs.ultralytics.com/datasets/detect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facesmith.annotations.files import read_lines
from facesmith.annotations.photo_paths import is_file, is_folder
from facesmith.annotations.plain_yaml import Value, read_plain_yaml
from facesmith.annotations.yolo_points import KEYS as POINT_KEYS
from facesmith.annotations.yolo_points import PointShape, point_shape
from facesmith.errors import AnnotationError

SPLITS = ("train", "val", "valid", "test")
YAML_SUFFIXES = (".yaml", ".yml")
_KEYS = ("path", *SPLITS, "names", *POINT_KEYS)


@dataclass(frozen=True)
class LabelledFolder:
    """A folder of photos, and the folder of their labels."""

    photos: Path
    labels: Path


@dataclass(frozen=True)
class Dataset:
    """What a YOLO data set consists of."""

    folders: tuple[LabelledFolder, ...]  # photos with labels of the same path
    listed: tuple[tuple[Path, Path], ...]  # photos of lists, each with the label that it would have
    names: dict[int, str]  # of the classes, as far as they are given
    n_splits: int = 1  # into how many parts the photos are divided
    points: PointShape | None = None  # that follow the box in each line


def find_dataset(path: Path, images_dir: Path | None = None) -> Dataset | None:
    """The data set that a `.yaml` file describes or whose root a folder is; `None` if it is none.

    Args:
        path: The file or folder.
        images_dir: Where the photos lie if the `images` that a description names is missing, but
            its `labels` are there.

    Raises:
        AnnotationError: If the description cannot be used.
    """
    if path.is_file():
        return _described(path, images_dir) if path.suffix.lower() in YAML_SUFFIXES else None
    description = _description(path)
    if description is not None:
        return _described(description, images_dir)
    pairs = [
        LabelledFolder(folder / "images", folder / "labels")
        for folder in (path, *(path / split for split in SPLITS))
        if (folder / "images").is_dir() and (folder / "labels").is_dir()
    ]
    if not pairs:
        return None
    return Dataset(tuple(pairs), (), class_names(path), len(pairs), described_points(path))


def class_names(folder: Path) -> dict[int, str]:
    """Names of the classes: of a list in the folder, else of a `data.yaml` there or just above."""
    try:
        files = [
            file
            for file in sorted(folder.iterdir())
            if file.name.lower() in ("classes.txt", "obj.names") and file.is_file()
        ]
    except OSError:
        return {}
    lists = [(file, _listed_names(file)) for file in files]
    for file, names in lists[1:]:
        if names != lists[0][1]:
            raise AnnotationError(
                f"{lists[0][0]} and {file.name} name the classes differently: which are faces "
                "cannot be told. Remove one of the two."
            )
    if lists:
        return lists[0][1]
    path = _data_yaml(folder)
    return {} if path is None else _names(path, read_plain_yaml(path, ("names",)).get("names"))


def described_points(folder: Path) -> PointShape | None:
    """The points of the lines in a folder, by a `data.yaml` there or just above."""
    path = _data_yaml(folder)
    return None if path is None else points_of_description(path)


def points_of_description(file: Path) -> PointShape | None:
    """The points of the lines that a `.yaml` file describes."""
    return point_shape(file, read_plain_yaml(file, POINT_KEYS))


def _data_yaml(folder: Path) -> Path | None:
    above = folder.resolve()
    for place in (above, *above.parents[:2]):
        for suffix in YAML_SUFFIXES:
            if (place / f"data{suffix}").is_file():
                return place / f"data{suffix}"
    return None


def _listed_names(file: Path) -> dict[int, str]:
    lines = read_lines(file)
    for place, (number, _) in enumerate(lines, start=1):
        if number != place:
            raise AnnotationError(
                f"{file} line {place}: expected the name of class {place - 1}, got an empty line: "
                "which number the names below it have cannot be told. Mend the list."
            )
    return dict(enumerate(text for _, text in lines))


def _description(folder: Path) -> Path | None:
    """The file in a folder that describes splits."""
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in YAML_SUFFIXES and file.is_file()
    ]
    files = [file for file in files if file.stem.lower() == "data"] or files
    found = [file for file in files if any(map(_values(file).get, SPLITS))]
    if len(found) > 1:
        listed = ", ".join(file.name for file in found)
        raise AnnotationError(f"{folder} describes several data sets: {listed}. Name one of them.")
    return found[0] if found else None


def _values(file: Path) -> dict[str, Value]:
    return read_plain_yaml(file, _KEYS)


def _described(file: Path, images_dir: Path | None) -> Dataset:
    values = _values(file)
    root = values.get("path", "")
    splits = [(split, values[split]) for split in SPLITS if split in values]
    if not splits or not isinstance(root, str):
        raise AnnotationError(
            f"{file}: expected the folders of the photos under `train`, `val` or `test`, and their "
            "common folder, if any, under `path`."
        )
    folders: dict[Path, LabelledFolder] = {}
    listed: dict[Path, Path] = {}
    for split, value in splits:
        if isinstance(value, dict):
            raise AnnotationError(f"{file}: expected a folder, or a list, under `{split}`.")
        for text in [value] if isinstance(value, str) else value:
            elsewhere = _without_photos(file.parent / root / text, images_dir)
            if elsewhere is not None:
                folders[elsewhere.photos] = elsewhere
                continue
            place = _existing(file, root, text, split)
            if is_folder(place / "images") and is_folder(place / "labels"):
                place /= "images"
            if is_folder(place):
                folders[place] = LabelledFolder(place, _labels_of(place))
            else:
                listed.update(_list(place))
    return Dataset(
        tuple(folders.values()),
        tuple(listed.items()),
        _names(file, values.get("names")),
        len({str(value) for _, value in splits}),
        point_shape(file, values),
    )


def _without_photos(place: Path, images_dir: Path | None) -> LabelledFolder | None:
    """The labels of a missing folder `images`, with the photos of another folder."""
    if images_dir is None or place.name != "images" or place.exists():
        return None
    labels = place.with_name("labels")
    return LabelledFolder(images_dir, labels) if is_folder(labels) else None


def _existing(file: Path, root: str, text: str, split: str) -> Path:
    """The folder or list of a split: paths in these files are often those of another machine."""
    slashed = text.replace("\\", "/")  # as Windows writes them
    relative = slashed.removeprefix("../").removeprefix("./")
    candidates = [file.parent / place for place in (Path(root) / text, text, slashed, relative)]
    for candidate in candidates:
        if is_folder(candidate) or is_file(candidate):
            return Path(*_plain(candidate))
    raise AnnotationError(
        f"{file}: `{split}` names {text}, which is neither a folder nor a list of photos there. "
        "Mend the path in the file."
    )


def _plain(path: Path) -> tuple[str, ...]:
    """The parts of a path without `..` where that names the same place."""
    plain = Path(os.path.normpath(path))
    try:
        return plain.parts if plain.samefile(path) else path.parts
    except (OSError, ValueError):  # one of them does not exist, or cannot
        return path.parts


def _labels_of(place: Path) -> Path:
    parts = list(place.parts)
    for index in range(len(parts) - 1, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            return Path(*parts)
    return place


def _list(file: Path) -> Iterator[tuple[Path, Path]]:
    for _, text in read_lines(file):
        if not is_file(file.parent / text):
            text = text.replace("\\", "/")  # noqa: PLW2901 - as Windows writes them
        photo = Path(*_plain(file.parent / text))
        if photo.name:
            yield photo, _labels_of(photo).with_suffix(".txt")


def _names(file: Path, value: Value | None) -> dict[int, str]:
    if value is None:
        return {}
    if isinstance(value, str):
        return {0: value}
    if isinstance(value, list):
        return dict(enumerate(value))
    if not all(key.isascii() and key.isdigit() and len(key) < 10 for key in value):
        raise AnnotationError(f"{file}: expected class numbers as keys of `names`.")
    return {int(key): name for key, name in value.items()}
