"""The formats of annotations: their readers and writers, and how each is told from the others.

A new format has its place in `_FORMATS`, and in the functions below if its files are to be
recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facesmith.annotations.coco import coco_files, read_coco
from facesmith.annotations.cvat import cvat_files, read_cvat
from facesmith.annotations.destinations import Writer
from facesmith.annotations.entries import PhotoEntry, ProblemLog
from facesmith.annotations.files import files_below, numbers, read_lines, read_start
from facesmith.annotations.label_studio import label_studio_files, read_label_studio
from facesmith.annotations.labelme import labelme_files, read_labelme
from facesmith.annotations.retinaface import read_retinaface, retinaface_files
from facesmith.annotations.voc import read_voc, voc_files
from facesmith.annotations.wider_and_fddb import (
    ellipse_lists,
    fddb_files,
    read_fddb,
    read_wider,
    wider_files,
)
from facesmith.annotations.yolo import label_files, read_yolo, yolo_files, yolo_pose_files
from facesmith.annotations.yolo_dataset import (
    YAML_SUFFIXES,
    described_points,
    find_dataset,
    points_of_description,
)
from facesmith.errors import AnnotationError


@dataclass(frozen=True)
class Source:
    """What a reader is given."""

    path: Path  # the annotations
    images_dir: Path  # the folder of the photos
    log: ProblemLog  # where problems go
    categories: Sequence[str] | None  # names or numbers of those that are faces


Reader = Callable[[Source], list[PhotoEntry]]


@dataclass(frozen=True)
class Format:
    """How annotations of a format are read and written, and what is lost when they are written."""

    read: Reader
    write: Writer
    # What the one file is called that `facesmith label` writes; empty: the format is a folder.
    file: str = ""
    # What becomes of ignored regions that the format has no mark for; empty: it has one.
    ignored: str = ""
    attributes: bool = False  # whether words that describe a box are kept
    sources: bool = False  # whether the source of a photo is kept
    fractions: bool = True  # whether edges may lie within a pixel
    # Whether the five points of faces are kept; "inside": those that lie in the photo.
    points: Literal["", "inside", "all"] = ""


_AS_UNSURE = "written as boxes called `unsure`"
_LEFT_OUT = "left out; their places count as background"
_FORMATS: dict[str, Format] = {
    "coco": Format(
        lambda source: read_coco(source.path, source.log, source.categories),
        coco_files,
        "labels.json",
        attributes=True,
        sources=True,
        points="all",
    ),
    "cvat": Format(
        lambda source: read_cvat(*_arguments(source)),
        cvat_files,
        "annotations.xml",
        _AS_UNSURE,
        attributes=True,
    ),
    "label-studio": Format(
        lambda source: read_label_studio(*_arguments(source)),
        label_studio_files,
        "tasks.json",
        _AS_UNSURE,
        attributes=True,
    ),
    "labelme": Format(
        lambda source: read_labelme(*_arguments(source)),
        labelme_files,
        ignored=_AS_UNSURE,
        attributes=True,
    ),
    "voc": Format(lambda source: read_voc(*_arguments(source)), voc_files, fractions=False),
    "yolo": Format(lambda source: read_yolo(*_arguments(source)), yolo_files, ignored=_AS_UNSURE),
    "yolo-pose": Format(
        lambda source: read_yolo(*_arguments(source), pose=True),
        yolo_pose_files,
        ignored=_AS_UNSURE,
        points="inside",
    ),
    "wider": Format(
        lambda source: read_wider(source.path, source.log),
        wider_files,
        "wider.txt",
        fractions=False,
    ),
    "fddb": Format(
        lambda source: read_fddb(source.path, source.log),
        fddb_files,
        "ellipseList.txt",
        _LEFT_OUT,
    ),
    "retinaface": Format(
        lambda source: read_retinaface(source.path, source.log),
        retinaface_files,
        "label.txt",
        _LEFT_OUT,
        points="all",
    ),
}
FORMATS = tuple(_FORMATS)
_OF_ONE_FILE = (
    "coco",
    "cvat",
    "label-studio",
    "wider",
    "retinaface",
)  # the others may be folders of files
# How many numbers a line of boxes has.
_WIDTHS = {5: "yolo", 6: "fddb", 10: "wider"}
_KEYS_OF_TASKS = (b'"data"', b'"annotations"', b'"predictions"')
_PEEKED = 2**16  # bytes of a file that tell JSON and XML formats from each other


def _arguments(source: Source) -> tuple[Path, Path, ProblemLog, Sequence[str] | None]:
    return source.path, source.images_dir, source.log, source.categories


def find_format(name: str) -> Format:
    """The format of a name, one of `FORMATS`."""
    if name not in _FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(_FORMATS)}; got format={name!r}.")
    return _FORMATS[name]


def read_entries(source: Source, name: str | None) -> list[PhotoEntry]:
    """What the annotations say, not checked, by the reader of a format; `None`: told from them."""
    name = name or detect_format(source.path, source.images_dir)
    if source.path.is_dir() and name in _OF_ONE_FILE:
        raise AnnotationError(
            f"{source.path} is a folder; {name} annotations are one file. Name it."
        )
    return _FORMATS[name].read(source)


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
        "a folder with VOC .xml files, labelme .json files, YOLO .txt files or FDDB "
        "*ellipseList.txt files, or the root of a YOLO data set"
        if path.is_dir()
        else "COCO, Label Studio or labelme JSON, CVAT or VOC XML, a WIDER FACE list, an FDDB "
        "ellipse list, RetinaFace's label.txt or YOLO lines"
    )
    raise AnnotationError(
        f"{path}: cannot tell the format: expected {what}. If it is one of them, say which with "
        f"--format: {', '.join(FORMATS)}."
    )


def _formats_of_folder(folder: Path, images_dir: Path | None) -> set[str]:
    dataset = find_dataset(folder, images_dir)
    if dataset is not None:
        return {"yolo" if dataset.points is None else "yolo-pose"}
    found = set()
    if (file := next(files_below(folder, (".xml",)), None)) is not None:
        found.add(_xml_format(_peek_or_none(file)))
    if any(
        _json_format(_peek_or_none(file)) == "labelme" for file in files_below(folder, (".json",))
    ):
        found.add("labelme")
    if ellipse_lists(folder):
        found.add("fddb")
    elif described_points(folder) is not None:
        found |= {"yolo-pose"} if label_files(folder, images_dir) else set()
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
        return {"yolo" if points_of_description(file) is None else "yolo-pose"}
    start = _peek(file)
    if start.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise AnnotationError(f"{file} is compressed. Unpack it first.")
    if start.startswith((b"{", b"[")):
        return {_json_format(start)}
    if start.startswith(b"<"):
        return {_xml_format(start)}
    try:
        lines = read_lines(file)
    except AnnotationError as error:
        raise AnnotationError(f"cannot tell the format: {error}") from error
    if lines and lines[0][1].startswith("# "):
        return {"retinaface"}
    return _formats_of_lines([numbers(text) for _, text in lines])


def _peek(file: Path) -> bytes:
    return read_start(file, _PEEKED).removeprefix(b"\xef\xbb\xbf").lstrip()


def _peek_or_none(file: Path) -> bytes:
    try:
        return _peek(file)
    except AnnotationError:  # whether others can be read decides
        return b""


def _xml_format(start: bytes) -> str:
    return "cvat" if re.search(rb"<(?:[\w.-]+:)?annotations\b", start, re.IGNORECASE) else "voc"


def _json_format(start: bytes) -> str:
    """By the keys at the start of a file; COCO where they do not tell."""
    if start.startswith(b"["):  # a detector's results are a list, too, whose entries have ids
        tasks = any(key in start for key in _KEYS_OF_TASKS) and b'"image_id"' not in start
        return "label-studio" if tasks else "coco"
    return "labelme" if re.search(rb'"shapes"\s*:', start) and b'"images"' not in start else "coco"


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
