"""The settings of a detector training, and the weights that it goes on from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE
from facesmith.detection.landmarks import LANDMARKS_FILE
from facesmith.detection.sessions import available_cores
from facesmith.errors import TrainingError, WeightsError
from facesmith.files import checksum
from facesmith.progress import Progress
from facesmith.training.landmark_config import LandmarkConfig
from facesmith.training.landmark_patches import MIN_FACES, MIN_HELD_OUT, n_with_points
from facesmith.training.loop_config import LoopConfig
from facesmith.training.own_mining import OwnMiningConfig
from facesmith.training.plan import ENOUGH_FACES, Plan, plan_training
from facesmith.training.proposals import ProposalConfig
from facesmith.training.refiner_config import RefinerConfig
from facesmith.training.warm_start import network_of

# Settings that runs of earlier versions do not have, by the part of the settings they are in.
_LATER = {
    "": ("keep_refiner", "min_choice_faces", "landmarks"),
    "proposals": ("rounds", "frozen", "fixed_statistics", "retention", "blend"),
    "refiner": ("fixed_statistics", "retention"),
}


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that decides what a detector training produces, beside the photos."""

    proposals: ProposalConfig = field(default_factory=ProposalConfig)
    # `None`: no refiner is trained.
    refiner: RefinerConfig | None = field(default_factory=RefinerConfig)
    # Five points of each face, where enough faces are annotated with them; `None`: not learned.
    landmarks: LandmarkConfig | None = field(default_factory=LandmarkConfig)
    # Take the proposals of the weights that the training goes on from as they are.
    keep_proposals: bool = False
    # Take the refiner of those weights as it is.
    keep_refiner: bool = False
    # With fewer held-out faces (of 16 px and more) than this nothing is chosen by them: the last
    # epoch is kept, calibration and threshold stay those of the weights gone on from, and 8 bits
    # are kept. 0: always choose.
    min_choice_faces: int = 0
    # 8-bit proposals are kept where average precision falls by at most this much; below 0: never.
    quantise_loss: float = 0.005
    # Mine the face-free photos within the training; `None`: do not.
    own_mining: OwnMiningConfig | None = None
    # The threshold is chosen for this precision, where the training is asked for no other target;
    # 0: none, a threshold of 0.5.
    target_precision: float = 0.0
    # Choose a target's threshold with all sources of held-out photos weighed alike, all face-free
    # photos being one; off: with all photos weighed alike.
    weigh_sources: bool = False

    @classmethod
    def quick(cls) -> DetectorConfig:
        """A third of the time for a first result; average precision is some points lower."""
        proposals, refiner, landmarks = ProposalConfig(), RefinerConfig(), LandmarkConfig()
        # In few passes twice as many smaller steps lead further.
        loop = dataclasses.replace(proposals.loop, epochs=20, learning_rate=2e-3)
        return cls(
            dataclasses.replace(proposals, loop=loop, batch_size=16),
            dataclasses.replace(
                refiner,
                copies=1,
                crops_per_photo=0,
                loop=dataclasses.replace(refiner.loop, epochs=3),
            ),
            dataclasses.replace(landmarks, loop=dataclasses.replace(landmarks.loop, epochs=10)),
        )

    @classmethod
    def continued(cls, start: str | Path, plan: Plan) -> DetectorConfig:
        """For going on from trained weights with other photos or labels.

        Args:
            start: As `train_detector` takes it. A refiner that is not there is trained whole.
            plan: What follows from the number of photos.

        Raises:
            WeightsError: If there are no such weights.
        """
        proposals, refiner, landmarks = ProposalConfig(), RefinerConfig(), LandmarkConfig()
        first, second = weights_of(start)
        assert first is not None
        if second is not None:
            loop = dataclasses.replace(
                refiner.loop, epochs=4, learning_rate=plan.learning_rate, warmup_steps=50
            )
            refiner = dataclasses.replace(
                refiner, loop=loop, fixed_statistics=True, retention=plan.retention
            )
        loop = dataclasses.replace(
            proposals.loop,
            epochs=plan.epochs,
            learning_rate=plan.learning_rate,
            warmup_steps=plan.steps // 10,
            validate_every=plan.validate_every,
            average_decay=plan.average_decay,
        )
        proposals = dataclasses.replace(
            proposals,
            loop=loop,
            network=network_of(first),
            small_until=0.0,
            batch_size=plan.batch_size,
            rounds=plan.rounds,
            held_out=plan.held_out,
            frozen=plan.frozen,
            fixed_statistics=True,
            retention=plan.retention,
            blend=plan.blend,
        )
        return cls(
            proposals,
            refiner,
            dataclasses.replace(
                landmarks,
                loop=dataclasses.replace(
                    landmarks.loop, epochs=10, learning_rate=plan.learning_rate, warmup_steps=50
                ),
            ),
            keep_refiner=plan.keep_refiner and second is not None,
            min_choice_faces=ENOUGH_FACES,
        )

    @classmethod
    def for_photos(cls, photos: Sequence[AnnotatedPhoto], start: str | Path) -> DetectorConfig:
        """What `facesmith train` uses for these photos: they decide steps and learning rate.

        Args:
            photos: All photos, annotated and face-free, at least one.
            start: Run folder or `detector.onnx` to go on from, such as `shipped_weights()`; give it
                to `train_detector` too.

        Raises:
            WeightsError: If there are no such weights.
            ValueError: If there is no photo.
        """
        n_faces = sum(int((~photo.ignored).sum()) for photo in photos)
        return cls.continued(start, plan_training(len(photos), n_faces))

    def forgetting(self) -> DetectorConfig:
        """The settings without what holds on to the weights that the training goes on from."""
        refiner = self.refiner
        if refiner is not None:
            refiner = dataclasses.replace(refiner, fixed_statistics=False, retention=0.0)
        proposals = dataclasses.replace(
            self.proposals, fixed_statistics=False, retention=0.0, frozen=0, blend=1.0
        )
        return dataclasses.replace(self, proposals=proposals, refiner=refiner, keep_refiner=False)

    def described(self) -> dict[str, Any]:
        """The settings as a run's config has them.

        Those that came later are left out where they are off, so that runs of before can be
        resumed.
        """
        described = asdict(self)
        off = asdict(dataclasses.replace(DetectorConfig(), landmarks=None))
        for part, names in _LATER.items():
            settings = described[part] if part else described
            usual = off[part] if part else off
            for name in names if settings else ():
                if settings[name] == usual[name]:
                    del settings[name]
        return described

    def without_few_points(
        self,
        training: Sequence[AnnotatedPhoto],
        held_out: Sequence[AnnotatedPhoto],
        progress: Progress,
    ) -> DetectorConfig:
        """The settings, without landmarks where too few faces have any; says so if some have."""
        if self.landmarks is None:
            return self
        n_training, n_held_out = (
            n_with_points(photos, self.landmarks) for photos in (training, held_out)
        )
        if n_training >= MIN_FACES and n_held_out >= MIN_HELD_OUT:
            return self
        if n_training + n_held_out:
            progress.say(
                f"Landmarks: not learned, since {n_training} faces to learn from and {n_held_out} "
                f"held out have points; {MIN_FACES} and {MIN_HELD_OUT} are needed."
            )
        return dataclasses.replace(self, landmarks=None)

    @property
    def loops(self) -> list[LoopConfig]:
        """The settings of all trainings' loops."""
        return [
            part.loop for part in (self.proposals, self.refiner, self.landmarks) if part is not None
        ]

    def with_loops(self, change: Callable[[LoopConfig], LoopConfig]) -> DetectorConfig:
        """The settings with those of all trainings' loops changed."""
        proposals, refiner, landmarks = self.proposals, self.refiner, self.landmarks
        proposals = dataclasses.replace(proposals, loop=change(proposals.loop))
        if refiner is not None:
            refiner = dataclasses.replace(refiner, loop=change(refiner.loop))
        if landmarks is not None:
            landmarks = dataclasses.replace(landmarks, loop=change(landmarks.loop))
        return dataclasses.replace(self, proposals=proposals, refiner=refiner, landmarks=landmarks)


