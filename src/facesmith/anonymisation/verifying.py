"""Looks at the covered result again, at other scales, for faces that are still to be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.covering import covered_area
from facesmith.boxes import non_maximum_suppression
from facesmith.detection import PhotoDetector
from facesmith.faces import Faces

SCALES = (1.5, 0.7)  # of the usual look: finer, for small faces, and coarser
_MOSTLY = 0.5  # a box of which less than this is covered is still to be seen
_SAME = 0.4  # overlap from which boxes of two scales are one


@dataclass(frozen=True)
class VerifyConfig:
    """How results are looked at again.

    Attributes:
        min_score: List what has at least this score, in [0, 1].
        scales: Factors of the scale at which the detector looks of itself.
    """

    min_score: float
    scales: tuple[float, ...] = SCALES


def still_visible(
    detector: PhotoDetector,
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.floating],
    cover: CoverConfig,
    config: VerifyConfig,
) -> Faces:
    """What may still be a face in a covered image, best score first.

    A covered face may look like one to the detector, a mosaic above all. So a box counts only if
    less than half of its pixels are covered.

    Args:
        detector: What looks.
        image: The covered image, uint8 `(height, width, 3)`, BGR, upright.
        boxes: What was covered in it, `(n, 4)`, pixels, before they were grown.
        cover: How.
        config: How to look.
    """
    height, width = image.shape[:2]
    usual = detector.pyramid.plan(width, height)
    found = []
    for factor in config.scales:
        min_face = detector.pyramid.smallest_face / (usual.scale * factor)
        found.append(detector(image, min_score=config.min_score, min_face=min_face))
    all_boxes = np.concatenate([each.boxes for each in found])
    scores = np.concatenate([each.scores for each in found])
    open_ = ~_mostly_covered(all_boxes, covered_area(boxes, cover, (width, height)))
    all_boxes, scores = all_boxes[open_], scores[open_]
    kept = non_maximum_suppression(all_boxes, scores, _SAME)
    return Faces(all_boxes[kept], scores[kept])


def _mostly_covered(
    boxes: npt.NDArray[np.float32], area: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Whether at least half of the pixels of each box are covered, bool `(n,)`."""
    covered = np.zeros(len(boxes), bool)
    for i, (x_min, y_min, x_max, y_max) in enumerate(boxes.tolist()):
        left, top = int(np.floor(x_min)), int(np.floor(y_min))
        part = area[max(top, 0) : max(int(np.ceil(y_max)), top + 1),
                    max(left, 0) : max(int(np.ceil(x_max)), left + 1)]  # fmt: skip
        covered[i] = part.size > 0 and part.mean() >= _MOSTLY
    return covered
