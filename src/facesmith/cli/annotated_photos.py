"""Loading annotated and face-free photos, and saying what was left out: alike in all commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facesmith.cli import numbers
from facesmith.cli.options import images_anywhere
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.annotations import Annotations


def load_photos(
    annotations: Path | Sequence[Path] | None,
    images: Path | None,
    negatives: Sequence[Path] = (),
    *,
    annotation_format: str | None = None,
    category: Sequence[str] = (),
    counted: bool = False,
    elsewhere: str = "",
    decoded: bool = True,
    quiet: bool = False,
) -> Annotations:
    """Annotated photos, then face-free ones; what cannot be used is named on standard error.

    Args:
        annotations: The annotations, of one file or folder or several; `None`: none.
        images: Folder of their photos.
        negatives: Folders of photos without any human face.
        annotation_format: Format of the annotations; `None`: told from their content.
        category: Categories that are faces; empty: the only one, or the one called face.
        counted: Say how many photos, faces and entries left out there are, too.
        elsewhere: Said after their number, where entries were left out.
        decoded: Decode each photo now, so that a damaged one does not end the work later.
        quiet: Show no progress bar.
    """
    from facesmith.annotations import (  # noqa: PLC0415 - see `cli`
        Annotations,
        in_lines,
        load_annotations,
        load_face_free,
    )

    parts = []
    face_free = None
    with ShownProgress(quiet=quiet) as progress:
        if annotations is not None and images is not None:
            parts.append(
                load_annotations(
                    annotations,
                    images,
                    format=annotation_format,
                    categories=category or None,
                    images_anywhere=images_anywhere(),
                    decoded=decoded,
                    progress=progress,
                )
            )
        if negatives:
            face_free = load_face_free(negatives, decoded=decoded, progress=progress)
            parts.append(face_free)
    loaded = Annotations(
        tuple(photo for part in parts for photo in part.photos),
        tuple(problem for part in parts for problem in part.problems),
        parts[0].passed_over if annotations is not None and parts else {},
    )
    for line in in_lines(loaded.problems):
        echo(f"Left out: {line}", err=True)
    if counted:
        n_photos = numbers.counted(len(loaded.photos), "photo")
        n_faces = numbers.counted(loaded.n_faces, "face")
        n_left_out = numbers.counted(len(loaded.problems), "entry", "entries")
        also = elsewhere if loaded.problems else ""
        n_face_free = len(face_free.photos) if face_free else 0
        of_them = f", {n_face_free:,} of them from --negatives," if n_face_free else ""
        echo(f"{n_photos}{of_them} with {n_faces}; {n_left_out} left out{also}.", err=True)
    return loaded


def say_not_carried_over(lost: Mapping[str, int]) -> None:
    """Say on standard error what a format cannot hold, and of how many photos."""
    if lost:
        echo("Not carried over unchanged:", err=True)
    for what, n_photos in sorted(lost.items(), key=lambda each: -each[1]):
        echo(f"  {numbers.counted(n_photos, 'photo')}: {what}", err=True)
