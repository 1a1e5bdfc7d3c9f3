"""RetinaFace's `label.txt`: WIDER FACE's boxes with five points, made for training on them.

A line `# event/photo.jpg` names a photo; a line for each face follows: `x y w h` in pixels, `x y s`
for right eye, left eye, nose, right and left corner of the mouth, and the blur. `s` is 0 where the
point is seen, 1 where it is hidden, and -1, with x and y, where there is none.

Source:
    J. Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", 2019, and the
    labels published with it (`retinaface_gt_v1.1`). The meaning of `s` is that of its training
    code, github.com/deepinsight/insightface issues 664, 889 and 1039: 0 visible, 1 invisible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from facesmith.annotations.destinations import Destination, check_plain, number
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import numbers, read_lines
from facesmith.annotations.keypoints import (
    HIDDEN,
    MISSING,
    VISIBLE,
    Points,
    points_of_arrays,
    points_of_numbers,
)
from facesmith.annotations.passed_over import BLUR
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.errors import AnnotationError
from facesmith.faces import N_LANDMARKS

_BOX, _POINTS = 4, 3 * N_LANDMARKS
WIDTHS = (_BOX, _BOX + _POINTS, _BOX + _POINTS + 1)  # a box; with points; with points and blur
_V_OF_FLAG = {-1.0: MISSING, 0.0: VISIBLE, 1.0: HIDDEN}
_FLAG_OF_V = {MISSING: "-1.0 -1.0 -1.0", HIDDEN: "1.0", VISIBLE: "0.0"}


def read_retinaface(path: Path, log: ProblemLog) -> list[PhotoEntry]:
    """Photos of a `label.txt`, in its order; one without lines is face-free."""
    entries: list[PhotoEntry] = []
    for line, text in read_lines(path):
        where = f"{path.name} line {line}"
        if text.startswith("#"):
            name = text[1:].strip()
            entries.append(PhotoEntry(f"{where} ({name})", name))
            continue
        if not entries:
            log.add(
                where,
                f"expected the name of a photo, `# name`, got {text[:60]!r}. The line is left out.",
                "box",
            )
            continue
        _read_face(f"{where} ({entries[-1].name})", text, entries[-1], log)
    return entries


def _read_face(where: str, text: str, entry: PhotoEntry, log: ProblemLog) -> None:
    values = numbers(text)
    if values is None or len(values) not in WIDTHS:
        log.lose_box(
            entry, where, f"expected x y w h, five times x y s, and the blur, got {text[:60]!r}."
        )
        return
    x, y, width, height = values[:_BOX]
    if any(values[_BOX + _POINTS :]):
        entry.passed_over.add(BLUR)
    points = None
    try:
        points = _points(values[_BOX : _BOX + _POINTS])
    except ValueError as error:
        log.add(where, f"{error}. The points are left out, the box stays.", "points")
    entry.boxes.append(BoxEntry(where, (x, y, x + width, y + height), points=points))


def _points(values: list[float]) -> Points | None:
    if not values:
        return None
    flat: list[float] = []
    for x, y, said in zip(values[::3], values[1::3], values[2::3], strict=True):
        if said not in _V_OF_FLAG:
            raise ValueError(f"expected 0, 1 or -1 behind x and y, got {said:g}")
        flat += (x, y, _V_OF_FLAG[said])
    return points_of_numbers(flat, {place: place for place in range(N_LANDMARKS)})


def retinaface_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The one file of a `label.txt`: faces with the blur 0, no ignored regions."""
    del destination
    check_plain(photos)
    lines: list[str] = []
    for photo in photos:
        if photo.name != photo.name.strip():
            raise AnnotationError(
                f"{photo.name!r} would be read without the spaces at its ends. Rename the "
                "photo, or choose coco, cvat or label-studio."
            )
        lines.append(f"# {photo.name}")
        points = points_of_arrays(photo.landmarks, photo.landmark_visibility)
        for box, ignored, five in zip(
            photo.boxes.tolist(), photo.ignored.tolist(), points, strict=True
        ):
            if not ignored:
                lines.append(f"{_box(box)} {_flags(five)} 0.0")
    yield "label.txt", "".join(f"{line}\n" for line in lines).encode()


def _box(box: Sequence[float]) -> str:
    sides = (box[0], box[1], box[2] - box[0], box[3] - box[1])
    return " ".join(number(value) for value in sides)


def _flags(points: Points | None) -> str:
    return " ".join(
        f"{number(x)} {number(y)} {_FLAG_OF_V[v]}" if v else _FLAG_OF_V[MISSING]
        for x, y, v in points or ((0.0, 0.0, MISSING),) * N_LANDMARKS
    )
