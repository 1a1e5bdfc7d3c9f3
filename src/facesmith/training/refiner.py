"""The training of the refiner, on patches cut around what the proposal network finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from facesmith.boxes import box_intersection, box_iou, clip_boxes
from facesmith.detection.detector import Detector
from facesmith.detection.patches import cut_patches
from facesmith.detection.refiner import encode_deltas
from facesmith.errors import WeightsError
from facesmith.metrics.roc import area_under_curve
from facesmith.networks.refiner import build_refiner
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.training.arrays import Flags, Floats, Pixels
from facesmith.training.augmentation import Augmentation, augment, uniforms
from facesmith.training.crops import Crop, CropConfig, draw_crop
from facesmith.training.loop_config import LoopConfig
from facesmith.training.mined import PlacedBoxes
from facesmith.training.optimisers import adamw
from facesmith.training.prefetch import prepared_ahead
from facesmith.training.proposals import Photos, draw_rows
from facesmith.training.warm_start import start_from


@dataclass(frozen=True)
class RefinerConfig:
    """Everything that decides what the training of the refiner produces."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(epochs=5, learning_rate=3e-3, average_decay=0.998)
    )
    batch_size: int = 128  # patches per step
    # As for the proposals, over patches instead of photos: each once an epoch.
    source_power: float = 1.0
    weight_decay: float = 0.01  # of AdamW
    candidate_score: float = 0.1  # raw score of the proposals that it learns on
    # Once trained: proposals with raw scores from the first on and below the other are looked at.
    gate_lower: float = 0.15
    gate_upper: float = 0.6
    max_per_photo: int = 30  # proposals of one photo that become patches
    copies: int = 2  # patches per proposal, each with a box moved and scaled a little
    # Crops of each photo that are looked through beside the photo itself, one patch per proposal:
    # uncertain proposals are turned, cut off, tiny or blurred more often than photos are.
    crops_per_photo: int = 3
    crops: CropConfig = field(
        default_factory=lambda: replace(CropConfig().scaled(2), rotate=0.6, cut_through=0.25)
    )
    move: float = 0.05  # standard deviation of that shift, in longer sides of the box
    scale: float = 0.10  # and of the logarithm of that scale
    positive_iou: float = 0.5  # a patch whose box overlaps a face at least this much is a face
    negative_iou: float = 0.3  # and one with at most this overlap is none; between: not labelled
    correct_iou: float = 0.3  # boxes with at least this overlap learn how to change
    label_smoothing: float = 0.05  # some labels are wrong
    # It takes time of every photo: it stays where the mean of average precision at an IoU of 0.5
    # and 0.4 and of recall at 0.1 false boxes a photo rises by this on the held-out photos.
    min_gain: float = 0.003
    augmentation: Augmentation = field(
        default_factory=lambda: Augmentation(flip=0.0, max_shift=0, cutout=0.15)
    )


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
        false = none
        if mined is not None:
            false = mined.boxes_in(i, (image.shape[1], image.shape[0]))
        rng = np.random.default_rng([config.loop.seed, i])
        parts = [_patches(detector, Crop(image, faces, ignored), false, i, rng, config)]
        for number in range(config.crops_per_photo):
            rng = np.random.default_rng([config.loop.seed, i, 1 + number])
            crop = draw_crop(image, faces, ignored, rng, config.crops)
            parts.append(_patches(detector, crop, none, i, rng, single))
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
    false: Floats,
    number: int,
    rng: np.random.Generator,
    config: RefinerConfig,
) -> ProposalPatches:
    """Patches of a photo or a crop of it: of proposals, and of faces and `false` boxes besides."""
    image, faces, ignored = picture.image, picture.boxes, picture.ignored
    boxes, _ = detector.candidates(image, config.candidate_score)
    boxes = boxes[: config.max_per_photo]
    missed = box_iou(faces, boxes).max(axis=1, initial=0) < config.positive_iou
    boxes = np.concatenate([boxes, faces[missed & ~ignored]])
    new = box_iou(false, boxes).max(axis=1, initial=0) < config.positive_iou
    boxes = np.concatenate([boxes, false[new]])
    boxes = moved(np.repeat(boxes, config.copies, axis=0), rng, config)
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


def moved(boxes: Floats, rng: np.random.Generator, config: RefinerConfig) -> Floats:
    """Boxes `(n, 4)` moved and scaled at random, as far as the settings say."""
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0, keepdims=True)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + rng.normal(0, config.move, (len(boxes), 2)) * side
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * np.exp(rng.normal(0, config.scale, (len(boxes), 1)))
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


