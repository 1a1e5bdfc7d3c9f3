"""The learning rate's schedule."""

from __future__ import annotations

import math

from facesmith.training.loop_config import LoopConfig


def learning_rate(config: LoopConfig, step: int, total_steps: int) -> float:
    """Linear warm-up, then a half cosine down to `final_fraction`.

    Source:
        Loshchilov & Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2017,
        without the restarts.
    """
    warmup = min(config.warmup_steps, total_steps // 4)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(total_steps - warmup, 1)
    low = config.final_fraction
    return config.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))
