"""Landmarks for a detector: learned after its other networks, or alone for one that is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, Detector, shipped_weights
from facesmith.detection.landmarks import LANDMARKS_FILE
from facesmith.detection.sessions import available_cores
from facesmith.errors import TrainingError
from facesmith.export.detector import export_landmarks
from facesmith.files import checksum, finite_or_none, write_bytes, write_json
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder, one_process_at_a_time
from facesmith.runs.used_photos import write_used_photos
from facesmith.training.detector_config import weights_of
from facesmith.training.detector_photos import photos_checksum
from facesmith.training.int8 import finish_landmarks
from facesmith.training.landmark_config import LandmarkConfig
from facesmith.training.landmark_patches import (
    MIN_FACES,
    MIN_HELD_OUT,
    collect_landmark_patches,
    n_with_points,
)
from facesmith.training.landmarks import LandmarkTask
from facesmith.training.learned_photos import Photos, split_photos
from facesmith.training.loop import run_loop
from facesmith.training.plan import plan_training
from facesmith.training.proposals import ProposalConfig


@one_process_at_a_time
def train_landmarks(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    config: LandmarkConfig | None = None,
    *,
    start: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Any]:
    """Give a detector landmarks, and leave what it finds as it is.

    Args:
        photos: Annotated photos; faces without points are passed over.
        out: The run folder; it gets copies of the detector's files, too.
        config: Settings.
        start: Run folder or `detector.onnx` of the detector; `None`: the shipped one.
        resume: Go on with what the run folder holds.
        force: Start anew over what the run folder holds.
        progress: Told how far it is.

    Returns:
        What `metrics.json` holds.

    Raises:
        TrainingError: If too few faces have points, or the training ends early.
        WeightsError: If the weights of `start` cannot be used.
    """
    config = config or LandmarkConfig()
    threads = config.loop.threads or available_cores()
    config = dataclasses.replace(config, loop=dataclasses.replace(config.loop, threads=threads))
    photos = [photo for photo in photos if n_with_points([photo], config)]
    n_faces = n_with_points(photos, config)
    share = plan_training(max(len(photos), 1), n_faces).held_out
    settings = dataclasses.replace(ProposalConfig(), held_out=share, cache_gib=0.0)
    training, held_out = split_photos(photos, settings)
    n_training, n_held_out = (n_with_points(each, config) for each in (training, held_out))
    if n_training < MIN_FACES or n_held_out < MIN_HELD_OUT:
        raise TrainingError(
            f"Landmarks are learned from at least {MIN_FACES} faces with points, {MIN_HELD_OUT} "
            f"more being held out; got {n_training} and {n_held_out}. Annotate more faces with "
            "points, or leave them to the shipped weights."
        )
    files = [path for path in weights_of(start or shipped_weights()) if path is not None]
    described = {
        "task": "landmarks",
        "data": photos_checksum(photos),
        "start": [checksum(path) for path in files],
        "landmarks": asdict(config),
    }
    run = RunFolder(out)
    run.start(described, resume=resume, force=force)
    write_used_photos(run.path, training, held_out)
    for path, name in zip(files, (PROPOSALS_FILE, REFINER_FILE), strict=False):
        write_bytes(run.path / name, path.read_bytes())
    learned, validation = Photos(training, settings), Photos(held_out, settings)
    outcome = {
        "photos": len(photos),
        "photos_held_out": len(held_out),
        "landmarks": learn_landmarks(
            run, described, config, learned, validation, resume=resume, progress=progress
        ),
    }
    metrics: dict[str, Any] = finite_or_none(outcome)
    write_json(run.metrics_path, metrics)
    return metrics


def learn_landmarks(
    run: RunFolder,
    described: dict[str, Any],
    config: LandmarkConfig,
    learned: Photos,
    validation: Photos,
    start: Path | None = None,
    *,
    resume: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Train and write the landmark network of the detector in a run folder.

    Args:
        run: Holds the detector; its folder `landmarks/` becomes a run folder of its own.
        described: What the config of that says.
        config: Settings.
        learned: Photos to learn from.
        validation: Photos held out.
        start: A `landmarks.onnx` to start from; `None`: random weights.
        resume: Go on with what the run folder holds.
        progress: Told how far it is.

    Returns:
        What `metrics.json` says of it.
    """
    detector = Detector(run.path, threads=1)
    patches, held_out = (
        collect_landmark_patches(
            detector, photos, config, with_room=with_room, progress=progress,
            label=f"Faces with landmarks in {which} photos",
        )
        for photos, which, with_room in (
            (learned, "training", True), (validation, "held-out", False)
        )
    )  # fmt: skip
    task = LandmarkTask(patches, held_out, config, learned.sources, start)
    progress.say(
        f"Landmarks: {len(patches.images)} faces, {len(held_out.images)} more are held out."
    )
    part = RunFolder(run.path / "landmarks")
    part.start(described, resume=resume, force=False)
    result = run_loop(
        task, config.loop, part, rows_per_epoch=task.rows_per_epoch, resume=resume,
        progress=progress,
    )  # fmt: skip
    task.network.load_state_dict(result.weights)
    path = run.path / LANDMARKS_FILE
    export_landmarks(task.network, path, config.context)
    return {
        **result.summary(),
        "faces": len(patches.images),
        "faces_held_out": len(held_out.images),
        **finish_landmarks(path, patches, held_out),
    }
