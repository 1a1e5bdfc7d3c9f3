"""The training of the proposal network: crops of annotated and face-free photos in, maps out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import TrainingError
from facesmith.metrics.average_precision import AnnotatedFaces
from facesmith.networks.detector import (
    INPUT_MULTIPLE,
    DetectorNet,
    DetectorNetConfig,
    cell_centres,
    decode_boxes,
    flatten_maps,
)
from facesmith.training.arrays import Flags, Floats, Pixels
from facesmith.training.assignment import detection_loss
from facesmith.training.crops import MIN_SIDE, Crop, CropConfig, draw_crop
from facesmith.training.learned_photos import Photos, refuse_few, split_photos
from facesmith.training.loop_config import LoopConfig
from facesmith.training.mined import MinedTraining, PlacedBoxes, crop_generator
from facesmith.training.optimisers import adamw
from facesmith.training.sampling import draw_rows
from facesmith.training.sharing import World, current_world
from facesmith.training.teacher import Teacher, distillation_loss, unopposed_cells
from facesmith.training.warm_start import hold, start_from
from facesmith.training.whole_photos import accuracy, accuracy_curves, propose, to_input

_SMALL = 0.75  # side of the crops of the first epochs, in sides of the later ones


@dataclass(frozen=True)
class ProposalConfig:
    """Everything that decides what the training of the proposals produces, beside the photos."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            epochs=60, learning_rate=3e-3, warmup_steps=300, validate_every=5, average_decay=0.999
        )
    )
    network: DetectorNetConfig = field(default_factory=DetectorNetConfig)
    crops: CropConfig = field(default_factory=CropConfig)
    batch_size: int = 32  # crops per step
    # Up to this share of the epochs crops have three quarters of the side: an epoch takes two
    # thirds as long, and as many photos are seen.
    small_until: float = 0.75
    # Every so many steps the crops have twice the side, and a quarter of them make a batch: only
    # there do faces of several hundred pixels fit. 0: never.
    wide_every: int = 4
    # Sources of photos (see `AnnotatedPhoto.source`) are drawn in proportion to their number of
    # photos to this power: 1 takes each photo once an epoch, 0 all sources alike.
    source_power: float = 1.0
    # Attribute of the boxes that says how often a face is drawn beside others, such as 3 for one
    # in profile; a photo is drawn as often as its rarest face. Empty: all alike.
    weight_attribute: str = ""
    # Share of a batch's crops that a teacher looks at, where there is one: it takes longer for a
    # crop than the network that learns.
    taught: float = 0.5
    # Passes over the photos in an epoch: of few photos one pass is too little between validations.
    rounds: int = 1
    # Where the training goes on from weights: stages of the network, from the image on, that keep
    # theirs; whether batch normalisation keeps its statistics, which few photos would bend to
    # theirs; the weight of the distance from what those weights say of each crop; and how far the
    # result is on the straight way from those weights to the learned ones.
    frozen: int = 0
    fixed_statistics: bool = False
    retention: float = 0.0
    blend: float = 1.0
    weight_decay: float = 0.02  # of AdamW
    photo_side: int = 640  # larger photos are reduced to this before anything else, pixels
    held_out: float = 0.04  # share of the photos kept for validation
    max_held_out: int = 300  # their largest number
    cache_gib: float = 6.0  # decoded photos kept in memory; the rest is decoded anew each time


