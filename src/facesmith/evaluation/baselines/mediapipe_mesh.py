"""MediaPipe's face mesh, five of whose points are landmarks, by its Tasks or older Solutions."""

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
from facesmith.evaluation.baselines.mediapipe_faces import INSTALL, INSTALL_WITH_MODEL
from facesmith.faces import Faces

_WHAT = "MediaPipe's face landmarker, face_landmarker.task"
_MOST_FACES = 100  # in a photo
# Points of the mesh of which each landmark is the mean: both corners of the person's right eye and
# of the left one, the tip of the nose, the corners of the mouth.
_LANDMARKS = ((33, 133), (263, 362), (1, 1), (61, 61), (291, 291))

# From an RGB image to the points of each face's mesh, each with x and y as parts of its sides.
Find = Callable[[npt.NDArray[np.uint8]], list[Any]]


class MediaPipeMesh:
    """The faces that MediaPipe's short range detector finds, with a mesh of each.

    The box is the smallest one around the mesh, from the forehead to the chin; the score is 1, as
    none is told. With a model file it runs through the Tasks, in any release; without one through
    the Solutions of releases before 0.10.30. The threshold, of the detector inside, is 0.5.

    Source:
        Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs",
        2019.
    """

    min_score = 0.5
    modules: tuple[str, ...] = ("mediapipe",)
    has_landmarks = True

    def __init__(self, path: str | Path | None = None, threads: int = 1) -> None:  # noqa: ARG002
        os.environ.setdefault("GLOG_minloglevel", "2")  # errors only
        self._package = import_package("mediapipe", INSTALL)
        self._path = None if path is None else check_file(Path(path), _WHAT)
        self.weights_paths: tuple[Path, ...] = () if self._path is None else (self._path,)
        self._finders: dict[float, Find] = {}
        if self._path is None and not hasattr(self._package, "solutions"):
            raise BaselineError(
                f"MediaPipe {self._package.__version__} comes without a model. Name {_WHAT}, as "
                f"mediapipe-mesh:PATH, or install an older one with: {INSTALL_WITH_MODEL}"
            )
        self(np.zeros((128, 128, 3), np.uint8))  # opens the model: now or never

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Not safe to call from several threads."""
        found = self.with_landmarks(image, min_score=min_score)
        return Faces(found.boxes, found.scores)

    def with_landmarks(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> Faces:
        """The faces in one image with their landmarks, see `Baseline`."""
        min_score = self.min_score if min_score is None else min_score
        if min_score not in self._finders:
            self._finders[min_score] = (
                self._solution(min_score) if self._path is None else self._task(min_score)
            )
        meshes = self._finders[min_score](np.ascontiguousarray(image[..., ::-1]))
        size_wh = np.array([image.shape[1], image.shape[0]], np.float64)
        points = [np.array([(p.x, p.y) for p in mesh], np.float64) * size_wh for mesh in meshes]
        boxes = [np.concatenate([mesh.min(axis=0), mesh.max(axis=0)]) for mesh in points]
        faces, order = faces_in(np.array(boxes), np.ones(len(boxes)), image, min_score)
        marks = [points[i][np.array(_LANDMARKS)].mean(axis=1) for i in order]
        return Faces(faces.boxes, faces.scores, np.array(marks, np.float32).reshape(-1, 5, 2))

    def _task(self, min_score: float) -> Find:
        tasks: Any = self._package.tasks
        options = tasks.vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=Path(str(self._path)).read_bytes()),
            num_faces=_MOST_FACES,
            min_face_detection_confidence=min_score,
        )
        try:
            finder = tasks.vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            message = f"{self._path} cannot be used: expected {_WHAT} ({error})."
            raise BaselineError(message) from error

        def find(rgb: npt.NDArray[np.uint8]) -> list[Any]:
            image = self._package.Image(image_format=self._package.ImageFormat.SRGB, data=rgb)
            return list(finder.detect(image).face_landmarks)

        return find

    def _solution(self, min_score: float) -> Find:
        finder = self._package.solutions.face_mesh.FaceMesh(
            static_image_mode=True,
            max_num_faces=_MOST_FACES,
            min_detection_confidence=min_score,
        )

        def find(rgb: npt.NDArray[np.uint8]) -> list[Any]:
            return [face.landmark for face in finder.process(rgb).multi_face_landmarks or ()]

        return find
