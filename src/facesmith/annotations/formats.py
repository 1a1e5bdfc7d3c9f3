"""The formats of annotations: their readers, and how each is told from the others.

A new format has its place in `_READERS`, and in the functions below if its files are to be
recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesmith.annotations.coco import read_coco
from facesmith.annotations.entries import PhotoEntry, ProblemLog
from facesmith.annotations.files import files_below, numbers, read_lines, read_start
from facesmith.annotations.voc import read_voc
from facesmith.annotations.wider_and_fddb import ellipse_lists, read_fddb, read_wider
from facesmith.annotations.yolo import label_files, read_yolo
from facesmith.annotations.yolo_dataset import YAML_SUFFIXES, find_dataset
from facesmith.errors import AnnotationError


@dataclass(frozen=True)
class Source:
    """What a reader is given."""

    path: Path  # the annotations
    images_dir: Path  # the folder of the photos
    log: ProblemLog  # where problems go
    categories: Sequence[str] | None  # names or numbers of those that are faces


Reader = Callable[[Source], list[PhotoEntry]]
_READERS: dict[str, Reader] = {
    "coco": lambda source: read_coco(source.path, source.log, source.categories),
    "voc": lambda source: read_voc(source.path, source.images_dir, source.log, source.categories),
    "yolo": lambda source: read_yolo(source.path, source.images_dir, source.log, source.categories),
    "wider": lambda source: read_wider(source.path, source.log),
    "fddb": lambda source: read_fddb(source.path, source.log),
}
FORMATS = tuple(_READERS)
_OF_ONE_FILE = ("coco", "wider")  # the others may be folders of files
# How many numbers a line of boxes has.
_WIDTHS = {5: "yolo", 6: "fddb", 10: "wider"}


def read_entries(source: Source, name: str | None) -> list[PhotoEntry]:
    """What the annotations say, not checked, by the reader of a format; `None`: told from them."""
    name = name or detect_format(source.path, source.images_dir)
    if source.path.is_dir() and name in _OF_ONE_FILE:
        raise AnnotationError(
            f"{source.path} is a folder; {name} annotations are one file. Name it."
        )
    return _READERS[name](source)


def detect_format(path: Path, images_dir: Path | None = None) -> str:
    """The format of a file or folder, one of `FORMATS`, or an `AnnotationError`."""
    found = _formats_of_folder(path, images_dir) if path.is_dir() else _formats_of_file(path)
    if len(found) == 1:
        return found.pop()
    if found:
        several = " or ".join(name for name in FORMATS if name in found)
        raise AnnotationError(
            f"{path} could be {several}. Say which with --format (in Python: format=...)."
        )
    what = (
        "a folder with VOC .xml files, YOLO .txt files or FDDB *ellipseList.txt files, or the root "
        "of a YOLO data set"
        if path.is_dir()
        else "COCO JSON, VOC XML, a WIDER FACE list, an FDDB ellipse list or YOLO lines"
    )
    raise AnnotationError(
        f"{path}: cannot tell the format: expected {what}. If it is one of them, say which with "
        f"--format: {', '.join(FORMATS)}."
    )


def _formats_of_folder(folder: Path, images_dir: Path | None) -> set[str]:
    if find_dataset(folder) is not None:
        return {"yolo"}
    found = set()
    if next(files_below(folder, (".xml",)), None) is not None:
        found.add("voc")
    if ellipse_lists(folder):
        found.add("fddb")
    elif any(map(_holds_yolo, label_files(folder, images_dir))):
        found.add("yolo")
    return found


def _holds_yolo(file: Path) -> bool:
    try:
        return _formats_of_file(file) == {"yolo"}
    except AnnotationError:  # no text: whether others are decides
        return False


def _formats_of_file(file: Path) -> set[str]:
    if file.suffix.lower() in YAML_SUFFIXES:
        return {"yolo"}
    start = read_start(file).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise AnnotationError(f"{file} is compressed. Unpack it first.")
    if start.startswith((b"{", b"[")):
        return {"coco"}
    if start.startswith(b"<"):
        return {"voc"}
    try:
        lines = read_lines(file)
    except AnnotationError as error:
        raise AnnotationError(f"cannot tell the format: {error}") from error
    return _formats_of_lines([numbers(text) for _, text in lines])


def _formats_of_lines(lines: list[list[float] | None]) -> set[str]:
    """Formats that a text file can be in, by the numbers of its lines; `None` for a name."""
    found = {_WIDTHS[len(values)] for values in lines if values and len(values) in _WIDTHS}
    if not lines:
        return set()
    if lines[0] is not None and len(lines[0]) > 1:  # one number may be the name of a photo
        return found & {"yolo"}
    # Lists differ by their boxes alone; without a single one, both readings are possible.
    if not found and len(lines) > 1 and lines[1] == [0.0]:
        return {"wider", "fddb"}
    return found & {"wider", "fddb"}
