"""Checkpoints as files: written whole or not at all, read without executing anything."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from facesmith.errors import WeightsError
from facesmith.files import write_bytes


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint, atomically.

    Raises:
        WriteError: If it cannot be written.
    """
    # By way of memory: PyTorch's own file writer hides why the disk refused.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `checkpoints/last.pt` or `best.pt` holds, on the CPU; nothing in it is executed.

    Raises:
        WeightsError: If the file is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]  # an empty file says nothing
        raise WeightsError(
            f"{path} is no usable checkpoint ({why}). Start anew with --force, or pass another "
            "--out."
        ) from error
    return state
