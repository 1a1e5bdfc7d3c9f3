"""The device and the precision of a training."""

from __future__ import annotations

import logging
from typing import Any

import torch
from lightning_fabric import Fabric

from facesmith.errors import TrainingError
from facesmith.training.loop_config import LoopConfig
from facesmith.training.sharing import World, backend


def make_fabric(config: LoopConfig, world: World) -> Fabric:
    """Lightning's Fabric for one process, on an accelerator of its own where there are several.

    Raises:
        TrainingError: If the machine lacks what the settings ask for, or the processes of a
            training are connected for another accelerator.
    """
    # It announces the precision on standard error; the run folder's config says it too.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    accelerator = _accelerator(config, world)
    precision: Any = _precision(config, accelerator)
    devices: Any = [world.local_rank] if world.size > 1 and accelerator == "cuda" else 1
    try:
        return Fabric(accelerator=accelerator, devices=devices, precision=precision)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"`accelerator` {config.accelerator!r} and `precision` {config.precision!r} in the "
            f"settings cannot be had on this machine ({str(error).strip().rstrip('.')}). Leave "
            "both out to have them chosen."
        ) from error


def _accelerator(config: LoopConfig, world: World) -> str:
    if world.size == 1:
        return config.accelerator
    # Tensors of another one could not be sent: gloo carries none of Apple's, NCCL none of cores.
    connected = "cuda" if backend() == "nccl" else "cpu"
    if config.accelerator not in ("auto", connected):
        way_out = "leave the setting out"
        if config.accelerator == "cpu":
            way_out += ", or hide the GPUs (CUDA_VISIBLE_DEVICES=) to train on cores"
        raise TrainingError(
            f"`accelerator` in the settings must be auto or {connected} where several processes "
            f"train on this machine; got {config.accelerator!r}. For them {way_out}."
        )
    return connected


def _precision(config: LoopConfig, accelerator: str) -> str:
    if config.precision != "auto":
        return config.precision
    if torch.cuda.is_available() and accelerator in ("auto", "cuda"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    # Without hardware for it, bfloat16 on a CPU is emulated and several times slower.
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
