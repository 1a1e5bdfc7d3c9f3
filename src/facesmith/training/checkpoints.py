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
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("no dictionary")
    except Exception as error:  # bytes that are no checkpoint raise whatever they spell
        # PyTorch's own words for a file that is cut off lead nowhere.
        why = "it is cut off or damaged" if path.is_file() else "it is missing"
        raise WeightsError(
            f"{path} is no usable checkpoint: {why}. Start anew with --force, or pass another "
            "--out."
        ) from error
    return state
