"""A patches file in, a trained and exported classifier out."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facesmith.detection.classifier import load_classifier
from facesmith.detection.sessions import available_cores
from facesmith.errors import TrainingError
from facesmith.evaluation.classifier_rows import choose_classifier_threshold
from facesmith.export.onnx_export import export_classifier
from facesmith.files import checksum, write_json
from facesmith.metrics.operating_point import Target
from facesmith.metrics.roc import area_under_curve
from facesmith.networks.classifiers import PatchClassifier, build_classifier
from facesmith.patches import SPLITS, Patches, load_patches
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder, one_process_at_a_time
from facesmith.training.augmentation import augment_warped
from facesmith.training.classifier_config import ClassifierConfig
from facesmith.training.fabric import make_fabric
from facesmith.training.loop import run_loop
from facesmith.training.optimisers import adamw
from facesmith.training.sharing import current_world
from facesmith.training.warping import warped

WEIGHTS_NAME = "classifier.onnx"  # of the exported weights in a run folder


class ClassifierTask:
    """Patches in, logits out; see `facesmith.training.loop.Task`."""

    monitor = "loss"
    higher_is_better = False

    def __init__(self, patches: Patches, config: ClassifierConfig) -> None:
        self._config = config
        self._images = patches.images
        self._labels = patches.labels[:, 0].astype(np.float32)
        self._training = np.flatnonzero(patches.splits == SPLITS.index("train"))
        self._validation = np.flatnonzero(patches.splits == SPLITS.index("validation"))
        for name, rows in (("training", self._training), ("validation", self._validation)):
            if len(np.unique(self._labels[rows])) < 2:
                raise TrainingError(
                    f"The {name} rows must hold faces and non-faces; got "
                    f"{counted(len(rows), 'row')}, "
                    f"{int(self._labels[rows].sum())} of them faces. Prepare more photos."
                )
        self._batch_size = min(config.batch_size, len(self._training))
        self.steps_per_epoch = len(self._training) // self._batch_size
        self.rows_per_epoch = self.steps_per_epoch * self._batch_size
        self.network: nn.Module = build_classifier(config.network, seed=config.loop.seed)
        self.optimizer = adamw(self.network, config.loop.learning_rate, config.weight_decay)

    def batch(self, epoch: int, step: int) -> Any:
        """Patches and labels; with augmentation, how to change colours and places, too."""
        seed, size = self._config.loop.seed, self._batch_size
        order = np.random.default_rng([seed, epoch]).permutation(self._training)
        rows = order[step * size : (step + 1) * size]
        labels = torch.from_numpy(self._labels[rows])
        settings = self._config.augmentation
        if settings is None:
            return torch.from_numpy(self._images[rows]), labels
        patches, *changes = augment_warped(self._images, rows, settings, seed=seed, epoch=epoch)
        return torch.from_numpy(patches), labels, *(torch.from_numpy(part) for part in changes)

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Binary cross-entropy; and binary accuracy at a score of 0.5."""
        patches, labels, *changes = batch
        if changes:
            patches = warped(patches, *changes)
        logits = network(patches).float()
        smoothing = self._config.label_smoothing
        targets = labels * (1 - smoothing) + smoothing / 2
        loss = functional.binary_cross_entropy_with_logits(logits, targets)
        accuracy = ((logits.detach() >= 0) == (labels > 0.5)).float().mean()
        return loss, {"accuracy": accuracy}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Cross-entropy, accuracy and area under the ROC curve on the validation rows."""
        rows = self._validation
        device = next(network.parameters()).device
        logits = torch.cat(
            [
                network(torch.from_numpy(self._images[rows[i : i + 256]]).to(device)).cpu()
                for i in range(0, len(rows), 256)
            ]
        )
        labels = torch.from_numpy(self._labels[rows])
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        ordered = bool(torch.isfinite(logits).all())  # else the loss is not finite: the loop stops
        return {
            "loss": float(loss) if ordered else math.nan,
            "accuracy": float(((logits >= 0) == (labels > 0.5)).float().mean()),
            "auc": area_under_curve(labels.numpy(), logits.numpy()) if ordered else math.nan,
        }


@one_process_at_a_time
def train_classifier(
    patches_path: str | Path,
    out: str | Path,
    config: ClassifierConfig | None = None,
    *,
    target: Target | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Any]:
    """Train a classifier on a patches file, export it, and evaluate it on the held-out rows.

    Args:
        patches_path: The `.npz` that `facesmith prepare` wrote.
        out: The run folder.
        config: Settings; by default those of `compact`.
        target: Store the threshold that keeps this on the validation rows; `None`: 0.5.
        resume: Go on with what the run folder holds.
        force: Start anew over what the run folder holds.
        progress: Told how far the training is.

    Returns:
        What `metrics.json` holds.

    Raises:
        PatchesError: If the patches file cannot be used.
        TrainingError: If the training cannot start, or ends early.
        EvaluationError: If no threshold keeps the target; the weights are there all the same.
    """
    config = config or ClassifierConfig()
    # The number of threads decides the order of summation, and so the last bits of the weights.
    threads = config.loop.threads or available_cores()
    config = dataclasses.replace(config, loop=dataclasses.replace(config.loop, threads=threads))
    patches = load_patches(patches_path)
    run = RunFolder(out)
    about = {
        "task": "classifier",
        "data": checksum(patches_path),
        "data_path": str(Path(patches_path).resolve()),
        **config.to_dict(),
        **current_world().described(),
    }
    task = ClassifierTask(patches, config)
    make_fabric(config.loop, current_world())  # refuses before a folder is made
    current_world().check_same(about)
    run.start(about, resume=resume, force=force)
    result = run_loop(
        task, config.loop, run, rows_per_epoch=task.rows_per_epoch, resume=resume, progress=progress
    )
    model = build_classifier(config.network)
    model.load_state_dict(result.weights)
    weights_path = run.path / WEIGHTS_NAME
    difference = export_classifier(
        model, weights_path, network=config.network, mirrored=config.network != "pointwise"
    )
    metrics = {
        "task": "classifier",
        "network": config.network,
        "parameters": count_parameters(model),
        "stopped": result.stopped,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch + 1,
        "seconds": round(result.seconds, 2),
        "patches_per_second": round(result.rows_per_second, 1),
        "onnx_difference": difference,
        **_figures(weights_path, patches, threads),
    }
    write_json(run.metrics_path, metrics)
    if target is not None:
        point = choose_classifier_threshold(run.path, target, threads=threads)
        metrics["operating_point"] = point.to_dict()
        write_json(run.metrics_path, metrics)
    return metrics


def count_parameters(model: PatchClassifier) -> int:
    """Trained numbers of a network."""
    return sum(p.numel() for p in model.parameters())


def _figures(weights_path: Path, patches: Patches, threads: int) -> dict[str, Any]:
    """Accuracy and AUC of the exported weights on the rows that were not trained on."""
    classifier = load_classifier(weights_path, threads=threads)
    figures: dict[str, Any] = {}
    for name in ("validation", "test"):
        rows = patches.splits == SPLITS.index(name)
        labels = patches.labels[rows, 0]
        if len(np.unique(labels)) < 2:
            continue
        scores = classifier(patches.images[rows])
        figures[name] = {
            "rows": int(rows.sum()),
            "accuracy": float(np.mean((scores >= classifier.threshold) == labels)),
            "auc": area_under_curve(labels, scores),
        }
    return figures
