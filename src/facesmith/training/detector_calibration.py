"""Calibration, threshold and evaluation of a trained detector, with and without its refiner."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.detection.calibration import Calibration
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, Detector
from facesmith.detection.refiner import Refiner
from facesmith.export.metadata import update_description
from facesmith.metrics.operating_point import Target
from facesmith.training.calibration import (
    Evaluated,
    Fitted,
    equal_sources,
    evaluate,
    fit_calibration,
    held_out_boxes,
    with_mean_logits,
)
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.proposals import Photos

# The two variants of a detector that a training compares.
ALONE = "proposals alone"
WITH_REFINER = "with refiner"
GAINING = ("ap", "ap_iou40", "recall_at_0.1")  # the figures that decide


def calibrate(
    folder: Path,
    validation: Photos,
    sources: Sequence[str],
    config: DetectorConfig,
    target: Target | None,
) -> dict[str, Any]:
    """Calibrate weights, choose their threshold, and drop a refiner that gains too little.

    Args:
        folder: Where the weights are; they get calibration and threshold.
        validation: The photos held out.
        sources: Where each of them comes from.
        config: Settings of the training.
        target: What the threshold is to meet.

    Returns:
        What `metrics.json` says of it.
    """
    kept, variants = _evaluate_variants(folder, validation, sources, config, target)
    fitted, evaluated = variants[kept]
    points = {"operating_point": evaluated.point, "find_all": evaluated.find_all}
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


def _evaluate_variants(
    folder: Path,
    validation: Photos,
    sources: Sequence[str],
    config: DetectorConfig,
    target: Target | None,
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
        fitted = fit_calibration(boxes, refiner is not None, gate)
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
