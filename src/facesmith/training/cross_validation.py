"""Few photos judged as if all were held out: each by a detector that did not learn from it.

The photos are dealt into folds. For each fold a detector is trained on the others, by the same
settings, and run over the fold. Each is an ordinary run of its own in `folds/1`, `folds/2` ...: a
training that was killed goes on there, and a fold that is done is not done again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.detector import load_detector
from facesmith.evaluation import MIN_SCORE
from facesmith.evaluation.detections import find_faces
from facesmith.faces import Faces
from facesmith.files import write_json
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder
from facesmith.training.detector import train_detector
from facesmith.training.detector_calibration import judged_faces
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.detector_photos import usable_photos
from facesmith.training.learned_photos import split_photos
from facesmith.training.mined import MinedTraining
from facesmith.untrusted import ContentError, read_json

FOLDS_NAME = "folds"  # in the run folder
FOUND_NAME = "found.json"  # in the folder of a fold
FEW_PHOTOS, FEW_FACES = 60, 100  # with fewer held out one split tells little
_MANY_PHOTOS = 500  # of all; with more a single split is no longer that small
_SMALLEST = 4  # photos with faces in a fold


def n_folds_for(photos: Sequence[AnnotatedPhoto], held_out: Sequence[AnnotatedPhoto]) -> int:
    """How many folds to judge on: 0 where enough is held out anyway, or photos are too few."""
    n_faces = sum(judged_faces(photo) for photo in held_out)
    if (len(held_out) >= FEW_PHOTOS and n_faces >= FEW_FACES) or len(photos) > _MANY_PHOTOS:
        return 0
    with_faces = sum(judged_faces(photo) > 0 for photo in photos)
    n_folds = 3 if with_faces >= FEW_PHOTOS else 5
    return n_folds if with_faces >= n_folds * _SMALLEST else 0


def deal(photos: Sequence[AnnotatedPhoto], n_folds: int, seed: int) -> list[int]:
    """The fold of each photo, from 0 on; decided by names and seed, faces spread evenly."""

    def draw(index: int) -> tuple[bool, bytes]:
        name = photos[index].name
        digest = sha256(f"{seed} fold {name}".encode()).digest()
        return judged_faces(photos[index]) == 0, digest

    folds = [0] * len(photos)
    for place, index in enumerate(sorted(range(len(photos)), key=draw)):
        folds[index] = place % n_folds
    return folds


def cross_validate(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    config: DetectorConfig,
    n_folds: int,
    *,
    mined: MinedTraining | None = None,
    start: str | Path | None = None,
    teacher: str | Path | None = None,
    progress: Progress = NO_PROGRESS,
) -> list[Faces]:
    """What detectors find in each photo that did not learn from it.

    Args:
        photos: All photos of the run, as for `train_detector`.
        out: Run folder of a finished `train_detector`, with the same photos and settings.
        config: Settings of the training. Where a fold leaves too few photos for a batch, its
            batches are smaller; a time limit and a target do not hold here.
        n_folds: How many trainings, at least 2.
        mined: As for `train_detector`, as are the others.
        start: Weights to go on from.
        teacher: Weights of a teacher.
        progress: Told which fold is trained.

    Returns:
        One `Faces` a photo, from `MIN_SCORE` on.

    Raises:
        TrainingError: If a training cannot be done, or `out` is no run folder.
    """
    run = RunFolder(out)
    decisive = json.dumps([run.read_config(), n_folds], sort_keys=True)
    folds = deal(photos, n_folds, config.proposals.loop.seed)
    found: list[Faces] = [Faces.empty()] * len(photos)
    for number in range(n_folds):
        learned = [p for p, fold in zip(photos, folds, strict=True) if fold != number]
        judged = [index for index, fold in enumerate(folds) if fold == number]
        folder = run.path / FOLDS_NAME / str(number + 1)
        key = sha256(f"{number} {decisive}".encode()).hexdigest()
        boxes = _read_found(folder / FOUND_NAME, key, [photos[index].name for index in judged])
        if boxes is None:
            settings = _for_fold(config, learned)
            parts = split_photos(usable_photos(learned), settings.proposals)
            n_learned, n_held_out = map(len, parts)
            progress.say(
                f"Fold {number + 1} of {n_folds}: {counted(n_learned, 'photo')} to learn from, "
                f"{n_held_out} held out, {len(judged)} to judge on."
            )
            train_detector(
                learned, folder, settings, mined=_within(mined, learned),
                start=start, teacher=teacher, resume=True, progress=progress,
            )  # fmt: skip
            detector = load_detector(folder)
            some = [photos[index] for index in judged]
            boxes = find_faces(detector, some, min_score=MIN_SCORE, progress=progress)
            _write_found(folder / FOUND_NAME, key, some, boxes)
        for index, each in zip(judged, boxes, strict=True):
            found[index] = each
    return found


def _for_fold(config: DetectorConfig, photos: Sequence[AnnotatedPhoto]) -> DetectorConfig:
    """The settings for fewer photos, of a training that is to end."""
    proposals = config.proposals
    n_learned = len(split_photos(photos, proposals)[0])
    proposals = dataclasses.replace(
        proposals, batch_size=min(proposals.batch_size, max(n_learned * proposals.rounds, 1))
    )
    config = dataclasses.replace(config, proposals=proposals, target_precision=0.0)
    return config.with_loops(lambda loop: dataclasses.replace(loop, time_limit=0.0))


def _within(mined: MinedTraining | None, photos: Sequence[AnnotatedPhoto]) -> MinedTraining | None:
    """The mined boxes that lie in these photos; `None` without any."""
    if mined is None:
        return None
    names = {photo.name for photo in photos}
    boxes = tuple(box for box in mined.boxes if box.file in names)
    return MinedTraining(boxes, mined.config) if boxes else None


def _write_found(
    path: Path, key: str, photos: Sequence[AnnotatedPhoto], found: Sequence[Faces]
) -> None:
    rows = [
        {"file": photo.name, "boxes": each.boxes.tolist(), "scores": each.scores.tolist()}
        for photo, each in zip(photos, found, strict=True)
    ]
    write_json(path, {"of": key, "photos": rows})


def _read_found(path: Path, key: str, names: Sequence[str]) -> list[Faces] | None:
    """What was found in an earlier try by the same settings; `None` if there is no such file."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        if content["of"] != key or [row["file"] for row in content["photos"]] != list(names):
            return None
        return [
            Faces(
                np.array(row["boxes"], np.float32).reshape(-1, 4),
                np.array(row["scores"], np.float32),
            )
            for row in content["photos"]
        ]
    except (ContentError, KeyError, TypeError, ValueError):
        return None
