"""An ellipse for each box: the usual remedy for the continuous score.

FDDB's faces are ellipses from the crown of the head to the chin. A rectangle can overlap an ellipse
by no more than 0.785 of its own area, which caps the continuous score of a perfect detector of
boxes; and boxes of other data sets begin at the forehead.
"""

from __future__ import annotations

from math import pi

import numpy as np

from facesmith.evaluation.fddb.detections import FddbDetections

# In parts of the box: the median of what fits the annotated ellipses best over one public
# detector's sure boxes, 1.215, 1.089 and 0.085, rounded. Boxes that begin at the hairline, or go
# down below the chin, would need others.
HEIGHT_FACTOR = 1.2
WIDTH_FACTOR = 1.1
RISE = 0.08


def fit_ellipses(detections: FddbDetections) -> FddbDetections:
    """Replace each box by an upright ellipse around the head that it marks; scores stay.

    The ellipse is 1.2 times as high as the box and 1.1 times as wide, and its centre lies 0.08 of
    the box's height above the box's: proportions of our own. Ellipses stay as they are.
    """
    if detections.shape == "ellipse":
        return detections
    ellipses = {}
    for name, boxes in detections.regions.items():
        left, top, width, height = boxes.T
        ellipses[name] = np.stack(
            [
                HEIGHT_FACTOR * height / 2,
                WIDTH_FACTOR * width / 2,
                np.full(len(boxes), pi / 2),
                left + width / 2,
                top + height / 2 - RISE * height,
            ],
            axis=1,
        )
    return FddbDetections("ellipse", ellipses, detections.scores)
