"""The settings of a classifier training."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facesmith.errors import TrainingError
from facesmith.networks.classifiers import NETWORKS
from facesmith.training.augmentation import WarpedAugmentation
from facesmith.training.loop_config import LoopConfig

_NOT_SETTINGS = frozenset({"task", "data", "data_path"})  # of a run's config.json


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
            TrainingError: If a name is unknown or a value has the wrong type.

        Example:
            >>> ClassifierConfig().updated({"loop": {"epochs": 3}}).loop.epochs
            3
        """
        merged = _merge(self.to_dict(), changes, "")
        merged["loop"] = LoopConfig(**merged["loop"])
        if merged["augmentation"] is not None:
            merged["augmentation"] = WarpedAugmentation(**merged["augmentation"])
        return ClassifierConfig(**merged)


def read_changes(path: str | Path) -> dict[str, Any]:
    """Settings from a JSON file: those to change, or the `config.json` of an earlier run.

    Raises:
        TrainingError: If the file is not JSON with an object in it.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: expected a JSON file with settings ({error}).") from error
    if isinstance(content, dict) and "facesmith" in content:
        content = content.get("config")
        if isinstance(content, dict):
            content = {k: v for k, v in content.items() if k not in _NOT_SETTINGS}
    if not isinstance(content, dict):
        raise TrainingError(
            f'{path}: expected a JSON object such as {{"loop": {{"epochs": 20}}}}, '
            f"got a {type(content).__name__}."
        )
    return content


def _merge(values: dict[str, Any], changes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Nested settings with changes; a name or a type that does not fit is an error."""
    merged = dict(values)
    for name, value in changes.items():
        full = f"{prefix}{name}"
        if name not in values:
            raise TrainingError(
                f"Unknown setting '{full}'. Known here: {', '.join(sorted(values))}."
            )
        old = values[name]
        if name == "augmentation" and value is not None:
            old = old or asdict(WarpedAugmentation())
        if isinstance(old, dict) and isinstance(value, Mapping):
            merged[name] = _merge(old, value, f"{full}.")
        elif value is None and name == "augmentation":
            merged[name] = None
        elif isinstance(old, float) and type(value) in (int, float):
            merged[name] = float(value)
        elif type(value) is type(old):
            merged[name] = value
        else:
            raise TrainingError(f"Setting '{full}' must be {type(old).__name__}; got {value!r}.")
    return merged
