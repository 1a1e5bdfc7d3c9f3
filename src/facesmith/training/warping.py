"""Batches of patches: their colours and places changed, and as what a network takes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def warped(
    patches: Tensor, matrices: Tensor, offsets: Tensor, places: Tensor, side: int | None = None
) -> Tensor:
    """Patches with colours and places changed, see `augment_warped`.

    Args:
        patches: uint8 `(n, height, width, 3)`.
        matrices: float32 `(n, 3, 3)`, for colours.
        offsets: float32 `(n, 1, 3)`, for colours.
        places: float32 `(n, 2, 3)`, affine maps from new places to old ones.
        side: Height and width of the result, pixels; `None`: those of the patches.

    Returns:
        float32 `(n, height, width, 3)` in 0..255.
    """
    n, height, width, _ = patches.shape
    pixels = torch.baddbmm(offsets, patches.reshape(n, -1, 3).float(), matrices)
    pixels = pixels.clamp_(0, 255).reshape(n, height, width, 3).permute(0, 3, 1, 2)
    moved = functional.grid_sample(
        pixels,
        _grid(places, side or height, side or width),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )
    return moved.permute(0, 2, 3, 1)


def patches_to_input(pixels: Tensor) -> Tensor:
    """Patches `(n, 64, 64, 3)` of 0 to 255 as what refiner and landmark network take."""
    return pixels.permute(0, 3, 1, 2) / 255


def _grid(places: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel comes from, `(n, height, width, 2)`; a faster `affine_grid`."""
    x, y = (
        torch.arange(1 - size, size, 2, device=places.device) / size for size in (width, height)
    )
    along_x = places[:, :, 0, None] * x  # (n, 2, width)
    along_y = places[:, :, 1, None] * y + places[:, :, 2, None]  # (n, 2, height)
    return (along_y[:, :, :, None] + along_x[:, :, None, :]).permute(0, 2, 3, 1)
