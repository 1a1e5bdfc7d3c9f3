"""Where the photos of annotations lie: below the folder of the photos, each file once."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from facesmith.errors import AnnotationError


class OutsideError(AnnotationError):
    """A name in the annotations leaves the folder of the photos."""


@dataclass(frozen=True)
class PhotoFolder:
    """The folder that the names of the photos start from.

    Attributes:
        path: The folder.
        anywhere: Names may leave it, by `..` or as absolute paths.
    """

    path: Path
    anywhere: bool = False

    def name_of(self, name: str) -> str:
        """A photo's name as a plain path below the folder, written with `/`.

        Raises:
            OutsideError: If it leaves the folder, and may not.
            AnnotationError: If it is the folder.
        """
        # Elsewhere than on Windows `a\\b.jpg` and `c:d.jpg` are names of files.
        as_it_is = ("\\" in name or ":" in name) and is_file(self.path / name)
        written = name if as_it_is else name.replace("\\", "/")
        base, photo = os.path.abspath(self.path), os.path.abspath(self.path / written)  # noqa: PTH100
        outside = not Path(photo).is_relative_to(base)
        foreign = bool(PureWindowsPath(name).drive) and os.name != "nt" and not as_it_is
        if photo == base:
            raise AnnotationError(
                f"{name} is the folder of the photos, {self.path}; expected the name of a photo. "
                "The photo is left out."
            )
        if not outside and not foreign:
            return Path(photo).relative_to(base).as_posix()
        if self.anywhere:
            return Path(os.path.normpath(written)).as_posix()
        raise OutsideError(
            f"{name} lies outside {self.path}, the folder of the photos. Pass --images-anywhere "
            "(in Python: images_anywhere=True) if it is to be read all the same. The photo is left "
            "out."
        )

    def find(self, name: str) -> Path:
        """The file of a plain name; its suffix is compared without case if it must be."""
        path = self.path / name
        if not _exists(path) and path.suffix:
            for suffix in (path.suffix.lower(), path.suffix.upper(), path.suffix.capitalize()):
                other = path.with_suffix(suffix)
                if _exists(other):
                    return other
        return path


def known_name(name: str, images_dir: Path) -> str:
    """The name below a folder of a photo that a tool names from further up; else the name itself.

    With `images_dir` `my/photos`, `photos/a.jpg` is `a.jpg` if that exists there and no
    `photos/a.jpg` does.
    """
    if is_file(images_dir / name):
        return name
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    for start, part in enumerate(parts[:-1], start=1):
        below = "/".join(parts[start:])
        if part == images_dir.resolve().name and is_file(images_dir / below):
            return below
    return name


def file_identity(path: Path) -> Hashable:
    """What tells a file from all others: paths, links and hard links to one file give the same."""
    try:
        status = os.stat(path)  # noqa: PTH116 - follows links
    except (OSError, ValueError):
        return os.path.abspath(path)  # noqa: PTH100
    if status.st_ino == 0:  # a file system that numbers no files
        return os.path.realpath(path)
    return (status.st_dev, status.st_ino)


def is_file(path: Path) -> bool:
    """Whether there is a file; names that no system can have are none, where `Path` raises."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether there is a folder; names that no system can have are none, where `Path` raises."""
    return os.path.isdir(path)  # noqa: PTH112


def is_missing(path: Path) -> bool:
    """Whether there is no file of this path, or none that can be."""
    return not _exists(path)


def _exists(path: Path) -> bool:
    # os.path: names that are too long for the system, or have a null, are no files, not errors
    return os.path.exists(path)  # noqa: PTH110
