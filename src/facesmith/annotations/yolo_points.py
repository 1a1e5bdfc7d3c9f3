"""The points of YOLO pose labels: behind the five numbers of a box, as parts of the photo's size.

Source:
    The pose data sets of Ultralytics YOLO, docs.ultralytics.com/datasets/pose: `kpt_shape` of the
    data set's description says how many points a line has and whether x and y are followed by v,
    which has COCO's meaning. Faces have the five points in the order right eye, left eye, nose,
    right and left corner of the mouth, as RetinaFace's labels, from which most such sets are made.
    Without v, a point at 0, 0 is not labelled; some sets write -1, -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facesmith.annotations.keypoints import MISSING, VISIBLE, Points, points_of_numbers
from facesmith.annotations.plain_yaml import Value
from facesmith.errors import AnnotationError
from facesmith.faces import LANDMARK_NAMES, MIRRORED_LANDMARKS, N_LANDMARKS

KEYS = ("kpt_shape", "flip_idx")
_NOWHERE = ((0.0, 0.0), (-1.0, -1.0))


@dataclass(frozen=True)
class PointShape:
    """What stands behind the box in each line."""

    n_points: int
    n_numbers: int  # of a point: 2 for x and y, 3 where v follows
    usual: bool = True  # whether they are the five points of a face in the usual order

    @property
    def width(self) -> int:
        """How many numbers of a line are points."""
        return self.n_points * self.n_numbers


# By how many numbers they take, for labels without a description.
KNOWN = {shape.width: shape for shape in (PointShape(N_LANDMARKS, 2), PointShape(N_LANDMARKS, 3))}


def point_shape(file: Path, values: dict[str, Value]) -> PointShape | None:
    """The points of a data set by its description; `None` if it has none.

    Args:
        file: The description, for the message.
        values: What it says under `KEYS`.

    Raises:
        AnnotationError: If `kpt_shape` is not two whole numbers, the second 2 or 3.
    """
    given = values.get("kpt_shape")
    if given is None:
        return None
    if not (
        isinstance(given, list)
        and len(given) == 2
        and all(text.isascii() and text.isdigit() and len(text) < 4 for text in given)
        and given[1] in ("2", "3")
    ):
        raise AnnotationError(
            f"{file}: expected the number of points and 2 or 3 as `kpt_shape`, for example "
            f"[5, 3], got {given}."
        )
    flipped = values.get("flip_idx")
    usual = int(given[0]) == N_LANDMARKS and flipped in (
        None,
        [str(each) for each in MIRRORED_LANDMARKS],
    )
    return PointShape(int(given[0]), int(given[1]), usual)


def points_of_parts(
    parts: Sequence[float], shape: PointShape, size_wh: tuple[float, float]
) -> Points | None:
    """Five points in pixels from the numbers behind a box; `None` if there is none.

    Raises:
        ValueError: If a v is none of 0, 1 and 2, or a point is not finite.
    """
    numbers: list[float] = []
    for start in range(0, shape.width, shape.n_numbers):
        x, y = parts[start], parts[start + 1]
        v = parts[start + 2] if shape.n_numbers == 3 else VISIBLE
        numbers += (x * size_wh[0], y * size_wh[1], MISSING if (x, y) in _NOWHERE else v)
    return points_of_numbers(numbers, {place: place for place in range(len(LANDMARK_NAMES))})


def parts_of_points(points: Points | None, size_wh: tuple[int, int]) -> str:
    """What stands behind a box, 15 numbers; points outside the photo, which trainers refuse, no."""
    words = []
    for x, y, v in points or ((0.0, 0.0, MISSING),) * N_LANDMARKS:
        kept = v and within(x, y, size_wh)
        words.append(f"{x / size_wh[0]:.8f} {y / size_wh[1]:.8f} {v}" if kept else "0 0 0")
    return " ".join(words)


def within(x: float, y: float, size_wh: tuple[int, int]) -> bool:
    """Whether a point lies inside the photo."""
    return 0 <= x <= size_wh[0] and 0 <= y <= size_wh[1]
