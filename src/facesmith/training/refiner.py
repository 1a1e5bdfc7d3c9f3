"""The training of the refiner, on patches cut around what the proposal network finds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facesmith.detection.refiner import Refiner
from facesmith.errors import WeightsError
from facesmith.metrics.roc import area_under_curve
from facesmith.networks.refiner import build_refiner
from facesmith.training.augmentation import augment, uniforms
from facesmith.training.optimisers import adamw
from facesmith.training.refiner_config import RefinerConfig
from facesmith.training.refiner_patches import ProposalPatches
from facesmith.training.sampling import draw_rows
from facesmith.training.warm_start import hold, start_from
from facesmith.training.warping import patches_to_input


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
        self._former: Refiner | None = None
        self._fixed: list[nn.Module] = []
        if start is not None:
            try:
                start_from(self.network, start, patches_to_input(self.batch(0, 0)[0]))
            except WeightsError as error:
                raise WeightsError(
                    f"{error} Move the file away to train a refiner from the start."
                ) from error
            self._fixed = hold(self.network, fixed_statistics=config.fixed_statistics)
            self._former = Refiner(start) if config.retention else None

    def batch(self, epoch: int, step: int) -> Any:
        """Pixels float32 `(n, 64, 64, 3)`, labels `(n,)`, deltas `(n, 4)`.

        With `retention` also what the weights that the training goes on from say, `(n, 5)`.
        """
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
        said: tuple[Tensor, ...] = ()
        if self._former is not None:
            said = (torch.from_numpy(self._former.outputs(pixels.astype(np.uint8))),)
        return (
            torch.from_numpy(pixels),
            torch.from_numpy(self._training.labels[rows]),
            torch.from_numpy(deltas),
            *said,
        )

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the score where labelled, and smooth L1 of the deltas where known.

        With `retention` also the distance from the start.
        """
        pixels, labels, deltas, *said = batch
        for module in self._fixed:  # the loop has just put all of the network into training mode
            module.eval()
        outputs = network(patches_to_input(pixels)).float()
        loss, figures = refiner_loss(outputs, labels, deltas, self._config.label_smoothing)
        if not said:
            return loss, figures
        distance = retention_loss(outputs, said[0], labels)
        return loss + self._config.retention * distance, {**figures, "retention_loss": distance}

    def held_out_loss(self, network: nn.Module) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Outputs `(n, 5)` on patches of held-out photos, the loss and its parts."""
        held = self._held_out
        device = next(network.parameters()).device
        parts = []
        for i in range(0, len(held.labels), 256):
            pixels = torch.from_numpy(held.images[i : i + 256]).to(device)
            parts.append(network(patches_to_input(pixels)).float().cpu())
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


def retention_loss(outputs: Tensor, said: Tensor, labels: Tensor) -> Tensor:
    """How far scores and deltas are from those of earlier weights; 0 where they are the same.

    Patches of which the earlier weights say the opposite of the label do not count.

    Args:
        outputs: `(n, 5)`.
        said: `(n, 5)`, of the earlier weights.
        labels: `(n,)`, 1, 0 or NaN.
    """
    score = torch.sigmoid(said[:, 0])
    opposed = (score > 0.5) != (labels > 0.5)
    agreed = torch.isnan(labels) | ~opposed
    entropy, own_entropy = (
        functional.binary_cross_entropy_with_logits(
            given[agreed, 0], score[agreed], reduction="sum"
        )
        for given in (outputs, said)
    )
    face = agreed & (score > 0.5)
    deltas = functional.smooth_l1_loss(outputs[face, 1:] * 10, said[face, 1:] * 10, reduction="sum")
    n_agreed, n_faces = max(int(agreed.sum()), 1), max(int(face.sum()), 1)
    return (entropy - own_entropy) / n_agreed + 0.3 * deltas / (4 * n_faces)
