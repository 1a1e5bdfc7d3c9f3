"""The settings of the training loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoopConfig:
    """How to train; what is trained is the task's business."""

    epochs: int  # passes over the training rows
    learning_rate: float  # the highest of the schedule
    seed: int = 0  # of weights, order and augmentation
    warmup_steps: int = 100  # the learning rate rises linearly over these first steps
    final_fraction: float = 0.02  # of the learning rate, where the cosine ends
    average_decay: float = 0.998  # of the moving average of the weights; 0 turns it off
    gradient_clip: float = 10.0  # largest norm of the gradient; 0 turns it off
    early_stop: int = 0  # epochs without a better validation figure before stopping; 0: never
    validate_every: int = 1  # epochs between validations; the last epoch is always validated
    checkpoint_seconds: float = 60.0  # at most this much work is done again after a kill
    checkpoint_steps: int = 0  # steps after which to checkpoint, whatever the clock says; 0: never
    time_limit: float = 0.0  # seconds after which to stop at the next step; 0: none
    # Batches prepared ahead, each in its own thread; 0: none, between the steps; below 0: as many
    # as there are cores, at least two.
    prefetch: int = -1
    threads: int = 0  # of PyTorch; 0: one per core that this process may use
    precision: str = "auto"  # "auto", "bf16-mixed" or "32-true", as Lightning Fabric names them
    accelerator: str = "auto"  # "auto", "cpu", "cuda" or "mps", as Lightning Fabric names them
