"""What a detector found in the images of WIDER FACE: a folder an event, a text file an image.

The file `0--Parade/0_Parade_marchingband_1_20.txt`: the image's name, with or without suffix or
folder; how many boxes follow; and a line `x y width height score` for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from facesmith.annotations.files import numbers, read_text
from facesmith.errors import AnnotationError, DetectionsError
from facesmith.evaluation.wider.truth import WiderImage
from facesmith.faces import Faces
from facesmith.files import write_bytes, write_error
from facesmith.images import IMAGE_SUFFIXES

Table = npt.NDArray[np.float64]
_FARTHEST = 1e9  # pixels; see facesmith.evaluation.detections


def read_predictions(folder: str | Path, images: Sequence[WiderImage]) -> list[Table]:
    """Read the predictions for all images.

    Returns:
        For each image float64 `(n, 5)`: x, y, width, height in pixels and score, in the order of
        the file.

    Raises:
        DetectionsError: If an image has no file, a file or folder belongs to no image, or one
            cannot be used.
    """
    folder = Path(folder)
    paths = [_path(folder, image) for image in images]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DetectionsError(
            f"{missing[0]} is missing{_and_more(missing)}: expected a file for each of the "
            f"{len(images)} images. For an image without a box write its name and 0."
        )
    _refuse_others(folder, paths)
    return [_read(path) for path in paths]


def write_predictions(
    folder: str | Path, images: Sequence[WiderImage], found: Sequence[Faces]
) -> None:
    """Write the faces found in each image, pixels of the full image, in the official form.

    Raises:
        WriteError: If a file cannot be written.
    """
    folder = Path(folder)
    for image, faces in zip(images, found, strict=True):
        path = _path(folder, image)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(path.parent, error) from error
        lines = [f"{image.name}.jpg", str(len(faces))]
        for (x, y, right, bottom), score in zip(
            faces.boxes.tolist(), faces.scores.tolist(), strict=True
        ):
            lines.append(f"{x:.2f} {y:.2f} {right - x:.2f} {bottom - y:.2f} {score:.6f}")
        write_bytes(path, ("\n".join(lines) + "\n").encode())


def _path(folder: Path, image: WiderImage) -> Path:
    return folder / image.event / f"{image.name}.txt"


def _and_more(paths: Sequence[Path]) -> str:
    return f", and {len(paths) - 1} more" if len(paths) > 1 else ""


def _refuse_others(folder: Path, paths: Sequence[Path]) -> None:
    """What belongs to no image may be a misspelt name, or the output for another set."""
    known = set(paths)
    events = {path.parent for path in paths}
    for event in sorted(folder.iterdir()):
        if event.name.startswith("."):
            continue
        if event not in events:
            if event.is_dir():
                raise DetectionsError(f"{event} is the folder of no event of the ground truth.")
            continue  # a note or a log beside the folders
        for path in sorted(event.iterdir()):
            if path not in known and not path.name.startswith("."):
                raise DetectionsError(f"{path} belongs to no image of the ground truth. Remove it.")


def _read(path: Path) -> Table:
    place = f"{path.parent.name}/{path.name}"
    try:
        text = read_text(path)
    except AnnotationError as error:
        raise DetectionsError(str(error)) from error
    lines = [(i, line.strip()) for i, line in enumerate(text.splitlines(), start=1)]
    lines = [(i, line) for i, line in lines if line]
    if not lines:
        raise DetectionsError(f"{place} is empty. Expected a name and a count at least.")
    _check_name(f"{place} line {lines[0][0]}", lines[0][1], path.stem)
    count = lines[1][1] if len(lines) > 1 else "nothing"
    number = lines[1][0] if len(lines) > 1 else lines[0][0] + 1
    if not (count.isascii() and count.isdigit() and len(count) < 10):
        raise DetectionsError(
            f"{place} line {number}: expected the number of boxes, got {count[:60]!r}."
        )
    rows = lines[2:]
    if int(count) != len(rows):
        raise DetectionsError(
            f"{place} line {number}: expected {count} lines of boxes, as the count says, got "
            f"{len(rows)}."
        )
    table = _table([line for _, line in rows])
    if table is None:  # rare: read line by line, to name the one that is wrong
        table = np.array([_row(f"{place} line {i}", line) for i, line in rows], np.float64)
    return table


def _check_name(where: str, text: str, expected: str) -> None:
    name = PurePosixPath(text.replace("\\", "/")).name
    if name.lower().endswith(IMAGE_SUFFIXES):
        name = name[: name.rindex(".")]
    if name != expected:
        raise DetectionsError(
            f"{where}: expected the name of the image, {expected}, got {text[:80]!r}. Are the "
            "files mixed up?"
        )


def _table(lines: Sequence[str]) -> Table | None:
    """All lines at once, which is ten times as fast; `None` if any is not as expected."""
    words = [line.split() for line in lines]
    if any(len(row) != 5 for row in words) or any("_" in line for line in lines):
        return None
    try:
        table = np.array([float(word) for row in words for word in row]).reshape(-1, 5)
    except ValueError:
        return None
    usable = np.isfinite(table).all() and (abs(table[:, :4]) <= _FARTHEST).all()
    return table if usable and (table[:, 2:4] >= 0).all() else None


def _row(where: str, text: str) -> list[float]:
    values = numbers(text)
    if values is None or len(values) != 5:
        raise DetectionsError(
            f"{where}: expected 5 numbers, x y width height score, got {text[:60]!r}."
        )
    if not all(abs(value) <= _FARTHEST for value in values[:4]) or not np.isfinite(values[4]):
        raise DetectionsError(f"{where}: expected finite pixels and score, got {text[:60]!r}.")
    if min(values[2:4]) < 0:
        raise DetectionsError(
            f"{where}: expected a width and a height of at least 0, got {text[:60]!r}."
        )
    return values
