"""The smallest upright rectangles around other outlines, as `x_min, y_min, x_max, y_max`.

And the numbers that describe an outline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, hypot, radians, sin
from typing import Any

from facesmith.annotations.files import shortened
from facesmith.annotations.values import number_of

Corners = tuple[float, float, float, float]


def around_points(points: Sequence[tuple[float, float]]) -> Corners:
    """Around points, at least one."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def around_ellipse(x: float, y: float, half_axes: tuple[float, float], angle: float) -> Corners:
    """Around an ellipse with a centre, whose first axis lies at an angle in radians.

    Its extreme points lie sqrt((a cos t)^2 + (b sin t)^2) and sqrt((a sin t)^2 + (b cos t)^2) from
    the centre.
    """
    a, b = half_axes
    half_width, half_height = (
        hypot(a * cos(angle), b * sin(angle)),
        hypot(a * sin(angle), b * cos(angle)),
    )
    return x - half_width, y - half_height, x + half_width, y + half_height


def around_turned(corners: Corners, degrees: float, pivot: tuple[float, float]) -> Corners:
    """Around a rectangle that is turned about a point, clockwise as the photo is seen.

    Example:
        >>> [round(edge) for edge in around_turned((0, 0, 20, 10), 90, (0, 0))]
        [-10, 0, 0, 20]
    """
    x_min, y_min, x_max, y_max = corners
    c, s = cos(radians(degrees)), sin(radians(degrees))
    turned = []
    for x, y in ((x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)):
        right, down = x - pivot[0], y - pivot[1]
        turned.append((pivot[0] + c * right - s * down, pivot[1] + s * right + c * down))
    return around_points(turned)


def numbers_of(values: Mapping[Any, Any], names: Sequence[Any]) -> list[float]:
    """The finite numbers under some names.

    Raises:
        ValueError: Names what is no number.
    """
    found = []
    for name in names:
        value = number_of(values.get(name))
        if value is None:
            raise ValueError(f"expected a number as `{name}`, got {shortened(values.get(name))}.")
        found.append(value)
    return found
