"""The settings of a detector training, and the weights that it goes on from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from facesmith.detection.detector import PROPOSALS_FILE, REFINER_FILE
from facesmith.detection.sessions import available_cores
from facesmith.errors import WeightsError
from facesmith.training.loop_config import LoopConfig
from facesmith.training.own_mining import OwnMiningConfig
from facesmith.training.proposals import ProposalConfig
from facesmith.training.refiner_config import RefinerConfig


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that decides what a detector training produces, beside the photos."""

    proposals: ProposalConfig = field(default_factory=ProposalConfig)
    # `None`: no refiner is trained.
    refiner: RefinerConfig | None = field(default_factory=RefinerConfig)
    # Take the proposals of the weights that the training goes on from as they are.
    keep_proposals: bool = False
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
        proposals, refiner = ProposalConfig(), RefinerConfig()
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
        )

    @classmethod
    def continued(cls, start: str | Path) -> DetectorConfig:
        """For going on from trained weights with other photos or labels: fewer, smaller steps.

        Args:
            start: As `train_detector` takes it. A refiner that is not there is trained whole.

        Raises:
            WeightsError: If there are no such weights.
        """
        proposals, refiner = ProposalConfig(), RefinerConfig()
        if weights_of(start)[1] is not None:
            loop = dataclasses.replace(refiner.loop, epochs=4, learning_rate=1e-3)
            refiner = dataclasses.replace(refiner, loop=loop)
        loop = dataclasses.replace(proposals.loop, epochs=24, learning_rate=1e-3)
        return cls(dataclasses.replace(proposals, loop=loop, small_until=0.0), refiner)

    def with_loops(self, change: Callable[[LoopConfig], LoopConfig]) -> DetectorConfig:
        """The settings with those of all trainings' loops changed."""
        proposals, refiner = self.proposals, self.refiner
        proposals = dataclasses.replace(proposals, loop=change(proposals.loop))
        if refiner is not None:
            refiner = dataclasses.replace(refiner, loop=change(refiner.loop))
        return dataclasses.replace(self, proposals=proposals, refiner=refiner)


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


def with_threads(config: DetectorConfig) -> DetectorConfig:
    """The settings with the number of threads filled in, which decides the last bits."""
    cores = available_cores()
    return config.with_loops(lambda loop: dataclasses.replace(loop, threads=loop.threads or cores))
