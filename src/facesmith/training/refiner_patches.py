"""Patches cut around what the proposal network finds, for the training of the refiner."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from facesmith.boxes import box_intersection, box_iou, clip_boxes
from facesmith.detection.detector import Detector
from facesmith.detection.patches import cut_patches
from facesmith.detection.refiner import encode_deltas
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.training.arrays import Flags, Floats, Pixels
from facesmith.training.crops import Crop, draw_crop
from facesmith.training.learned_photos import Photos
from facesmith.training.mined import PlacedBoxes
from facesmith.training.prefetch import prepared_ahead
from facesmith.training.refiner_config import RefinerConfig


@dataclass(frozen=True)
class ProposalPatches:
    """Patches of proposals.

    Attributes:
        images: uint8 `(n, 64, 64, 3)` BGR.
        labels: float32 `(n,)`, 1 face, 0 none, NaN not labelled.
        deltas: float32 `(n, 4)`, how the box should change; NaN where there is nothing to learn.
        photos: int64 `(n,)`, the number of the photo that each comes from.
    """

    images: Pixels
    labels: Floats
    deltas: Floats
    photos: npt.NDArray[np.int64]


def collect_patches(
    detector: Detector,
    photos: Photos,
    config: RefinerConfig,
    mined: PlacedBoxes | None = None,
    *,
    progress: Progress = NO_PROGRESS,
    label: str = "Patches of photos",
) -> ProposalPatches:
    """Cut patches around the proposals in photos, and around faces that were not proposed.

    Args:
        detector: Proposes; without a refiner of its own.
        photos: Decoded photos with their faces.
        config: What to cut and how to label it.
        mined: False boxes in these photos; those that are not proposed are cut too.
        progress: Told how many photos are done.
        label: What it is told that these are.
    """
    rows = _Rows()
    none = np.zeros((0, 4), np.float32)
    single = replace(config, copies=1)

    def patches_of(_: int, i: int) -> list[ProposalPatches]:
        image, faces, ignored = photos[i]
        weights, every = photos.weights(i), np.arange(len(faces))
        false = none
        if mined is not None:
            false = mined.boxes_in(i, (image.shape[1], image.shape[0]))
        rng = np.random.default_rng([config.loop.seed, i])
        whole = Crop(image, faces, ignored, every)
        parts = [_patches(detector, whole, weights, false, i, rng, config)]
        for number in range(config.crops_per_photo):
            rng = np.random.default_rng([config.loop.seed, i, 1 + number])
            crop = draw_crop(image, faces, ignored, rng, config.crops, weights=weights)
            parts.append(_patches(detector, crop, weights, none, i, rng, single))
        return parts

    numbers = ((0, i) for i in range(len(photos)))
    with prepared_ahead(patches_of, numbers, config.loop.prefetch) as prepared:
        for _, found in zip(progress.each(range(len(photos)), label), prepared, strict=True):
            for part in found:
                rows.add(part)
    return rows.all()


class _Rows:
    """Arrays of patches that grow in place: gigabytes, of which memory holds no second copy."""

    def __init__(self) -> None:
        self._n = 0
        self._arrays = asdict(_no_patches())

    def add(self, part: ProposalPatches) -> None:
        n = self._n + len(part.labels)
        for name, array in self._arrays.items():
            if n > len(array):  # a quarter of room, since the system may have to move it all
                array.resize((max(n, len(array) * 5 // 4), *array.shape[1:]), refcheck=False)
            array[self._n : n] = getattr(part, name)
        self._n = n

    def all(self) -> ProposalPatches:
        """All of them; nothing can be added afterwards."""
        for array in self._arrays.values():
            array.resize((self._n, *array.shape[1:]), refcheck=False)
        return ProposalPatches(**self._arrays)


def _patches(
    detector: Detector,
    picture: Crop,
    weights: Floats | None,
    false: Floats,
    number: int,
    rng: np.random.Generator,
    config: RefinerConfig,
) -> ProposalPatches:
    """Patches of a photo or a crop of it: of proposals, and of faces and `false` boxes besides.

    `weights` are those of the photo's boxes.
    """
    image, faces, ignored = picture.image, picture.boxes, picture.ignored
    boxes, _ = detector.candidates(image, config.candidate_score)
    boxes = boxes[: config.max_per_photo]
    missed = box_iou(faces, boxes).max(axis=1, initial=0) < config.positive_iou
    boxes = np.concatenate([boxes, faces[missed & ~ignored]])
    new = box_iou(false, boxes).max(axis=1, initial=0) < config.positive_iou
    boxes = np.concatenate([boxes, false[new]])
    copies = [np.repeat(boxes, config.copies, axis=0)]
    copies.append(np.repeat(false, config.mined_copies, axis=0))
    boxes = moved(np.concatenate(copies), rng, config.move, config.scale)
    if weights is not None and config.far_copies:
        more = np.round(config.far_copies * np.maximum(weights[picture.rows] - 1, 0)).astype(int)
        far = np.repeat(faces, np.where(ignored, 0, more), axis=0)
        far = moved(far, rng, config.far_move, config.far_scale)
        boxes = np.concatenate([boxes, far])
    inside = clip_boxes(boxes, image.shape[1], image.shape[0])
    boxes = boxes[((inside[:, 2:] - inside[:, :2]) >= 4).all(axis=1)]
    keep, labels, deltas = _label(boxes, faces, ignored, config)
    numbers = np.full(int(keep.sum()), number)
    return ProposalPatches(cut_patches(image, boxes[keep]), labels[keep], deltas[keep], numbers)


def _no_patches() -> ProposalPatches:
    return ProposalPatches(
        np.zeros((0, 64, 64, 3), np.uint8),
        np.zeros(0, np.float32),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
    )


def moved(boxes: Floats, rng: np.random.Generator, move: float, scale: float) -> Floats:
    """Boxes `(n, 4)` moved and scaled at random, see `RefinerConfig.move` and `scale`."""
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0, keepdims=True)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + rng.normal(0, move, (len(boxes), 2)) * side
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * np.exp(rng.normal(0, scale, (len(boxes), 1)))
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def _label(
    boxes: Floats, faces: Floats, ignored: Flags, config: RefinerConfig
) -> tuple[Flags, Floats, Floats]:
    """Which boxes to keep, their labels and deltas."""
    keep = np.ones(len(boxes), bool)
    labels = np.zeros(len(boxes), np.float32)
    deltas = np.full((len(boxes), 4), np.nan, np.float32)
    if len(faces) == 0:
        return keep, labels, deltas
    overlap = box_iou(boxes, faces)
    best = overlap.argmax(axis=1)
    highest = overlap[np.arange(len(boxes)), best]
    labels[highest > config.negative_iou] = np.nan
    labels[highest >= config.positive_iou] = 1
    near = highest >= config.correct_iou
    deltas[near] = encode_deltas(boxes[near], faces[best[near]])
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-6)
    covered = box_intersection(boxes, faces[ignored]).max(axis=1, initial=0) / area
    keep = ~((covered > 0.3) & (labels != 1)) & ~(ignored[best] & near)
    keep &= ~(np.isnan(labels) & ~near)
    return keep, labels, deltas
