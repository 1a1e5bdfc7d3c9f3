"""FDDB's text files: folds of annotated ellipses, and detections.

All lists have one form: an image's name, a count, and so many lines of numbers. Names have no
suffix; one such as `.jpg` is taken off. Whatever does not fit is an error with file and line: a
benchmark must not leave anything out in silence.

Source:
    The README of FDDB's annotations and results, http://vis-www.cs.umass.edu/fddb/ .
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from facesmith.annotations.files import numbers, read_text
from facesmith.errors import AnnotationError
from facesmith.evaluation.fddb.spans import MAX_PX
from facesmith.files import write_bytes
from facesmith.images import IMAGE_SUFFIXES

FloatArray = npt.NDArray[np.float64]
Shape = Literal["rectangle", "ellipse"]
SHAPES: tuple[Shape, ...] = ("rectangle", "ellipse")

_FOLD_FILE = re.compile(r"FDDB-fold-(\d+)-ellipseList\.txt")
_ANNOTATION = "major minor angle x y 1"
_DETECTION: dict[Shape, str] = {
    "rectangle": "left top width height score",
    "ellipse": "major minor angle x y score",
}
_N_NUMBERS: dict[Shape, int] = {shape: len(_DETECTION[shape].split()) for shape in SHAPES}
_MOST_COUNTED = 10_000_000
_MOST_RADIANS = 1e6
_BLANK = " \t\r\f\v\x1a"  # the last: old end of a file on Windows, in the middle of joined files


@dataclass(frozen=True, eq=False)
class Fold:
    """The annotated images of one fold.

    Attributes:
        number: From 1.
        names: The images in the order of the list, without suffix.
        ellipses: The faces of each image, float64 `(n, 5)`: two half axes in pixels, angle in
            radians, centre in pixels.
    """

    number: int
    names: tuple[str, ...]
    ellipses: tuple[FloatArray, ...]

    @property
    def n_faces(self) -> int:
        """Faces in all images together."""
        return sum(len(each) for each in self.ellipses)


@dataclass(frozen=True, eq=False)
class FddbDetections:
    """What a detector found in some images.

    Attributes:
        shape: What `regions` are.
        regions: Of each image by name: float64 `(n, 4)` rectangles as left, top, width, height, or
            `(n, 5)` ellipses as in `Fold`; pixels.
        scores: Of each image by name, float64 `(n,)`: any finite numbers, higher is surer.
    """

    shape: Shape
    regions: Mapping[str, FloatArray]
    scores: Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class _Entry:
    """An image's lines: where its name stands, and its numbers `(n, columns)`."""

    where: str
    name: str
    rows: FloatArray


def read_folds(folder: str | Path) -> tuple[Fold, ...]:
    """All folds of a folder, by their numbers.

    Args:
        folder: Holds `FDDB-fold-01-ellipseList.txt` and so on, and beside each the list of its
            images, `FDDB-fold-01.txt`. Without the latter the order is that of the ellipse list.

    Raises:
        AnnotationError: If there is none, one cannot be used, its images come in another order
            than in its list, or a name comes twice.
    """
    folder = Path(folder)
    numbered = {
        int(match[1]): path
        for path in sorted(folder.glob("*"))
        if (match := _FOLD_FILE.fullmatch(path.name))
    }
    if not numbered:
        raise AnnotationError(
            f"{folder} holds no FDDB fold. Looked for FDDB-fold-01-ellipseList.txt and so on."
        )
    folds = []
    seen: dict[str, str] = {}
    for number in sorted(numbered):
        path = numbered[number]
        entries = list(_read_entries(path, [6], _ANNOTATION, seen))
        if not entries:
            raise AnnotationError(f"{path} is empty: expected the names of images.")
        list_path = path.with_name(path.name.replace("-ellipseList", ""))
        if list_path.exists():
            _check_order(entries, list_path)
        folds.append(
            Fold(
                number,
                tuple(entry.name for entry in entries),
                tuple(entry.rows.reshape(-1, 6)[:, :5] for entry in entries),
            )
        )
    return tuple(folds)


