"""One command's worth of work: annotated photos in, a detector out.

First the proposal network learns from crops of the photos. Then it is run over the same photos,
and the second look learns from patches of what it proposes, right and wrong. Last, the scores are
calibrated on photos that neither has learned from.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn

from facesmith.annotations import AnnotatedPhoto
from facesmith.detector import PROPOSALS_FILE, SECOND_LOOK_FILE, Calibration, Detector
from facesmith.evaluation.operating_point import OperatingPoint, Target
from facesmith.export import export_onnx, largest_difference
from facesmith.files import finite_or_none, write_json
from facesmith.networks.detector import BOX_UNIT, STRIDES
from facesmith.second_look import SecondLook
from facesmith.training.calibration import (
    Fitted,
    fit_calibration,
    held_out_boxes,
    held_out_sources,
    judge,
)
from facesmith.training.loop import LoopConfig, LoopResult, available_cores, run_loop
from facesmith.training.proposals import Photos, ProposalConfig, ProposalTask, hold_out
from facesmith.training.runs import RunFolder
from facesmith.training.second_look import SecondLookConfig, SecondLookTask, collect_patches

SMALLEST_FACE = 10.0  # height that the network is trusted with at its input, pixels


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that decides what a detector training produces, beside the photos."""

    proposals: ProposalConfig = field(default_factory=ProposalConfig)
    second_look: SecondLookConfig = field(default_factory=SecondLookConfig)


def train_detector(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    config: DetectorConfig | None = None,
    *,
    target: Target | None = None,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a detector.

    Args:
        photos: Annotated photos and face-free ones (no boxes).
        out: The run folder; `proposals/` and `second-look/` in it are run folders of their own.
        config: Settings; the defaults are those of the shipped weights.
        target: Store the threshold that keeps this on the photos held out; `None`: the one with
            the highest F1. A finished run can be resumed with another target.
        resume: Go on with what the run folder holds.
        force: Start anew over what the run folder holds.
        quiet: No progress bar.

    Returns:
        What `metrics.json` holds.

    Raises:
        TrainingError: If there are too few photos, or the training ends early.
        EvaluationError: If no threshold keeps the target.
    """
    config = with_threads(config or DetectorConfig())
    described = {"task": "detector", "data": photos_checksum(photos), **asdict(config)}
    run = RunFolder(out)
    run.start(described, resume=resume, force=force)
    proposals = ProposalTask(photos, config.proposals)
    _say(f"Proposals: {proposals.steps_per_epoch} steps an epoch.", quiet)
    first = _train(proposals, config.proposals.loop, run, "proposals", described, resume, quiet)
    proposals.network.load_state_dict(first.weights)
    detector_path = run.path / PROPOSALS_FILE
    export_proposals(proposals.network, detector_path, Calibration())

    training, held_out = hold_out(photos, config.proposals)
    detector = Detector(detector_path, threads=1)
    learned, judged = (Photos(chosen, config.proposals) for chosen in (training, held_out))
    parts = []
    for name, chosen in (("training", learned), ("held-out", judged)):
        progress = _with_bar(f"Patches of {name} photos", quiet)
        parts.append(collect_patches(detector, chosen, config.second_look, progress))
    look = SecondLookTask(parts[0], parts[1], config.second_look)
    _say(f"Second look: {len(parts[0].labels)} patches.", quiet)
    second = _train(look, config.second_look.loop, run, "second-look", described, resume, quiet)
    look.network.load_state_dict(second.weights)
    export_second_look(look.network, run.path / SECOND_LOOK_FILE)

    # The second look stays only where it pays: both ways are calibrated and judged.
    candidate_score = config.second_look.candidate_score
    sources = held_out_sources(held_out)
    fits: dict[str, Fitted] = {}
    figures: dict[str, dict[str, float]] = {}
    points: dict[str, OperatingPoint | None] = {}
    for way, second_look in (
        ("proposals alone", None),
        ("with second look", SecondLook(run.path / SECOND_LOOK_FILE)),
    ):
        boxes = held_out_boxes(detector, second_look, judged, sources, candidate_score)
        fits[way] = fit_calibration(boxes, second_look is not None, candidate_score)
        export_proposals(proposals.network, detector_path, fits[way].calibration)
        figures[way], points[way] = judge(Detector(detector_path, threads=1), judged, target)
    # At the looser overlap: where exactly a box ends, annotators disagree among themselves.
    best = max(figures, key=lambda way: figures[way]["ap_iou40"])
    fitted, point = fits[best], points[best]
    export_proposals(
        proposals.network,
        detector_path,
        fitted.calibration,
        threshold=figures[best]["threshold"],
        operating_point=point,
    )
    if not fitted.calibration.second:
        (run.path / SECOND_LOOK_FILE).unlink()
    metrics = {
        "photos": len(photos),
        "photos_held_out": len(held_out),
        "proposals": _summary(first),
        "second_look": _summary(second),
        "kept": best,
        "calibration": {"method": fitted.method, "log_losses": fitted.log_losses},
        "calibration_error": fitted.calibration_error,
        **({"operating_point": point.to_dict()} if point else {}),
        "held_out": figures,
    }
    write_json(run.metrics_path, finite_or_none(metrics))
    return metrics


def with_threads(config: DetectorConfig) -> DetectorConfig:
    """The settings with the number of threads filled in, which decides the last bits."""

    def fill(loop: LoopConfig) -> LoopConfig:
        return dataclasses.replace(loop, threads=loop.threads or available_cores())

    return DetectorConfig(
        dataclasses.replace(config.proposals, loop=fill(config.proposals.loop)),
        dataclasses.replace(config.second_look, loop=fill(config.second_look.loop)),
    )


def photos_checksum(photos: Sequence[AnnotatedPhoto]) -> str:
    """SHA-256 over names, boxes and ignore flags, in order; the pixels are taken on trust."""
    digest = sha256()
    for photo in photos:
        digest.update(photo.name.encode() + b"\0")
        digest.update(photo.boxes.astype("<f4").tobytes())
        digest.update(photo.ignored.tobytes())
    return digest.hexdigest()


def _train(
    task: ProposalTask | SecondLookTask,
    config: LoopConfig,
    run: RunFolder,
    name: str,
    described: dict[str, Any],
    resume: bool,
    quiet: bool,
) -> LoopResult:
    part = RunFolder(run.path / name)
    part.start(described, resume=resume, force=False)
    return run_loop(
        task, config, part, rows_per_epoch=task.rows_per_epoch, resume=resume, quiet=quiet
    )


def _summary(result: LoopResult) -> dict[str, Any]:
    return {
        "best_epoch": result.best_epoch + 1,
        "best": result.best,
        "epochs": result.epochs,
        "seconds": round(result.seconds, 1),
        "stopped": result.stopped,
    }


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        click.echo(text, err=True)


def _with_bar(label: str, quiet: bool) -> Callable[[Iterable[int]], Iterator[int]]:
    """Wraps an iteration, to show how far it is."""

    def wrap(numbers: Iterable[int]) -> Iterator[int]:
        with click.progressbar(numbers, label=label, file=sys.stderr, hidden=quiet) as bar:
            yield from bar

    return wrap


class _ProposalGraph(nn.Module):
    """The proposal network as it ships: uint8 `(1, height, width, 3)` in, raw maps out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(image.permute(0, 3, 1, 2).float() / 255))


