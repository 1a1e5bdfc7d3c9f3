"""The search for hard negatives: boxes that a detector finds where no face is annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.mined import MinedBox, MinedKind, boxes_of_photo, merge_mined
from facesmith.boxes import box_area, box_intersection, box_iou
from facesmith.detection.detector import Detector, detector_name, load_detector
from facesmith.detection.photos import DetectionConfig, PhotoFaces, PhotoSource, detect_photos
from facesmith.detection.processes import detect_in_workers
from facesmith.errors import AnnotationError
from facesmith.faces import Faces
from facesmith.progress import NO_PROGRESS, Progress


@dataclass(frozen=True)
class MiningConfig:
    """What counts as a false box worth learning.

    Raises:
        ValueError: If a value lies outside [0, 1].
    """

    min_score: float = 0.2  # boxes with a lower score are left out: the detector knows them already
    # In photos with annotated faces boxes with a higher score are left out too, since these are
    # often faces without a box.
    max_background_score: float = 0.5
    # Background overlaps annotated boxes by no more than this: IoU, and of an ignored one (a
    # crowd's is large) the part of the found box that lies in it.
    max_overlap: float = 0.1

    def __post_init__(self) -> None:
        for name in ("min_score", "max_background_score", "max_overlap"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"`{name}` must be between 0 and 1; got {name}={value}.")


@dataclass(frozen=True, eq=False)
class Mining:
    """What was found."""

    boxes: tuple[MinedBox, ...]  # the false boxes, best score first
    likely_faces: tuple[MinedBox, ...]  # left out for a high score in the background, best first
    photos: Mapping[str, AnnotatedPhoto]  # name -> photo, of all that were looked at
    # Names of photos that were not looked at: a box of theirs was left out, a face may be where no
    # box says so.
    incomplete: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()  # why photos could not be read

    def n_photos(self, kind: MinedKind) -> int:
        """Photos of a kind that were looked at."""
        return sum(photo_kind(photo) == kind for photo in self.photos.values())

    def of_kind(self, kind: MinedKind) -> list[MinedBox]:
        """The false boxes of a kind."""
        return [box for box in self.boxes if box.kind == kind]


def mine(
    photos: Sequence[AnnotatedPhoto],
    model: str | Path | None = None,
    config: MiningConfig | None = None,
    *,
    workers: int = 1,
    threads: int = 1,
    progress: Progress = NO_PROGRESS,
) -> Mining:
    """Find the false boxes of a detector; they depend on photos, weights and `config` alone.

    Face-free photos are those without boxes. `model` is a run folder or its `detector.onnx`, `None`
    the weights that come along; `workers` are processes with `threads` CPU threads each.

    Raises:
        AnnotationError: If two photos have one name.
        WeightsError: If the weights are missing or damaged.
    """
    config = config or MiningConfig()
    twice = [name for name, n in Counter(photo.name for photo in photos).items() if n > 1]
    if twice:
        raise AnnotationError(
            f"Expected a name of its own for each photo, but {twice[0]} is both an annotated photo "
            "and a face-free one. Rename the folder of the face-free photos."
        )
    safe = [photo for photo in photos if photo.complete]
    detector = load_detector(model, threads)
    name = detector_name(detector, model)
    boxes: list[MinedBox] = []
    problems: list[str] = []
    seen: dict[str, AnnotatedPhoto] = {}
    sources, looked = [PhotoSource(p.name, p.path) for p in safe], DetectionConfig(config.min_score)

    def look() -> Generator[PhotoFaces, None, None]:
        if workers == 1:
            yield from detect_photos(detector, sources, looked)
        else:
            yield from detect_in_workers(
                model, sources, workers=workers, threads=threads, config=looked
            )

    with closing(look()) as results:
        for photo, found in zip(progress.each(safe, "Photos"), results, strict=True):
            if found.error is not None:
                problems.append(found.error)
            else:
                seen[photo.name] = photo
                boxes += _false_boxes(photo, found.faces, detector, name, config)
    likely = [b for b in boxes if b.kind == "background" and b.score > config.max_background_score]
    return Mining(
        boxes=merge_mined(set(boxes) - set(likely)),
        likely_faces=merge_mined(likely),
        photos=seen,
        incomplete=tuple(photo.name for photo in photos if not photo.complete),
        problems=tuple(problems),
    )


def photo_kind(photo: AnnotatedPhoto) -> MinedKind:
    """Whether false boxes of a photo are of a face-free photo or of a background."""
    return "background" if len(photo.boxes) else "face-free"


def _false_boxes(
    photo: AnnotatedPhoto, found: Faces, detector: Detector, name: str, config: MiningConfig
) -> list[MinedBox]:
    plan = detector.pyramid.plan(photo.width, photo.height)
    away = _away(found.boxes, photo, config.max_overlap)
    return boxes_of_photo(photo, found[away], plan.scale_for, kind=photo_kind(photo), detector=name)


def _away(
    boxes: npt.NDArray[np.float32], photo: AnnotatedPhoto, max_overlap: float
) -> npt.NDArray[np.bool_]:
    """Which boxes overlap no annotated one, bool `(n,)`."""
    covered = box_intersection(boxes, photo.boxes[photo.ignored]).max(axis=1, initial=0)
    inside = covered / np.maximum(box_area(boxes), 1e-6)
    overlap = box_iou(boxes, photo.boxes).max(axis=1, initial=0)
    away: npt.NDArray[np.bool_] = (overlap <= max_overlap) & (inside <= max_overlap)
    return away
