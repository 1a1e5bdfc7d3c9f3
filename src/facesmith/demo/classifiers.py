"""Classifiers trained on synthetic patches, and what their test patches say of them."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from facesmith.approximation.experiment.verdict import History, Verdict, assess_overfitting
from facesmith.demo.photos import real_patches
from facesmith.detection.classifier import load_classifier
from facesmith.evaluation.roc_report import THRESHOLD, RocReport, report
from facesmith.metrics.roc import accuracy, area_under_curve
from facesmith.patches import Patches
from facesmith.progress import Progress
from facesmith.training.classifier import WEIGHTS_NAME, train_classifier
from facesmith.training.classifier_config import ClassifierConfig

MISTAKES_SHOWN = 6
_GUESSING_LOSS = math.log(2)  # cross-entropy of a net that says 0.5 to everything


class ScoredPatch(NamedTuple):
    """A patch uint8 `(64, 64, 3)`, BGR, and the score that a classifier gave it."""

    image: npt.NDArray[np.uint8]
    score: float


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A classifier and how it did."""

    network: str  # its name
    metrics: dict[str, Any]  # what its run folder's `metrics.json` holds
    report: RocReport  # on the synthetic test patches
    history: History  # cross-entropy on training and validation patches, by epoch
    verdict: Verdict  # whether it overfits
    taken_for_faces: tuple[ScoredPatch, ...]  # the highest-scored test patches without a face
    missed: tuple[ScoredPatch, ...]  # the lowest-scored test patches with a face
    n_taken_for_faces: int  # how many there are in all
    n_missed: int  # how many there are in all
    real_auc: float  # area under the curve on 200 small patches of real photos; NaN without them
    real_accuracy: float  # accuracy on them


def train_on_synthetic(
    network: str, epochs: int, patches_path: Path, patches: Patches, out: Path, progress: Progress
) -> TrainedClassifier:
    """Train one network on a patches file and look at its test patches."""
    config = ClassifierConfig.for_network(network).updated({"loop": {"epochs": epochs}})
    metrics = train_classifier(patches_path, out, config, progress=progress)
    classifier = load_classifier(out / WEIGHTS_NAME)
    rows = patches.rows_of("test")
    images, labels = patches.images[rows], patches.labels[rows, 0]
    scores = classifier(images)
    about = "drawn patches, none of them trained on"
    people = patches.photo_indices[rows]
    reported = report(labels, scores, photos=people, network=network, rows=about)
    # The groups are drawn people, not photos: the picture of the curve should not call them so.
    reported = replace(reported, n_photos=None)
    with (out / "log.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    train, validation = (
        np.array([float(line[f"{name}_loss"]) for line in lines])
        for name in ("train", "validation")
    )
    history = History("epoch", train, validation)
    taken = np.flatnonzero((labels == 0) & (scores >= THRESHOLD))
    missed = np.flatnonzero((labels == 1) & (scores < THRESHOLD))

    def worst(rows: npt.NDArray[np.intp], sign: int) -> tuple[ScoredPatch, ...]:
        first = rows[np.argsort(sign * scores[rows], kind="stable")][:MISTAKES_SHOWN]
        return tuple(ScoredPatch(images[row], float(scores[row])) for row in first)

    real, real_auc, real_accuracy = real_patches(), math.nan, math.nan
    if real is not None:
        truth, given = real[1], classifier(real[0])
        real_auc, real_accuracy = area_under_curve(truth, given), accuracy(truth, given, THRESHOLD)
    return TrainedClassifier(
        network=network,
        metrics=metrics,
        report=reported,
        history=history,
        verdict=assess_overfitting(history, _GUESSING_LOSS),
        taken_for_faces=worst(taken, -1),
        missed=worst(missed, 1),
        n_taken_for_faces=len(taken),
        n_missed=len(missed),
        real_auc=real_auc,
        real_accuracy=real_accuracy,
    )
