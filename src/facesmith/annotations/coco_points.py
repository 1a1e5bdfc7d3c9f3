"""The points of COCO JSON: `keypoints`, named by the category, three numbers each."""

from __future__ import annotations

from math import nan
from typing import Any

from facesmith.annotations.entries import PhotoEntry, ProblemLog
from facesmith.annotations.files import shortened
from facesmith.annotations.keypoints import Points, places_of_names, points_of_numbers
from facesmith.annotations.passed_over import OTHER_POINTS, UNNAMED_POINTS
from facesmith.annotations.values import Ids, number_of
from facesmith.faces import N_LANDMARKS

_POINTS_LOST = "The points are left out, the box stays."


def names_of_points(content: dict[str, Any]) -> Ids[Any]:
    """Category id -> the names of its points, as the file gives them."""
    names: Ids[Any] = Ids()
    for category in content.get("categories") or []:
        names.add(category["id"], category.get("keypoints"))
    return names


def read_points(
    where: str, annotation: dict[str, Any], names: Any, entry: PhotoEntry, log: ProblemLog
) -> Points | None:
    """The five points of an annotation; problems with them cost the points, not the box."""
    given = annotation.get("keypoints")
    if not given:
        return None
    n_named = len(names) if isinstance(names, list) else 0
    expected = f"{n_named or 'some'} times x, y and v as `keypoints`"
    values = [number_of(each) for each in given] if isinstance(given, list) else []
    if (
        not values
        or len(values) % 3
        or (n_named and len(values) != 3 * n_named)
        or not all(type(each) in (int, float) for each in given)
    ):
        log.add(where, f"expected {expected}, got {shortened(given)}. {_POINTS_LOST}", "points")
        return None
    if not n_named and len(values) != 3 * N_LANDMARKS:
        entry.passed_over.add(UNNAMED_POINTS)
        return None
    places = places_of_names(names)
    said = [place for place, v in enumerate(values[2::3]) if v != 0]
    if set(said) - set(places):
        entry.passed_over.add(OTHER_POINTS)
    try:
        return points_of_numbers([nan if v is None else v for v in values], places)
    except ValueError as error:
        log.add(where, f"{error}. {_POINTS_LOST}", "points")
        return None


def keypoints(points: Points) -> dict[str, Any]:
    """The entries of an annotation that hold five points."""
    return {
        "keypoints": [number for point in points for number in point],
        "num_keypoints": sum(v > 0 for _, _, v in points),
    }
