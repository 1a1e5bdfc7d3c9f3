"""Suppression of overlapping boxes, by the detector and by whatever judges its boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.boxes import non_maximum_suppression

# Two real faces seldom overlap more than this, two boxes of one face nearly always do.
NMS_IOU = 0.4


def suppress_overlapping(
    boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]
) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, best score first; see `non_maximum_suppression`.

    Args:
        boxes: float32 `(n, 4)`.
        scores: float32 `(n,)`.
    """
    return non_maximum_suppression(boxes, scores, NMS_IOU)
