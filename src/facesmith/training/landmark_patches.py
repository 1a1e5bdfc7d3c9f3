"""Patches of faces whose five points are known, for the training of landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou
from facesmith.detection.detector import Detector
from facesmith.detection.patches import PATCH_SIZE, cut_squares, patch_squares
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.training.arrays import Floats, Pixels
from facesmith.training.landmark_config import ROOM, STORED_SIDE, LandmarkConfig
from facesmith.training.learned_photos import Photos
from facesmith.training.prefetch import prepared_ahead

# Faces with points without which none are learned, and without which nobody knows how well.
MIN_FACES, MIN_HELD_OUT = 100, 20
MIN_SCORE = 0.05  # of the found boxes that patches are cut around


@dataclass(frozen=True)
class LandmarkPatches:
    """Patches of faces and their points.

    Attributes:
        images: uint8 `(n, side, side, 3)` BGR.
        points: float32 `(n, 5, 2)`, from the centre of what the network sees in units of its side;
            NaN where not known.
        visible: float32 `(n, 5)`, 1 visible, 0 hidden, NaN not known.
        sizes: float32 `(n,)`, the square root of the annotated box's area in the same units.
        photos: int64 `(n,)`, the number of the photo that each comes from.
    """

    images: Pixels
    points: Floats
    visible: Floats
    sizes: Floats
    photos: npt.NDArray[np.int64]


def n_with_points(photos: Sequence[AnnotatedPhoto], config: LandmarkConfig) -> int:
    """Number of faces that the training can learn points from."""
    return sum(len(_rows(photo, config)) for photo in photos)


def collect_landmark_patches(
    detector: Detector,
    photos: Photos,
    config: LandmarkConfig,
    *,
    with_room: bool,
    progress: Progress = NO_PROGRESS,
    label: str = "",
) -> LandmarkPatches:
    """Cut the patches.

    They are cut around the boxes that the detector finds, as they will be later, and around the
    annotated box where it finds none.

    Args:
        detector: Finds the boxes.
        photos: The photos.
        config: Settings.
        with_room: Cut larger patches of more pixels, to be turned and moved; else what the network
            sees.
        progress: Told how far it is.
        label: Of what is under way.
    """
    annotated = photos.annotated
    numbers = [i for i, photo in enumerate(annotated) if len(_rows(photo, config))]
    room, side = (ROOM, STORED_SIDE) if with_room else (1.0, PATCH_SIZE)

    def patches_of(_: int, number: int) -> LandmarkPatches:
        image, boxes, _ignored = photos[number]
        photo = annotated[number]
        height, width = image.shape[:2]
        scale = np.array([width / photo.width, height / photo.height], np.float32)
        rows = _rows(photo, config)[: config.max_per_photo]
        boxes, points = boxes[rows], photo.landmarks[rows] * scale
        found = detector(image, min_score=MIN_SCORE).boxes
        overlaps = box_iou(boxes, found)
        near = overlaps.max(axis=1, initial=0) >= config.positive_iou
        seen = boxes.copy()
        seen[near] = found[overlaps[near].argmax(axis=1)] if len(found) else seen[near]
        squares = patch_squares(seen, config.context)
        centre = (squares[:, None, :2] + squares[:, None, 2:]) / 2
        sides = squares[:, 2] - squares[:, 0]
        known = photo.landmark_visibility[rows]
        return LandmarkPatches(
            cut_squares(image, patch_squares(seen, (1 + config.context) * room - 1), side),
            ((points - centre) / sides[:, None, None]).astype(np.float32),
            np.where(known == 0, np.nan, known == 2).astype(np.float32),
            (np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)) / sides).astype(np.float32),
            np.full(len(rows), number),
        )

    parts = [_none(side)]
    with prepared_ahead(patches_of, ((0, i) for i in numbers), config.loop.prefetch) as prepared:
        for _, part in zip(progress.each(numbers, label), prepared, strict=True):
            parts.append(part)
    names = ("images", "points", "visible", "sizes", "photos")
    return LandmarkPatches(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def _rows(photo: AnnotatedPhoto, config: LandmarkConfig) -> npt.NDArray[np.int64]:
    """Numbers of the faces of a photo to learn points from."""
    tall = photo.boxes[:, 3] - photo.boxes[:, 1] >= config.min_face
    known = (photo.landmark_visibility > 0).any(axis=1)
    return np.flatnonzero(tall & known & ~photo.ignored)


def _none(side: int) -> LandmarkPatches:
    return LandmarkPatches(
        np.zeros((0, side, side, 3), np.uint8),
        np.zeros((0, 5, 2), np.float32),
        np.zeros((0, 5), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
    )
