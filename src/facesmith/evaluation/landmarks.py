"""The five points that detectors find in annotated faces.

Faces are matched by their boxes, best score first, each at most once. Only faces whose annotations
have points count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import DetectionsError
from facesmith.evaluation.baselines.baseline import PointFinder, PointsInBoxes
from facesmith.faces import N_LANDMARKS, Faces
from facesmith.images import read_image
from facesmith.metrics.average_precision import check_lengths, match_faces
from facesmith.metrics.landmarks import yaw_angles
from facesmith.progress import NO_PROGRESS, Progress

_GREY = 128  # of the border


@dataclass(frozen=True, eq=False)
class PointedFaces:
    """The faces of some photos that count: those with points, not ignored."""

    photos: npt.NDArray[np.int64]  # int64 `(n,)`: the photo of each
    rows: npt.NDArray[np.int64]  # int64 `(n,)`: which of the photo's boxes it is
    boxes: npt.NDArray[np.float32]  # float32 `(n, 4)`
    points: npt.NDArray[np.float32]  # float32 `(n, 5, 2)`, NaN where not annotated
    yaws: npt.NDArray[np.float32]  # float32 `(n,)`, degrees; NaN where a point is missing
    n_photos: int  # of all photos, those without such faces included

    def __len__(self) -> int:
        return len(self.photos)


def pointed_faces(photos: Sequence[AnnotatedPhoto]) -> PointedFaces:
    """The faces of annotated photos that have points."""
    rows = [np.flatnonzero(photo.has_points & ~photo.ignored) for photo in photos]
    none = np.zeros((0, N_LANDMARKS, 2), np.float32)
    points = [photo.landmarks[each] for photo, each in zip(photos, rows, strict=True)]
    boxes = [photo.boxes[each] for photo, each in zip(photos, rows, strict=True)]
    all_points = np.concatenate([none, *points])
    return PointedFaces(
        photos=np.repeat(np.arange(len(rows)), [len(each) for each in rows]).astype(np.int64),
        rows=np.concatenate([np.zeros(0, np.int64), *rows]).astype(np.int64),
        boxes=np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
        points=all_points,
        yaws=yaw_angles(all_points),
        n_photos=len(photos),
    )


def find_with_border(
    detector: PointFinder,
    photos: Sequence[AnnotatedPhoto],
    *,
    min_score: float | None = None,
    border: float = 0.0,
    progress: Progress = NO_PROGRESS,
) -> list[Faces]:
    """What a detector finds in each photo, with a grey border around it.

    Args:
        detector: The detector.
        photos: The photos.
        min_score: Lowest score of a face; `None`: the detector's own threshold.
        border: Width of the border as a part of the photo's longer side; faces that fill their
            photo are found more easily with one.
        progress: Told how many photos are done.

    Returns:
        The faces of each photo in its pixels; they may reach into the border.
    """
    found = []
    for photo in progress.each(photos, "Photos"):
        image = read_image(photo.path)
        wide = round(border * max(image.shape[:2]))
        if wide:
            around = ((wide, wide), (wide, wide), (0, 0))
            image = np.pad(image, around, constant_values=_GREY)
        faces = detector.with_landmarks(image, min_score=min_score)
        marks = None if faces.landmarks is None else faces.landmarks - wide
        found.append(Faces(faces.boxes - wide, faces.scores, marks))
    return found


def points_in_annotated_boxes(
    finder: PointsInBoxes,
    photos: Sequence[AnnotatedPhoto],
    faces: PointedFaces,
    progress: Progress = NO_PROGRESS,
) -> npt.NDArray[np.float32]:
    """The points that are found in the annotated boxes, float32 `(n, 5, 2)`."""
    found = [np.zeros((0, N_LANDMARKS, 2), np.float32)]
    for number, photo in enumerate(progress.each(photos, "Photos")):
        boxes = faces.boxes[faces.photos == number]
        if len(boxes):
            found.append(finder.landmarks_in(read_image(photo.path), boxes))
    return np.concatenate(found)


def match_points(
    photos: Sequence[AnnotatedPhoto],
    faces: PointedFaces,
    found: Sequence[Faces],
    iou_threshold: float,
) -> npt.NDArray[np.float32]:
    """The found points of each face that counts, float32 `(n, 5, 2)`; NaN where it was not found.

    Raises:
        DetectionsError: If there are faces without points.
        ValueError: If the lengths differ.
    """
    check_lengths(photos, found)
    points = np.full(faces.points.shape, np.nan, np.float32)
    for number, (photo, each) in enumerate(zip(photos, found, strict=True)):
        if not len(each):
            continue
        if each.landmarks is None:
            raise DetectionsError(
                f"{photo.name}: expected five points of each face that was found, got none. Has "
                "the detector landmarks, or the file the key `landmarks`?"
            )
        _, face = match_faces(photo.boxes, photo.ignored, each, iou_threshold)
        mine = faces.photos == number
        place = dict(zip(faces.rows[mine].tolist(), np.flatnonzero(mine).tolist(), strict=True))
        for detection, row in enumerate(face.tolist()):
            if row in place:
                points[place[row]] = each.landmarks[detection]
    return points
