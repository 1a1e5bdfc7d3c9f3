"""One command's worth of work: annotated photos in, a detector out.

First the proposal network learns from crops of the photos. Then it is run over the same photos,
and the refiner, unless none is wanted, learns from patches of what it proposes, right and
wrong. Then the scores are calibrated on photos that neither has learned from. Last, where enough
faces have points, a third network learns these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.mined import MinedBox, read_mined, write_mined
from facesmith.detection.calibration import Calibration
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE, Detector
from facesmith.detection.landmarks import LANDMARKS_FILE
from facesmith.export.detector import export_proposals, export_refiner
from facesmith.export.metadata import update_description
from facesmith.files import finite_or_none, write_bytes, write_json
from facesmith.metrics.operating_point import Target
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder, one_process_at_a_time
from facesmith.runs.used_photos import write_used_photos
from facesmith.training.calibration import held_out_sources
from facesmith.training.detector_calibration import Choices, calibrate
from facesmith.training.detector_config import DetectorConfig, Origin, with_threads
from facesmith.training.detector_photos import photos_checksum, usable_photos
from facesmith.training.int8 import quantise_proposals, quantise_refiner
from facesmith.training.landmark_training import learn_landmarks
from facesmith.training.learned_photos import Photos, refuse_few, split_photos
from facesmith.training.loop import run_loop
from facesmith.training.loop_config import LoopConfig
from facesmith.training.loop_task import TIME_LIMIT, LoopResult
from facesmith.training.mined import MinedTraining, PlacedBoxes
from facesmith.training.own_mining import OwnMiningConfig, mine_face_free
from facesmith.training.proposals import ProposalTask
from facesmith.training.refiner import RefinerTask
from facesmith.training.refiner_config import RefinerConfig
from facesmith.training.refiner_patches import ProposalPatches, collect_patches
from facesmith.training.resources import hand_back_freed_memory
from facesmith.training.sharing import current_world

MINED_FILE = "mined.json"  # in the run folder: what `own_mining` has found


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
        out: The run folder; `proposals/`, `refiner/` and `landmarks/` in it are run folders too.
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
    photos = usable_photos(photos, progress)
    config = with_threads(config or DetectorConfig())
    if target is None and config.target_precision:
        target = Target("precision", config.target_precision)
    training, held_out = split_photos(photos, config.proposals)
    config = config.without_few_points(training, held_out, progress)
    origin = Origin.of(config, start, teacher)
    choices = Choices.of(held_out, config, origin.proposals)
    config = choices.applied(config, progress)
    described = _described(photos, config, mined, origin)
    if not config.keep_proposals:  # before a folder is made
        refuse_few(training, held_out, config.proposals)
    placed = _place(mined, training, held_out, progress)
    current_world().check_same(described)
    run = RunFolder(out)
    run.start(described, resume=resume, force=force)
    write_used_photos(run.path, training, held_out)
    stages = _Stages(run, described, resume, progress)
    detector_path = run.path / PROPOSALS_FILE
    # The former are read once or twice, the latter again and again.
    learned = Photos(training, dataclasses.replace(config.proposals, cache_gib=0.0))
    validation = Photos(held_out, config.proposals)
    summaries, precisions = {}, {}
    if config.keep_proposals:
        assert origin.proposals is not None
        write_bytes(detector_path, origin.proposals.read_bytes())
        changes = {"calibration": asdict(Calibration()), "operating_point": None, "find_all": None}
        update_description(detector_path, changes)
    else:
        # Not kept: it holds gigabytes of photos.
        summaries["proposals"], mined = stages.train_proposals(
            ProposalTask(photos, config.proposals, mined, origin.proposals, origin.teacher),
            config.proposals.loop, config.own_mining, training, mined,
        )  # fmt: skip
        placed = None if mined is None else PlacedBoxes(mined, training)
        hand_back_freed_memory()
        max_loss = config.quantise_loss
        precisions["proposals"] = quantise_proposals(
            detector_path, learned, validation, max_loss, enough=choices.enough,
            crops=config.proposals.crops if origin.proposals is not None else None,
        )  # fmt: skip
    if config.keep_refiner and origin.refiner is not None:
        write_bytes(run.path / REFINER_FILE, origin.refiner.read_bytes())
    elif config.refiner is not None:
        patches = stages.collect(config.refiner, learned, validation, placed)
        sources = [p.source if len(p.boxes) else None for p in training]
        look = RefinerTask(*patches, config.refiner, sources, origin.refiner)
        summaries["refiner"] = stages.train_refiner(look, config.refiner.loop)
        if config.quantise_loss >= 0:
            precisions["refiner"] = quantise_refiner(
                run.path / REFINER_FILE, *patches, enough=choices.enough
            )

    outcome = {
        "photos": len(photos),
        "photos_held_out": len(held_out),
        "faces_held_out": choices.n_faces,
        **summaries,
        "precision": precisions,
        **calibrate(run.path, validation, held_out_sources(held_out), config, target, choices),
    }
    if config.landmarks is not None:
        outcome["landmarks"] = learn_landmarks(
            run, described, config.landmarks, learned, validation, origin.landmarks,
            resume=resume, progress=progress,
        )  # fmt: skip
    elif origin.landmarks is not None:
        write_bytes(run.path / LANDMARKS_FILE, origin.landmarks.read_bytes())
    metrics: dict[str, Any] = finite_or_none(outcome)
    write_json(run.metrics_path, metrics)
    return metrics


def _described(
    photos: Sequence[AnnotatedPhoto],
    config: DetectorConfig,
    mined: MinedTraining | None,
    origin: Origin,
) -> dict[str, Any]:
    """What the run's config holds: all that decides what the training produces."""
    data = photos_checksum(photos, config.proposals.weight_attribute)
    described = {"task": "detector", "data": data, **config.described()}
    described |= {} if mined is None else {"mined": mined.described()}
    described |= current_world().described()
    return described | origin.described(learns_landmarks=config.landmarks is not None)


