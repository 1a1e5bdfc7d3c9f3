"""Cross-validation: each photo is judged by a detector that has not learned from it.

```
folds/
  folds.json      how the photos were divided, and what the detectors learn by
  fold-1/         run folder of the detector that learns from all photos but those of fold 1
  fold-1.jsonl    what it found in the photos of fold 1
  ...
```
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.label_audit.findings import rounded
from facesmith.curation.label_audit.label_errors import LOWEST_SCORE
from facesmith.detection.detector import Detector, load_detector
from facesmith.errors import TrainingError
from facesmith.evaluation.detections import find_faces, read_detections
from facesmith.faces import Faces
from facesmith.files import write_bytes, write_json
from facesmith.images import read_image
from facesmith.patches.duplicates import fingerprint, group_duplicates
from facesmith.patches.seeding import name_number
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.untrusted import ContentError, read_json

if TYPE_CHECKING:
    from facesmith.training.detector_config import DetectorConfig
    from facesmith.training.loop_config import LoopConfig


@dataclass(frozen=True, eq=False)
class FoldDetections:
    """What the detectors of the folds find."""

    found: list[Faces]  # what was found in each photo, down to a score of `LOWEST_SCORE`
    runs: list[Path]  # run folder of the detector that has judged each photo

    def detectors(self) -> Callable[[int], Detector]:
        """The detector of each photo, by its index; each is loaded once."""
        load = cache(load_detector)
        return lambda index: load(self.runs[index])


N_FOLDS = 3
# Of the proposals, at least so many epochs and so many steps, whichever is more: what tells a face
# from a flag is learned first, but after a few hundred steps nothing is found yet.
MIN_EPOCHS = 8
MIN_STEPS = 1200
# Seconds that one core takes to learn from one photo once, measured with the default network and
# crops of both sizes, without instructions for bfloat16.
_SECONDS_A_PHOTO = 0.019
_BATCH_SIZE = 32  # crops a step, as detectors are trained by default
# All that follows the proposals, as a part of their time.
_MORE = 0.6


def divide(
    photos: Sequence[AnnotatedPhoto],
    n_folds: int,
    *,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> npt.NDArray[np.intp]:
    """Which fold each photo is in, intp `(n,)`, from 0 on; photos that look the same are in one.

    It does not depend on the order of the photos, as long as copies are like each other and not
    just each like its neighbour.

    Each photo is read. Another seed gives another division.

    Raises:
        ValueError: If `n_folds` is below 2.
        TrainingError: If there are fewer different photos than folds.
    """
    if n_folds < 2:
        raise ValueError(f"`n_folds` must be at least 2; got n_folds={n_folds}.")
    order = sorted(range(len(photos)), key=lambda index: photos[index].name)
    prints = [
        fingerprint(read_image(photos[index].path)) for index in progress.each(order, "Photos")
    ]
    groups: dict[int, list[int]] = {}
    for index, first in zip(order, group_duplicates(prints).tolist(), strict=True):
        groups.setdefault(first, []).append(index)
    if len(groups) < n_folds:
        raise TrainingError(
            f"{n_folds} folds need as many different photos; got {len(groups)}. Pass fewer "
            "--folds, or none to judge with the weights that come along."
        )
    drawn = sorted(groups.values(), key=lambda rows: name_number(seed, photos[rows[0]].name))
    folds = np.zeros(len(photos), np.intp)
    sizes = [0] * n_folds
    for rows in drawn:
        smallest = int(np.argmin(sizes))
        folds[rows] = smallest
        sizes[smallest] += len(rows)
    return folds


def enough_epochs(n_learned: int) -> int:
    """Passes over so many photos that a detector needs to judge others.

    Example:
        >>> enough_epochs(4000), enough_epochs(400)
        (10, 100)
    """
    steps_an_epoch = max(n_learned // _BATCH_SIZE, 1)
    return max(MIN_EPOCHS, -(-MIN_STEPS // steps_an_epoch))


def short_config(epochs: int, *, seed: int = 0, threads: int | None = None) -> DetectorConfig:
    """How the detector of a fold is trained: as by `facesmith train`, but shorter.

    The refiner is that of `--quick`; `epochs` are those of the proposals.
    """
    from facesmith.training.detector_config import DetectorConfig  # noqa: PLC0415 - needs PyTorch

    def changed(loop: LoopConfig) -> LoopConfig:
        return replace(loop, seed=seed, threads=threads or loop.threads)

    config = replace(DetectorConfig(), refiner=DetectorConfig.quick().refiner).with_loops(changed)
    loop = replace(config.proposals.loop, epochs=epochs)
    return replace(config, proposals=replace(config.proposals, loop=loop))


def minutes(n_photos: int, n_face_free: int, n_folds: int, epochs: int, cores: int) -> float:
    """About how long the trainings of all folds take on CPU cores, minutes."""
    n_learned = n_photos * (n_folds - 1) + n_face_free * n_folds
    return n_learned * epochs * _SECONDS_A_PHOTO * (1 + _MORE) / cores / 60


def detect_in_folds(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    *,
    n_folds: int = N_FOLDS,
    config: DetectorConfig | None = None,
    face_free: Sequence[AnnotatedPhoto] = (),
    progress: Progress = NO_PROGRESS,
) -> FoldDetections:
    """Train a detector for each fold on the photos of the others, and let it judge the fold.

    Finished folds are read from their files, an interrupted training is resumed.

    `out` is the folder `folds`, as above; `config` sets each training, `None` is a short one, see
    `short_config`. The `face_free` photos take part in all trainings.

    Raises:
        TrainingError: If there are too few photos, the folder holds folds of other photos or
            settings, or a training ends early.
    """
    from facesmith.training.detector import train_detector  # noqa: PLC0415 - needs PyTorch

    n_learned = len(photos) * (n_folds - 1) // n_folds + len(face_free)
    config = config or short_config(enough_epochs(n_learned))
    out = Path(out)
    _start(out, photos, face_free, n_folds, config)
    folds = divide(photos, n_folds, seed=config.proposals.loop.seed, progress=progress)
    found: list[Faces] = [Faces.empty()] * len(photos)
    runs = [out / f"fold-{fold + 1}" for fold in folds.tolist()]
    for fold in range(n_folds):
        rows = np.flatnonzero(folds == fold).tolist()
        judged = [photos[row] for row in rows]
        run, results = out / f"fold-{fold + 1}", out / f"fold-{fold + 1}.jsonl"
        if not results.exists():
            progress.say(f"Fold {fold + 1} of {n_folds}: {counted(len(judged), 'photo')} to judge.")
            learned = [photos[row] for row in np.flatnonzero(folds != fold).tolist()]
            train_detector([*learned, *face_free], run, config, resume=True, progress=progress)
            seen = find_faces(load_detector(run), judged, min_score=LOWEST_SCORE)
            write_found(results, judged, seen)
        # What was written is what counts, so that a second run gives the same to the last digit.
        for row, faces in zip(rows, read_detections(results, results, judged), strict=True):
            found[row] = faces
    return FoldDetections(found, runs)


def write_found(path: str | Path, photos: Sequence[AnnotatedPhoto], found: Sequence[Faces]) -> None:
    """Write detections as the lines of `facesmith detect --json`; an existing file is replaced."""
    lines = []
    for photo, faces in zip(photos, found, strict=True):
        pairs = zip(faces.boxes, faces.scores, strict=True)
        boxes = [{"box": rounded(box), "score": round(float(score), 4)} for box, score in pairs]
        line = {"file": photo.name, "width": photo.width, "height": photo.height, "faces": boxes}
        lines.append(json.dumps(line) + "\n")
    write_bytes(path, "".join(lines).encode())


def _start(
    out: Path,
    photos: Sequence[AnnotatedPhoto],
    face_free: Sequence[AnnotatedPhoto],
    n_folds: int,
    config: DetectorConfig,
) -> None:
    from facesmith.training.detector_photos import photos_checksum  # noqa: PLC0415 - needs PyTorch

    described = {
        "photos": photos_checksum(photos),
        "face_free": photos_checksum(face_free),
        "folds": n_folds,
        "epochs": config.proposals.loop.epochs,
        "seed": config.proposals.loop.seed,
    }
    path = out / "folds.json"
    if path.exists():
        try:
            stored = read_json(path)
        except ContentError as error:
            raise TrainingError(f"{error} Delete {out}.") from error
        if not isinstance(stored, dict):
            raise TrainingError(f"{path}: expected an object. Delete {out}.")
        different = [name for name in described if stored.get(name) != described[name]]
        if different:
            raise TrainingError(
                f"{out} holds the folds of another audit: {', '.join(different)} differ. Use the "
                "photos and settings of then, or another --out."
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, described)
