"""The device and the precision of a training."""

from __future__ import annotations

import logging
from typing import Any

import torch
from lightning_fabric import Fabric

from facesmith.training.loop_config import LoopConfig
from facesmith.training.sharing import World


def make_fabric(config: LoopConfig, world: World) -> Fabric:
    """Lightning's Fabric for one process, on an accelerator of its own where there are several."""
    # It announces the precision on standard error; the run folder's config says it too.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    precision: Any = _precision(config)
    on_gpu = world.size > 1 and torch.cuda.is_available() and config.accelerator != "cpu"
    devices: Any = [world.local_rank] if on_gpu else 1
    return Fabric(accelerator=config.accelerator, devices=devices, precision=precision)


def _precision(config: LoopConfig) -> str:
    if config.precision != "auto":
        return config.precision
    if torch.cuda.is_available() and config.accelerator in ("auto", "cuda"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    # Without hardware for it, bfloat16 on a CPU is emulated and several times slower.
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
