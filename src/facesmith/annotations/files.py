"""What the readers of text formats share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facesmith.errors import AnnotationError
from facesmith.files import files_by_folder, open_regular
from facesmith.images import IMAGE_SUFFIXES
from facesmith.printable import shortened_text
from facesmith.untrusted import ContentError, decoded, read_bytes
from facesmith.untrusted import read_json as read_untrusted_json


def read_content(path: Path) -> bytes:
    """The bytes of a file, or an `AnnotationError`."""
    try:
        return read_bytes(path)
    except ContentError as error:
        raise AnnotationError(str(error)) from error


def read_start(path: Path, n_bytes: int = 64) -> bytes:
    """The first bytes of a file, or an `AnnotationError`."""
    try:
        with open_regular(path) as file:
            return file.read(n_bytes)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AnnotationError(f"{path} cannot be read: {reason}.") from error


def read_text(path: Path) -> str:
    """The content of a text file, or an `AnnotationError` if it is not text in UTF-8.

    An empty file is text, too: YOLO's labels of a photo without faces.
    """
    try:
        content = read_bytes(path)
        return decoded(content, str(path)) if content else ""
    except ContentError as error:
        raise AnnotationError(str(error)) from error


def reason_of(error: AnnotationError, path: Path) -> str:
    """What an error of a file says, without the file's name at its start.

    Example:
        >>> reason_of(AnnotationError("a.xml: not valid XML."), Path("a.xml"))
        'not valid XML.'
    """
    text = str(error)
    return text.removeprefix(str(path)).removeprefix(":").strip()


def read_json(path: Path) -> Any:
    """The content of a JSON file, see `untrusted.parsed_json`; raises an `AnnotationError`."""
    try:
        return read_untrusted_json(path)
    except ContentError as error:
        raise AnnotationError(str(error)) from error


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that are not empty, stripped, with their numbers from 1."""
    text = read_text(path)
    lines = enumerate(re.split("\r\n?|\n", text), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def numbers(text: str) -> list[float] | None:
    """The numbers of a line, `None` if there is anything else (or nothing) in it."""
    if "_" in text:  # Python takes 1_000 for a number, the tools that write such files do not
        return None
    try:
        return [float(word) for word in text.split()] or None
    except ValueError:
        return None


def shortened(value: Any) -> str:
    """A value as JSON, of at most 60 characters, for a message."""
    if value is None:
        return "nothing"
    try:
        text = json.dumps(value)
    except RecursionError:
        return "values nested too deeply"
    return shortened_text(text, 60)


def files_below(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """The files of a folder and its sub-folders that end like this, sorted; hidden ones not.

    Links to folders are followed, each folder once.

    Args:
        folder: The folder.
        endings: Ends of the names, in small letters; names are compared without case.
    """
    found: list[Path] = []
    for parent, names in files_by_folder(folder):
        found += [
            parent / name
            for name in names
            if name.lower().endswith(endings) and not name.startswith(".")
        ]
    yield from (path for path in sorted(found) if path.is_file())


class PhotoNames:
    """Finds the photos of label files: the same path below `images_dir`."""

    def __init__(self, images_dir: Path) -> None:
        self._images_dir = images_dir
        self._stems: dict[Path, dict[str, list[str]]] = {}  # folder -> stem -> file names

    def photos_of(self, label: Path) -> list[str]:
        """Names, written with `/`, of the photos that are called like a label file; sorted.

        There is none, one, or several that differ in their suffix. `label` lies below the folder
        of the labels.
        """
        folder = label.parent
        if folder not in self._stems:
            self._stems[folder] = self._list(folder)
        names = self._stems[folder].get(label.stem, [])
        return [(folder / name).as_posix() for name in names]

    def _list(self, folder: Path) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        try:
            paths = sorted((self._images_dir / folder).iterdir())
        except OSError:  # no such folder: no photo
            return stems
        for path in paths:
            if path.suffix.lower() in IMAGE_SUFFIXES:
                stems.setdefault(path.stem, []).append(path.name)
        return stems