@dataclass(frozen=True)
class _Stages:
    """The trainings of one run, each in a folder of its own inside the run folder."""

    run: RunFolder
    described: dict[str, Any]
    resume: bool
    progress: Progress

    def train_proposals(
        self,
        task: ProposalTask,
        config: LoopConfig,
        mining: OwnMiningConfig | None,
        training: Sequence[AnnotatedPhoto],
        mined: MinedTraining | None,
    ) -> tuple[dict[str, Any], MinedTraining | None]:
        """Train and write the proposals; what `metrics.json` says of it, and all mined boxes.

        The file of boxes mined in between says that the training is past that: there is one search.
        """
        self.progress.say(f"Proposals: {counted(task.steps_per_epoch, 'step')} an epoch.")
        part, path, resume = self._part("proposals"), self.run.path / MINED_FILE, self.resume
        until = None
        if mining is not None and not path.is_file():
            until = mining.pause(config.epochs)
        if until is not None or mining is None:
            result = self._train(task, config, part, resume=resume, until_epoch=until)
            resume = True
        if until is not None and mining is not None and result.stopped != TIME_LIMIT:
            write_mined(path, self._mine(task, training, mining.min_score))
        if mining is not None and path.is_file():
            own = read_mined(path)
            if own:
                earlier = () if mined is None else mined.boxes
                mined = MinedTraining.merged([earlier, own], mining.boxes)
                task.show(mined)
            result = self._train(task, config, part, resume=resume)
        network = task.result(task.network)
        export_proposals(network, self.run.path / PROPOSALS_FILE, Calibration())
        return result.summary(), mined

    def _mine(
        self, task: ProposalTask, training: Sequence[AnnotatedPhoto], min_score: float
    ) -> tuple[MinedBox, ...]:
        """False boxes of the present weights."""
        path = self.run.path / "proposals" / PROPOSALS_FILE
        export_proposals(task.network, path, Calibration())
        detector = Detector(path, threads=1)
        found = mine_face_free(detector, training, min_score, self.progress)
        path.unlink()
        n_photos = len({box.file for box in found})
        self.progress.say(f"Mined boxes: {len(found)} in {counted(n_photos, 'photo')}.")
        return found

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
        self.progress.say(f"Refiner: {counted(task.rows_per_epoch, 'patch', 'patches')} an epoch.")
        result = self._train(task, config, self._part("refiner"), resume=self.resume)
        export_refiner(task.network, self.run.path / REFINER_FILE)
        return result.summary()

    def _part(self, name: str) -> RunFolder:
        """The run folder of that name within the run folder."""
        part = RunFolder(self.run.path / name)
        part.start(self.described, resume=self.resume, force=False)
        return part

    def _train(
        self,
        task: ProposalTask | RefinerTask,
        config: LoopConfig,
        part: RunFolder,
        *,
        resume: bool,
        until_epoch: int | None = None,
    ) -> LoopResult:
        """Train in a folder; the network gets the best weights, or at a pause the present ones."""
        result = run_loop(
            task, config, part, rows_per_epoch=task.rows_per_epoch, resume=resume,
            until_epoch=until_epoch, progress=self.progress,
        )  # fmt: skip
        task.network.load_state_dict(result.weights)
        return result


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