class ProposalTask:
    """Crops of photos in, score and box maps out; see `facesmith.training.loop.Task`."""

    monitor = "ap"
    higher_is_better = True

    def __init__(
        self,
        photos: Sequence[AnnotatedPhoto],
        config: ProposalConfig,
        mined: MinedTraining | None = None,
        start: Path | None = None,
        teacher: Path | None = None,
    ) -> None:
        if config.crops.side % INPUT_MULTIPLE or config.crops.side < MIN_SIDE:
            raise TrainingError(
                f"The side of crops must be a multiple of {INPUT_MULTIPLE} and at least "
                f"{MIN_SIDE} pixels; got {config.crops.side}. The default is {CropConfig.side}."
            )
        training, held_out = split_photos(photos, config)
        refuse_few(training, held_out, config)
        self._config = config
        self._learned_from, self._training = training, Photos(training, config)
        self._held_out = Photos(held_out, config)
        torch.manual_seed(config.loop.seed)
        self.network: nn.Module = DetectorNet(config.network)
        self.optimizer = adamw(self.network, config.loop.learning_rate, config.weight_decay)
        self.steps_per_epoch = len(training) * config.rounds // config.batch_size
        self.rows_per_epoch = self.steps_per_epoch * config.batch_size
        sources = [p.source if len(p.boxes) else None for p in training]
        weights = self._training.photo_weights()
        self._round = partial(
            draw_rows, sources, config.source_power, config.loop.seed, weights=weights
        )
        self._order = lru_cache(maxsize=2)(self._draw_order)
        self._mined: PlacedBoxes | None = None
        if mined is not None:
            self.show(mined)
        self._teacher = None if teacher is None else Teacher(teacher)
        self._former: Teacher | None = None
        self._fixed: list[nn.Module] = []
        self._first: dict[str, Tensor] = {}
        if start is not None:
            start_from(self.network, start, to_input(self._batch(0, 0, World())[0]))
            self._fixed = hold(
                self.network, config.frozen, fixed_statistics=config.fixed_statistics
            )
            self._former = Teacher(start) if config.retention else None
            if config.blend != 1.0:
                self._first = copy.deepcopy(self.network.state_dict())

    def _draw_order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Which photos an epoch takes, in which order."""
        rounds = self._config.rounds
        return np.concatenate([self._round(epoch * rounds + number) for number in range(rounds)])

    def show(self, mined: MinedTraining) -> None:
        """Show these mined boxes from now on, and no others."""
        self._mined = PlacedBoxes(mined, self._learned_from)

    def batch(self, epoch: int, step: int) -> Any:
        """Images uint8 `(n, side, side, 3)`, faces `(t, 4)`, image of each, which to ignore.

        With a teacher also what it says of the first of these images, see `Teacher.__call__`; and
        with `retention` what the weights that the training goes on from say of all of them. Of
        several processes each has the images of its own rows and what is said of these; the others
        are black. With a teacher, each has them all.
        """
        return self._batch(epoch, step, self._world())

    def _world(self) -> World:
        """The processes that share out the drawing of crops."""
        return World() if self._teacher is not None else current_world()

    def _batch(self, epoch: int, step: int, world: World) -> Any:
        """The same, shared out among the processes of this world."""
        config = self._config
        seed, size, crop_config = config.loop.seed, config.batch_size, config.crops
        if epoch < round(config.small_until * config.loop.epochs):
            crop_config = crop_config.scaled(_SMALL)
        order = self._order(epoch)
        rows = order[step * size : (step + 1) * size]
        if config.wide_every and step % config.wide_every == config.wide_every - 1:
            rows = rows[: max(size // 4, 1)]
            crop_config = crop_config.scaled(2)
        mined = np.full(len(rows), -1)
        if self._mined is not None:
            mined = self._mined.draw(len(order), seed, epoch)[step * size :]
        begin, end = world.rows_of(len(rows))
        crops = []
        for place, row in enumerate(rows):
            shown = begin <= place < end
            if mined[place] >= 0:
                rng = crop_generator(seed, epoch, step * size + place)
                crops.append(self._mined_crop(int(mined[place]), rng, crop_config, shown))
            else:
                rng = np.random.default_rng([seed, epoch, 1 + int(row), place])
                photo, weights = self._photo(int(row), shown), self._training.weights(int(row))
                crops.append(
                    draw_crop(*photo, rng, crop_config, weights=weights, boxes_only=not shown)
                )
        counts = [len(crop.boxes) for crop in crops]
        images = np.stack([crop.image for crop in crops])
        taught: list[Tensor] = []
        if self._teacher is not None:
            taught += self._teacher(images[: max(round(config.taught * len(images)), 1)])
        if self._former is not None:
            taught += self._former(images[begin:end])
        return (
            torch.from_numpy(images),
            torch.from_numpy(np.concatenate([crop.boxes for crop in crops])),
            torch.from_numpy(np.repeat(np.arange(len(crops)), counts)),
            torch.from_numpy(np.concatenate([crop.ignored for crop in crops])),
            *taught,
        )

    def _photo(self, row: int, shown: bool) -> tuple[Pixels, Floats, Flags]:
        return self._training[row] if shown else self._training.size_only(row)

    def _mined_crop(
        self, number: int, rng: np.random.Generator, config: CropConfig, shown: bool
    ) -> Crop:
        assert self._mined is not None
        image, boxes, ignored = self._photo(int(self._mined.rows[number]), shown)
        view = self._mined.view(number, (image.shape[1], image.shape[0]), config.side, rng)
        return draw_crop(image, boxes, ignored, rng, config, view, boxes_only=not shown)

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The detection loss of one batch, and the distance from a teacher and from the start."""
        images, faces, photos, ignored, *taught = batch
        for module in self._fixed:  # the loop has just put all of the network into training mode
            module.eval()
        logits, raw = flatten_maps(network(to_input(images)))
        size_wh = (images.shape[2], images.shape[1])
        centres, strides = (part.to(images.device) for part in cell_centres(size_wh))
        boxes = decode_boxes(raw, centres, strides)
        loss, figures = detection_loss(logits, boxes, centres, strides, faces, photos, ignored)
        if self._former is not None:
            *taught, said, raw_said = taught
            world = self._world()
            said, raw_said = (world.gathered(each, len(images)) for each in (said, raw_said))
            boxes_said = decode_boxes(raw_said, centres, strides)
            cells = unopposed_cells(said, boxes_said, centres, faces, photos, ignored)
            distance = distillation_loss(logits, boxes, said, boxes_said, cells)
            loss = loss + self._config.retention * distance
            figures = {**figures, "retention_loss": distance}
        if self._teacher is not None:
            said, raw_said = taught
            n = len(said)
            boxes_said = decode_boxes(raw_said, centres, strides)
            distance = distillation_loss(logits[:n], boxes[:n], said, boxes_said)
            loss = loss + distance
            figures = {**figures, "teacher_loss": distance}
        return loss, figures

    def result(self, network: nn.Module) -> nn.Module:
        """The network with weights at `blend` between those of the start and its own."""
        if not self._first:
            return network
        blended, share = copy.deepcopy(network), self._config.blend
        state = blended.state_dict()  # its tensors are the network's own
        for name, first in self._first.items():
            if first.is_floating_point():
                state[name].lerp_(first.to(state[name].device), 1 - share)
        return blended.eval()

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Average precision and recall over whole held-out photos."""
        network = self.result(network)
        truths, found = [], []
        for i in range(len(self._held_out)):
            image, boxes, ignored = self._held_out[i]
            truths.append(AnnotatedFaces(boxes, ignored))
            found.append(propose(network, image))
        return accuracy(*accuracy_curves(truths, found))
