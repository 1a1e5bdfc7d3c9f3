"""dlib's frontal face detector: histograms of oriented gradients and a linear classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.baselines.baseline import faces_in, import_package
from facesmith.faces import Faces

INSTALL = "pip install dlib-bin (a built dlib; `pip install dlib` compiles for minutes)"
_LOWEST_MARGIN = -1.0  # further down come thousands of boxes a photo, and seconds of grouping


class DlibHog:
    """`dlib.get_frontal_face_detector()` on the photo as it is: it finds faces from 80 pixels on.

    Its score is the distance from a plane, any real number, 0 being its own threshold. Ours is the
    sigmoid of it, so the threshold is 0.5; boxes below 0.27, a distance of -1, are not asked for.
    It has one thread, whatever number is asked for.

    Source:
        King, "Max-margin object detection", 2015; Dalal and Triggs, "Histograms of oriented
        gradients for human detection", 2005.
    """

    min_score = 0.5
    modules: tuple[str, ...] = ("dlib", "_dlib_pybind11")  # some builds are known by the latter
    weights_paths: tuple[Path, ...] = ()  # inside the library

    def __init__(self, threads: int = 1) -> None:  # noqa: ARG002 - as all baselines are opened
        dlib = import_package("dlib", INSTALL)
        self._detector: Any = dlib.get_frontal_face_detector()

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Not safe to call from several threads."""
        min_score = self.min_score if min_score is None else min_score
        inner = min(max(min_score, 1e-6), 1 - 1e-6)
        min_margin = max(float(np.log(inner / (1 - inner))), _LOWEST_MARGIN)
        rgb = np.ascontiguousarray(image[..., ::-1])
        found, margins, _ = self._detector.run(rgb, 0, min_margin)
        # dlib's rectangles hold their last row and column.
        boxes = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in found]
        scores = 1 / (1 + np.exp(-np.array(margins, np.float64)))
        return faces_in(boxes, scores, image, min_score)[0]
