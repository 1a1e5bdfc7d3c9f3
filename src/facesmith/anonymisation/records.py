"""What was covered, as JSON lines: written for each photo and frame, edited, and read again."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.errors import DetectionsError, ImageError
from facesmith.faces import Faces
from facesmith.printable import counted
from facesmith.untrusted import ContentError, parsed_json, read_text

BOXES_NAME = "boxes.jsonl"


class BoxFile:
    """The boxes of a file of JSON lines, by photo and frame.

    Each line is an object with `file`, in films `frame`, and `faces`, objects with `box`
    (`[x_min, y_min, x_max, y_max]`, pixels of the upright photo) and perhaps `score`: what
    `facesmith detect --json` and `facesmith anonymise` write. Lines with `error` or `film` are
    passed over.

    Args:
        path: The file.

    Raises:
        DetectionsError: If it cannot be read, or a line is none of these.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._faces: dict[tuple[str, int], Faces] = {}
        self._names: dict[str, str] = {}  # real path -> as the first line about it has it
        self._sizes: dict[tuple[str, int], tuple[int, int]] = {}
        for number, line in _lines(self.path):
            if "error" in line or "film" in line:
                continue
            where = f"{path}, line {number}"
            name, frame = line.get("file"), line.get("frame", 0)
            if not isinstance(name, str) or type(frame) is not int:
                raise DetectionsError(f"{where}: expected `file`, a name, and `frame`, a number.")
            try:
                key = _key(name, frame)
            except ValueError as error:  # NUL, or half of a character
                raise DetectionsError(f"{where}: {name!r} cannot be the name of a file.") from error
            faces, size_wh = _faces(where, line.get("faces")), _size(where, line)
            before = self._faces.get(key)
            if before is not None and not np.array_equal(before.boxes, faces.boxes):
                raise DetectionsError(
                    f"{where}: {name} has a line with other boxes before, for the same frame. "
                    "Leave one line with all of them."
                )
            self._faces[key] = faces
            self._names.setdefault(key[0], name)
            if size_wh is not None:
                self._sizes[key] = size_wh

    def faces(self, name: str, frame: int = 0) -> Faces | None:
        """The faces of a photo, or of a frame of a film; `None` where the file has no line."""
        return self._faces.get(_key(name, frame))

    def check_size(self, name: str, size_wh: tuple[int, int], frame: int = 0) -> None:
        """Refuse a photo or frame of another size than the one whose boxes the file lists.

        Raises:
            ImageError: If it has.
        """
        listed = self._sizes.get(_key(name, frame), size_wh)
        if listed != size_wh:
            now, then = (f"{width:,} x {height:,}" for width, height in (size_wh, listed))
            raise ImageError(
                f"{name} has {now} pixels, and its line in {self.path} is for {then}: "
                "the boxes would cover other places. Find the faces again, or put the file back."
            )

    def unused(self, names: Iterable[str]) -> str:
        """What to say of boxes of other files than these; empty if there are none."""
        used = {os.path.realpath(name) for name in names}
        left = {place: 0 for place, _ in self._faces if place not in used}
        for (place, _), faces in self._faces.items():
            if place in left:
                left[place] += len(faces)
        others = [place for place, count in left.items() if count]
        if not others:
            return ""
        n_boxes, first = sum(left.values()), self._names[others[0]]
        return (
            f"{counted(n_boxes, 'box', 'boxes')} in {self.path} {'is' if n_boxes == 1 else 'are'} "
            f"of files that are not in the input, such as {first}; nothing is done with "
            f"{'it' if n_boxes == 1 else 'them'}."
        )

    def __contains__(self, name: str) -> bool:
        place = os.path.realpath(name)
        return any(each == place for each, _ in self._faces)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an earlier run; a kill may have left half a line at the end."""
    found = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    for line in text.split("\n"):  # names may hold other characters that end lines
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _key(name: str, frame: int) -> tuple[str, int]:
    return os.path.realpath(name), frame


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            if line.strip():
                value = parsed_json(line, f"{path}, line {number}")
                if not isinstance(value, dict):
                    raise DetectionsError(f"{path}, line {number}: expected a JSON object.")
                yield number, value
    except ContentError as error:
        raise DetectionsError(str(error)) from error


def _size(where: str, line: dict[str, Any]) -> tuple[int, int] | None:
    """Width and height of the picture, where the line has them."""
    width, height = line.get("width"), line.get("height")
    if width is None and height is None:
        return None
    if type(width) is not int or type(height) is not int:
        raise DetectionsError(f"{where}: expected `width` and `height` in pixels, or neither.")
    return width, height


def _faces(where: str, listed: Any) -> Faces:
    if not isinstance(listed, list):
        raise DetectionsError(f"{where}: expected `faces`, a list; [] for a photo without any.")
    boxes, scores = [], []
    for face in listed:
        box = face.get("box") if isinstance(face, dict) else None
        score = face.get("score", 1.0) if isinstance(face, dict) else -1
        if (
            not isinstance(box, list)
            or len(box) != 4
            or not _finite([*box, score])
            or box[0] >= box[2]
            or box[1] >= box[3]
            or not 0 <= score <= 1
        ):
            raise DetectionsError(
                f"{where}: expected `box` as [x_min, y_min, x_max, y_max] and a `score` from 0 to "
                f"1; got {json.dumps(face)[:80]}."
            )
        boxes.append(box)
        scores.append(score)
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32))


def _finite(values: Iterable[Any]) -> bool:
    return all(
        type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e9
        for value in values
    )
