"""What every annotation format becomes: photos with boxes, and the problems met on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.annotations.keypoints import MISSING, VISIBLE
from facesmith.faces import N_LANDMARKS


@dataclass(frozen=True)
class Problem:
    """Something in the annotations that could not be used, and was left out."""

    where: str  # file and entry: a line number in text formats, an annotation's id in COCO JSON
    message: str  # what was expected, what was found, and the way out
    # What was left out: the whole photo, one box of it, or the points of a box that stays.
    skipped: Literal["photo", "box", "points"]
    kind: str = ""  # what many photos have in common, see `in_lines`; empty: each is its own case
    photo: str = ""  # name of the photo, where there is a kind

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def _no_points() -> npt.NDArray[np.float32]:
    return np.zeros((0, N_LANDMARKS, 2), np.float32)


def _no_visibility() -> npt.NDArray[np.uint8]:
    return np.zeros((0, N_LANDMARKS), np.uint8)


@dataclass(frozen=True, eq=False)
class AnnotatedPhoto:
    """A photo and its faces.

    Attributes:
        path: Where the file lies.
        boxes: float32 `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of the upright photo,
            continuous edges, inside the photo. A face-free photo has none. Read-only.
        ignored: bool `(n,)`, read-only. `True` for a box that is neither a face to learn nor
            background: a crowd, a face too unclear to count.
        name: The path below the folder of the photos, written with `/`; unique.
        width: Width of the upright photo, pixels.
        height: Height of the upright photo, pixels.
        complete: `False` when a box of this photo had to be left out. A face may then be where
            no box says so, and its surroundings are no safe background.
        where: File and entry that it was read from, for messages.
        attributes: What the annotations say further of each box, one mapping of names to words a
            box, e.g. `{"mask": "with_mask"}`; empty mappings where they say nothing.
        source: Where the photo comes from, as COCO JSON may say with an image's `source`: a
            camera, an archive, a photographer. Photos of one source resemble each other.
        landmarks: float32 `(n, 5, 2)`, pixels of the upright photo, read-only: right eye, left
            eye, nose, right and left corner of the mouth, right and left being the person's. They
            may leave the box and the photo. NaN where a point is not annotated. Empty when given:
            no box has points.
        landmark_visibility: uint8 `(n, 5)`, read-only: 0 not annotated, 1 hidden, 2 visible. Empty
            when given: all points that are annotated are visible.

    Raises:
        ValueError: If the arrays disagree, a box is not finite, has no area, or leaves the photo,
            a point that is
            annotated is not finite, or one that is not annotated is not NaN.
    """

    path: Path
    boxes: npt.NDArray[np.float32]
    ignored: npt.NDArray[np.bool_]
    name: str
    width: int
    height: int
    complete: bool = True
    where: str = ""
    attributes: tuple[Mapping[str, str], ...] = ()
    source: str = ""
    landmarks: npt.NDArray[np.float32] = field(default_factory=_no_points)
    landmark_visibility: npt.NDArray[np.uint8] = field(default_factory=_no_visibility)

    def without_background(self) -> AnnotatedPhoto:
        """The photo with all of it an ignored region, but for its boxes: nothing is background."""
        whole = np.array([[0, 0, self.width, self.height]], np.float32)
        return replace(
            self,
            boxes=np.concatenate([self.boxes, whole]),
            ignored=np.append(self.ignored, True),
            attributes=(*self.attributes, {}),
            **self.points_of(slice(None), n_new=1),
        )

    def points_of(self, rows: Any, n_new: int = 0) -> dict[str, Any]:
        """`landmarks` and `landmark_visibility` of some boxes, and of new boxes without points.

        For `dataclasses.replace`, where the boxes change.

        Args:
            rows: What indexes the boxes that stay: a mask, indices or a slice.
            n_new: How many boxes without points follow.
        """
        landmarks = np.full((n_new, N_LANDMARKS, 2), np.nan, np.float32)
        visibility = np.zeros((n_new, N_LANDMARKS), np.uint8)
        return {
            "landmarks": np.concatenate([self.landmarks[rows], landmarks]),
            "landmark_visibility": np.concatenate([self.landmark_visibility[rows], visibility]),
        }

    @property
    def has_points(self) -> npt.NDArray[np.bool_]:
        """Which boxes have at least one point, bool `(n,)`."""
        return np.asarray((self.landmark_visibility > 0).any(axis=1), np.bool_)

    def __post_init__(self) -> None:
        boxes = np.array(self.boxes, dtype=np.float32)
        ignored = np.array(self.ignored, dtype=np.bool_)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"`boxes` must have shape (n, 4); got {boxes.shape}.")
        if ignored.shape != (len(boxes),):
            raise ValueError(
                f"`ignored` must have shape ({len(boxes)},), one per box; got {ignored.shape}."
            )
        attributes = tuple(self.attributes) or tuple({} for _ in boxes)
        if len(attributes) != len(boxes):
            raise ValueError(
                f"`attributes` must have {len(boxes)} entries, one per box, or none; got "
                f"{len(attributes)}."
            )
        limit = np.array([self.width, self.height], np.float32)
        inside = (boxes[:, :2] >= 0) & (boxes[:, 2:] <= limit) & (boxes[:, :2] < boxes[:, 2:])
        if not inside.all():
            raise ValueError(
                f"`boxes` must have an area and lie inside the photo of {self.width}x{self.height} "
                f"pixels; got {boxes[~inside.all(axis=1)][0].tolist()} in {self.name}."
            )
        boxes.setflags(write=False)
        ignored.setflags(write=False)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "ignored", ignored)
        object.__setattr__(self, "attributes", attributes)
        landmarks, visibility = self._points(len(boxes))
        object.__setattr__(self, "landmarks", landmarks)
        object.__setattr__(self, "landmark_visibility", visibility)

    def _points(self, n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """The points of `n` boxes and their visibility, checked, read-only."""
        landmarks = np.array(self.landmarks, dtype=np.float32)
        if not landmarks.size:
            landmarks = np.full((n, N_LANDMARKS, 2), np.nan, np.float32)
        if landmarks.shape != (n, N_LANDMARKS, 2):
            raise ValueError(
                f"`landmarks` must have shape ({n}, {N_LANDMARKS}, 2), five points per box, or be "
                f"empty; got {landmarks.shape}."
            )
        visibility = np.array(self.landmark_visibility, dtype=np.uint8)
        if not visibility.size:
            visibility = np.where(np.isnan(landmarks).any(axis=2), MISSING, VISIBLE)
            visibility = visibility.astype(np.uint8)
        if visibility.shape != (n, N_LANDMARKS) or (visibility > VISIBLE).any():
            raise ValueError(
                f"`landmark_visibility` must have shape ({n}, {N_LANDMARKS}) and values 0, 1 and "
                f"2, or be empty; got shape {visibility.shape}, "
                f"{visibility.max(initial=0)} at most."
            )
        if not np.isfinite(landmarks[visibility > MISSING]).all():
            raise ValueError(f"`landmarks` that are annotated must be finite, in {self.name}.")
        if not np.isnan(landmarks[visibility == MISSING]).all():
            raise ValueError(
                f"`landmarks` must be NaN where `landmark_visibility` is 0, in {self.name}. Pass "
                "both, or an empty `landmark_visibility`: all points are visible then."
            )
        landmarks.setflags(write=False)
        visibility.setflags(write=False)
        return landmarks, visibility


@dataclass(frozen=True)
class Annotations:
    """The photos of an annotation file in its order, and what had to be left out."""

    photos: tuple[AnnotatedPhoto, ...]  # the photos that can be used, face-free ones among them
    problems: tuple[Problem, ...] = ()  # one entry for every photo or box that was left out
    # What the annotations say that has no place here -> in how many of the photos.
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def n_faces(self) -> int:
        """Number of boxes that are faces to learn."""
        return sum(int((~photo.ignored).sum()) for photo in self.photos)


# Kind of a problem -> what is the matter with many photos of the kind.
_TOGETHER = {
    "missing": "photos do not exist. Is --images the folder that their names start from?",
    "damaged": "photos cannot be read.",
    "outside": "photos lie outside the folder of the photos. Pass --images-anywhere to read them.",
    "without a photo": "label files have no photo. Is --images the folder of their photos?",
    "not annotated": "tasks were skipped, or nobody has annotated them.",
    "unsure": "photos have no box that can be used, but may have faces.",
}
_FEW = 3


def in_lines(problems: Sequence[Problem]) -> list[str]:
    """The problems in words, a line each; many of one kind share a line with the first three."""
    lines: dict[str, list[Problem]] = {}
    for problem in problems:
        key = problem.kind if problem.kind in _TOGETHER else f"{len(lines)} alone"
        lines.setdefault(key, []).append(problem)
    told = []
    for kind, alike in lines.items():
        if len(alike) <= _FEW:
            told += [str(problem) for problem in alike]
        else:
            told.append(f"{len(alike)} {_TOGETHER[kind]} {first_three([p.photo for p in alike])}.")
    return told


def first_three(names: Sequence[str]) -> str:
    """The first three of some names, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"
