"""Scores of a trained classifier on rows of patches, and the threshold chosen on them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.detection.classifier import load_classifier
from facesmith.errors import FacesmithError, PatchesError, TrainingError
from facesmith.export.metadata import store_threshold
from facesmith.files import checksum
from facesmith.metrics.operating_point import OperatingPoint, Target, choose_threshold
from facesmith.metrics.scored_rows import patch_rows
from facesmith.patches import SPLITS, Patches, load_patches
from facesmith.printable import counted
from facesmith.runs.folder import RunFolder

WEIGHTS_NAME = "classifier.onnx"


@dataclass(frozen=True, eq=False)
class RatedRows:
    """Rows of a patches file with the scores of a classifier."""

    labels: npt.NDArray[np.integer]  # `(n,)`, 1 for a face, 0 for anything else
    scores: npt.NDArray[np.float32]  # float32 `(n,)`
    photos: npt.NDArray[np.integer] | None  # int64 `(n,)`, the photo of each; `None` where unknown
    network: str  # name of the network
    rows: str  # which rows they are, in words


def rate_rows(
    run: str | Path,
    patches_path: str | Path | None = None,
    *,
    split: str | None = None,
    own_split: str = "test",
    threads: int = 1,
) -> RatedRows:
    """Score rows that the run was not trained on.

    `run` is the run folder of a classifier training, or its weights file. The rows are those of
    `patches_path`, by default the file that the run was trained on, in the split `"train"`,
    `"validation"`, `"test"` or `"all"`: by default `own_split` of the run's own file, and all rows
    of another. `threads` are CPU threads for scoring.

    Raises:
        TrainingError: If the run is not finished, or its patches file has moved or changed.
        PatchesError: If the patches file cannot be used or has no rows in that split.
        WeightsError: If the weights file cannot be used.
    """
    weights_path = classifier_weights(run)
    patches = load_patches(_own_patches(Path(run)) if patches_path is None else patches_path)
    chosen = split or (own_split if patches_path is None else "all")
    source = "the run's patches" if patches_path is None else Path(patches_path).name
    rows = f"all rows of {source}" if chosen == "all" else f"{chosen} split of {source}"
    mask = patches.splits == SPLITS.index(chosen) if chosen != "all" else patches.splits >= 0
    if not mask.any():
        raise PatchesError(f"No rows in the {rows}. Pass another --split, or another --patches.")
    _warn_of_training_rows(Path(run), patches, mask, own=patches_path is None)
    classifier = load_classifier(weights_path, threads=threads)
    scores = classifier(patches.images[mask])
    if not np.isfinite(scores).all():
        raise FacesmithError(
            f"{weights_path} scores {np.sum(~np.isfinite(scores))} of {len(scores)} rows as NaN "
            "or infinite. The weights are damaged: train again."
        )
    indices = patches.photo_indices
    return RatedRows(
        labels=patches.labels[mask, 0],
        scores=scores,
        # Where no two rows name the same photo, the photos are unknown: every row is its own.
        photos=indices[mask] if len(np.unique(indices)) < len(indices) else None,
        network=str(classifier.metadata["network"]),
        rows=rows,
    )


def _warn_of_training_rows(
    run: Path, patches: Patches, mask: npt.NDArray[np.bool_], *, own: bool
) -> None:
    """Warn where rows to be judged are among those that the run has learned from.

    Rows of the run's own patches are known by their split, others by their pixels.
    """
    if own:
        known = int((mask & (patches.splits == SPLITS.index("train"))).sum())
    else:
        try:
            trained = load_patches(_own_patches(run))
        except (TrainingError, PatchesError):  # gone, so that nothing is known of it
            return
        learned = {_digest(row) for row in trained.images[trained.rows_of("train")]}
        known = sum(_digest(row) in learned for row in patches.images[mask])
    if known:
        warnings.warn(
            f"{run} was trained on {known:,} of {counted(int(mask.sum()), 'row')}: the figures are "
            "too good. Pass rows that took no part in the training.",
            UserWarning,
            stacklevel=2,
        )


def _digest(row: npt.NDArray[np.uint8]) -> bytes:
    return blake2b(row.tobytes(), digest_size=16).digest()


def classifier_weights(run: str | Path) -> Path:
    """The weights file of a classifier's run folder, or the file itself; else a `TrainingError`."""
    run = Path(run)
    if run.suffix == ".npz" and run.is_file():
        raise TrainingError(
            f"{run} holds patches; expected the run folder of `facesmith train`, or a classifier's "
            ".onnx file. Patches go with --patches."
        )
    path = run if run.is_file() else run / WEIGHTS_NAME
    if not path.exists():
        raise TrainingError(
            f"{run} has no {WEIGHTS_NAME}: not a classifier's run folder, or its training is not "
            "finished. Go on with `facesmith train ... --resume`."
        )
    return path


def choose_classifier_threshold(
    run: str | Path,
    target: Target,
    patches_path: str | Path | None = None,
    *,
    threads: int = 1,
    seed: int = 0,
) -> OperatingPoint:
    """Choose a threshold and store it with the weights.

    It is chosen on the validation rows of the run's own patches, or on all rows of `patches_path`;
    other arguments as for `rate_rows`.

    Raises:
        EvaluationError: If no threshold keeps the target.
    """
    rated = rate_rows(run, patches_path, own_split="validation", threads=threads)
    photos = np.arange(len(rated.labels)) if rated.photos is None else rated.photos
    point = choose_threshold(patch_rows(rated.labels, rated.scores, photos), target, seed=seed)
    store_threshold(classifier_weights(run), point)
    return point


def _own_patches(run: Path) -> Path:
    """The patches file that a run was trained on, unchanged since."""
    folder = RunFolder(run.parent if run.is_file() else run)
    config = folder.read_config()
    path = Path(str(config.get("data_path", "")))
    if not path.is_file():
        raise TrainingError(f"{run} was trained on {path}, which is gone. Pass --patches FILE.")
    if checksum(path) != config["data"]:
        raise TrainingError(
            f"{path} has changed since {run} was trained on it: its test split may hold rows that "
            "were trained on. Pass --patches FILE to evaluate on it all the same."
        )
    return path
