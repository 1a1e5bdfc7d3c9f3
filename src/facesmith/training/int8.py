"""Quantises trained networks to 8 bits where that costs little accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.detection.detector import Detector, padded
from facesmith.detection.landmarks import LandmarkFinder
from facesmith.detection.patches import PATCH_SIZE
from facesmith.detection.refiner import Refiner
from facesmith.export.quantisation import quantise
from facesmith.metrics.roc import area_under_curve
from facesmith.networks.detector import INPUT_MULTIPLE
from facesmith.training.calibration import evaluate
from facesmith.training.crops import CropConfig, draw_crop
from facesmith.training.landmark_patches import LandmarkPatches
from facesmith.training.landmarks import normalised_errors
from facesmith.training.learned_photos import Photos
from facesmith.training.refiner_patches import ProposalPatches

N_TYPICAL = 64  # photos that tell the ranges of 8-bit activations
MAX_AUC_LOSS = 0.001  # that 8 bits may cost the refiner
MAX_NME_LOSS = 0.0005  # that they may cost landmarks, in sizes of the box


def quantise_proposals(
    path: Path,
    learned: Photos,
    validation: Photos,
    max_loss: float,
    *,
    enough: bool = True,
    crops: CropConfig | None = None,
) -> dict[str, Any]:
    """Quantise the proposals to 8 bits if that costs at most so much average precision.

    Args:
        path: The weights file; replaced where 8 bits are kept.
        learned: Photos that tell the ranges of activations.
        validation: The photos held out.
        max_loss: Largest fall of average precision; below 0: float32 is kept.
        enough: Whether the held-out photos show enough faces to decide; else 8 bits are kept.
        crops: Measure the ranges on random crops as well: few photos of one kind, as they are,
            give narrower ones than other photos need.

    Returns:
        `kept`, `float32` or `8 bits`, and the figures of both on the held-out photos.
    """
    figures = {"float32": evaluate(Detector(path, threads=1), validation).figures}
    kept = "float32"
    if max_loss >= 0:
        smaller = path.with_name("quantised.onnx")
        quantise(path, _typical_images(learned, crops), smaller)
        figures["8 bits"] = evaluate(Detector(smaller, threads=1), validation).figures
        losses = [figures["float32"][name] - figures["8 bits"][name] for name in ("ap", "ap_iou40")]
        if not enough or max(losses) <= max_loss:
            kept = "8 bits"
            smaller.replace(path)
        else:
            smaller.unlink()
    names = ("ap", "ap_iou40", "recall_at_0.1")
    return {"kept": kept} | {
        way: {name: values[name] for name in names} for way, values in figures.items()
    }


def quantise_refiner(
    path: Path, learned: ProposalPatches, held_out: ProposalPatches, *, enough: bool = True
) -> dict[str, Any]:
    """Quantise the refiner to 8 bits if that costs at most `MAX_AUC_LOSS` on held-out patches.

    Where these are not `enough` to decide, 8 bits are kept.

    Returns:
        `kept`, `float32` or `8 bits`, and the area under the ROC curve of both.
    """
    smaller = path.with_name("quantised.onnx")
    some = learned.images[:: max(len(learned.images) // (N_TYPICAL * 16), 1)]
    quantise(path, (some[i : i + 16] for i in range(0, len(some), 16)), smaller)
    labelled = ~np.isnan(held_out.labels)
    images, labels = held_out.images[labelled], held_out.labels[labelled].astype(int)
    areas = {}
    for name, file in (("float32", path), ("8 bits", smaller)):
        look = Refiner(file)
        logits = [look.outputs(images[i : i + 256])[:, 0] for i in range(0, len(images), 256)]
        areas[name] = area_under_curve(labels, np.concatenate([*logits, np.zeros(0)]))
    if not enough or areas["float32"] - areas["8 bits"] <= MAX_AUC_LOSS:
        smaller.replace(path)
        return {"kept": "8 bits", **areas}
    smaller.unlink()
    return {"kept": "float32", **areas}


def finish_landmarks(
    path: Path, learned: LandmarkPatches, held_out: LandmarkPatches
) -> dict[str, Any]:
    """Quantise the landmark network to 8 bits if that costs at most `MAX_NME_LOSS`.

    Returns:
        `kept`, `float32` or `8 bits`, and of both the mean error of held-out faces by the size of
        their boxes.
    """
    smaller = path.with_name("quantised.onnx")
    some = learned.images[:: max(len(learned.images) // (N_TYPICAL * 16), 1)]
    spare = (some.shape[1] - PATCH_SIZE) // 2
    some = np.ascontiguousarray(some[:, spare : spare + PATCH_SIZE, spare : spare + PATCH_SIZE])
    quantise(path, (some[i : i + 16] for i in range(0, len(some), 16)), smaller)
    errors = {}
    for name, file in (("float32", path), ("8 bits", smaller)):
        outputs = LandmarkFinder(file).outputs(held_out.images)
        errors[name] = float(np.mean(normalised_errors(outputs, held_out)))
    if errors["8 bits"] - errors["float32"] <= MAX_NME_LOSS:
        smaller.replace(path)
        return {"kept": "8 bits", "nme": errors}
    smaller.unlink()
    return {"kept": "float32", "nme": errors}


def _typical_images(
    photos: Photos, crops: CropConfig | None = None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Some photos, spread evenly, as the proposals see them; with `crops` as many crops, too."""
    for i in range(0, len(photos), -(-len(photos) // N_TYPICAL)):
        yield padded(photos[i][0], INPUT_MULTIPLE)[None]
    for number in range(N_TYPICAL if crops is not None else 0):
        assert crops is not None
        rng = np.random.default_rng([number])
        yield draw_crop(*photos[number % len(photos)], rng, crops).image[None]
