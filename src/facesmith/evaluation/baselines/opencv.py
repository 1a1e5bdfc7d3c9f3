"""The two face detectors of OpenCV: YuNet through its own engine, and Viola and Jones' (Haar)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.evaluation.baselines.baseline import (
    BaselineError,
    check_file,
    faces_in,
    import_package,
)
from facesmith.faces import Faces

INSTALL = "pip install opencv-python-headless"
INSTALL_WITH_HAAR = "pip install 'opencv-python-headless<5'"

_NMS_IOU = 0.3  # what FaceDetectorYN.create takes where nothing is said
_TOP_K = 5000  # likewise
_CASCADE = "haarcascade_frontalface_default.xml"


class OpenCVYuNet:
    """`cv2.FaceDetectorYN`, in the photo's own size; its own threshold is 0.9.

    The number of threads is OpenCV's, one for the whole process.
    """

    min_score = 0.9
    modules: tuple[str, ...] = ("cv2",)

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        cv2 = _import_cv2(threads, INSTALL)
        if not hasattr(cv2, "FaceDetectorYN"):
            raise BaselineError(
                f"OpenCV {cv2.__version__} has no FaceDetectorYN, which came with 4.5.4. "
                f"Install a newer one with: {INSTALL} --upgrade"
            )
        path = check_file(Path(path), "the weights of a YuNet for OpenCV, .onnx")
        self.weights_paths: tuple[Path, ...] = (path,)
        try:
            self._detector: Any = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), self.min_score, _NMS_IOU, _TOP_K
            )
            self(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            reason = " ".join(str(error.err).split())
            raise BaselineError(
                f"{path}: OpenCV {cv2.__version__} cannot use it as a YuNet. Before 5 it takes "
                f"only a file with a fixed input, such as 640x640. ({reason})"
            ) from error

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Not safe to call from several threads."""
        min_score = self.min_score if min_score is None else min_score
        height, width = image.shape[:2]
        self._detector.setInputSize((width, height))
        self._detector.setScoreThreshold(min_score)
        rows = self._detector.detect(np.ascontiguousarray(image))[1]
        if rows is None:
            return Faces.empty()
        # x, y, width, height, five landmarks, score.
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return faces_in(boxes, rows[:, 14], image, min_score)[0]


class OpenCVHaar:
    """`cv2.CascadeClassifier` with the frontal face cascade, steps of 1.1, three neighbours.

    A cascade has no score, and reports only what passes all of its stages: its own threshold is 0.
    Ours ranks the boxes by the sum of the last stage, any real number, brought into (0, 1).

    Source:
        Viola and Jones, "Robust real-time face detection", 2004.
    """

    min_score = 0.0
    modules: tuple[str, ...] = ("cv2",)

    def __init__(self, threads: int = 1) -> None:
        cv2 = _import_cv2(threads, INSTALL_WITH_HAAR)
        if not hasattr(cv2, "CascadeClassifier"):
            raise BaselineError(
                f"OpenCV {cv2.__version__} has no Haar cascades: version 5 moved them out of its "
                f"main packages. Install an older one with: {INSTALL_WITH_HAAR}"
            )
        path = check_file(
            Path(cv2.data.haarcascades) / _CASCADE, "the cascade that OpenCV comes with"
        )
        self.weights_paths: tuple[Path, ...] = (path,)
        self._cascade: Any = cv2.CascadeClassifier(str(path))
        self._to_grey: Any = lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Not safe to call from several threads."""
        min_score = self.min_score if min_score is None else min_score
        boxes, _, sums = self._cascade.detectMultiScale3(
            self._to_grey(np.ascontiguousarray(image)),
            scaleFactor=1.1,
            minNeighbors=3,
            outputRejectLevels=True,
        )
        if not len(boxes):
            return Faces.empty()
        corners = np.array(boxes, np.float32)
        corners[:, 2:] += corners[:, :2]
        return faces_in(corners, scores_of_sums(np.ravel(sums)), image, min_score)[0]


def scores_of_sums(sums: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1] that order as the sums `(n,)` do.

    Example:
        >>> scores_of_sums(np.array([-1.0, 0.0, 3.0]))
        array([0.25 , 0.5  , 0.875])
    """
    # Not the sigmoid, which float32 rounds to 1 from sums of 17 on.
    return np.asarray((1 + sums / (1 + np.abs(sums))) / 2)


def _import_cv2(threads: int, install: str) -> Any:
    cv2 = import_package("cv2", install)
    cv2.setNumThreads(threads)
    return cv2
