"""Readers of face annotations. Every convention of a file ends here.

Whatever the format, the result is the same: photos with boxes as `(x_min, y_min, x_max, y_max)` in
pixels of the upright photo, continuous edges. What cannot be used is left out, named and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from facesmith.annotations.coco import read_coco, write_coco
from facesmith.annotations.entries import PhotoEntry, ProblemLog, check_entries
from facesmith.annotations.formats import FORMATS, detect_format
from facesmith.annotations.photos import AnnotatedPhoto, Annotations, Problem
from facesmith.annotations.voc import read_voc
from facesmith.annotations.wider_and_fddb import read_fddb, read_wider
from facesmith.annotations.yolo import read_yolo
from facesmith.errors import AnnotationError
from facesmith.images import find_images

__all__ = [
    "FORMATS",
    "AnnotatedPhoto",
    "Annotations",
    "Problem",
    "load_annotations",
    "load_face_free",
    "write_coco",
]


def load_annotations(
    path: str | Path,
    images_dir: str | Path,
    *,
    format: str | None = None,  # noqa: A002  # the word of the option, --format
    strict: bool = False,
    categories: Sequence[str] | None = None,
    progress: Callable[[], object] | None = None,
) -> Annotations:
    """Read annotated photos, in the order of the annotations, and the problems.

    Args:
        path: The annotations: a file, or a folder of files for the formats that have one a photo.
        images_dir: Folder of the photos, which the names in the annotations start from.
        format: One of `FORMATS`; `None`: told from the content.
        strict: Raise at the first problem instead of leaving its photo or box out.
        categories: Names or numbers of the categories that are faces; `None`: the only one, or the
            one that is called face.
        progress: Called once for every photo.

    Raises:
        AnnotationError: If the annotations as a whole cannot be used; if `strict`, at the first
            problem.
    """
    if format not in (None, *FORMATS):
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}; got format={format!r}.")
    path, images_dir = Path(path), Path(images_dir)
    if not path.exists():
        raise AnnotationError(f"{path} does not exist.")
    if not images_dir.is_dir():
        raise AnnotationError(f"The folder of the photos, {images_dir}, does not exist.")
    log = ProblemLog(strict)
    format = format or detect_format(path)  # noqa: A001
    if path.is_dir() and format in ("coco", "wider"):
        raise AnnotationError(f"{path} is a folder; {format} annotations are one file. Name it.")
    match format:
        case "coco":
            entries = read_coco(path, log, categories)
        case "voc":
            entries = read_voc(path, images_dir, log, categories)
        case "yolo":
            entries = read_yolo(path, images_dir, log, categories)
        case "wider":
            entries = read_wider(path, log)
        case "fddb":
            entries = read_fddb(path, log)
    if not entries and log.problems:
        raise AnnotationError(
            f"{path}: none of its {len(log.problems)} entries can be used. The first: "
            f"{log.problems[0]}"
        )
    if not entries:
        raise AnnotationError(f"{path} lists no photo.")
    photos = check_entries(entries, images_dir, log, progress)
    return Annotations(tuple(photos), tuple(log.problems))


def load_face_free(
    folders: Sequence[str | Path],
    *,
    strict: bool = False,
    progress: Callable[[], object] | None = None,
) -> Annotations:
    """Photos without any human face, without boxes: every image file below some folders, each once.

    Args:
        folders: The folders. A photo's name starts with its folder's.
        strict: Raise at the first file that cannot be used instead of leaving it out.
        progress: Called once for every photo.

    Raises:
        AnnotationError: If a folder is missing; if `strict`, at the first problem.
        ImageError: If a folder holds no photo.
    """
    photos: list[AnnotatedPhoto] = []
    log = ProblemLog(strict)
    seen: set[Path] = set()
    prefixes: set[str] = set()
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise AnnotationError(f"The folder of face-free photos, {folder}, does not exist.")
        paths = [path for path in find_images([folder]) if path.resolve() not in seen]
        seen.update(path.resolve() for path in paths)
        entries = [
            PhotoEntry(path.as_posix(), path.relative_to(folder).as_posix()) for path in paths
        ]
        prefix = _unused(folder.resolve().name, prefixes)
        prefixes.add(prefix)
        photos += [
            replace(photo, name=f"{prefix}/{photo.name}")
            for photo in check_entries(entries, folder, log, progress)
        ]
    return Annotations(tuple(photos), tuple(log.problems))


def _unused(name: str, taken: set[str]) -> str:
    """The name, with a number behind it if two folders are called alike."""
    candidates = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
