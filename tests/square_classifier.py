"""A patch classifier whose answers can be worked out by hand: a white square on black is a face.

The score is sigmoid(4) = 0.9820 for a patch with exactly the pixels [20:44, 20:44] white. It falls
with the part of the patch that differs, slowly enough that windows half a stride away still score
more than 0.5.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

SIDE = 24  # pixels of the white square, in the middle of a window of 64
BEFORE = 20  # pixels of the window before it
SQUARE_SCORE = 0.9820
FALL = 20.0
# At this height faces are looked for at a scale of 1.
FACE = 64 / 1.3


def export_square_classifier(path: Path, **changes: object) -> Path:
    """Write its weights file, its description changed by `changes`."""
    import torch  # noqa: PLC0415 - heavy, and only where it is called
    from torch import nn  # noqa: PLC0415

    from facesmith.detection.preprocessing import Preprocessing  # noqa: PLC0415
    from facesmith.export.metadata import update_description  # noqa: PLC0415
    from facesmith.export.onnx_export import export_classifier  # noqa: PLC0415
    from facesmith.networks.classifiers import PatchClassifier  # noqa: PLC0415

    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            template = torch.zeros(1, 3, 64, 64)
            template[..., BEFORE : BEFORE + SIDE, BEFORE : BEFORE + SIDE] = 1
            self.register_buffer("template", template)

        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            different = (patches - self.template).abs().mean(dim=(1, 2, 3))
            return 4 - FALL * different[:, None]

    export_classifier(PatchClassifier(Square(), Preprocessing()), path, network="square")
    update_description(path, changes)
    return path


def score_of(patch: npt.NDArray[np.uint8]) -> float:
    """The score of one patch `(64, 64, 3)`, worked out without the network."""
    template = np.zeros((64, 64, 3))
    template[BEFORE : BEFORE + SIDE, BEFORE : BEFORE + SIDE] = 255
    return 1 / (1 + math.exp(FALL * float(np.abs(patch - template).mean()) / 255 - 4))


def squares(
    width: int, height: int, *windows: tuple[int, int], times: int = 1
) -> npt.NDArray[np.uint8]:
    """A black image with white squares in the middle of these windows, all `times` as large."""
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in windows:
        left, top = (x + BEFORE) * times, (y + BEFORE) * times
        image[top : top + SIDE * times, left : left + SIDE * times] = 255
    return image


def box_of(x: int, y: int, times: int = 1) -> list[float]:
    """The face box of the window with its upper left corner there."""
    inset = (64 - FACE) / 2
    return [(at + edge) * times for edge in (inset, 64 - inset) for at in (x, y)]
