"""MediaPipe's short range face detector (BlazeFace), by its Tasks or its older Solutions."""

from __future__ import annotations

import os
from collections.abc import Callable
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

INSTALL = "pip install mediapipe"
INSTALL_WITH_MODEL = "pip install 'mediapipe<0.10.30'"
_WHAT = "MediaPipe's face detector, blaze_face_short_range.tflite"

Find = Callable[[npt.NDArray[np.uint8]], tuple[list[list[float]], list[float]]]


class MediaPipeFaces:
    """MediaPipe's short range detector, which sees a photo shrunk to 128x128 pixels.

    With a model file it runs through the Tasks, in any release. Without one it runs through the
    Solutions, which brought their model along, and which releases from 0.10.30 on no longer have.
    Its own threshold is 0.5. It takes its threshold when it is opened: each one in use has a
    detector of its own. The number of threads cannot be set; on desktops it computes with one.

    Source:
        Bazarevsky et al., "BlazeFace: sub-millisecond neural face detection on mobile GPUs", 2019.
    """

    min_score = 0.5
    modules: tuple[str, ...] = ("mediapipe",)

    def __init__(self, path: str | Path | None = None, threads: int = 1) -> None:  # noqa: ARG002
        os.environ.setdefault("GLOG_minloglevel", "2")  # errors only
        self._package = import_package("mediapipe", INSTALL)
        self._path = None if path is None else check_file(Path(path), _WHAT)
        self._finders: dict[float, Find] = {}
        if self._path is not None:
            self.weights_paths: tuple[Path, ...] = (self._path,)
        elif hasattr(self._package, "solutions"):
            folder = Path(self._package.__file__).parent / "modules" / "face_detection"
            self.weights_paths = tuple(folder.glob("face_detection_short_range.tflite"))
        else:
            raise BaselineError(
                f"MediaPipe {self._package.__version__} comes without a model. Name {_WHAT}, as "
                f"mediapipe:PATH, or install an older one with: {INSTALL_WITH_MODEL}"
            )
        self(np.zeros((128, 128, 3), np.uint8))  # opens the model: now or never

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Not safe to call from several threads."""
        min_score = self.min_score if min_score is None else min_score
        if min_score not in self._finders:
            self._finders[min_score] = (
                self._solution(min_score) if self._path is None else self._task(min_score)
            )
        boxes, scores = self._finders[min_score](np.ascontiguousarray(image[..., ::-1]))
        return faces_in(boxes, scores, image, min_score)[0]

    def _task(self, min_score: float) -> Find:
        tasks: Any = self._package.tasks
        options = tasks.vision.FaceDetectorOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=Path(str(self._path)).read_bytes()),
            min_detection_confidence=min_score,
        )
        try:
            detector = tasks.vision.FaceDetector.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            message = f"{self._path} cannot be used: expected {_WHAT} ({error})."
            raise BaselineError(message) from error

        def find(rgb: npt.NDArray[np.uint8]) -> tuple[list[list[float]], list[float]]:
            image = self._package.Image(image_format=self._package.ImageFormat.SRGB, data=rgb)
            faces = detector.detect(image).detections
            rows = [face.bounding_box for face in faces]
            boxes = [
                [b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height] for b in rows
            ]
            return boxes, [face.categories[0].score for face in faces]

        return find

    def _solution(self, min_score: float) -> Find:
        detector = self._package.solutions.face_detection.FaceDetection(
            model_selection=0, min_detection_confidence=min_score
        )

        def find(rgb: npt.NDArray[np.uint8]) -> tuple[list[list[float]], list[float]]:
            height, width = rgb.shape[:2]
            boxes, scores = [], []
            for face in detector.process(rgb).detections or ():
                box = face.location_data.relative_bounding_box
                x, y = box.xmin * width, box.ymin * height
                boxes.append([x, y, x + box.width * width, y + box.height * height])
                scores.append(face.score[0])
            return boxes, scores

        return find