def read_fddb_detections(
    paths: Sequence[str | Path],
    folds: Sequence[Fold],
    *,
    shape: Shape | None = None,
    wanted: Sequence[Fold] | None = None,
    any_order: bool = False,
) -> FddbDetections:
    """Detections of FDDB images, from one file or several.

    Args:
        paths: The files, one after the other, as the official tool is given them in one piece.
        folds: All folds there are: they say which names exist, and in which order.
        shape: What the lines describe; `None`: five numbers are a rectangle, six an ellipse.
        wanted: The folds whose images must all have an entry; `None`: all. Entries of other folds
            are checked and left out.
        any_order: Whether images may come in another order than in the folds.

    Raises:
        AnnotationError: If a file cannot be used, an image is unknown, missing, out of order or
            comes twice.
    """
    order = {name: (n, fold.number) for n, (fold, name) in enumerate(_all_names(folds))}
    names = list(order)
    columns = [_N_NUMBERS[each] for each in SHAPES if shape in (None, each)]
    meaning = " or ".join(_DETECTION[each] for each in SHAPES if shape in (None, each))
    rows: dict[str, FloatArray] = {}
    seen: dict[str, str] = {}
    told_by = ""
    last = -1
    for path in map(Path, paths):
        n_before = len(seen)
        for entry in _read_entries(path, columns, meaning, seen):
            if entry.name not in order:
                raise AnnotationError(f"{entry.where}: no fold lists the image {entry.name!r}.")
            position, fold_number = order[entry.name]
            if position < last and not any_order:
                raise AnnotationError(
                    f"{entry.where}: {entry.name} (fold {fold_number}) comes before "
                    f"{names[last]} (fold {order[names[last]][1]}) in the lists of the folds. Sort "
                    "the images, or the files, as the lists are, or pass --any-order."
                )
            last = position
            if len(entry.rows):
                found = SHAPES[entry.rows.shape[1] - min(_N_NUMBERS.values())]
                if shape not in (None, found):
                    raise AnnotationError(
                        f"{entry.where}: {entry.name} has {found}s, {told_by} {shape}s. Pass files "
                        "of one kind."
                    )
                shape, told_by = found, told_by or entry.where
            rows[entry.name] = entry.rows
        if len(seen) == n_before:
            raise AnnotationError(f"{path} is empty: expected names of images and detections.")
    shape = shape or "rectangle"
    needed = [name for _, name in _all_names(folds if wanted is None else wanted)]
    missing = [name for name in needed if name not in rows]
    if missing:
        raise AnnotationError(
            f"{', '.join(map(str, paths))}: {len(missing):,} of {len(needed):,} images have no "
            f"entry, the first is {missing[0]} (fold {order[missing[0]][1]}). Write an image "
            "without detections with the count 0, or choose folds with --fold."
        )
    width = _N_NUMBERS[shape]
    tables = {name: rows[name].reshape(-1, width) for name in needed}
    return FddbDetections(
        shape,
        {name: table[:, :-1] for name, table in tables.items()},
        {name: table[:, -1] for name, table in tables.items()},
    )


def write_fddb_detections(
    detections: FddbDetections, names: Iterable[str], path: str | Path
) -> None:
    """Write detections in the form that `read_fddb_detections` and the official tool take.

    Args:
        detections: What to write.
        names: The images, in the order to write them.
        path: The file.
    """
    lines = []
    for name in names:
        regions, scores = detections.regions[name], detections.scores[name]
        lines += [name, str(len(regions))]
        lines += [
            " ".join([*(f"{value:.6f}" for value in region), f"{score:.9g}"])
            for region, score in zip(regions.tolist(), scores.tolist(), strict=True)
        ]
    write_bytes(path, ("\n".join(lines) + "\n").encode() if lines else b"")


