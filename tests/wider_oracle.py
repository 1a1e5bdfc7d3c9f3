"""The common evaluation of WIDER FACE, one box, one face and one threshold at a time.

Written after the behaviour of the program that most repositories use, without a shortcut: it
answers what `facesmith.evaluation.wider` must answer. It takes no array and knows no NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[float]
N_THRESHOLDS = 1000


def overlap(a: Row, b: Row) -> float:
    """Of two boxes x, y, width, height whose last pixel column and row are counted as well."""
    left, top = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[0] + a[2], b[0] + b[2]), min(a[1] + a[3], b[1] + b[3])
    if right - left + 1 <= 0 or bottom - top + 1 <= 0:
        return 0.0
    shared = (right - left + 1) * (bottom - top + 1)
    area_a = ((a[0] + a[2]) - a[0] + 1) * ((a[1] + a[3]) - a[1] + 1)
    area_b = ((b[0] + b[2]) - b[0] + 1) * ((b[1] + b[3]) - b[1] + 1)
    return shared / (area_a + area_b - shared)


def stretched(predictions: Sequence[Sequence[Row]]) -> list[list[list[float]]]:
    """The predictions with scores between the lowest and the highest of all."""
    lowest, highest = 1.0, 0.0
    for rows in predictions:
        for row in rows:
            lowest, highest = min(lowest, row[4]), max(highest, row[4])
    return [
        [[*row[:4], (row[4] - lowest) / (highest - lowest)] for row in rows] for rows in predictions
    ]


def walk(
    rows: Sequence[Row], faces: Sequence[Row], counts: Sequence[bool]
) -> tuple[list[int], list[int]]:
    """After each detection: how many faces are found, and how many detections count."""
    state = ["open"] * len(faces)
    n_found, n_counting, proposals = [], [], 0
    for row in rows:
        overlaps = [overlap(row, face) for face in faces]
        best = max(range(len(faces)), key=lambda i: (overlaps[i], -i))
        proposals += 1
        if overlaps[best] >= 0.5:
            if not counts[best]:
                state[best] = "ignored"
                proposals -= 1
            elif state[best] == "open":
                state[best] = "found"
        n_found.append(state.count("found"))
        n_counting.append(proposals)
    return n_found, n_counting


def average_precision(
    faces: Sequence[Sequence[Row]],
    counted: Sequence[Sequence[int]],
    predictions: Sequence[Sequence[Row]],
) -> float:
    """Of one setting; `counted` holds positions from 0 of the faces that count."""
    n_faces = 0
    right, proposed = [0] * N_THRESHOLDS, [0] * N_THRESHOLDS
    for rows, boxes, chosen in zip(stretched(predictions), faces, counted, strict=True):
        n_faces += len(chosen)
        if not rows or not boxes:
            continue
        n_found, n_counting = walk(rows, boxes, [i in chosen for i in range(len(boxes))])
        for t in range(N_THRESHOLDS):
            last = None
            for i, row in enumerate(rows):
                if row[4] >= 1 - (t + 1) / N_THRESHOLDS:
                    last = i
            if last is not None:
                right[t] += n_found[last]
                proposed[t] += n_counting[last]
    points = [(0.0, 0.0)]
    for r, p in zip(right, proposed, strict=True):
        points.append((r / n_faces, r / p if p else 0.0))
    points.append((1.0, 0.0))
    total = 0.0
    for i in range(1, len(points)):
        step = points[i][0] - points[i - 1][0]
        total += step * max(precision for _, precision in points[i:])
    return total
