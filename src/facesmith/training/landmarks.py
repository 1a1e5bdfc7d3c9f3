"""The training of five points, on patches cut around what the detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facesmith.detection.patches import PATCH_SIZE
from facesmith.faces import MIRRORED_LANDMARKS, N_LANDMARKS
from facesmith.networks.landmarks import build_landmark_network
from facesmith.training.arrays import Floats, Pixels
from facesmith.training.augmentation import augment_warped, uniforms
from facesmith.training.degradation import degrade
from facesmith.training.landmark_config import ROOM, LandmarkConfig
from facesmith.training.landmark_patches import LandmarkPatches
from facesmith.training.optimisers import adamw
from facesmith.training.sampling import draw_rows
from facesmith.training.warm_start import start_from
from facesmith.training.warping import patches_to_input, warped

# Places are a tenth of a side apart: scaled so that the loss is linear in all but small errors.
_STEEPNESS = 40.0


class LandmarkTask:
    """Patches in, places and visibility of points out; see `facesmith.training.loop.Task`."""

    monitor = "nme"
    higher_is_better = False

    def __init__(
        self,
        training: LandmarkPatches,
        held_out: LandmarkPatches,
        config: LandmarkConfig,
        sources: Sequence[str],
        start: Path | None = None,
    ) -> None:
        drawn_from = [sources[photo] for photo in training.photos]
        self._order = lru_cache(maxsize=2)(  # as in `RefinerTask`
            partial(draw_rows, drawn_from, config.source_power, config.loop.seed)
        )
        self._training, self._held_out, self._config = training, held_out, config
        self._size = min(config.batch_size, len(training.images))
        self.steps_per_epoch = len(training.images) // self._size
        self.rows_per_epoch = self.steps_per_epoch * self._size
        self.network: nn.Module = build_landmark_network(config.loop.seed)
        if start is not None:
            start_from(
                self.network, start, patches_to_input(torch.from_numpy(held_out.images[:256]))
            )
        self.optimizer = adamw(self.network, config.loop.learning_rate, config.weight_decay)

    def batch(self, epoch: int, step: int) -> Any:
        """Patches, changes of their colours and places, points `(n, 5, 2)`, visible `(n, 5)`."""
        config, size = self._config, self._size
        seed = config.loop.seed
        rows = self._order(epoch)[step * size : (step + 1) * size]
        patches, matrices, offsets, places = augment_warped(
            self._training.images, rows, config.augmentation, seed=seed, epoch=epoch
        )
        for i, row in enumerate(rows):
            rng = np.random.default_rng([seed, epoch, int(row)])
            patches[i] = degrade(patches[i], rng, config.degradation)
        places[:, :, :2] /= ROOM
        points = self._training.points[rows]
        draws = uniforms(seed + 1, epoch, rows, 6)
        hidden = _cover(patches, points, draws, config)
        visible = np.where(hidden, np.float32(0), self._training.visible[rows])
        points = moved_points(points, places)
        mirrored = np.linalg.det(places[:, :, :2]) < 0
        points[mirrored] = points[mirrored][:, MIRRORED_LANDMARKS]
        visible[mirrored] = visible[mirrored][:, MIRRORED_LANDMARKS]
        arrays = (patches, matrices, offsets, places, points, visible)
        return tuple(torch.from_numpy(array) for array in arrays)

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Smooth L1 of the places that are known, and cross-entropy of visibility likewise."""
        patches, matrices, offsets, places, points, visible = batch
        pixels = warped(patches, matrices, offsets, places, PATCH_SIZE)
        outputs = network(patches_to_input(pixels)).float()
        known = ~torch.isnan(points)
        n_points = 2 * N_LANDMARKS
        found = outputs[:, :n_points].reshape(points.shape)
        place_loss = functional.smooth_l1_loss(
            found[known] * _STEEPNESS, points[known] * _STEEPNESS, reduction="sum"
        ) / max(int(known.sum()), 1)
        told = ~torch.isnan(visible)
        visibility_loss = functional.binary_cross_entropy_with_logits(
            outputs[:, n_points:][told], visible[told], reduction="sum"
        ) / max(int(told.sum()), 1)
        loss = place_loss + self._config.visibility_weight * visibility_loss
        return loss, {"place_loss": place_loss, "visibility_loss": visibility_loss}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean error by the size of the box, and the share of faces whose error is above 10 %."""
        held = self._held_out
        device = next(network.parameters()).device
        parts = []
        for i in range(0, len(held.images), 256):
            pixels = torch.from_numpy(held.images[i : i + 256]).to(device)
            parts.append(network(patches_to_input(pixels)).float().cpu().numpy())
        errors = normalised_errors(np.concatenate(parts), held)
        return {"nme": float(np.mean(errors)), "failures": float(np.mean(errors > 0.1))}


def normalised_errors(outputs: Floats, patches: LandmarkPatches) -> Floats:
    """Each face's mean distance of its points to the true ones, by the size of its box, `(n,)`.

    Args:
        outputs: Of the network, `(n, 15)`.
        patches: What it saw.
    """
    found = outputs[:, : 2 * N_LANDMARKS].reshape(-1, N_LANDMARKS, 2)
    distances = np.linalg.norm(found - patches.points, axis=2)
    errors: Floats = np.nanmean(distances, axis=1) / patches.sizes
    return errors


def moved_points(points: Floats, places: Floats) -> Floats:
    """Where points lie after a change of places.

    Args:
        points: `(n, 5, 2)`, from the centre in units of the side of what the network sees.
        places: `(n, 2, 3)`, maps from new places to old ones in patches that are `ROOM` times as
            wide, see `augment_warped`.
    """
    old = points * np.float32(2 / ROOM) - places[:, None, :, 2]
    inverse = np.linalg.inv(places[:, :, :2])
    new: Floats = np.einsum("nij,npj->npi", inverse, old).astype(np.float32) / np.float32(2)
    return new


def _cover(patches: Pixels, points: Floats, draws: Floats, config: LandmarkConfig) -> Pixels:
    """Paint a rectangle over some patches, in place; returns which points it hides, `(n, 5)`.

    Half of the rectangles show a part of another patch, the others one colour of their own patch.

    Args:
        patches: uint8 `(n, side, side, 3)`.
        points: `(n, 5, 2)`, see `LandmarkPatches`.
        draws: Uniform in [0, 1), `(n, 6)`.
        config: How often, and how large.
    """
    side = patches.shape[1]
    unit = side / ROOM  # pixels of the side of what the network sees
    hidden = np.zeros(points.shape[:2], bool)
    others = np.roll(patches, 1, axis=0)
    for i in np.flatnonzero(draws[:, 0] < config.covered):
        size = (0.1 + (config.max_covered - 0.1) * draws[i, 1:3]) * unit
        low = side / 2 + (draws[i, 3:5] - 0.5) * unit - size / 2
        left, top = np.clip(np.round(low), 0, side).astype(int)
        right, bottom = np.clip(np.round(low + size), 0, side).astype(int)
        textured = draws[i, 5] < 0.5
        part = others[i, top:bottom, left:right] if textured else patches[i, top, left].copy()
        patches[i, top:bottom, left:right] = part
        xy = side / 2 + points[i] * unit
        hidden[i] = ((xy >= (left, top)) & (xy < (right, bottom))).all(axis=1)
    return hidden
