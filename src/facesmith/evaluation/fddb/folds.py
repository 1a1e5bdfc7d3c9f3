"""FDDB's folds: images with their annotated ellipses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from facesmith.errors import AnnotationError
from facesmith.evaluation.fddb.lists import Entry, FloatArray, bare_name, read_entries, text_lines
from facesmith.printable import counted

_FOLD_FILE = re.compile(r"FDDB-fold-(\d+)-ellipseList\.txt")
_ANNOTATION = "major minor angle x y 1"


@dataclass(frozen=True, eq=False)
class Fold:
    """The annotated images of one fold."""

    number: int  # from 1
    names: tuple[str, ...]  # the images in the order of the list, without suffix
    # Float64 `(n, 5)` an image: two half axes in pixels, angle in radians, centre in pixels.
    ellipses: tuple[FloatArray, ...]

    @property
    def n_faces(self) -> int:
        """Faces in all images together."""
        return sum(len(each) for each in self.ellipses)


def read_folds(folder: str | Path) -> tuple[Fold, ...]:
    """All folds of a folder, `FDDB-fold-01-ellipseList.txt` and so on, by their numbers.

    The list of images beside each, `FDDB-fold-01.txt`, decides their order where it is there.

    Raises:
        AnnotationError: If there is none, one cannot be used, its images come in another order
            than in its list, or a name comes twice.
    """
    folder = Path(folder)
    matches = {path: _FOLD_FILE.fullmatch(path.name) for path in sorted(folder.glob("*"))}
    numbered = {int(match[1]): path for path, match in matches.items() if match}
    if not numbered:
        raise AnnotationError(
            f"{folder} holds no FDDB fold. Looked for FDDB-fold-01-ellipseList.txt and so on."
        )
    folds = []
    seen: dict[str, str] = {}
    for number, path in sorted(numbered.items()):
        entries = list(read_entries(path, [6], _ANNOTATION, seen))
        if not entries:
            raise AnnotationError(f"{path} is empty: expected the names of images.")
        list_path = path.with_name(path.name.replace("-ellipseList", ""))
        if list_path.exists():
            _check_order(entries, list_path)
        ellipses = tuple(entry.rows.reshape(-1, 6)[:, :5] for entry in entries)
        folds.append(Fold(number, tuple(entry.name for entry in entries), ellipses))
    return tuple(folds)


def _check_order(entries: list[Entry], list_path: Path) -> None:
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
            f"{entries[-1].where.rpartition(' line ')[0]} has {counted(len(entries), 'image')}, "
            f"{list_path} has {len(listed)}. Both must have the same."
        )
