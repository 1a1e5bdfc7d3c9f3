"""Where a detector fails: recall and precision by condition, the worst misses, false boxes.

Faces and boxes are matched as for average precision, at the threshold that the detector uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from pathlib import Path

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
from facesmith.metrics.average_precision import check_lengths, match_faces
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

    Photos with faces are read, to measure these. `name` is one for the detector; its boxes count
    from `min_score` on, those below tell which misses a lower threshold would find. A match needs
    at least the overlap `iou_threshold`, in (0, 1]; faces lower than `min_height` pixels are
    ignored.

    Raises:
        ValueError: If the lengths differ, or a number is out of range.
    """
    check_lengths(photos, found)
    if not 0 < iou_threshold <= 1:
        raise ValueError(
            f"`iou_threshold` must be above 0 and at most 1; got iou_threshold={iou_threshold}."
        )
    conditions: list[FaceConditions] = []
    attributes: list[Mapping[str, str]] = []
    face_scores = [np.zeros(0)]  # of the box of each face that counts, NaN where it was missed
    heights, box_scores, right = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, bool)]
    misses: list[Miss] = []
    false_boxes: list[FalseBox] = []
    for photo, all_boxes in zip(photos, found, strict=True):
        image = read_image(photo.path) if len(photo.boxes) else np.zeros((1, 1, 3), np.uint8)
        measured = measure_faces(image, photo.boxes)
        ignored = photo.ignored | (measured.height < min_height)
        sure = all_boxes.scores >= min_score
        faces, low = all_boxes[sure], all_boxes[~sure]
        counts, face = match_faces(photo.boxes, ignored, faces, iou_threshold)
        scores = np.full(len(photo.boxes), np.nan)
        scores[face[face >= 0]] = faces.scores[face >= 0]
        kept, false = np.flatnonzero(~ignored), faces[counts & (face < 0)]
        conditions.append(measured[kept])
        attributes += [photo.attributes[i] for i in kept]
        face_scores.append(scores[kept])
        heights.append(faces.boxes[counts, 3] - faces.boxes[counts, 1])
        box_scores.append(faces.scores[counts].astype(np.float64))
        right.append(face[counts] >= 0)
        for i in kept[np.isnan(scores[kept])].tolist():
            box = photo.boxes[i]
            why = _why_missed(box, low, false, iou_threshold)
            height, sharpness = float(measured.height[i]), float(measured.sharpness[i])
            misses.append(Miss(photo, box, height, sharpness, *why, faces))
        overlaps = box_iou(false.boxes, photo.boxes).max(axis=1, initial=0)
        for one, iou in zip(false, overlaps.tolist(), strict=True):
            kind: FalseKind = "badly placed" if iou >= MIN_OVERLAP else "no face"
            kind = "second box" if iou >= iou_threshold else kind
            false_boxes.append(FalseBox(photo, one.boxes[0], float(one.scores[0]), kind, iou))
        if progress is not None:
            progress()
    measured = FaceConditions.joined(conditions)
    all_right = np.concatenate(right)
    scores = np.concatenate(face_scores)
    return Failures(
        name=name,
        min_score=min_score,
        iou_threshold=iou_threshold,
        n_photos=len(photos),
        n_faces=len(measured),
        n_boxes=len(all_right),
        faces=face_breakdowns(measured, attributes, ~np.isnan(scores), scores),
        boxes=box_breakdowns(np.concatenate(heights), np.concatenate(box_scores), all_right),
        misses=tuple(_worst_first(misses, measured)),
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


def _why_missed(
    box: npt.NDArray[np.float32], low: Faces, false: Faces, iou_threshold: float
) -> tuple[MissReason, float, float]:
    """The reason, and score and overlap of the box that it names."""
    candidates: list[tuple[MissReason, Faces, float]] = [
        ("below the threshold", low, iou_threshold),
        ("badly placed", false, MIN_OVERLAP),
    ]
    for reason, boxes, min_overlap in candidates:
        overlap = box_iou(boxes.boxes, box[None])[:, 0]
        if overlap.max(initial=0) >= min_overlap:
            best = int(overlap.argmax())
            return reason, float(boxes.scores[best]), float(overlap[best])
    return "not seen", nan, 0.0


def _worst_first(misses: Sequence[Miss], conditions: FaceConditions) -> list[Miss]:
    """By the share of all faces that are smaller plus the share that are less sharp, falling."""
    heights, of_misses = np.sort(conditions.height), [miss.height for miss in misses]
    sharpness = np.sort(np.nan_to_num(conditions.sharpness))
    smaller = np.searchsorted(heights, of_misses)
    softer = np.searchsorted(sharpness, np.nan_to_num([miss.sharpness for miss in misses]))
    return [misses[i] for i in np.argsort(-(smaller + softer), kind="stable")]
