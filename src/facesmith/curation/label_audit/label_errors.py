"""Label errors: boxes that a detector does not see, and faces it sees where no box is.

As in confident learning, a label is doubtful where a model that has not learned from it gives it a
score far below what labels of its kind get. A detector misses faces, small ones above all: how
common low scores are among boxes of the same height tells how much a low one means. The label-error
score of a box is

    (1 - support) * factor

where the support is the highest score of a detection on the box, and the factor says how much so
low a support means at this height.

Source:
    Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
    2021, for labels of whole images. Here there is one class, its threshold depends on the height
    of the box, and positions are judged too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_area, box_intersection, box_iou
from facesmith.curation.label_audit.findings import Audit, AuditConfig, Finding, Kind, Reason
from facesmith.curation.label_audit.offsets import in_style_of, source_offsets
from facesmith.faces import Faces
from facesmith.metrics.average_precision import check_lengths

# A detector must tell of boxes with scores down to this, or support of 0.1 looks like none.
LOWEST_SCORE = 0.01
# A detection lies on a box from this overlap on; boxes of one face drawn by two hands have .5 - .9.
SUPPORT_IOU = 0.4
# A sure detection that overlaps a box by less than the upper, and at least the lower of these, is
# the same face drawn otherwise; below the lower one the two have nothing to do with each other.
BADLY_DRAWN_IOU = (0.2, 0.5)
# For telling how much of what is annotated a detector finds at all.
_FOUND_SCORE = 0.5
# Two boxes that overlap more are of one face: real faces hide each other long before.
SECOND_BOX_IOU = 0.7
# So much of a detection inside of any box, and the face is not without a box.
_INSIDE = 0.7
# Boxes a bin of heights; with fewer than two bins of so many all heights are judged alike.
_MIN_IN_BIN = 100
_MAX_BINS = 8


def audit_photos(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[Faces],
    *,
    judged_by: str,
    config: AuditConfig | None = None,
    augmented: Mapping[tuple[int, int], float] | None = None,
) -> Audit:
    """Compare annotated boxes with what a detector found. Ignored boxes are no findings.

    `found` is what the detector `judged_by` found in each, down to a score of `LOWEST_SCORE`.
    `augmented` maps photo index and box index to the support, see `augmented_support`; it counts
    where it is more than the support in the photo as it is.

    Raises:
        ValueError: If the lengths differ.
    """
    check_lengths(photos, found)
    config = config or AuditConfig()
    offsets = source_offsets(photos, found)
    by_source = {offset.source: offset for offset in offsets}
    placed = [in_style_of(*pair, by_source) for pair in zip(photos, found, strict=True)]
    suspicious, n_found = _suspicious(photos, placed, config, augmented or {})
    missed = _missed(photos, placed, config)
    findings: list[Finding] = []
    kinds: tuple[tuple[Kind, list[_Seen]], ...] = (("suspicious", suspicious), ("missed", missed))
    for kind, seen in kinds:
        # Of equal scores, which no support at all gives to many, the largest box comes first; then
        # by photo and place, so that the numbers are the same each time.
        ranked = sorted(seen, key=lambda one: (-one[3], one[2][1] - one[2][3], *one[:2], *one[2]))
        for rank, (photo, index, box, score, reason, support, iou) in enumerate(ranked, start=1):
            numbered = len(findings) + 1, kind, rank, reason
            where = photo, photos[photo], box, index
            findings.append(Finding(*numbered, *where, score, support, iou))
    return Audit(judged_by, config, tuple(photos), n_found, tuple(findings), offsets)


def label_error_factor(
    values: npt.NDArray[np.floating], heights: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """How much a low value `(n,)` means for a box of its height, pixels `(n,)`: float64 `(n,)`.

    It is 1 where the box is likely wrong, and for all where there are too few boxes for two bins.
    Wrong boxes come in all heights. The share of so low values among the higher half of all boxes,
    where a detector misses least, is about what wrong boxes make; what a bin of heights has beyond
    it is put down to the detector. The ratio of the two shares estimates which part of the boxes
    with so low a value are wrong. From a half on a low value counts in full, below in proportion.
    """
    n = len(values)
    n_bins = min(n // _MIN_IN_BIN, _MAX_BINS)
    if n_bins < 2:
        return np.ones(n)
    order = np.argsort(heights, kind="stable")
    reference = np.sort(values[order[n // 2 :]])
    rare = np.empty(n)
    for rows in np.array_split(order, n_bins):
        in_bin = _share_at_most(values[rows], np.sort(values[rows]))
        rare[rows] = np.minimum(2 * _share_at_most(values[rows], reference) / in_bin, 1)
    return rare


def _share_at_most(
    values: npt.NDArray[np.floating], among: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Share of sorted values that are at most each value; one is added, so that none is 0."""
    return (np.searchsorted(among, values, side="right") + 1) / (len(among) + 2)


