"""The one result type of detection: `Faces`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces found in one photo, best score first as detectors return them.

    Attributes:
        boxes: float32 `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of the upright photo,
            continuous edges (width = x_max - x_min).
        scores: float32 `(n,)`, the probability of a human face, in [0, 1].

    No face is an empty `Faces`, never `None`. The arrays are read-only copies.

    Raises:
        ValueError: If a shape is wrong, a value is not finite, a box has swapped edges, or a
            score lies outside [0, 1].

    Example:
        >>> faces = Faces(np.float32([[10, 20, 30, 44]]), np.float32([0.98]))
        >>> len(faces), faces[faces.scores > 0.99] == Faces.empty()
        (1, True)
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]

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
        if not ((scores >= 0) & (scores <= 1)).all():
            bad = scores[~((scores >= 0) & (scores <= 1))][0]
            raise ValueError(f"`scores` must be probabilities in [0, 1]; got {bad}.")
        boxes.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)

    @classmethod
    def empty(cls) -> Faces:
        """No faces."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Faces]:
        """Each face as a `Faces` of length one."""
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int | slice | npt.NDArray[np.generic] | list[int]) -> Faces:
        """The faces at an integer, a slice, an array of integers or a boolean mask."""
        if isinstance(index, int | np.integer):
            index = [int(index)]
        return Faces(self.boxes[index], self.scores[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Faces):
            return NotImplemented
        return np.array_equal(self.boxes, other.boxes) and np.array_equal(self.scores, other.scores)

    __hash__ = None  # type: ignore[assignment]  # arrays inside: compare, do not hash
