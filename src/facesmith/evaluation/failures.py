"""Where a detector fails: recall and precision by condition, the worst misses, false boxes.

Faces and boxes are matched as for average precision, at the threshold that the detector uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou
from facesmith.evaluation.failure_bins import box_breakdowns, face_breakdowns
from facesmith.evaluation.failure_pictures import draw_breakdown, false_boxes_sheet, misses_sheet
from facesmith.evaluation.failure_report import Failures, FalseBox, FalseKind, Miss, MissReason
from facesmith.evaluation.photo_conditions import FaceConditions, measure_faces
from facesmith.faces import Faces
from facesmith.files import write_json
from facesmith.images import read_image
from facesmith.metrics.average_precision import match_faces
from facesmith.pictures.contact_sheet import write_sheet

MIN_OVERLAP = 0.1  # a box that overlaps a face by less has nothing to do with it


def find_failures(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[Faces],
    *,
    name: str,
    min_score: float,
    iou_threshold: float = 0.4,
    min_height: float = 0.0,
    progress: Callable[[], object] | None = None,
) -> Failures:
    """Match what was found with what is there, and sort both into bins.

    Args:
        photos: The annotated photos; each with faces is read, to measure them.
        found: The detections of each, same order. Those below `min_score` tell which misses a
            lower threshold would find.
        name: A name for the detector.
        min_score: Boxes count from this score on, in [0, 1].
        iou_threshold: A match needs at least this overlap, in (0, 1].
        min_height: Faces lower than this, in pixels, are ignored.
        progress: Called once for every photo.

    Raises:
        ValueError: If the lengths differ, or a number is out of range.
    """
    if len(photos) != len(found):
        raise ValueError(
            f"`found` must have one entry per photo; got {len(found)} for {len(photos)} photos."
        )
    if not 0 < iou_threshold <= 1:
        raise ValueError(
            f"`iou_threshold` must be above 0 and at most 1; got iou_threshold={iou_threshold}."
        )
    looked_at = []
    for photo, all_boxes in zip(photos, found, strict=True):
        looked_at.append(_look_at(photo, all_boxes, min_score, iou_threshold, min_height))
        if progress is not None:
            progress()
    conditions = FaceConditions.joined([each.conditions for each in looked_at])
    attributes = [words for each in looked_at for words in each.attributes]
    scores = _joined([each.scores for each in looked_at])
    heights = _joined([each.boxes.boxes[:, 3] - each.boxes.boxes[:, 1] for each in looked_at])
    box_scores = _joined([each.boxes.scores for each in looked_at])
    right = _joined([each.right for each in looked_at]).astype(bool)
    misses = [miss for each in looked_at for miss in each.misses]
    false_boxes = [box for each in looked_at for box in each.false_boxes]
    return Failures(
        name=name,
        min_score=min_score,
        iou_threshold=iou_threshold,
        n_photos=len(photos),
        n_faces=len(conditions),
        n_boxes=len(right),
        faces=face_breakdowns(conditions, attributes, ~np.isnan(scores), scores),
        boxes=box_breakdowns(heights, box_scores, right),
        misses=tuple(_worst_first(misses, conditions)),
        false_boxes=tuple(sorted(false_boxes, key=lambda box: -box.score)),
    )


def write_failures(failures: Failures, folder: str | Path, *, n_shown: int = 40) -> list[Path]:
    """Write `failures.json`, `breakdown.png`, `misses.png` and `false_boxes.png`.

    The sheets show at most `n_shown` misses and false boxes. Existing files are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = ("failures.json", "breakdown.png", "misses.png", "false_boxes.png")
    paths = [folder / name for name in names]
    write_json(paths[0], failures.to_dict())
    draw_breakdown(failures, paths[1])
    write_sheet(paths[2], misses_sheet(failures, n_shown))
    write_sheet(paths[3], false_boxes_sheet(failures, n_shown))
    return paths


