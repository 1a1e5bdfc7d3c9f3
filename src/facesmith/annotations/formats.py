"""Which format annotations are in, told from their content."""

from __future__ import annotations

from pathlib import Path

from facesmith.annotations.files import files_below, numbers, read_lines
from facesmith.annotations.yolo import label_files
from facesmith.errors import AnnotationError

FORMATS = ("coco", "voc", "yolo", "wider", "fddb")
# How many numbers a line of boxes has.
_WIDTHS = {5: "yolo", 6: "fddb", 10: "wider"}


def detect_format(path: Path) -> str:
    """The format of a file or folder, one of `FORMATS`, or an `AnnotationError`."""
    found = _formats_of_folder(path) if path.is_dir() else _formats_of_file(path)
    if len(found) == 1:
        return found.pop()
    if found:
        several = " or ".join(name for name in FORMATS if name in found)
        raise AnnotationError(
            f"{path} could be {several}. Say which with --format (in Python: format=...)."
        )
    what = (
        "a folder with VOC .xml files, YOLO .txt files or FDDB *ellipseList.txt files"
        if path.is_dir()
        else "COCO JSON, VOC XML, a WIDER FACE list, an FDDB ellipse list or YOLO lines"
    )
    raise AnnotationError(
        f"{path}: cannot tell the format: expected {what}. If it is one of them, say which with "
        f"--format: {', '.join(FORMATS)}."
    )


def _formats_of_folder(folder: Path) -> set[str]:
    found = set()
    if next(files_below(folder, ".xml"), None) is not None:
        found.add("voc")
    if next(folder.glob("*ellipseList.txt"), None) is not None:
        found.add("fddb")
    elif any(_formats_of_file(file) == {"yolo"} for file in label_files(folder)):
        found.add("yolo")
    return found


def _formats_of_file(file: Path) -> set[str]:
    try:
        with file.open("rb") as stream:
            start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise AnnotationError(f"{file} cannot be read: {error.strerror or error}.") from error
    if start.startswith((b"{", b"[")):
        return {"coco"}
    if start.startswith(b"<"):
        return {"voc"}
    try:
        return _formats_of_lines([numbers(text) for _, text in read_lines(file)])
    except AnnotationError:  # no text
        return set()


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
