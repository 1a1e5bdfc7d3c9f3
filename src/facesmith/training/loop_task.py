"""What the loop trains, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

TIME_LIMIT = "time limit"  # a reason to stop, see `LoopResult`


class Task(Protocol):
    """What the loop trains."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    steps_per_epoch: int
    monitor: str  # the validation figure that decides which weights are best
    higher_is_better: bool

    def batch(self, epoch: int, step: int) -> Any:
        """The batch of one step, a pure function of its arguments; called from other threads."""

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and figures to log (scalar tensors, without gradient)."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on the validation rows, `monitor` among them."""


@dataclass(frozen=True)
class LoopResult:
    """What a finished training returns."""

    best_epoch: int
    best: float
    epochs: int
    seconds: float
    rows_per_second: float
    weights: dict[str, Tensor]
    stopped: str  # why it ended: "all epochs", "early stop" or "time limit"

    def summary(self) -> dict[str, Any]:
        """What the `metrics.json` of a run says of it."""
        return {
            "best_epoch": self.best_epoch + 1,
            "best": self.best,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 1),
            "stopped": self.stopped,
        }