@dataclass(frozen=True, eq=False)
class _LookedAt:
    """One photo: its faces that count, its boxes that count, and what went wrong.

    `scores` holds the score of each face's box, NaN where it was missed; `right` says of each box
    whether it belongs to a face.
    """

    conditions: FaceConditions
    attributes: list[Mapping[str, str]]
    scores: npt.NDArray[np.float64]
    boxes: Faces
    right: npt.NDArray[np.bool_]
    misses: list[Miss]
    false_boxes: list[FalseBox]


def _look_at(
    photo: AnnotatedPhoto,
    all_boxes: Faces,
    min_score: float,
    iou_threshold: float,
    min_height: float,
) -> _LookedAt:
    image = read_image(photo.path) if len(photo.boxes) else np.zeros((1, 1, 3), np.uint8)
    conditions = measure_faces(image, photo.boxes)
    ignored = photo.ignored | (conditions.height < min_height)
    faces = all_boxes[all_boxes.scores >= min_score]
    counts, face = match_faces(photo.boxes, ignored, faces, iou_threshold)
    hit = face >= 0
    scores = np.full(len(photo.boxes), np.nan)
    scores[face[hit]] = faces.scores[hit]
    false = faces[counts & ~hit]
    low = all_boxes[all_boxes.scores < min_score]
    kept = np.flatnonzero(~ignored)
    overlap = box_iou(false.boxes, photo.boxes)
    return _LookedAt(
        conditions=conditions[kept],
        attributes=[photo.attributes[i] for i in kept],
        scores=scores[kept],
        boxes=faces[counts],
        right=hit[counts],
        misses=[
            _miss(photo, int(i), conditions, faces, false, low, iou_threshold)
            for i in kept[np.isnan(scores[kept])]
        ],
        false_boxes=[
            _false_box(photo, box, overlap[i].max(initial=0), iou_threshold)
            for i, box in enumerate(false)
        ],
    )


def _miss(
    photo: AnnotatedPhoto,
    face: int,
    conditions: FaceConditions,
    faces: Faces,
    false: Faces,
    low: Faces,
    iou_threshold: float,
) -> Miss:
    box = photo.boxes[face]
    reason: MissReason = "not seen"
    score, iou = nan, 0.0
    candidates: list[tuple[MissReason, Faces, float]] = [
        ("below the threshold", low, iou_threshold),
        ("badly placed", false, MIN_OVERLAP),
    ]
    for why, boxes, min_overlap in candidates:
        overlap = box_iou(boxes.boxes, box[None])[:, 0]
        if overlap.max(initial=0) >= min_overlap:
            reason, best = why, int(overlap.argmax())
            score, iou = float(boxes.scores[best]), float(overlap[best])
            break
    height, sharpness = float(conditions.height[face]), float(conditions.sharpness[face])
    return Miss(photo, box, height, sharpness, reason, score, iou, faces)


def _false_box(photo: AnnotatedPhoto, box: Faces, iou: float, iou_threshold: float) -> FalseBox:
    kind: FalseKind = "badly placed" if iou >= MIN_OVERLAP else "no face"
    kind = "second box" if iou >= iou_threshold else kind
    return FalseBox(photo, box.boxes[0], float(box.scores[0]), kind, float(iou))


def _worst_first(misses: Sequence[Miss], conditions: FaceConditions) -> list[Miss]:
    """By the share of all faces that are smaller plus the share that are less sharp, falling."""
    heights = np.sort(conditions.height)
    sharpness = np.sort(np.nan_to_num(conditions.sharpness))

    def promise(miss: Miss) -> float:
        smaller = np.searchsorted(heights, miss.height)
        softer = np.searchsorted(sharpness, 0.0 if isnan(miss.sharpness) else miss.sharpness)
        return float(smaller + softer)

    return sorted(misses, key=lambda miss: -promise(miss))


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *parts])
