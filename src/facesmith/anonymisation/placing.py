"""Boxes of the upright photo in the pixels as a file stores them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.video.orientation import Orientation

# EXIF orientation -> how the stored pixels are turned upright.
OF_EXIF = {
    1: Orientation(),
    2: Orientation(False, True, False),
    3: Orientation(False, True, True),
    4: Orientation(False, False, True),
    5: Orientation(True, False, False),
    6: Orientation(True, True, False),
    7: Orientation(True, True, True),
    8: Orientation(True, False, True),
}


def stored_boxes(
    boxes: npt.NDArray[np.floating], orientation: Orientation, upright_wh: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Boxes of the upright picture as boxes of the stored one, float64 `(n, 4)`.

    Example:
        >>> stored_boxes(np.float32([[0, 1, 2, 5]]), OF_EXIF[6], (10, 20))
        array([[ 1.,  8.,  5., 10.]])
    """
    x_min, y_min, x_max, y_max = np.asarray(boxes, np.float64).reshape(-1, 4).T
    width, height = upright_wh
    if orientation.flip_x:
        x_min, x_max = width - x_max, width - x_min
    if orientation.flip_y:
        y_min, y_max = height - y_max, height - y_min
    if orientation.transposed:
        x_min, y_min, x_max, y_max = y_min, x_min, y_max, x_max
    return np.stack([x_min, y_min, x_max, y_max], axis=1)