class RefinerTask:
    """Patches in, logits and deltas out; see `facesmith.training.loop.Task`."""

    monitor = "loss"
    higher_is_better = False
    build_network = staticmethod(build_refiner)

    def __init__(
        self,
        training: ProposalPatches,
        held_out: ProposalPatches,
        config: RefinerConfig,
        sources: Sequence[str | None],
        start: Path | None = None,
    ) -> None:
        drawn_from = [sources[photo] for photo in training.photos]
        # Two epochs, for the batches that are prepared ahead. Drawing an order takes nearly as long
        # as learning from a batch.
        self._order = lru_cache(maxsize=2)(
            partial(draw_rows, drawn_from, config.source_power, config.loop.seed)
        )
        self._training, self._held_out, self._config = training, held_out, config
        self.network: nn.Module = self.build_network(config.loop.seed)
        self.optimizer = adamw(self.network, config.loop.learning_rate, config.weight_decay)
        self.steps_per_epoch = max(len(training.labels) // config.batch_size, 1)
        self.rows_per_epoch = self.steps_per_epoch * config.batch_size
        if start is not None:
            try:
                start_from(self.network, start, _to_input(self.batch(0, 0)[0]))
            except WeightsError as error:
                raise WeightsError(
                    f"{error} Move the file away to train a refiner from the start."
                ) from error

    def batch(self, epoch: int, step: int) -> Any:
        """Pixels float32 `(n, 64, 64, 3)`, labels `(n,)`, deltas `(n, 4)`."""
        seed, size = self._config.loop.seed, self._config.batch_size
        rows = self._order(epoch)[step * size : (step + 1) * size]
        patches, matrices, offsets = augment(
            self._training.images, rows, self._config.augmentation, seed=seed, epoch=epoch
        )
        deltas = self._training.deltas[rows].copy()
        flip = uniforms(seed + 1, epoch, rows, 1)[:, 0] < 0.5
        patches[flip] = patches[flip, :, ::-1]
        deltas[flip, 0] *= -1
        n = len(rows)
        pixels = np.matmul(patches.reshape(n, -1, 3).astype(np.float32), matrices) + offsets
        pixels = np.clip(pixels, 0, 255).reshape(n, *patches.shape[1:])
        return (
            torch.from_numpy(pixels),
            torch.from_numpy(self._training.labels[rows]),
            torch.from_numpy(deltas),
        )

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the score where labelled, and smooth L1 of the deltas where known."""
        pixels, labels, deltas = batch
        outputs = network(_to_input(pixels)).float()
        return refiner_loss(outputs, labels, deltas, self._config.label_smoothing)

    def held_out_loss(self, network: nn.Module) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Outputs `(n, 5)` on patches of held-out photos, the loss and its parts."""
        held = self._held_out
        device = next(network.parameters()).device
        parts = []
        for i in range(0, len(held.labels), 256):
            pixels = torch.from_numpy(held.images[i : i + 256]).to(device)
            parts.append(network(_to_input(pixels)).float().cpu())
        outputs = torch.cat(parts)
        loss, figures = refiner_loss(
            outputs, torch.from_numpy(held.labels), torch.from_numpy(held.deltas), 0.0
        )
        return outputs, loss, figures

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Loss, area under the ROC curve and accuracy on patches of held-out photos."""
        held = self._held_out
        outputs, loss, figures = self.held_out_loss(network)
        labelled = ~np.isnan(held.labels)
        logits, labels = outputs[:, 0].numpy()[labelled], held.labels[labelled]
        return {
            "loss": float(loss),
            "shift_loss": float(figures["shift_loss"]),
            "auc": area_under_curve(labels.astype(int), logits),
            "accuracy": float(np.mean((logits > 0) == (labels > 0.5))),
        }


def _to_input(pixels: Tensor) -> Tensor:
    """Patches `(n, 64, 64, 3)` of 0 to 255 as what the network takes."""
    return pixels.permute(0, 3, 1, 2) / 255


def refiner_loss(
    outputs: Tensor, labels: Tensor, deltas: Tensor, smoothing: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and its parts; NaN labels and deltas are left out.

    Args:
        outputs: `(n, 5)`.
        labels: `(n,)`, 1, 0 or NaN.
        deltas: `(n, 4)` or NaN.
        smoothing: Targets are this far from 0 and 1, halved.
    """
    labelled = ~torch.isnan(labels)
    targets = labels[labelled] * (1 - smoothing) + smoothing / 2
    score_loss = functional.binary_cross_entropy_with_logits(
        outputs[labelled, 0], targets, reduction="sum"
    ) / max(int(labelled.sum()), 1)
    known = ~torch.isnan(deltas[:, 0])
    # The deltas are near 0.1: scaled up so that the loss is linear in all but the smallest errors.
    shift_loss = functional.smooth_l1_loss(
        outputs[known, 1:] * 10, deltas[known] * 10, reduction="sum"
    ) / max(4 * int(known.sum()), 1)
    return score_loss + 0.3 * shift_loss, {"score_loss": score_loss, "shift_loss": shift_loss}