# Photo, box in it, its edges, score, reason, support, overlap: a finding without its number.
_Seen = tuple[int, int, npt.NDArray[np.float32], float, Reason, float, float]


def _suspicious(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[Faces],
    config: AuditConfig,
    augmented: Mapping[tuple[int, int], float],
) -> tuple[list[_Seen], int]:
    places: list[tuple[int, int]] = []
    parts: list[npt.NDArray[np.floating]] = [np.zeros((4, 0))]
    seconds: list[tuple[int, float]] = []
    for number, (photo, faces) in enumerate(zip(photos, found, strict=True)):
        overlap = box_iou(photo.boxes, faces.boxes)
        on_box = np.where(overlap >= SUPPORT_IOU, faces.scores, 0).max(axis=1, initial=0)
        best = overlap.max(axis=1, initial=0)
        sure_beside = _sure_beside(overlap, faces.scores, config.min_score)
        kept = np.flatnonzero(~photo.ignored)
        seconds += [
            (len(places) + i, share) for i, share in _second_boxes(photo.boxes[kept], best[kept])
        ]
        places += [(number, int(i)) for i in kept]
        heights = photo.boxes[:, 3] - photo.boxes[:, 1]
        parts.append(np.stack([heights, on_box, best, sure_beside])[:, kept])
    all_heights, all_support, all_iou, all_beside = np.concatenate(parts, axis=1)
    n_found = int((all_support >= _FOUND_SCORE).sum())
    looked = np.array([augmented.get(place, 0.0) for place in places])
    # How common so low a support is, is told from photos as they are: there all boxes were judged.
    score = np.minimum(1 - looked, 1 - all_support) * label_error_factor(all_support, all_heights)
    all_support = np.maximum(looked, all_support)
    misplaced = label_error_factor(all_iou, all_heights)
    reasons: dict[int, tuple[float, Reason]] = {
        i: (float(score[i]), "no face")
        for i in np.flatnonzero(score >= config.min_suspicion).tolist()
    }
    for i in np.flatnonzero((all_beside > 0) & (misplaced == 1)).tolist():
        reasons[i] = (float(all_beside[i] * (1 - all_iou[i])), "badly drawn")
    for second, share in seconds:
        reasons[second] = (share, "second box")
    seen = [
        (
            places[i][0], places[i][1], photos[places[i][0]].boxes[places[i][1]],
            how_sure, reason, float(all_support[i]), float(all_iou[i]),
        )
        for i, (how_sure, reason) in reasons.items()
    ]  # fmt: skip
    return seen, n_found


def _sure_beside(
    overlap: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], min_score: float
) -> npt.NDArray[np.float32]:
    """Score of the sure detection that shows where each box should have been, 0 for none.

    It overlaps the box a little and no other box more; `overlap` is of boxes with detections.
    """
    low, high = BADLY_DRAWN_IOU
    if not overlap.size:
        return np.zeros(len(overlap), np.float32)
    mine = overlap == overlap.max(axis=0)
    near = mine & (overlap >= low) & (overlap < high) & (scores >= min_score)
    score: npt.NDArray[np.float32] = np.where(near, scores, np.float32(0)).max(axis=1)
    score[overlap.max(axis=1) >= high] = 0  # another detection fits it
    return score


def _second_boxes(
    boxes: npt.NDArray[np.float32], best: npt.NDArray[np.float32]
) -> list[tuple[int, float]]:
    """Boxes that lie on a face which a better placed box has, and their overlap with that box."""
    overlap = box_iou(boxes, boxes)
    np.fill_diagonal(overlap, 0)
    seconds = []
    for i, j in np.argwhere(overlap >= SECOND_BOX_IOU):
        # Of two boxes placed alike the later one.
        if (best[i], -i) < (best[j], -j):
            seconds.append((int(i), float(overlap[i, j])))
    return list(dict(sorted(seconds, key=lambda pair: pair[1])).items())


def _missed(
    photos: Sequence[AnnotatedPhoto], found: Sequence[Faces], config: AuditConfig
) -> list[_Seen]:
    seen: list[_Seen] = []
    for number, (photo, faces) in enumerate(zip(photos, found, strict=True)):
        sure = faces[faces.scores >= config.min_score]
        overlap = box_iou(sure.boxes, photo.boxes).max(axis=1, initial=0)
        area = box_area(sure.boxes)
        shared = box_intersection(sure.boxes, photo.boxes).max(axis=1, initial=0)
        heights = sure.boxes[:, 3] - sure.boxes[:, 1]
        free = (overlap < BADLY_DRAWN_IOU[0]) & (shared < _INSIDE * area)
        for i in np.flatnonzero(free & (area > 0) & (heights >= config.min_height)):
            score = float(sure.scores[i])
            seen.append((number, -1, sure.boxes[i], score, "no box", score, float(overlap[i])))
    return seen
