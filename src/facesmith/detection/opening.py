"""Opens whatever finds faces in whole photos: a detector, or a classifier with sliding windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from facesmith.detection.detector import PROPOSALS_FILE, Detector, load_detector
from facesmith.detection.pyramid import Pyramid, ScalePlan
from facesmith.detection.rotations import UPRIGHT
from facesmith.detection.sessions import WrongKindError
from facesmith.detection.window_plan import WindowConfig
from facesmith.detection.windows import CLASSIFIER_FILE, SlidingClassifier
from facesmith.errors import WeightsError
from facesmith.faces import Faces


class PhotoDetector(Protocol):
    """What `Detector` and `SlidingClassifier` have alike; see there."""

    metadata: dict[str, Any]
    min_score: float
    find_all_score: float | None
    # Photos may be decoded smaller, if this many times the pixels of the finest look are left.
    spare_size: float

    @property
    def pyramid(self) -> Pyramid:
        """Makes the plans for `detect`."""
        ...

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        *,
        min_score: float | None = None,
        min_face: float | None = None,
        rotations: Sequence[int] = UPRIGHT,
    ) -> Faces:
        """Find the faces in one image."""
        ...

    def detect(
        self,
        image: npt.NDArray[np.uint8],
        plan: ScalePlan,
        *,
        min_score: float | None = None,
        rotations: Sequence[int] = UPRIGHT,
    ) -> Faces:
        """Find the faces in one image by a plan of scales."""
        ...


def open_detector(
    model: str | Path | None = None, threads: int = 1, windows: WindowConfig | None = None
) -> PhotoDetector:
    """Open a detector, or a patch classifier that is slid over photos.

    Args:
        model: A run folder of either, its `detector.onnx` or its `classifier.onnx`; `None` for the
            detector that ships with facesmith.
        threads: CPU threads of one call.
        windows: How a classifier's windows are slid; `None`: as `WindowConfig` has it.

    Returns:
        A callable: `faces = detector(image_bgr)`.

    Raises:
        WeightsError: If the file is missing, damaged or holds something else, or if `windows` are
            given for a detector, which has none.
    """
    path = None if model is None else Path(model)
    if path is not None and path.is_dir() and not (path / PROPOSALS_FILE).exists():
        if (path / CLASSIFIER_FILE).exists():
            return SlidingClassifier(path, threads, windows)
        raise WeightsError(
            f"{path}: no such weights file: expected {PROPOSALS_FILE} or {CLASSIFIER_FILE} in it. "
            "Pass the run folder of a training that has ended, or its .onnx file."
        )
    try:
        detector: Detector = load_detector(path, threads)
    except WrongKindError as error:
        if path is None or error.kind != "classifier":
            raise WeightsError(f"{str(error).removesuffix('.')} or 'classifier'.") from error
        return SlidingClassifier(path, threads, windows)
    if windows is not None:
        raise WeightsError(
            f"{'The detector that comes along' if path is None else path} has no windows: stride, "
            "scale step and tallest face are settings of a classifier. Leave them out, or pass the "
            "run folder of a classifier."
        )
    return detector
