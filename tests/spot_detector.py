"""A detector whose answers can be worked out by hand: a white spot is a face.

Its network looks at cells of 8x8 pixels and puts a box of 32x32 pixels around the centre of each
white one. So at a scale of 1 a white spot on the grid of 8 pixels with its top left corner at
(x, y) is found as (x - 12, y - 12, x + 20, y + 20), with the score sigmoid(4) = 0.9820.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SPOT_SCORE = 0.9820


def export_spot_detector(path: Path) -> Path:
    """Write its weights file."""
    import torch  # noqa: PLC0415 - heavy, and only where it is called
    from torch import nn  # noqa: PLC0415
    from torch.nn import functional  # noqa: PLC0415

    from facesmith.detection.calibration import Calibration  # noqa: PLC0415
    from facesmith.export.detector import export_proposals  # noqa: PLC0415
    from facesmith.export.metadata import update_description  # noqa: PLC0415
    from facesmith.networks.detector import STRIDES  # noqa: PLC0415

    class Spots(nn.Module):
        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            grey = images.mean(dim=1, keepdim=True)
            maps = []
            for stride in STRIDES:
                cells = functional.avg_pool2d(grey, stride, ceil_mode=True)
                # 4 for white; below -4 from a mean of 0.8 on; the coarser cells never fire.
                logits = 40 * (cells - 0.9) if stride == 8 else cells - 20
                maps.append(torch.cat([logits, *[cells * 0] * 4], dim=1))
            return maps

    export_proposals(Spots().eval(), path, Calibration())
    update_description(path, {"enlarged_to": 0})  # small images stay at a scale of 1
    return path


def spots(
    width: int, height: int, *corners: tuple[int, int], side: int = 8
) -> npt.NDArray[np.uint8]:
    """A black image with white spots."""
    image: npt.NDArray[Any] = np.zeros((height, width, 3), np.uint8)
    for x, y in corners:
        image[y : y + side, x : x + side] = 255
    return image