@dataclass(frozen=True)
class Origin:
    """The weights files that a training goes on from, and of its teacher; `None`: none."""

    proposals: Path | None
    refiner: Path | None
    landmarks: Path | None
    teacher: Path | None

    @classmethod
    def of(
        cls, config: DetectorConfig, start: str | Path | None, teacher: str | Path | None
    ) -> Origin:
        """Find the files.

        Raises:
            WeightsError: If there are none where they should be.
            TrainingError: If settings do not go with them, or with each other.
        """
        proposals, refiner = weights_of(start)
        landmarks = None if proposals is None else proposals.with_name(LANDMARKS_FILE)
        if landmarks is not None and not landmarks.is_file():
            landmarks = None
        first = weights_of(teacher)[0]
        origin = cls(proposals, refiner if config.refiner else None, landmarks, first)
        origin._check(config)
        return origin

    def described(self, *, learns_landmarks: bool) -> dict[str, Any]:
        """What decides the training, for the run's config."""
        files = [checksum(path) for path in (self.proposals, self.refiner) if path is not None]
        described: dict[str, Any] = {"start": files} if files else {}
        if learns_landmarks and self.landmarks is not None:
            described["start_landmarks"] = checksum(self.landmarks)
        return described | ({"teacher": checksum(self.teacher)} if self.teacher else {})

    def _check(self, config: DetectorConfig) -> None:
        if config.keep_refiner and config.refiner is not None and self.refiner is None:
            raise TrainingError(
                "`keep_refiner` keeps the refiner of the weights that the training goes on from, "
                "and there is none. Pass a `start` with one, or leave `keep_refiner` out."
            )
        if not config.keep_proposals:
            return
        if config.keep_refiner:
            raise TrainingError(
                "With `keep_proposals` and `keep_refiner` nothing is left to learn. Leave one of "
                "the two out."
            )
        if self.proposals is None or config.refiner is None:
            raise TrainingError(
                "A refiner of its own for proposals that stay as they are needs those proposals "
                "and settings of a refiner. Pass `start` and leave `refiner` as it is."
            )
        if config.own_mining is not None:
            raise TrainingError(
                "`own_mining` is for a training of proposals, which `keep_proposals` leaves as "
                "they are. Leave one of the two out, or pass `mined`."
            )


def weights_of(start: str | Path | None) -> tuple[Path | None, Path | None]:
    """The two weights files of a model, as far as there are any.

    Raises:
        WeightsError: If there is no first one where it should be.
    """
    if start is None:
        return None, None
    path = Path(start)
    if path.is_dir():
        path = path / PROPOSALS_FILE
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such weights file to go on from or to be taught by. Pass a run folder."
        )
    second = path.with_name(REFINER_FILE)
    return path, second if second.is_file() else None


def with_threads(config: DetectorConfig, threads: int | None = None) -> DetectorConfig:
    """The settings with the number of threads filled in, which decides the last bits.

    Args:
        config: Where it says no number, it gets one.
        threads: That number; `None`: that of the cores.
    """
    threads = threads or available_cores()
    return config.with_loops(
        lambda loop: dataclasses.replace(loop, threads=loop.threads or threads)
    )
