"""Slow and obvious re-implementations, to compare the fast ones with."""

from __future__ import annotations

from collections.abc import Sequence


def pairwise_auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Share of the (face, non-face) pairs that the scores order rightly; a tie counts half."""
    won, pairs = 0.0, 0
    for label, score in zip(labels, scores, strict=True):
        for other_label, other_score in zip(labels, scores, strict=True):
            if label == 1 and other_label == 0:
                pairs += 1
                won += 1.0 if score > other_score else 0.5 if score == other_score else 0.0
    return won / pairs


def rates_at(
    labels: Sequence[int], scores: Sequence[float], threshold: float
) -> tuple[float, float]:
    """True and false positive rate at one threshold, counted one row at a time."""
    hits = faces = alarms = others = 0
    for label, score in zip(labels, scores, strict=True):
        if label == 1:
            faces += 1
            hits += score >= threshold
        else:
            others += 1
            alarms += score >= threshold
    return hits / faces, alarms / others


Box = Sequence[float]


def slow_area(box: Box) -> float:
    """Width times height of one box; 0 when its edges are swapped."""
    width, height = box[2] - box[0], box[3] - box[1]
    return width * height if width > 0 and height > 0 else 0.0


def slow_iou(a: Box, b: Box) -> float:
    """Overlap of two boxes."""
    shared = slow_area(
        [max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])],
    )
    union = slow_area(a) + slow_area(b) - shared
    return shared / union if union > 0 else 0.0


def pixel_iou(a: Box, b: Box, side: int) -> float:
    """Overlap of two boxes with whole-numbered edges in [0, side], by counting pixels."""
    shared = union = 0
    for y in range(side):
        for x in range(side):
            in_a = a[0] <= x < a[2] and a[1] <= y < a[3]
            in_b = b[0] <= x < b[2] and b[1] <= y < b[3]
            shared += in_a and in_b
            union += in_a or in_b
    return shared / union if union else 0.0


def slow_suppression(
    boxes: Sequence[Box], scores: Sequence[float], iou_threshold: float
) -> list[int]:
    """Indices kept by non-maximum suppression: each box against every kept one before it."""
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], *boxes[i]))
    kept: list[int] = []
    for i in order:
        if all(slow_iou(boxes[i], boxes[k]) <= iou_threshold for k in kept):
            kept.append(i)
    return kept
