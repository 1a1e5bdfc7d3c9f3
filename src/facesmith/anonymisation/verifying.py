"""Looks at the covered result again, at other scales, for faces that are still to be seen.

Looking at all of a photo at one and a half times the scale takes twice as long as the first look.
Where the first look has told which places had a trace of a face, only these are looked at so
closely, and the whole at a coarser scale.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from facesmith.anonymisation.canvas import Canvas
from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.covering import covered_area
from facesmith.boxes import non_maximum_suppression
from facesmith.detection import PhotoDetector
from facesmith.faces import Faces
from facesmith.images import read_photo

SCALES = (1.5, 0.7)  # of the usual look: finer, for small faces, and coarser
COARSE = 0.375  # the scale of the whole result where the finer one is for places only
# Of the least score that is covered: from here on a place is looked at closely.
TRACE = 1 / 8
_CLOSELY = 0.05  # of a photo's area, looked at closely at most: crowds have hundreds of places
_SMALLEST_WINDOW = 40  # pixels at the usual scale: less shows too little around a small face
_MOSTLY = 0.5  # a box of which less than this is covered is still to be seen
_SAME = 0.4  # overlap from which boxes of two scales are one


@dataclass(frozen=True)
class VerifyConfig:
    """How results are looked at again.

    Attributes:
        min_score: List what has at least this score, in [0, 1].
        scales: Factors of the scale at which the detector looks of itself.
        step: Of films: seconds between the frames that are looked at; 0: all are.
    """

    min_score: float
    scales: tuple[float, ...] = SCALES
    step: float = 0.0


def still_visible(
    detector: PhotoDetector,
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.floating],
    cover: CoverConfig,
    config: VerifyConfig,
    reduced: float = 1.0,
    first: Faces | None = None,
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
        reduced: By which factor the image is smaller than the photo, of which scales are told;
            `boxes` and `first` are of the image all the same.
        first: What the first look found, traces from `TRACE` on too, the best score first: only
            their places are looked at at the finest scale, as far as `_CLOSELY` goes, and the whole
            at `COARSE`. What has the score and is not covered is listed at once. `None`: all of the
            image is looked at at all scales.
    """
    height, width = image.shape[:2]
    usual = detector.pyramid.plan(round(width / reduced), round(height / reduced))

    def look(at: npt.NDArray[np.uint8], factor: float) -> Faces:
        min_face = detector.pyramid.smallest_face / (usual.scale * factor) * reduced
        return detector(at, min_score=config.min_score, min_face=min_face)

    area = covered_area(boxes, cover, (width, height))
    if first is None:
        found = [look(image, factor) for factor in config.scales]
    else:
        finest = max(config.scales)
        smallest = _SMALLEST_WINDOW / usual.scale * reduced
        seen = first[~_mostly_covered(first.boxes, area)]
        sheet = Canvas(image, round(finest / COARSE))
        sheet.add(seen.boxes, smallest, _CLOSELY * width * height)
        found = [sheet.faces_in_image(look(sheet.drawn(), finest))]
        found.append(seen[seen.scores >= config.min_score])
    all_boxes = np.concatenate([each.boxes for each in found])
    scores = np.concatenate([each.scores for each in found])
    visible = ~_mostly_covered(all_boxes, area)
    all_boxes, scores = all_boxes[visible], scores[visible]
    kept = non_maximum_suppression(all_boxes, scores, _SAME)
    return Faces(all_boxes[kept], scores[kept])


def left_in_photo(
    detector: PhotoDetector,
    content: bytes,
    boxes: npt.NDArray[np.floating],
    cover: CoverConfig,
    config: VerifyConfig,
    max_memory: int,
    first: Faces | None = None,
) -> Faces:
    """What may still be a face in a covered photo, in pixels of the upright photo.

    Args:
        detector: What looks.
        content: The file. A large JPEG is decoded smaller, as far as the finest look allows.
        boxes: What was covered, `(n, 4)`, pixels of the upright photo.
        cover: How.
        config: How to look.
        max_memory: Bytes that decoding may take.
        first: See `still_visible`; pixels of the upright photo.
    """

    def side(longer: int) -> int | None:
        plan = detector.pyramid.plan(longer, longer)
        finest = replace(plan, scale=plan.scale * max(config.scales))
        return finest.decoding_side(1.0 if first is not None else detector.spare_size)

    photo = read_photo(io.BytesIO(content), max_side=side, max_memory=max_memory)
    height, width = photo.image.shape[:2]
    ratios = np.array([width / photo.width, height / photo.height] * 2, np.float32)
    reduced = max(width, height) / max(photo.width, photo.height)
    near = None if first is None else Faces(first.boxes * ratios, first.scores)
    found = still_visible(detector, photo.image, boxes * ratios, cover, config, reduced, near)
    return Faces(found.boxes / ratios, found.scores)


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
