"""One command's worth of work: annotated photos in, a detector out.

First the proposal network learns from crops of the photos. Then it is run over the same photos,
and the refiner, unless none is wanted, learns from patches of what it proposes, right and
wrong. Last, the scores are calibrated on photos that neither has learned from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.calibration import Calibration
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, Detector
from facesmith.detection.refiner import Refiner
from facesmith.errors import TrainingError
from facesmith.export.detector import export_proposals, export_refiner
from facesmith.export.metadata import update_description
from facesmith.files import checksum, finite_or_none, write_bytes, write_json
from facesmith.metrics.operating_point import OperatingPoint, Target
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder, one_process_at_a_time
from facesmith.training.calibration import (
    Fitted,
    evaluate,
    fit_calibration,
    held_out_boxes,
    held_out_sources,
    with_mean_logits,
)
from facesmith.training.detector_config import DetectorConfig, weights_of, with_threads
from facesmith.training.int8 import quantise_proposals, quantise_refiner
from facesmith.training.loop import LoopResult, run_loop
from facesmith.training.loop_config import LoopConfig
from facesmith.training.mined import MinedTraining, PlacedBoxes
from facesmith.training.proposals import Photos, ProposalTask, split_photos
from facesmith.training.refiner import (
    ProposalPatches,
    RefinerConfig,
    RefinerTask,
    collect_patches,
)
from facesmith.training.resources import hand_back_freed_memory

# The two ways to detect that a training compares.
ALONE = "proposals alone"
WITH_REFINER = "with refiner"
GAINING = ("ap", "ap_iou40", "recall_at_0.1")  # the figures that decide


@one_process_at_a_time
def train_detector(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    config: DetectorConfig | None = None,
    *,
    target: Target | None = None,
    mined: MinedTraining | None = None,
    start: str | Path | None = None,
    teacher: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Any]:
    """Train a detector.

    Args:
        photos: Annotated photos and face-free ones (no boxes).
        out: The run folder; `proposals/` and `refiner/` in it are run folders of their own.
        config: Settings; the defaults are those of a training from random weights.
        target: Store the threshold that meets this on the photos held out; `None`: 0.5. A finished
            run can be resumed with another target.
        mined: False boxes of an earlier detector in these photos, to be seen more often.
        start: Run folder or `detector.onnx` whose weights, with those of a `refiner.onnx` beside
            it, the training starts from; `None`: random ones.
        teacher: Run folder or `detector.onnx` of a teacher, see `DetectorNetConfig.large`.
        resume: Go on with what the run folder holds.
        force: Start anew over what the run folder holds.
        progress: Told which part of the training begins and how far it is.

    Returns:
        What `metrics.json` holds; undefined figures are `None`.

    Raises:
        TrainingError: If photos, mined boxes or settings do not fit, or the training ends early.
        WeightsError: If weights of `start` or `teacher` cannot be used.
        EvaluationError: If no threshold meets the target.
    """
    config = with_threads(config or DetectorConfig())
    described = {"task": "detector", "data": photos_checksum(photos), **asdict(config)}
    described |= {} if mined is None else {"mined": mined.described()}
    first_start, second_start = weights_of(start)
    if config.refiner is None:
        second_start = None
    if first_start is not None:
        described["start"] = [checksum(p) for p in (first_start, second_start) if p is not None]
    teaching = weights_of(teacher)[0]
    if teaching is not None:
        described["teacher"] = checksum(teaching)
    kept_proposals = first_start if config.keep_proposals else None
    if config.keep_proposals and (kept_proposals is None or config.refiner is None):
        raise TrainingError(
            "A refiner of its own for proposals that stay as they are needs those proposals "
            "and settings of a refiner. Pass `start` and leave `refiner` as it is."
        )
    training, held_out = split_photos(photos, config.proposals)
    placed = _place(mined, training, held_out, progress)
    run = RunFolder(out)
    run.start(described, resume=resume, force=force)
    stages = _Stages(run, described, resume, progress)
    detector_path = run.path / PROPOSALS_FILE
    # The former are read once or twice, the latter again and again.
    learned = Photos(training, dataclasses.replace(config.proposals, cache_gib=0.0))
    validation = Photos(held_out, config.proposals)
    summaries, precisions = {}, {}
    if kept_proposals is not None:
        write_bytes(detector_path, kept_proposals.read_bytes())
        changes = {"calibration": asdict(Calibration()), "operating_point": None}
        update_description(detector_path, changes)
    else:
        # Not kept: it holds gigabytes of photos.
        summaries["proposals"] = stages.train_proposals(
            ProposalTask(photos, config.proposals, mined, first_start, teaching),
            config.proposals.loop,
        )
        hand_back_freed_memory()
        most = config.quantise_loss
        precisions["proposals"] = quantise_proposals(detector_path, learned, validation, most)
    if config.refiner is not None:
        patches = stages.collect(config.refiner, learned, validation, placed)
        sources = [p.source if len(p.boxes) else None for p in training]
        look = RefinerTask(*patches, config.refiner, sources, second_start)
        summaries["refiner"] = stages.train_refiner(look, config.refiner.loop)
        if config.quantise_loss >= 0:
            precisions["refiner"] = quantise_refiner(run.path / REFINER_FILE, *patches)

    sources_held_out = held_out_sources(held_out)
    kept, ways = _evaluate_ways(run.path, validation, sources_held_out, config.refiner, target)
    fitted, figures, point = ways[kept]
    stored = {
        "calibration": asdict(fitted.calibration),
        "threshold": figures["threshold"],
        **({"operating_point": point.to_dict()} if point else {}),
    }
    update_description(detector_path, stored)
    if not fitted.calibration.refiner_weight:
        (run.path / REFINER_FILE).unlink(missing_ok=True)
    outcome = {
        "photos": len(photos),
        "photos_held_out": len(held_out),
        **summaries,
        "precision": precisions,
        "kept": kept,
        "calibration": {"method": fitted.method, "log_losses": fitted.log_losses},
        "calibration_error": fitted.calibration_error,
        **({"operating_point": point.to_dict()} if point else {}),
        "held_out": {way: result[1] for way, result in ways.items()},
    }
    metrics: dict[str, Any] = finite_or_none(outcome)
    write_json(run.metrics_path, metrics)
    return metrics


@dataclass(frozen=True)
class _Stages:
    """The trainings of one run, each in a folder of its own inside the run folder."""

    run: RunFolder
    described: dict[str, Any]
    resume: bool
    progress: Progress

    def train_proposals(self, task: ProposalTask, config: LoopConfig) -> dict[str, Any]:
        """Train and write the proposals; what `metrics.json` says of it."""
        self.progress.say(f"Proposals: {task.steps_per_epoch} steps an epoch.")
        result = self._train(task, config, "proposals")
        export_proposals(task.network, self.run.path / PROPOSALS_FILE, Calibration())
        return _summary(result)

    def collect(
        self,
        config: RefinerConfig,
        learned: Photos,
        validation: Photos,
        mined: PlacedBoxes | None,
    ) -> tuple[ProposalPatches, ProposalPatches]:
        """Patches of the proposals in the photos to learn from and in those held out."""
        detector = Detector(self.run.path / PROPOSALS_FILE, threads=1)

        def patches(photos: Photos, which: str, boxes: PlacedBoxes | None) -> ProposalPatches:
            label = f"Patches of {which} photos"
            return collect_patches(
                detector, photos, config, boxes, progress=self.progress, label=label
            )

        return (
            patches(learned, "training", mined),
            patches(validation, "held-out", None),
        )

    def train_refiner(self, task: RefinerTask, config: LoopConfig) -> dict[str, Any]:
        """Train and write the refiner; what `metrics.json` says of it."""
        self.progress.say(f"Refiner: {task.rows_per_epoch} patches an epoch.")
        result = self._train(task, config, "refiner")
        export_refiner(task.network, self.run.path / REFINER_FILE)
        return _summary(result)

    def _train(self, task: ProposalTask | RefinerTask, config: LoopConfig, name: str) -> LoopResult:
        """Train in a folder of that name; the network gets the best weights."""
        part = RunFolder(self.run.path / name)
        part.start(self.described, resume=self.resume, force=False)
        result = run_loop(
            task, config, part, rows_per_epoch=task.rows_per_epoch, resume=self.resume,
            progress=self.progress,
        )  # fmt: skip
        task.network.load_state_dict(result.weights)
        return result


def _evaluate_ways(
    folder: Path,
    validation: Photos,
    sources: Sequence[str],
    config: RefinerConfig | None,
    target: Target | None,
) -> tuple[str, dict[str, tuple[Fitted, dict[str, float], OperatingPoint | None]]]:
    """Calibrate and evaluate the proposals alone and, where it was trained, with the refiner.

    Returns:
        The way that is kept, and of each the calibration, figures and threshold for a target.
    """
    path = folder / PROPOSALS_FILE
    detector = Detector(path, threads=1)
    ways: dict[str, tuple[Fitted, dict[str, float], OperatingPoint | None]] = {}

    def evaluate_way(way: str, refiner: Refiner | None, gate: Calibration) -> None:
        boxes = held_out_boxes(detector, refiner, validation, sources, gate)
        fitted = fit_calibration(boxes, refiner is not None, gate)
        update_description(path, {"calibration": asdict(fitted.calibration)})
        ways[way] = (fitted, *evaluate(Detector(path, threads=1), validation, target))

    gate = Calibration()
    evaluate_way(ALONE, None, gate)
    if config is None:
        return ALONE, ways
    refiner = Refiner(folder / REFINER_FILE)
    gate = dataclasses.replace(gate, gate_lower=config.gate_lower, gate_upper=config.gate_upper)
    gate = with_mean_logits(gate, detector, refiner, validation)
    evaluate_way(WITH_REFINER, refiner, gate)
    gain = float(np.mean([ways[WITH_REFINER][1][n] - ways[ALONE][1][n] for n in GAINING]))
    return WITH_REFINER if gain >= config.min_gain else ALONE, ways


def _place(
    mined: MinedTraining | None,
    training: Sequence[AnnotatedPhoto],
    held_out: Sequence[AnnotatedPhoto],
    progress: Progress,
) -> PlacedBoxes | None:
    if mined is None:
        return None
    placed = PlacedBoxes(mined, training)
    progress.say(placed.summary(held_out))
    return placed


def photos_checksum(photos: Sequence[AnnotatedPhoto]) -> str:
    """SHA-256 over names, boxes and ignore flags, in order; the pixels are taken on trust."""
    digest = sha256()
    for photo in photos:
        digest.update(photo.name.encode() + b"\0")
        digest.update(photo.boxes.astype("<f4").tobytes())
        digest.update(photo.ignored.tobytes())
    return digest.hexdigest()


def _summary(result: LoopResult) -> dict[str, Any]:
    return {
        "best_epoch": result.best_epoch + 1,
        "best": result.best,
        "epochs": result.epochs,
        "seconds": round(result.seconds, 1),
        "stopped": result.stopped,
    }
