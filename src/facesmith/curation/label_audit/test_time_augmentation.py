"""Test-time augmentation of suspicious boxes: enlarged, mirrored, rotated by quarter turns.

Small faces and faces that lie sideways are missed in a photo as it is, though their boxes are
right. A box without a face shows none in any of the eight views.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.boxes import box_iou
from facesmith.curation.label_audit.findings import Audit
from facesmith.faces import Faces
from facesmith.images import read_image
from facesmith.progress import NO_PROGRESS, Progress

# What is cut out: so many times the longer side of the box, which then has so many pixels, where
# detectors are at their best.
_CONTEXT = 3
_SIDE = 56
# Looser than for photos: a box of a standing face does not fit the same face turned upright.
_IOU = 0.35
_LOWEST_SCORE = 0.01

Support = dict[tuple[int, int], float]


def augmented_support(
    audit: Audit,
    detector_of: Callable[[int], Callable[..., Faces]],
    progress: Progress = NO_PROGRESS,
) -> Support:
    """The support of the boxes that an audit takes for no face, each seen in eight views.

    `detector_of` gives the detector that judges a photo, by the photo's index; it is called as
    `detector(image, min_score=...)`.

    Returns:
        Index of the photo and of the box in it -> the support of the best of four rotations, each
        the mean of plain and mirrored: the score of a detection on the box, 0 for none.
    """
    support: Support = {}
    image, shown = np.zeros((1, 1, 3), np.uint8), -1
    no_faces = [finding for finding in audit.findings if finding.reason == "no face"]
    no_faces.sort(key=lambda one: one.photo_index)
    for finding in progress.each(no_faces, "Boxes"):
        if finding.photo_index != shown:
            image, shown = read_image(finding.photo.path), finding.photo_index
        detector = detector_of(finding.photo_index)
        support[finding.photo_index, finding.box_index] = box_support(image, finding.box, detector)
    return support


def box_support(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], detector: Callable[..., Faces]
) -> float:
    """Support of one box in the eight views, see `augmented_support`."""
    cut, placed = _cut(image, box)
    best = 0.0
    for _ in range(4):
        n, (left, top, right, bottom) = cut.shape[1], placed
        mirrored = np.array([n - right, top, n - left, bottom], np.float32)
        seen = _score(cut, placed, detector) + _score(cut[:, ::-1], mirrored, detector)
        best = max(best, seen / 2)
        # A quarter turn to the left: (x, y) comes to (y, n - x).
        cut = np.rot90(cut)
        placed = np.array([top, n - right, bottom, n - left], np.float32)
    return best


def _cut(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The surroundings of a box, square, black beyond the photo, and the box in their pixels."""
    side = _CONTEXT * float((box[2:] - box[:2]).max())
    corner = (box[:2] + box[2:]) / 2 - np.float32(side / 2)
    n = _CONTEXT * _SIDE
    x, y = corner.tolist()
    cut = Image.fromarray(image).transform(
        (n, n), Image.Transform.EXTENT, (x, y, x + side, y + side), Image.Resampling.BICUBIC
    )
    return np.asarray(cut), (box - np.tile(corner, 2)) * np.float32(n / side)


def _score(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], detector: Callable[..., Faces]
) -> float:
    faces = detector(np.ascontiguousarray(image), min_score=_LOWEST_SCORE)
    on_box = box_iou(faces.boxes, box[None])[:, 0] >= _IOU
    return float(faces.scores[on_box].max(initial=0))