class _SecondLookGraph(nn.Module):
    """The second look as it ships: uint8 patches `(n, 64, 64, 3)` in, `(n, 5)` out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, patches: Tensor) -> Tensor:
        outputs: Tensor = self.network(patches.permute(0, 3, 1, 2).float() / 255)
        return outputs


def export_proposals(
    network: nn.Module,
    path: Path,
    calibration: Calibration,
    threshold: float = 0.5,
    operating_point: OperatingPoint | None = None,
) -> float:
    """Write the proposal network as a weights file; returns its distance from PyTorch."""
    graph = _ProposalGraph(network)
    names = [f"stride_{stride}" for stride in STRIDES]
    export_onnx(
        graph,
        torch.zeros(1, 64, 96, 3, dtype=torch.uint8),
        path,
        input_names=["image"],
        output_names=names,
        dynamic_axes={"image": {1: "height", 2: "width"}}
        | {name: {2: f"rows_{name}", 3: f"columns_{name}"} for name in names},
        metadata={
            "kind": "detector",
            "network": "proposals",
            "strides": list(STRIDES),
            "box_unit": BOX_UNIT,
            "smallest_face": SMALLEST_FACE,
            "threshold": threshold,
            "calibration": asdict(calibration),
            **({"operating_point": operating_point.to_dict()} if operating_point else {}),
        },
    )
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(0, 256, (1, *shape, 3), dtype=torch.uint8, generator=generator)
        for shape in ((32, 32), (64, 96), (224, 160))
    ]
    return largest_difference(graph, path, images)


def export_second_look(network: nn.Module, path: Path) -> float:
    """Write the second look as a weights file; returns its distance from PyTorch."""
    graph = _SecondLookGraph(network)
    generator = torch.Generator().manual_seed(0)
    batches = [
        torch.randint(0, 256, (n, 64, 64, 3), dtype=torch.uint8, generator=generator)
        for n in (1, 2, 9)
    ]
    export_onnx(
        graph,
        batches[1],
        path,
        input_names=["patches"],
        output_names=["outputs"],
        dynamic_axes={"patches": {0: "n"}, "outputs": {0: "n"}},
        metadata={"kind": "second look", "network": "compact"},
    )
    return largest_difference(graph, path, batches)
