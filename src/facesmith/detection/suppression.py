"""Which boxes are of one face: for the detector, sliding windows, and whatever judges boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.boxes import box_area, box_intersection, box_iou, non_maximum_suppression

# Two real faces seldom overlap more than this, two boxes of one face nearly always do.
NMS_IOU = 0.4
# Boxes of one face from two looks overlap less than two boxes of one look: forehead and chin of an
# upside-down face are not where the network expects them, and windows come in few sizes.
_SAME_IOU = 0.3
_SAME_COVER = 0.6  # of the smaller box; two faces of one photo seldom cover each other that much


def suppress_overlapping(
    boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]
) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, best score first; see `non_maximum_suppression`.

    Args:
        boxes: float32 `(n, 4)`.
        scores: float32 `(n,)`.
    """
    return non_maximum_suppression(boxes, scores, NMS_IOU)


def same_face(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether boxes `(n, 4)` and `(m, 4)` of different looks are of one face, bool `(n, m)`."""
    smaller = np.minimum(box_area(a)[:, None], box_area(b)[None, :])
    same: npt.NDArray[np.bool_] = box_iou(a, b) > _SAME_IOU
    return same | (box_intersection(a, b) > _SAME_COVER * smaller)
