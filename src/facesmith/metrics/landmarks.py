"""How far found points of faces lie from annotated ones.

Points are right eye, left eye, nose, right and left corner of the mouth, `(n, 5, 2)`, pixels. NaN
stands for a point that is not annotated, and for all points of a face that was not found.

Source:
    The normalised mean error (NME) is the mean distance of the points as a part of a length: the
    square root of the box's area for faces in any pose, the distance of the eyes where both are in
    view. Yang et al., "An empirical study of recent face alignment methods", 2015; Deng et al.,
    "RetinaFace", 2019.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# Anything that NumPy turns into an array of floating-point numbers.
Points = npt.NDArray[np.floating]

# How far a nose stands out before the eyes, in distances between these.
_NOSE = 0.6


def point_distances(found: Points, truth: Points) -> FloatArray:
    """Distance of each found point from the annotated one, float64 `(n, 5)`, pixels.

    NaN where a point was not found or is not annotated.

    Example:
        >>> truth = np.zeros((1, 5, 2))
        >>> point_distances(truth + [3, 4], truth)[0, 0].item()
        5.0
    """
    difference = np.asarray(found, np.float64) - np.asarray(truth, np.float64)
    return np.asarray(np.hypot(difference[..., 0], difference[..., 1]), np.float64)


def box_sizes(boxes: Points) -> FloatArray:
    """The square root of each box's area, float64 `(n,)`, pixels; boxes `(n, 4)` as corners."""
    sides = np.asarray(boxes, np.float64)[:, 2:] - np.asarray(boxes, np.float64)[:, :2]
    return np.asarray(np.sqrt(sides[:, 0] * sides[:, 1]), np.float64)


def eye_distances(truth: Points) -> FloatArray:
    """The distance of the eyes, float64 `(n,)`, pixels; NaN where one is not annotated."""
    return point_distances(np.asarray(truth)[:, 0], np.asarray(truth)[:, 1])


def normalised_errors(distances: FloatArray, lengths: FloatArray) -> FloatArray:
    """Mean distance of the points of each face as a part of a length, float64 `(n,)`.

    Args:
        distances: `(n, 5)`, as `point_distances` gives them.
        lengths: `(n,)`, of the same unit: as `box_sizes` or `eye_distances` give them.

    Returns:
        NaN for a face without any distance, and where the length is NaN or 0.
    """
    known = np.isfinite(distances)
    n = known.sum(axis=1)
    total = np.where(known, distances, 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = total / n / np.where(lengths > 0, lengths, np.nan)
    return np.asarray(errors, np.float64)


def roll_errors(found: Points, truth: Points) -> FloatArray:
    """By how many degrees an upright face would stand askew if cut out by the found points.

    It is the angle of the similarity transform that maps the annotated points onto the found ones,
    in the sense of least squares; in a picture, positive angles are clockwise.

    Returns:
        float64 `(n,)`, in (-180, 180]; NaN for a face with fewer than two points.

    Source:
        Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
        1991, in the plane, with points as complex numbers.
    """
    a, b = (np.asarray(p, np.float64)[..., 0] + 1j * np.asarray(p)[..., 1] for p in (truth, found))
    known = np.isfinite(a) & np.isfinite(b)
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    a, b = np.where(known, a, 0), np.where(known, b, 0)
    a, b = a - a.sum(axis=1, keepdims=True) / n, b - b.sum(axis=1, keepdims=True) / n
    turn = (np.where(known, np.conj(a) * b, 0)).sum(axis=1)
    return np.where(known.sum(axis=1) >= 2, np.degrees(np.angle(turn)), np.nan)


def yaw_angles(points: Points) -> npt.NDArray[np.float32]:
    """How far heads are turned to the side, degrees: 0 frontal, 90 a profile, without a sign.

    The nose moves across the face with the sine of the angle, the distance of the eyes shrinks with
    its cosine. Both are measured at right angles to the line from the middle of the eyes to that of
    the mouth, which stays long in a profile.

    Args:
        points: `(n, 5, 2)`, pixels.

    Returns:
        float32 `(n,)`; off by ten degrees and more, since points of hidden eyes are guessed. NaN
        where one of the points is.
    """
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = mouth - eyes
    down = down / np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-6)
    across = np.stack([down[:, 1], -down[:, 0]], axis=1)
    apart = np.abs(((points[:, 1] - points[:, 0]) * across).sum(axis=1))
    nose = np.abs(((points[:, 2] - eyes) * across).sum(axis=1))
    angles: npt.NDArray[np.float32] = np.degrees(np.arctan2(nose, _NOSE * apart)).astype(np.float32)
    return angles


def cumulative_errors(errors: FloatArray, limits: FloatArray) -> FloatArray:
    """Share of the faces with an error of at most each limit, float64 `(m,)`.

    Faces without an error (NaN), those that were not found, count as above every limit. NaN without
    faces.
    """
    if not len(errors):
        return np.full(len(limits), np.nan)
    known = np.sort(errors[np.isfinite(errors)])
    return np.asarray(np.searchsorted(known, limits, side="right") / len(errors), np.float64)
