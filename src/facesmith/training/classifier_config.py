"""The settings of a classifier training."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from facesmith.errors import TrainingError
from facesmith.networks.classifiers import NETWORKS
from facesmith.runs.settings import with_changes
from facesmith.training.augmentation import WarpedAugmentation
from facesmith.training.loop_config import LoopConfig


@dataclass(frozen=True)
class ClassifierConfig:
    """Everything that decides what a classifier training produces, beside the patches."""

    network: str = "compact"
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            epochs=50, learning_rate=4e-3, average_decay=0.995, checkpoint_seconds=30.0
        )
    )
    batch_size: int = 64  # patches per step
    weight_decay: float = 1e-2  # decoupled, on weights of two axes and more
    label_smoothing: float = 0.1  # targets 0.05 and 0.95: a wrong label pulls less
    augmentation: WarpedAugmentation | None = field(default_factory=WarpedAugmentation)

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise TrainingError(
                f"`network` must be one of {', '.join(NETWORKS)}; got {self.network!r}."
            )
        for name, value, low in (
            ("batch_size", self.batch_size, 1),
            ("epochs", self.loop.epochs, 1),
            ("early_stop", self.loop.early_stop, 0),
            ("threads", self.loop.threads, 0),
        ):
            if value < low:
                raise TrainingError(f"`{name}` must be at least {low}; got {name}={value}.")
        if not 0 < self.loop.learning_rate < math.inf:
            raise TrainingError(
                "`learning_rate` must be a positive number; got "
                f"learning_rate={self.loop.learning_rate}. Try 0.001."
            )

    @classmethod
    def for_network(cls, network: str) -> ClassifierConfig:
        """The defaults of a network.

        `pointwise` trains as the exercise does: plain Adam at 1e-3, patches and labels as they
        are. The others train with augmentation, smoothed labels and averaged weights.
        """
        config = cls(network=network)
        if network == "pointwise":
            # Its batches are only copied: threads for that would get in the way of PyTorch's.
            loop = dataclasses.replace(
                config.loop,
                epochs=30,
                learning_rate=1e-3,
                average_decay=0.0,
                final_fraction=1.0,
                prefetch=0,
            )
            return dataclasses.replace(
                config, loop=loop, weight_decay=0.0, label_smoothing=0.0, augmentation=None
            )
        if network == "tiny-darknet":
            return dataclasses.replace(
                config, loop=dataclasses.replace(config.loop, epochs=30, learning_rate=2e-3)
            )
        return config

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain nested values, ready for JSON."""
        return asdict(self)

    def updated(self, changes: Mapping[str, Any]) -> ClassifierConfig:
        """These settings with some of them changed.

        Args:
            changes: Name -> value; nested like `to_dict` does.

        Raises:
            SettingsError: If a name is unknown or a value has the wrong type.

        Example:
            >>> ClassifierConfig().updated({"loop": {"epochs": 3}}).loop.epochs
            3
        """
        return with_changes(self, changes)
