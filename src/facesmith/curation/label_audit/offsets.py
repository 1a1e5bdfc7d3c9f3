"""How one annotator's boxes lie against the detections of the same faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou, clip_boxes
from facesmith.curation.box_style.boxes import inside_photo
from facesmith.curation.label_audit.findings import MIN_PAIRS, SourceOffset
from facesmith.faces import Faces

# Loose, so that boxes drawn twice as large still find their faces.
_PAIR_IOU = 0.25
_PAIR_SCORE = 0.5


def source_offsets(
    photos: Sequence[AnnotatedPhoto], found: Sequence[Faces]
) -> tuple[SourceOffset, ...]:
    """Median shift and scale of annotated boxes against detections, by source of photos.

    A box and a detection are compared where each overlaps no other one more. Boxes that touch the
    border, and ignored ones, are left out. One entry for each source that has boxes, by name.
    """
    rows: dict[str, list[npt.NDArray[np.float64]]] = {}
    for photo, faces in zip(photos, found, strict=True):
        if len(photo.boxes):
            rows.setdefault(photo.source, []).append(_compare(photo, faces))
    offsets = []
    for source in sorted(rows):
        table = np.concatenate(rows[source])
        if not len(table):
            offsets.append(SourceOffset(source, 0))
            continue
        right, down, width, height = np.median(table, axis=0).tolist()
        offsets.append(SourceOffset(source, len(table), right, down, width - 1, height - 1))
    return tuple(offsets)


def in_style_of(photo: AnnotatedPhoto, faces: Faces, offsets: Mapping[str, SourceOffset]) -> Faces:
    """Detections in the box style of the photo's annotator, clipped by the photo.

    `offsets` maps sources; an offset of few pairs changes nothing.
    """
    boxes = faces.boxes
    offset = offsets.get(photo.source)
    if offset is not None and offset.n_pairs >= MIN_PAIRS:
        size = boxes[:, 2:] - boxes[:, :2]
        centre = (boxes[:, 2:] + boxes[:, :2]) / 2 + size * np.array(
            [offset.right, offset.down], np.float32
        )
        half = size * np.array([1 + offset.wider, 1 + offset.higher], np.float32) / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1)
    return replace(faces, boxes=clip_boxes(boxes, photo.width, photo.height))


def _compare(photo: AnnotatedPhoto, faces: Faces) -> npt.NDArray[np.float64]:
    """Shift right and down, factor of width and height of each pair, float64 `(n, 4)`."""
    boxes = photo.boxes[inside_photo(photo) & ~photo.ignored].astype(np.float64)
    seen = faces.boxes[faces.scores >= _PAIR_SCORE].astype(np.float64)
    if not len(boxes) or not len(seen):
        return np.zeros((0, 4))
    overlap = box_iou(boxes, seen)
    of_box = overlap.argmax(axis=1)
    mutual = overlap.argmax(axis=0)[of_box] == np.arange(len(boxes))
    paired = np.flatnonzero(mutual & (overlap.max(axis=1) >= _PAIR_IOU))
    a, b = boxes[paired], seen[of_box[paired]]
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    shift = (a[:, 2:] + a[:, :2] - b[:, 2:] - b[:, :2]) / 2 / size_b
    return np.concatenate([shift, size_a / size_b], axis=1)
