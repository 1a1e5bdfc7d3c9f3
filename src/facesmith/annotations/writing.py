"""Annotations in any format, and what cannot be carried over into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from facesmith.annotations.destinations import Destination, has_fractions
from facesmith.annotations.formats import find_format
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.files import make_folder, write_bytes


def write_annotations(
    path: str | Path,
    photos: Sequence[AnnotatedPhoto],
    images_dir: str | Path,
    *,
    format: str,  # noqa: A002  # as in `load_annotations`
    doubt: str = "",
    destination: str | Path | None = None,
) -> None:
    """Write annotated photos, in this order, in a format that `load_annotations` reads again.

    Args:
        path: The file of `coco`, `cvat`, `label-studio`, `wider` and `fddb`, else the folder.
        photos: The photos.
        images_dir: The folder that their names start from.
        format: One of `FORMATS`.
        doubt: The attribute that says how doubtful each box is, from 0 to 1, where the boxes are
            proposals of a detector: Label Studio then has them as predictions with scores.
        destination: Where the files will lie, if they are moved from `path`.

    Raises:
        AnnotationError: If the format cannot hold a photo's name.
        WriteError: If a file cannot be written.
    """
    path, kind = Path(path), find_format(format)
    whole = path.parent if kind.file else path
    where = Destination(Path(destination or whole), Path(images_dir), doubt)
    for name, content in kind.write(photos, where):
        file = path if kind.file else path / name
        if not kind.file:
            make_folder(file.parent)
        write_bytes(file, content)


def not_carried_over(
    photos: Sequence[AnnotatedPhoto],
    format: str,  # noqa: A002
    passed_over: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """What is lost when photos are written in a format -> in how many photos.

    Args:
        photos: The photos.
        format: One of `FORMATS`.
        passed_over: What was lost already when they were read, `Annotations.passed_over`.
    """
    kind = find_format(format)
    lost = Counter(passed_over or {})
    for photo in photos:
        if kind.ignored and photo.ignored.any():
            lost[f"ignored regions, {kind.ignored}"] += 1
        if not kind.attributes and any(photo.attributes):
            lost["attributes of boxes"] += 1
        if not kind.sources and photo.source:
            lost["sources of photos"] += 1
        if not kind.fractions and has_fractions(photo):
            lost["edges within a pixel, rounded to whole pixels"] += 1
        if not photo.complete:
            lost["boxes that could not be used; the photos look complete without them"] += 1
    return dict(lost)


def check_names(photos: Sequence[AnnotatedPhoto], format: str) -> None:  # noqa: A002
    """Refuse photos whose names a format cannot hold; nothing is written.

    Raises:
        AnnotationError: Says which, and what to do.
    """
    for _ in find_format(format).write(photos, Destination(Path(), Path())):
        pass
