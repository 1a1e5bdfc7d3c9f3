"""Readers and writers of face annotations. Every convention of a file ends here.

Whatever the format, the result is the same: photos with boxes as `(x_min, y_min, x_max, y_max)` in
pixels of the upright photo, continuous edges. What cannot be used is left out, named and counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

from facesmith.annotations.coco import write_coco
from facesmith.annotations.entries import PhotoEntry, ProblemLog, check_entries
from facesmith.annotations.files import read_start
from facesmith.annotations.formats import FORMATS, Source, read_entries
from facesmith.annotations.photo_paths import PhotoFolder, file_identity
from facesmith.annotations.photos import (
    AnnotatedPhoto,
    Annotations,
    Problem,
    first_three,
    in_lines,
)
from facesmith.annotations.writing import (
    annotation_folder,
    check_names,
    not_carried_over,
    write_annotations,
)
from facesmith.errors import AnnotationError
from facesmith.images import find_images
from facesmith.progress import NO_PROGRESS, Progress

__all__ = [
    "FORMATS",
    "AnnotatedPhoto",
    "Annotations",
    "Problem",
    "annotation_folder",
    "check_names",
    "in_lines",
    "load_annotations",
    "load_face_free",
    "not_carried_over",
    "write_annotations",
    "write_coco",
]


def load_annotations(
    path: str | Path | Sequence[str | Path],
    images_dir: str | Path,
    *,
    format: str | None = None,  # noqa: A002  # the word of the option, --format
    strict: bool = False,
    categories: Sequence[str] | None = None,
    images_anywhere: bool = False,
    decoded: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Annotations:
    """Read annotated photos, in the order of the annotations, and the problems.

    Args:
        path: The annotations: a file, or a folder of files for the formats that have one a photo;
            or several of them, of the same or of different formats, which are read as one.
        images_dir: Folder of the photos, which the names in the annotations start from.
        format: One of `FORMATS`; `None`: told from the content.
        strict: Raise at the first problem instead of leaving its photo or box out.
        categories: Names or numbers of the categories that are faces; `None`: the only one, or the
            one that is called face.
        images_anywhere: Read photos outside `images_dir` too, which names with `..` and absolute
            ones lead to; else these are left out.
        decoded: Decode each photo, so that a damaged one is found here and not by later work; else
            only the start of its file is looked at.
        progress: Told how many photos are checked.

    Raises:
        AnnotationError: If the annotations as a whole cannot be used; if `strict`, at the first
            problem.
    """
    if format not in (None, *FORMATS):
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}; got format={format!r}.")
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
    images_dir = Path(images_dir)
    for each in paths:
        if not each.exists():
            raise AnnotationError(f"{each} does not exist.")
        if not (each.is_file() or each.is_dir()):
            read_start(each)  # raises, as a pipe or a device is no file
    if not images_dir.is_dir():
        raise AnnotationError(f"The folder of the photos, {images_dir}, does not exist.")
    log = ProblemLog(strict)
    entries: list[PhotoEntry] = []
    for each in paths:
        n_before = len(log.problems)
        found = read_entries(Source(each, images_dir, log, categories), format)
        problems = log.problems[n_before:]
        if not found and problems:
            raise AnnotationError(
                f"{each}: no entry of {len(problems):,} can be used. The first: {problems[0]}"
            )
        if not found:
            raise AnnotationError(f"{each} lists no photo.")
        entries += found
    photos = check_entries(
        entries, PhotoFolder(images_dir, images_anywhere), log, progress, decoded
    )
    missing = [problem.photo for problem in log.problems if problem.kind == "missing"]
    if not photos and missing:
        raise AnnotationError(
            f"{', '.join(map(str, paths))}: none of its photos can be used, and "
            f"{len(missing)} of them are not in {images_dir}: {first_three(missing)}. "
            "Is it the folder that their names start from (--images)?"
        )
    return Annotations(tuple(photos), tuple(log.problems), dict(log.passed_over))


def load_face_free(
    folders: Sequence[str | Path],
    *,
    strict: bool = False,
    decoded: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Annotations:
    """Photos without any human face, without boxes: every image file below some folders, each once.

    Args:
        folders: The folders. A photo's name starts with its folder's.
        strict: Raise at the first file that cannot be used instead of leaving it out.
        decoded: Decode each photo, as in `load_annotations`.
        progress: Told how many photos are checked.

    Raises:
        AnnotationError: If a folder is missing; if `strict`, at the first problem.
        ImageError: If a folder holds no photo.
    """
    photos: list[AnnotatedPhoto] = []
    log = ProblemLog(strict)
    seen: set[Hashable] = set()
    prefixes: set[str] = set()

    def tell(line: str) -> None:
        log.problems.append(Problem("Face-free photos", line, "photo"))

    for folder in map(Path, folders):
        if not folder.is_dir():
            raise AnnotationError(f"The folder of face-free photos, {folder}, does not exist.")
        paths = [path for path in find_images([folder], tell) if file_identity(path) not in seen]
        seen.update(map(file_identity, paths))
        entries = [
            PhotoEntry(path.as_posix(), path.relative_to(folder).as_posix()) for path in paths
        ]
        prefix = _unused(folder.resolve().name, prefixes)
        prefixes.add(prefix)
        photos += [
            replace(photo, name=f"{prefix}/{photo.name}")
            for photo in check_entries(entries, PhotoFolder(folder), log, progress, decoded)
        ]
    return Annotations(tuple(photos), tuple(log.problems))


def _unused(name: str, taken: set[str]) -> str:
    """The name, with a number behind it if two folders are called alike."""
    candidates = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
