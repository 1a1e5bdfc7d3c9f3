"""The search for false boxes within a training, by the weights so far.

What a network takes for faces in face-free photos changes as it learns. Boxes that are mined late
in its own training are those that its last passes, and the refiner after it, have to unlearn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.mined import MinedBox, boxes_of_photo, merge_mined
from facesmith.detection.detector import Detector
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos
from facesmith.errors import ImageError
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.training.mined import MinedConfig


@dataclass(frozen=True)
class OwnMiningConfig:
    """When a training mines the face-free photos that it learns from, and what becomes of it."""

    after: float = 0.67  # share of the passes of the proposals that are done by then, rounded
    min_score: float = 0.1  # boxes with a lower score are left out
    boxes: MinedConfig = field(default_factory=MinedConfig)

    def pause(self, epochs: int) -> int:
        """The pass before which to mine, 0 for the first."""
        return min(max(round(self.after * epochs), 0), epochs)


def mine_face_free(
    detector: Detector,
    photos: Sequence[AnnotatedPhoto],
    min_score: float,
    progress: Progress = NO_PROGRESS,
) -> tuple[MinedBox, ...]:
    """What a detector takes for faces in the photos without boxes, best score first.

    Args:
        detector: With the weights so far.
        photos: Those to learn from; annotated ones are passed over.
        min_score: Boxes with a lower score are left out.
        progress: Told how many photos are done.

    Raises:
        ImageError: If a photo cannot be read.
    """
    free = [photo for photo in photos if not len(photo.boxes) and photo.complete]
    sources = [PhotoSource(photo.name, photo.path) for photo in free]
    results = detect_photos(detector, sources, DetectionConfig(min_score))
    boxes: list[MinedBox] = []
    for number, found in zip(progress.each(range(len(free)), "Mining"), results, strict=True):
        photo = free[number]
        if found.error is not None:
            raise ImageError(found.error)
        plan = detector.pyramid.plan(photo.width, photo.height)
        boxes += boxes_of_photo(
            photo, found.faces, plan.scale_for, kind="face-free", detector="this training"
        )
    return merge_mined(boxes)
