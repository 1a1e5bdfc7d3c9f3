"""Annotations in any format, and what cannot be carried over into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from facesmith.annotations.destinations import Destination, has_fractions, points_leave
from facesmith.annotations.formats import find_format
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.files import OutputFolder, write_bytes


def annotation_folder(path: str | Path) -> OutputFolder:
    """The folder that annotations of `labelme`, `voc`, `yolo` or `yolo-pose` are written to."""
    return OutputFolder(path, "annotations")


def write_annotations(
    path: str | Path,
    photos: Sequence[AnnotatedPhoto],
    images_dir: str | Path,
    *,
    format: str,  # noqa: A002  # as in `load_annotations`
    doubt: str = "",
    force: bool = False,
) -> None:
    """Write annotated photos, in this order, in a format that `load_annotations` reads again.

    Args:
        path: A folder for `labelme`, `voc`, `yolo` and `yolo-pose`, else a file, which is replaced.
        photos: The photos.
        images_dir: The folder that their names start from.
        format: One of `FORMATS`.
        doubt: The attribute that says how doubtful each box is, from 0 to 1, where the boxes are
            proposals of a detector: Label Studio then has them as predictions with scores.
        force: Replace what an earlier call wrote to the folder.

    Raises:
        AnnotationError: If the format cannot hold a photo's name.
        WriteError: If a file cannot be written, or the folder holds something else.
    """
    path, kind = Path(path), find_format(format)
    if kind.file:
        ((_, content),) = kind.write(photos, Destination(path.parent, Path(images_dir), doubt))
        write_bytes(path, content)
        return
    folder = annotation_folder(path)
    folder.check(force=force)
    with folder.replaced() as staging:  # plain files: to flush each to the disk takes minutes
        for name, content in kind.write(photos, Destination(path, Path(images_dir), doubt)):
            file = staging / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


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
        if not kind.points and photo.has_points.any():
            lost["points of faces"] += 1
        if kind.points == "inside" and points_leave(photo):
            lost["points outside the photo"] += 1
        if not kind.fractions and has_fractions(photo):
            lost["edges within a pixel, rounded to whole pixels"] += 1
        if not photo.complete:
            lost["boxes that could not be used; the photos look complete without them"] += 1
    return dict(lost)


def check_names(
    photos: Sequence[AnnotatedPhoto],
    images_dir: str | Path,
    format: str,  # noqa: A002
) -> None:
    """Refuse photos whose names a format cannot hold; nothing is written.

    Args:
        photos: The photos.
        images_dir: The folder that their names start from.
        format: One of `FORMATS`.

    Raises:
        AnnotationError: Says which, and what to do.
    """
    for _ in find_format(format).write(photos, Destination(Path(), Path(images_dir))):
        pass
