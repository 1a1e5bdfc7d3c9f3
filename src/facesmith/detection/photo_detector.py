"""What finds faces in whole photos, however it does: the calls that its users make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.detection.landmarks import LandmarkFinder
from facesmith.detection.pyramid import Pyramid, ScalePlan
from facesmith.detection.rotations import UPRIGHT, look_in_rotations
from facesmith.errors import WeightsError
from facesmith.faces import Faces


class PhotoDetector(ABC):
    """Finds the faces in a photo: `Detector`, or `SlidingClassifier`.

    Attributes:
        metadata: What the weights file says of itself.
        min_score: Faces with a lower score are left out unless a call says otherwise.
        find_all_score: The `min_score` that gives one false box a photo, on the photos held out
            from the training: for those who would rather see a false box than miss a face.
            `None`: the weights store none.
        pyramid: At which scales photos are looked at: `detector.pyramid.plan(width, height)`.
        spare_size: Photos may be decoded smaller, if this many times the pixels of the finest look
            are left.
    """

    metadata: dict[str, Any]
    min_score: float
    find_all_score: float | None
    pyramid: Pyramid
    spare_size: float

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        *,
        min_score: float | None = None,
        min_face: float | None = None,
        rotations: Sequence[int] = UPRIGHT,
        landmarks: bool = False,
    ) -> Faces:
        """Find the faces in one image.

        Args:
            image: uint8 `(height, width, 3)`, BGR, upright. Not modified.
            min_score: Leave out faces with a lower score, in [0, 1]; `None`: the attribute.
            min_face: Height of the smallest face to look for, pixels of `image`. A larger value
                is faster: the time falls with its square. `None`: what the class says.
            rotations: Degrees by which the image is rotated counter-clockwise for each look: some
                of 0, 90, 180 and 270. `(0, 180)` finds faces upside down too, all four those at any
                angle; each look takes the time of a call. Boxes are of `image` as it is.
            landmarks: Whether to find the five landmarks of each face too; see `has_landmarks`.

        Returns:
            The faces, best score first; empty if there are none.

        Raises:
            ValueError: If the image has another shape or type, or a value is out of range.
            WeightsError: If landmarks are asked for and the weights have none, or their file is
                damaged.
        """
        check_image(image)
        height, width = image.shape[:2]
        plan = self.pyramid.plan(width, height, min_face)
        return self.detect(
            image, plan, min_score=min_score, rotations=rotations, landmarks=landmarks
        )

    def detect(
        self,
        image: npt.NDArray[np.uint8],
        plan: ScalePlan,
        *,
        min_score: float | None = None,
        rotations: Sequence[int] = UPRIGHT,
        landmarks: bool = False,
    ) -> Faces:
        """Find the faces in one image by a plan of `pyramid`; see `__call__`.

        Args:
            image: uint8 `(height, width, 3)`, BGR, upright, of the plan's size.
            plan: At which scales to look.
            min_score: Leave out faces with a lower score, in [0, 1].
            rotations: Degrees by which the image is rotated for each look.
            landmarks: Whether to find the landmarks of the faces too.
        """
        if min_score is None:
            min_score = self.min_score
        if not 0 <= min_score <= 1:
            raise ValueError(f"`min_score` must be between 0 and 1; got min_score={min_score}.")
        finder = self.landmark_finder() if landmarks else None
        found_in = None
        if tuple(rotations) == UPRIGHT:
            faces = self._look(image, plan, min_score)
        else:
            faces, found_in = look_in_rotations(
                lambda rotated: self._look(
                    rotated, plan if rotated.shape == image.shape else plan.transposed(), min_score
                ),
                image,
                rotations,
            )
        if finder is None:
            return faces
        return Faces(faces.boxes, faces.scores, *finder(image, faces.boxes, found_in))

    @property
    def has_landmarks(self) -> bool:
        """Whether calls may ask for landmarks: whether the weights have a file for them."""
        return False

    def landmark_finder(self) -> LandmarkFinder:
        """What finds the landmarks, opened at the first call.

        Raises:
            WeightsError: If the weights have none, or their file is damaged.
        """
        raise WeightsError(
            "A classifier finds no landmarks: ask for none, or use a detector that has them."
        )

    @abstractmethod
    def _look(self, image: npt.NDArray[np.uint8], plan: ScalePlan, min_score: float) -> Faces:
        """Find the faces in one image as it is."""


def check_image(image: npt.NDArray[np.uint8]) -> None:
    """Raise a `TypeError` or `ValueError` unless it is uint8 `(height, width, 3)` with pixels."""
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"`image` must be a NumPy array; got {type(image).__name__}. Read files with "
            "facesmith.read_image."
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            "`image` must be uint8 of shape (height, width, 3), channels BGR; "
            f"got shape {image.shape}, dtype {image.dtype}."
        )