def _read_entries(
    path: Path, columns: Sequence[int], meaning: str, seen: dict[str, str]
) -> Iterator[_Entry]:
    """The entries of a list, each name once.

    Args:
        path: The list.
        columns: How many numbers a line may have; all lines of an image have the same.
        meaning: What they are, for messages.
        seen: Names and where they stand, of earlier files too; added to.
    """
    lines = text_lines(path)
    at = 0
    while at < len(lines):
        number, text = lines[at]
        where = f"{path} line {number}"
        values = numbers(text)
        if values is not None and len(values) > 1:
            before = f" The count of {next(reversed(seen))} may be too small." if at else ""
            raise AnnotationError(
                f"{where}: expected the name of an image, got {text[:60]!r}.{before}"
            )
        name = bare_name(text)
        if name in seen:
            raise AnnotationError(f"{where}: {name} stands already in {seen[name]}.")
        seen[name] = where
        count = lines[at + 1][1] if at + 1 < len(lines) else "the end of the file"
        if not (count.isascii() and count.isdigit() and int(count[:12]) <= _MOST_COUNTED):
            number = lines[at + 1][0] if at + 1 < len(lines) else number
            raise AnnotationError(
                f"{path} line {number}: expected the number of lines of {name}, got {count[:60]!r}."
            )
        rows: list[list[float]] = []
        for offset in range(at + 2, at + 2 + int(count)):
            values = numbers(lines[offset][1]) if offset < len(lines) else None
            if (
                values is None
                or len(values) not in columns
                or len(values) != len((rows or [values])[0])
            ):
                raise _bad_row(path, lines, at, offset, name, int(count), columns, meaning)
            expected = _bad_values(values or [])
            if expected:
                bad_number, bad = lines[offset]
                raise AnnotationError(
                    f"{path} line {bad_number} ({name}): expected {expected} ({meaning}), got "
                    f"{bad[:80]!r}."
                )
            rows.append(values or [])
        table = np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0)
        yield _Entry(where, name, table)
        at += 2 + int(count)


def _bad_row(
    path: Path,
    lines: list[tuple[int, str]],
    at: int,
    offset: int,
    name: str,
    count: int,
    columns: Sequence[int],
    meaning: str,
) -> AnnotationError:
    """What is wrong with line `offset` of the entry that starts at line `at`."""
    counted = f"the count of {name} in line {lines[at + 1][0]} is {count}"
    if offset >= len(lines):
        return AnnotationError(
            f"{path} line {lines[-1][0]}: the file ends here, but {counted}, and "
            f"{offset - at - 2} lines follow it."
        )
    number, text = lines[offset]
    values = numbers(text)
    if values is None and len(text.split()) < min(columns):
        return AnnotationError(
            f"{path} line {number}: {counted}, but after {offset - at - 2} lines comes "
            f"{text[:60]!r}. Correct the count or add what is missing."
        )
    expected = " or ".join(str(n) for n in columns)
    return AnnotationError(
        f"{path} line {number} ({name}): expected {expected} numbers ({meaning}), the same for all "
        f"lines, got {text[:80]!r}."
    )


def _check_order(entries: list[_Entry], list_path: Path) -> None:
    """The images of an ellipse list are those of the list of the fold, in its order."""
    listed = [(number, bare_name(text)) for number, text in text_lines(list_path)]
    for entry, (number, name) in zip(entries, listed, strict=False):
        if entry.name != name:
            raise AnnotationError(
                f"{entry.where}: expected {name}, which {list_path.name} line {number} has here, "
                f"got {entry.name}. Both files must have the same images in the same order."
            )
    if len(entries) != len(listed):
        raise AnnotationError(
            f"{entries[-1].where.rpartition(' line ')[0]} has {len(entries)} images, "
            f"{list_path} has {len(listed)}. Both must have the same."
        )


def _bad_values(values: list[float]) -> str | None:
    """What a line's numbers should be instead, `None` where they are all right."""
    if not all(map(isfinite, values)):
        return "finite numbers"
    if len(values) == _N_NUMBERS["ellipse"]:
        major, minor, angle, x, y, _ = values
        if min(major, minor) < 0:
            return "half axes of 0 and more"
        if abs(angle) > _MOST_RADIANS:
            return "an angle in radians"
        largest = max(major, minor, abs(x), abs(y))
    else:
        if min(values[2:4]) < 0:
            return "a width and a height of 0 and more"
        largest = max(map(abs, values[:4]))
    return f"pixels, at most {MAX_PX}" if largest > MAX_PX else None


def _all_names(folds: Iterable[Fold]) -> Iterator[tuple[Fold, str]]:
    return ((fold, name) for fold in folds for name in fold.names)


def bare_name(name: str) -> str:
    """A name as FDDB writes it: forward slashes, no suffix."""
    if "\\" in name:
        name = name.replace("\\", "/")
    return name.rpartition(".")[0] if name.lower().endswith(IMAGE_SUFFIXES) else name


def text_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not empty, stripped, with their numbers from 1."""
    text = read_text(path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise AnnotationError(f"{path} line {line}: expected text, got bytes of another file type.")
    stripped = ((n, line.strip(_BLANK)) for n, line in enumerate(text.split("\n"), start=1))
    return [(n, line) for n, line in stripped if line]
