"""Calibration, threshold and evaluation of a trained detector, with and without its refiner."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.calibration import Calibration
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, Detector
from facesmith.detection.refiner import Refiner
from facesmith.evaluation import MIN_FACE_HEIGHT
from facesmith.export.metadata import update_description
from facesmith.metrics.operating_point import Target
from facesmith.progress import Progress
from facesmith.training.calibration import (
    METHODS,
    METHODS_OF_FEW,
    Evaluated,
    Fitted,
    equal_sources,
    evaluate,
    fit_calibration,
    held_out_boxes,
    with_mean_logits,
)
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.learned_photos import Photos

# The two variants of a detector that a training compares.
ALONE = "proposals alone"
WITH_REFINER = "with refiner"
KEPT = "kept"  # the method of a calibration that is that of the weights gone on from
GAINING = ("ap", "ap_iou40", "recall_at_0.1")  # the figures that decide


@dataclass(frozen=True)
class Choices:
    """Whether enough faces are held out to choose something by them.

    Attributes:
        n_faces: Faces held out that are judged, see `judged_faces`.
        enough: Whether epoch, calibration, threshold and 8 bits are chosen by them.
        former: Else the weights that the training went on from, if any, whose choices stay.
    """

    n_faces: int
    enough: bool
    former: Detector | None

    @classmethod
    def of(
        cls, held_out: Sequence[AnnotatedPhoto], config: DetectorConfig, start: Path | None
    ) -> Choices:
        """What the photos held out are enough for."""
        n_faces = sum(judged_faces(photo, config.proposals.photo_side) for photo in held_out)
        enough = n_faces >= config.min_choice_faces
        return cls(n_faces, enough, None if enough or start is None else Detector(start))

    def applied(self, config: DetectorConfig, progress: Progress) -> DetectorConfig:
        """The settings, by which the last epoch is kept where the faces are too few; told."""
        if config.min_choice_faces:
            progress.say(self.summary())
        if self.enough:
            return config
        loop = config.proposals.loop
        loop = dataclasses.replace(loop, validate_every=loop.epochs)
        return dataclasses.replace(
            config, proposals=dataclasses.replace(config.proposals, loop=loop)
        )

    def summary(self) -> str:
        """A sentence on what is chosen by the faces held out, and what is not."""
        faces = "1 face is" if self.n_faces == 1 else f"{self.n_faces:,} faces are"
        if self.enough:
            return f"{faces} held out: they choose epoch, calibration, threshold and 8 bits."
        if self.former is None:
            return (
                f"Only {faces} held out: the last epoch is kept, in 8 bits, and its scores are "
                "calibrated by a straight line."
            )
        return (
            f"Only {faces} held out: the last epoch is kept; calibration, threshold and 8 bits "
            "stay those of the weights gone on from."
        )


def calibrate(
    folder: Path,
    validation: Photos,
    sources: Sequence[str],
    config: DetectorConfig,
    target: Target | None,
    choices: Choices,
) -> dict[str, Any]:
    """Calibrate weights, choose their threshold, and drop a refiner that gains too little.

    Args:
        folder: Where the weights are; they get calibration and threshold.
        validation: The photos held out.
        sources: Where each of them comes from.
        config: Settings of the training.
        target: What the threshold is to meet.
        choices: Whether there are enough faces to choose by; else calibration and, without a
            target, threshold stay those of the weights gone on from.

    Returns:
        What `metrics.json` says of it.
    """
    former = choices.former
    if former is not None and _is_alike(former, folder):
        return _keep(folder, validation, sources, config, target, former)
    methods = METHODS if choices.enough else METHODS_OF_FEW
    kept, variants = _evaluate_variants(folder, validation, sources, config, target, methods)
    fitted, evaluated = variants[kept]
    points = {"operating_point": evaluated.point, "find_all": evaluated.find_all()}
    chosen = {name: point.to_dict() for name, point in points.items() if point}
    calibration = asdict(fitted.calibration)
    update_description(
        folder / PROPOSALS_FILE,
        {"calibration": calibration, "threshold": evaluated.figures["threshold"], **chosen},
    )
    if not fitted.calibration.refiner_weight:
        (folder / REFINER_FILE).unlink(missing_ok=True)
    return {
        "kept": kept,
        "calibration": {"method": fitted.method, "log_losses": fitted.log_losses},
        "calibration_error": fitted.calibration_error,
        **chosen,
        "held_out": {variant: result.figures for variant, (_, result) in variants.items()},
    }


def _is_alike(former: Detector, folder: Path) -> bool:
    """Whether the calibration of earlier weights is for a detector of the same stages."""
    return bool(former.calibration.refiner_weight) == (folder / REFINER_FILE).is_file()


def judged_faces(photo: AnnotatedPhoto, photo_side: float = math.inf) -> int:
    """How many faces of a photo are judged: not ignored, and not too low once it is reduced."""
    scale = min(1.0, photo_side / max(photo.width, photo.height, 1))
    heights = (photo.boxes[:, 3] - photo.boxes[:, 1]) * scale
    return int(((heights >= MIN_FACE_HEIGHT) & ~photo.ignored).sum())


def _keep(
    folder: Path,
    validation: Photos,
    sources: Sequence[str],
    config: DetectorConfig,
    target: Target | None,
    former: Detector,
) -> dict[str, Any]:
    """Give the weights the calibration of earlier ones, and their threshold unless told else."""
    path, calibration = folder / PROPOSALS_FILE, asdict(former.calibration)
    update_description(path, {"calibration": calibration, "threshold": former.min_score})
    weights = equal_sources(sources) if config.weigh_sources else None
    evaluated = evaluate(
        Detector(path, threads=1), validation, target, weights, threshold=former.min_score
    )
    chosen = {"operating_point": evaluated.point.to_dict()} if evaluated.point else {}
    if "find_all" in former.metadata:
        chosen["find_all"] = former.metadata["find_all"]
    update_description(path, {"threshold": evaluated.figures["threshold"], **chosen})
    kept = WITH_REFINER if former.calibration.refiner_weight else ALONE
    return {
        "kept": kept,
        "calibration": {"method": KEPT, "log_losses": {}},
        "calibration_error": math.nan,
        **chosen,
        "held_out": {kept: evaluated.figures},
    }


def _evaluate_variants(
    folder: Path,
    validation: Photos,
    sources: Sequence[str],
    config: DetectorConfig,
    target: Target | None,
    methods: Sequence[str],
) -> tuple[str, dict[str, tuple[Fitted, Evaluated]]]:
    """Calibrate and evaluate the proposals alone and, where it was trained, with the refiner.

    Returns:
        The variant that is kept, and of each the calibration, figures and thresholds.
    """
    path = folder / PROPOSALS_FILE
    detector = Detector(path, threads=1)
    weights = equal_sources(sources) if config.weigh_sources else None
    variants: dict[str, tuple[Fitted, Evaluated]] = {}

    def evaluate_variant(variant: str, refiner: Refiner | None, gate: Calibration) -> None:
        boxes = held_out_boxes(detector, refiner, validation, sources, gate)
        fitted = fit_calibration(boxes, refiner is not None, gate, methods)
        update_description(path, {"calibration": asdict(fitted.calibration)})
        calibrated = Detector(path, threads=1)
        variants[variant] = (fitted, evaluate(calibrated, validation, target, weights))

    gate, settings = Calibration(), config.refiner
    evaluate_variant(ALONE, None, gate)
    if settings is None:
        return ALONE, variants
    refiner = Refiner(folder / REFINER_FILE)
    gate = dataclasses.replace(gate, gate_lower=settings.gate_lower, gate_upper=settings.gate_upper)
    gate = with_mean_logits(gate, detector, refiner, validation)
    evaluate_variant(WITH_REFINER, refiner, gate)
    figures, without = (variants[name][1].figures for name in (WITH_REFINER, ALONE))
    gain = float(np.mean([figures[name] - without[name] for name in GAINING]))
    return WITH_REFINER if gain >= settings.min_gain else ALONE, variants
