"""The five points of a face, as files give them and as photos have them.

Everywhere they stand in one order: right eye, left eye, nose, right and left corner of the mouth.
Right and left are the person's; in a picture of an upright face the right eye lies on the left.

Source:
    The COCO data format, cocodataset.org, "Keypoint Detection": `x, y, v` for each point, v = 0 not
    labelled (x and y are 0 then), 1 labelled but not visible, 2 labelled and visible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.boxes import Float32Array
from facesmith.faces import LANDMARK_NAMES, N_LANDMARKS

MISSING, HIDDEN, VISIBLE = 0, 1, 2  # not annotated, annotated where it is not seen, seen
# How far a point may lie outside its box, and outside the photo, in longer sides of the box.
MAX_OUTSIDE_BOX, MAX_OUTSIDE_PHOTO = 1.0, 0.5

# x, y and v of the five points, pixels; x and y mean nothing where v is 0.
Points = tuple[tuple[float, float, int], ...]
_SIDES = {"right": "right", "r": "right", "left": "left", "l": "left"}
_PARTS = {"eye": "eye", "nose": "nose", "nosetip": "nose", "mouth": "mouth", "lip": "mouth"}
_FILLERS = {"tip", "corner", "center", "centre", "of", "the", "pupil", "face"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def point_of_name(name: str) -> int | None:
    """The place among the five points of what a file calls a point; `None` for any other point.

    Example:
        >>> [point_of_name(n) for n in ("left_eye", "Mouth corner right", "noseTip", "left_ear")]
        [1, 3, 2, None]
    """
    words = [word.lower() for word in _WORD.findall(name)]
    for side in ("right", "left"):  # in one word: righteye, eyeright
        words = [part for word in words for part in _apart(word, side)]
    sides = {_SIDES[word] for word in words if word in _SIDES}
    parts = {_PARTS[word] for word in words if word in _PARTS}
    if len(parts) != 1 or any(w not in _SIDES | _PARTS and w not in _FILLERS for w in words):
        return None
    full = "_".join([*sides, *parts])
    return LANDMARK_NAMES.index(full) if full in LANDMARK_NAMES else None


def _apart(word: str, side: str) -> list[str]:
    rest = word.removeprefix(side) if word.startswith(side) else word.removesuffix(side)
    return [side, rest] if rest != word and rest else [word]


def places_of_names(names: Any) -> dict[int, int]:
    """Place in a file's list of points -> place among the five, for the first point of each kind.

    Without a list, the five points are taken to stand in the order of `LANDMARK_NAMES`.
    """
    if not isinstance(names, list) or not names:
        return {place: place for place in range(N_LANDMARKS)}
    places: dict[int, int] = {}
    for place, name in enumerate(names):
        point = point_of_name(name) if isinstance(name, str) else None
        if point is not None and point not in places.values():
            places[place] = point
    return places


def points_of_numbers(numbers: Sequence[float], places: Mapping[int, int]) -> Points | None:
    """The five points of a flat list of `x, y, v` each; `None` if none of them is annotated.

    Args:
        numbers: x, y and v of each point of the file.
        places: As `places_of_names` gives them.

    Raises:
        ValueError: If v is none of 0, 1 and 2, or a point is not finite. The message says so.
    """
    points = [(0.0, 0.0, MISSING)] * N_LANDMARKS
    for place, point in places.items():
        x, y, v = numbers[3 * place : 3 * place + 3]
        if v not in (MISSING, HIDDEN, VISIBLE):
            raise ValueError(f"expected 0, 1 or 2 as the v of {LANDMARK_NAMES[point]}, got {v:g}")
        if v and not (isfinite(x) and isfinite(y)):
            raise ValueError(
                f"expected finite numbers for {LANDMARK_NAMES[point]}, got {x:g} {y:g}"
            )
        points[point] = (x, y, int(v)) if v else (0.0, 0.0, MISSING)
    return tuple(points) if any(v for _, _, v in points) else None


def stray_point(
    points: Points, corners: Sequence[float], size_wh: tuple[int, int]
) -> tuple[str, float, float] | None:
    """The first point too far from its box, or from the photo; `None` if there is none.

    Args:
        points: Five points.
        corners: `x_min, y_min, x_max, y_max` of the box, not clipped to the photo.
        size_wh: Width and height of the photo.

    Returns:
        The point's name, x and y.
    """
    x_min, y_min, x_max, y_max = corners
    side = max(x_max - x_min, y_max - y_min)
    box, photo = MAX_OUTSIDE_BOX * side, MAX_OUTSIDE_PHOTO * side
    low = (max(x_min - box, -photo), max(y_min - box, -photo))
    high = (min(x_max + box, size_wh[0] + photo), min(y_max + box, size_wh[1] + photo))
    for name, (x, y, v) in zip(LANDMARK_NAMES, points, strict=True):
        if v and not (low[0] <= x <= high[0] and low[1] <= y <= high[1]):
            return name, x, y
    return None


@dataclass(frozen=True, eq=False)
class PointArrays:
    """The points of the boxes of a photo, as `AnnotatedPhoto` has them."""

    landmarks: Float32Array  # (n, 5, 2), pixels of the upright photo, NaN where not annotated
    visibility: npt.NDArray[np.uint8]  # (n, 5): 0 not annotated, 1 hidden, 2 visible


def point_arrays(points: Sequence[Points | None]) -> PointArrays:
    """The points of some boxes as arrays; `None` for a box without."""
    flat = [each or ((0.0, 0.0, MISSING),) * N_LANDMARKS for each in points]
    values = np.array(flat, np.float64).reshape(-1, N_LANDMARKS, 3)
    visibility = values[..., 2].astype(np.uint8)
    landmarks = np.where(visibility[..., None] > 0, values[..., :2], np.nan).astype(np.float32)
    return PointArrays(landmarks, visibility)


def points_of_arrays(
    landmarks: Float32Array, visibility: npt.NDArray[np.uint8]
) -> list[Points | None]:
    """The points of each box for a file, the reverse of `point_arrays`."""
    return [
        tuple((x, y, v) if v else (0.0, 0.0, MISSING) for (x, y), v in zip(xy, vs, strict=True))
        if any(vs)
        else None
        for xy, vs in zip(landmarks.tolist(), visibility.tolist(), strict=True)
    ]
