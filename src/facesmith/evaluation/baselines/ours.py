"""facesmith's own detector among its baselines, whole and without its refiner, and classifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.detection.detector import (
    PROPOSALS_FILE,
    REFINER_FILE,
    load_detector,
    shipped_weights,
)
from facesmith.detection.windows import CLASSIFIER_FILE, SlidingClassifier
from facesmith.faces import Faces


class Ours:
    """`facesmith.load_detector`: the shipped weights, a `detector.onnx` or a run folder."""

    modules: tuple[str, ...] = ("facesmith",)

    def __init__(self, path: str | Path | None = None, threads: int = 1) -> None:
        path = shipped_weights() if path is None else Path(path)
        path = path / PROPOSALS_FILE if path.is_dir() else path
        self._detector = load_detector(path, threads=threads)
        self.min_score = self._detector.min_score
        refiner = (
            (path.with_name(REFINER_FILE),) if self._detector.calibration.refiner_weight else ()
        )
        self.weights_paths: tuple[Path, ...] = (path, *refiner)

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Safe to call from several threads."""
        return self._detector(image, min_score=min_score)

    @property
    def has_landmarks(self) -> bool:
        """Whether the weights find landmarks, too."""
        return self._detector.has_landmarks

    def with_landmarks(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> Faces:
        """The faces in one image with their landmarks, see `Baseline`."""
        return self._detector(image, min_score=min_score, landmarks=True)

    def landmarks_in(
        self, image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Landmarks float32 `(n, 5, 2)` of the faces in `boxes`, float32 `(n, 4)`, pixels."""
        return self._detector.landmark_finder()(image, boxes)[0]


class ProposalsAlone(Ours):
    """What the first net proposes, with its raw score; the threshold is 0.5."""

    def __init__(self, path: str | Path | None = None, threads: int = 1) -> None:
        super().__init__(path, threads)
        self.min_score = 0.5
        self.weights_paths = self.weights_paths[:1]

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Safe to call from several threads."""
        min_score = self.min_score if min_score is None else min_score
        return Faces(*self._detector.candidates(image, min(max(min_score, 1e-6), 1 - 1e-6)))


class Windows:
    """A patch classifier slid over photos: a `classifier.onnx` or a run folder."""

    modules: tuple[str, ...] = ("facesmith",)

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        path = Path(path)
        path = path / CLASSIFIER_FILE if path.is_dir() else path
        self._classifier = SlidingClassifier(path, threads)
        self.min_score = self._classifier.min_score
        self.weights_paths: tuple[Path, ...] = (path,)

    def __call__(self, image: npt.NDArray[np.uint8], *, min_score: float | None = None) -> Faces:
        """Find the faces in one image, see `Baseline`. Safe to call from several threads."""
        return self._classifier(image, min_score=min_score)
