"""Mined boxes, and the file that holds them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facesmith._version import __version__
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.boxes import non_maximum_suppression
from facesmith.errors import FacesmithError
from facesmith.faces import Faces
from facesmith.files import write_json
from facesmith.printable import shortened_text
from facesmith.untrusted import ContentError, read_json

MinedKind = Literal["face-free", "background"]
KINDS: tuple[MinedKind, ...] = ("face-free", "background")

_FORMAT = "facesmith mined boxes"
# Two mined boxes of one photo that overlap more than this stand for the same thing.
_SAME_IOU = 0.5
_LONGEST_SIDE, _LARGEST_SCALE = 1e7, 1e6  # beyond these numbers are mistakes


class MiningError(FacesmithError):
    """A file of mined boxes, or one entry of it, cannot be used."""


@dataclass(frozen=True)
class MinedBox:
    """Something that a detector took for a face, and that is none."""

    file: str  # name of its photo, see `AnnotatedPhoto.name`
    size_wh: tuple[int, int]  # width and height of the upright photo, pixels
    box: tuple[float, float, float, float]  # x_min, y_min, x_max, y_max, inside the upright photo
    score: float  # what the detector gave it, in [0, 1]
    scale: float  # pixels of the network's input per pixel of the photo, where it was found
    kind: MinedKind  # `"background"` of a photo with annotated faces, else `"face-free"`
    detector: str  # which detector found it, see `detector_name`


def boxes_of_photo(
    photo: AnnotatedPhoto,
    faces: Faces,
    scale_for: Callable[[float], float],
    *,
    kind: MinedKind,
    detector: str,
) -> list[MinedBox]:
    """What a detector took for faces in a photo, as mined boxes.

    Boxes lower or narrower than a hundredth of a pixel are left out.

    Args:
        photo: The photo.
        faces: Boxes and scores.
        scale_for: The scale at which the detector looks for faces of a height.
        kind: What the photo is.
        detector: Name of the detector.
    """
    boxes = []
    for corners, score in zip(faces.boxes.tolist(), faces.scores.tolist(), strict=True):
        x_min, y_min, x_max, y_max = (round(edge, 2) for edge in corners)
        if x_min < x_max and y_min < y_max:
            boxes.append(
                MinedBox(
                    file=photo.name,
                    size_wh=(photo.width, photo.height),
                    box=(x_min, y_min, x_max, y_max),
                    score=round(score, 4),
                    scale=round(scale_for(y_max - y_min), 6),
                    kind=kind,
                    detector=detector,
                )
            )
    return boxes


def merge_mined(*parts: Iterable[MinedBox]) -> tuple[MinedBox, ...]:
    """All boxes of several minings, best score first; equal scores by file and box.

    Of boxes of one photo that overlap by more than 0.5 the one with the highest score stays. The
    order of the parts does not matter.

    Raises:
        MiningError: If a photo has two sizes: then it is not the same photo.
    """
    by_file: dict[str, list[MinedBox]] = {}
    # Sorted first: `non_maximum_suppression` settles only what differs in score or box.
    for box in sorted({box for part in parts for box in part}, key=_rank):
        same = by_file.setdefault(box.file, [])
        if same and same[0].size_wh != box.size_wh:
            one, two = ("x".join(map(str, each.size_wh)) for each in (same[0], box))
            raise MiningError(
                f"{box.file} was mined at {one} and at {two} pixels: two photos of one name, or "
                "one that has changed. Mine again without the older file."
            )
        same.append(box)
    kept: list[MinedBox] = []
    for boxes in by_file.values():
        corners = np.array([each.box for each in boxes], np.float32)
        scores = np.array([each.score for each in boxes], np.float32)
        kept += [boxes[i] for i in non_maximum_suppression(corners, scores, _SAME_IOU)]
    return tuple(sorted(kept, key=_rank))


def _rank(box: MinedBox) -> tuple[Any, ...]:
    return (-box.score, box.file, box.box, box.kind, box.scale, box.detector)


def mined_checksum(boxes: Iterable[MinedBox]) -> str:
    """SHA-256 over what a training takes from mined boxes, in any order: file, size, box, scale."""
    rows = sorted((box.file, box.size_wh, box.box, box.scale) for box in boxes)
    return sha256(json.dumps(rows).encode()).hexdigest()


def write_mined(path: str | Path, boxes: Iterable[MinedBox]) -> None:
    """Write mined boxes as JSON, in the order given; an existing file is replaced at once."""
    rows = [asdict(box) for box in boxes]
    write_json(path, {"format": _FORMAT, "facesmith": __version__, "boxes": rows})


def read_mined(path: str | Path) -> tuple[MinedBox, ...]:
    """Read what `write_mined` wrote, or raise a `MiningError`."""
    try:
        content = read_json(path)
    except ContentError as error:
        raise MiningError(f"{error} Expected a file that `facesmith mine` wrote.") from error
    rows = content.get("boxes") if isinstance(content, dict) else None
    if not isinstance(rows, list) or content.get("format") != _FORMAT:
        raise MiningError(f"{path}: expected a file that `facesmith mine` wrote.")
    return tuple(_read_box(f"{path}, boxes[{i}]", row) for i, row in enumerate(rows))


def _read_box(where: str, row: Any) -> MinedBox:
    if not isinstance(row, dict):
        raise MiningError(f"{where}: expected an object, got {_shown(row)}.")
    for name in ("file", "detector"):
        if not isinstance(row.get(name), str):
            raise MiningError(f"{where}: expected text as `{name}`, got {_shown(row.get(name))}.")
    if row.get("kind") not in KINDS:
        raise MiningError(
            f"{where}: expected {' or '.join(KINDS)} as `kind`, got {_shown(row.get('kind'))}."
        )
    size, corners = _numbers(where, row, "size_wh", 2), _numbers(where, row, "box", 4)
    if not all(1 <= side <= _LONGEST_SIDE and side == int(side) for side in size):
        raise MiningError(
            f"{where}: expected whole numbers as `size_wh`, got {_shown(row['size_wh'])}."
        )
    x_min, y_min, x_max, y_max = corners
    width, height = int(size[0]), int(size[1])
    if not (0 <= x_min < x_max <= width and 0 <= y_min < y_max <= height):
        raise MiningError(
            f"{where}: expected a `box` (x_min, y_min, x_max, y_max) inside the photo of "
            f"{width}x{height} pixels, got {_shown(row['box'])}."
        )
    (score,), (scale,) = (_numbers(where, row, name) for name in ("score", "scale"))
    if not 0 <= score <= 1 or not 0 < scale < _LARGEST_SCALE:
        raise MiningError(
            f"{where}: expected a `score` from 0 to 1 and a `scale` above 0, got {score:g} and "
            f"{scale:g}."
        )
    return MinedBox(
        file=row["file"],
        size_wh=(width, height),
        box=(x_min, y_min, x_max, y_max),
        score=score,
        scale=scale,
        kind=row["kind"],
        detector=row["detector"],
    )


def _shown(value: Any) -> str:
    return shortened_text(repr(value), 80)


def _numbers(where: str, row: dict[str, Any], name: str, n: int | None = None) -> list[float]:
    """A list of `n` finite numbers, or one number as a list of one."""
    given: Any = row.get(name)
    values: list[Any] = given if n is not None and isinstance(given, list) else [given]
    # `type`, since true and false are no numbers here.
    finite = all(type(value) in (int, float) and math.isfinite(value) for value in values)
    if len(values) != (n or 1) or not finite:
        expected = "a finite number" if n is None else f"{n} finite numbers"
        raise MiningError(f"{where}: expected {expected} as `{name}`, got {_shown(given)}.")
    return [float(value) for value in values]
