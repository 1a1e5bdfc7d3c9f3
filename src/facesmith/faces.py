"""The one result type of detection: `Faces`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The five landmarks of a face in the order of every array and file. Right and left are the
# person's: the right eye is on the left of a photo in which the face stands upright.
LANDMARK_NAMES = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
N_LANDMARKS = len(LANDMARK_NAMES)
# The order of the landmarks in a mirror image, where left and right change places.
MIRRORED_LANDMARKS = (1, 0, 2, 4, 3)


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces found in one photo, best score first as detectors return them.

    Attributes:
        boxes: float32 `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of the upright photo,
            continuous edges (width = x_max - x_min).
        scores: float32 `(n,)`, the probability of a human face, in [0, 1].
        landmarks: float32 `(n, 5, 2)`, x and y of the right eye, the left eye, the nose, the right
            and the left corner of the mouth (the person's right and left), pixels of the upright
            photo; they may lie outside it. `None` where the detector was not asked for them or has
            none.
        landmark_scores: float32 `(n, 5)`, the probability that each landmark is visible, not
            hidden, in [0, 1]. `None` without landmarks, and where the detector does not say.

    No face is an empty `Faces`, never `None`. The arrays are read-only copies.

    Raises:
        ValueError: If a shape is wrong, a value is not finite, a box has swapped edges, a score
            lies outside [0, 1], or there are `landmark_scores` without `landmarks`.

    Example:
        >>> faces = Faces(np.float32([[10, 20, 30, 44]]), np.float32([0.98]))
        >>> len(faces), faces[faces.scores > 0.99] == Faces.empty()
        (1, True)
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32] | None = None
    landmark_scores: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        boxes = np.array(self.boxes, dtype=np.float32)
        scores = np.array(self.scores, dtype=np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(
                f"`boxes` must have shape (n, 4); got {boxes.shape}. For no faces use "
                "Faces.empty()."
            )
        if scores.shape != (len(boxes),):
            raise ValueError(
                f"`scores` must have shape ({len(boxes)},), one per box; got {scores.shape}."
            )
        if not np.isfinite(boxes).all():
            raise ValueError(f"`boxes` must be finite; got {boxes[~np.isfinite(boxes).all(1)][0]}.")
        swapped = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
        if swapped.any():
            raise ValueError(
                "`boxes` must have x_min <= x_max and y_min <= y_max; "
                f"got {boxes[swapped][0].tolist()}. Are these x, y, width, height?"
            )
        _check_probabilities("scores", scores)
        self._keep("boxes", boxes)
        self._keep("scores", scores)
        self._check_landmarks()

    def _check_landmarks(self) -> None:
        if self.landmarks is not None:
            landmarks = np.array(self.landmarks, dtype=np.float32)
            _check_shape("landmarks", landmarks, (len(self), N_LANDMARKS, 2))
            if not np.isfinite(landmarks).all():
                bad = landmarks[~np.isfinite(landmarks).all(axis=2)][0]
                raise ValueError(f"`landmarks` must be finite; got {bad}.")
            self._keep("landmarks", landmarks)
        if self.landmark_scores is not None:
            if self.landmarks is None:
                raise ValueError(
                    "`landmark_scores` belong to `landmarks`, and there are none. Pass both."
                )
            landmark_scores = np.array(self.landmark_scores, dtype=np.float32)
            _check_shape("landmark_scores", landmark_scores, (len(self), N_LANDMARKS))
            _check_probabilities("landmark_scores", landmark_scores)
            self._keep("landmark_scores", landmark_scores)

    def _keep(self, name: str, values: npt.NDArray[np.float32]) -> None:
        values.setflags(write=False)
        object.__setattr__(self, name, values)

    @classmethod
    def empty(cls) -> Faces:
        """No faces, without landmarks; equal to no faces with landmarks."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    @classmethod
    def concatenate(cls, parts: Sequence[Faces]) -> Faces:
        """The faces of all parts, in their order, of one photo.

        Landmarks, and their scores, are kept if every part with a face has them, else they are
        left out.

        Example:
            >>> Faces.concatenate([Faces.empty(), Faces.empty()]) == Faces.empty()
            True
        """
        filled = [part for part in parts if len(part)] or list(parts[:1]) or [cls.empty()]
        landmarks = [part.landmarks for part in filled if part.landmarks is not None]
        scores = [part.landmark_scores for part in filled if part.landmark_scores is not None]
        n = len(filled)
        return cls(
            np.concatenate([part.boxes for part in filled]),
            np.concatenate([part.scores for part in filled]),
            np.concatenate(landmarks) if len(landmarks) == n else None,
            np.concatenate(scores) if len(landmarks) == len(scores) == n else None,
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Faces]:
        """Each face as a `Faces` of length one."""
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int | slice | npt.NDArray[np.generic] | list[int]) -> Faces:
        """The faces at an integer, a slice, an array of integers or a boolean mask."""
        if isinstance(index, int | np.integer):
            index = [int(index)]
        return Faces(
            self.boxes[index],
            self.scores[index],
            None if self.landmarks is None else self.landmarks[index],
            None if self.landmark_scores is None else self.landmark_scores[index],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Faces):
            return NotImplemented
        if len(self) == len(other) == 0:
            return True
        return (
            np.array_equal(self.boxes, other.boxes)
            and np.array_equal(self.scores, other.scores)
            and _same(self.landmarks, other.landmarks)
            and _same(self.landmark_scores, other.landmark_scores)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside: compare, do not hash


def _check_shape(name: str, values: npt.NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}, one row a box; got {values.shape}.")


def _check_probabilities(name: str, values: npt.NDArray[np.float32]) -> None:
    inside = (values >= 0) & (values <= 1)
    if not inside.all():
        raise ValueError(f"`{name}` must be probabilities in [0, 1]; got {values[~inside][0]}.")


def _same(a: npt.NDArray[np.float32] | None, b: npt.NDArray[np.float32] | None) -> bool:
    """Whether both are missing, or both are there and equal."""
    return a is b if a is None or b is None else np.array_equal(a, b)
