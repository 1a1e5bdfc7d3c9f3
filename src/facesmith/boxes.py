"""Geometry of axis-aligned boxes: area, overlap, clipping, suppression. Arrays in, arrays out.

A box is `(x_min, y_min, x_max, y_max)` in pixels with continuous edges: the width is
`x_max - x_min`, with no `+1`. See `docs/conventions.md`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]
Float32Array = npt.NDArray[np.float32]

_BLOCK = 64  # things that suppression compares with each other at once


def box_area(boxes: FloatArray) -> Float32Array:
    """Area of every box.

    Args:
        boxes: Boxes, `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels.

    Returns:
        Areas in square pixels, float32 `(n,)`; 0 for a box whose edges are swapped.

    Example:
        >>> box_area(np.float32([[0, 0, 4, 3], [5, 5, 2, 9]]))
        array([12.,  0.], dtype=float32)
    """
    boxes = _as_boxes(boxes)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: Float32Array = sides[:, 0] * sides[:, 1]
    return areas


def box_iou(a: FloatArray, b: FloatArray) -> Float32Array:
    """Overlap of every box in `a` with every box in `b`.

    Args:
        a: Boxes, `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels.
        b: Boxes, `(m, 4)`, same frame of reference as `a`.

    Returns:
        Intersection over union, float32 `(n, m)`, in [0, 1]; entry `[i, j]` belongs to
        `a[i]`, `b[j]`. Boxes without area overlap nothing (0). Inputs are not modified.

    Raises:
        ValueError: If the last axis is not 4.

    Example:
        >>> box_iou(np.float32([[0, 0, 2, 2]]), np.float32([[1, 0, 3, 2]]))
        array([[0.33333334]], dtype=float32)
    """
    a, b = _as_boxes(a), _as_boxes(b)
    intersection = box_intersection(a, b)
    union = box_area(a)[:, None] + box_area(b)[None, :] - intersection
    iou = np.zeros_like(intersection)
    np.divide(intersection, union, out=iou, where=union > 0)
    return iou


def box_intersection(a: FloatArray, b: FloatArray) -> Float32Array:
    """Shared area of every box in `a` with every box in `b`, square pixels, float32 `(n, m)`."""
    # An axis at a time: processors are slow at loops over the two last entries of an array.
    a_edges = _as_boxes(a).T[:, :, None]
    b_edges = np.ascontiguousarray(_as_boxes(b).T)[:, None, :]
    width = np.minimum(a_edges[2], b_edges[2]) - np.maximum(a_edges[0], b_edges[0])
    height = np.minimum(a_edges[3], b_edges[3]) - np.maximum(a_edges[1], b_edges[1])
    shared: Float32Array = np.maximum(width, 0, out=width)
    shared *= np.maximum(height, 0, out=height)
    return shared


def clip_boxes(boxes: FloatArray, width: float, height: float) -> Float32Array:
    """Boxes cut off at the border of an image, a new array, float32 `(n, 4)`.

    Args:
        boxes: Boxes, `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels. One that lies wholly
            outside has no area afterwards.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
    """
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(_as_boxes(boxes), np.float32(0), limit)


def non_maximum_suppression(
    boxes: FloatArray, scores: FloatArray, iou_threshold: float = 0.5
) -> npt.NDArray[np.intp]:
    """Indices of the boxes that no higher-scored kept box overlaps by more than the threshold.

    Equal scores are settled by position: by `x_min`, then `y_min`, `x_max`, `y_max`, so that the
    result does not depend on the order of the input.

    Args:
        boxes: Boxes, `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels.
        scores: Scores, `(n,)`; NaN is not allowed.
        iou_threshold: Boxes overlapping a kept one by strictly more than this are dropped;
            a fraction in [0, 1].

    Returns:
        Indices into `boxes`, best score first, intp `(k,)`; empty for no boxes.

    Raises:
        ValueError: If the shapes disagree or the threshold lies outside [0, 1].

    Example:
        >>> boxes = np.float32([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
        >>> non_maximum_suppression(boxes, np.float32([0.9, 0.8, 0.7])).tolist()
        [0, 2]
    """
    boxes = _as_boxes(boxes)
    scores = np.asarray(scores, dtype=np.float32)
    if scores.shape != (len(boxes),):
        raise ValueError(
            f"`scores` must have one entry per box; got shape {scores.shape} for {len(boxes)} "
            "boxes."
        )
    if not 0 <= iou_threshold <= 1:
        raise ValueError(
            f"`iou_threshold` must be between 0 and 1; got iou_threshold={iou_threshold}. "
            "Pass a fraction, e.g. 0.5."
        )
    order = np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -scores))
    return suppress(order, lambda a, b: box_iou(boxes[a], boxes[b]) > iou_threshold)


def suppress(order: Indices, same: Callable[[Indices, Indices], BoolArray]) -> Indices:
    """Of things in order of preference, those that are not the same as a kept one before them.

    Args:
        order: Indices, the preferred first, intp `(n,)`.
        same: Whether the things at indices `(k,)` and those at `(m,)` are the same, bool `(k, m)`.
    """
    kept = [order[:0]]
    while len(order):
        # A block at a time: one table is far quicker than a row of it for each box.
        block, rest = order[:_BLOCK], order[_BLOCK:]
        close = np.triu(same(block, block), 1)
        free = np.ones(len(block), bool)
        for i in np.flatnonzero(close.any(axis=1)):
            if free[i]:
                free &= ~close[i]
        kept.append(block[free])
        order = rest[~same(block[free], rest).any(axis=0)] if len(rest) else rest
    return np.concatenate(kept)


def _as_boxes(boxes: FloatArray) -> Float32Array:
    boxes = np.asarray(boxes, dtype=np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"`boxes` must have shape (n, 4) as x_min, y_min, x_max, y_max; got {boxes.shape}. "
            "For no boxes pass np.zeros((0, 4))."
        )
    return boxes
