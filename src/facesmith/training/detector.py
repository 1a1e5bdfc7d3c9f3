"""One command's worth of work: annotated photos in, a detector out.

First the proposal network learns from crops of the photos; the result goes to the run folder as
ONNX files that `facesmith detect --model RUN` uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from facesmith.annotations import AnnotatedPhoto
from facesmith.training.loop import run_loop
from facesmith.training.proposals import ProposalConfig, ProposalTask
from facesmith.training.runs import RunFolder, write_json


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that decides what a detector training produces, beside the photos."""

    proposals: ProposalConfig = field(default_factory=ProposalConfig)


def train_detector(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    config: DetectorConfig | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a detector.

    Args:
        photos: Annotated photos and face-free ones (no boxes).
        out: The run folder.
        config: Settings; the defaults are those of the shipped weights.
        resume: Go on with what the run folder holds.
        force: Start anew over what the run folder holds.
        quiet: No progress bar.

    Returns:
        What `metrics.json` holds.

    Raises:
        TrainingError: If there are too few photos, or the training ends early.
    """
    config = config or DetectorConfig()
    run = RunFolder(out)
    described = {"task": "detector", "data": photos_checksum(photos), **asdict(config)}
    run.start(described, resume=resume, force=force)
    task = ProposalTask(photos, config.proposals)
    if not quiet:
        n_faces = sum(len(photo.boxes) for photo in photos)
        click.echo(
            f"{len(photos)} photos with {n_faces} faces; {task.steps_per_epoch} steps an epoch.",
            err=True,
        )
    result = run_loop(
        task,
        config.proposals.loop,
        run,
        rows_per_epoch=task.rows_per_epoch,
        resume=resume,
        quiet=quiet,
    )
    metrics = {
        "best_epoch": result.best_epoch + 1,
        "epochs": result.epochs,
        "seconds": round(result.seconds, 1),
        "stopped": result.stopped,
        "ap_held_out": result.best,
    }
    write_json(run.metrics_path, metrics)
    return metrics


def photos_checksum(photos: Sequence[AnnotatedPhoto]) -> str:
    """SHA-256 over names, boxes and ignore flags, in order; the pixels are taken on trust."""
    digest = sha256()
    for photo in photos:
        digest.update(photo.name.encode() + b"\0")
        digest.update(photo.boxes.astype("<f4").tobytes())
        digest.update(photo.ignored.tobytes())
    return digest.hexdigest()
