"""The proposal network: a small fully convolutional net that looks at the whole photo once.

Input: float `(n, 3, height, width)`, BGR, 0..1, sides a multiple of 32. Output: one map
`(n, 5, rows, columns)` per stride 8, 16, 32 and 64, rows and columns being the sides over the
stride, rounded up; at each cell the logit of the score and the four numbers of a box
(`decode_boxes` says how they become pixels).

All convolutions are dense: in 8 bits, as the network ships, they run several times as fast as in
float32. Depthwise ones do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from facesmith.networks.classifiers import convolution

STRIDES = (8, 16, 32, 64)
# A cell whose width and height outputs are 0 stands for a box this many strides wide and high.
BOX_UNIT = 4.0
INPUT_MULTIPLE = 32  # what the sides of an input must be divisible by


@dataclass(frozen=True)
class DetectorNetConfig:
    """Widths and depths; the defaults are what ships."""

    widths: tuple[int, int, int, int, int] = (32, 48, 64, 96, 96)  # at strides 4, 8, 16, 32, 64
    depths: tuple[int, int, int, int, int] = (1, 1, 2, 2, 1)  # blocks there after the first
    heads: tuple[int, int, int, int] = (32, 48, 48, 48)  # channels of the heads

    @classmethod
    def large(cls) -> DetectorNetConfig:
        """Seven times the parameters and six times the time: a teacher for the one that ships."""
        return cls(
            widths=(64, 112, 176, 224, 224), depths=(2, 2, 3, 3, 1), heads=(96, 128, 128, 128)
        )


def _block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*convolution(n_in, n_out, stride))


def _stem(n_out: int) -> nn.Sequential:
    """Straight to stride 4, in one step.

    Source:
        Overlapping patches as a stem: Xiao et al., "Early convolutions help transformers see
        better", 2021, compares; one 6x6 convolution is what an 8-bit kernel is fastest at.
    """
    return nn.Sequential(*convolution(3, n_out, stride=4, kernel_size=6))


def _head(n_in: int, width: int) -> nn.Sequential:
    block, last = _block(n_in, width), nn.Conv2d(width, 5, 1)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    with torch.no_grad():
        # Almost every cell is no face: starting near a score of 0.01 keeps the first steps calm.
        last.bias[0] = -4.6
    return nn.Sequential(block, last)


class DetectorNet(nn.Module):
    """Backbone down to stride 64, a feature pyramid back up to stride 8, a head per stride.

    Source:
        The pyramid: Lin et al., "Feature pyramid networks for object detection", 2017.
    """

    def __init__(self, config: DetectorNetConfig | None = None) -> None:
        super().__init__()
        config = config or DetectorNetConfig()
        c4, c8, c16, c32, c64 = config.widths

        def stage(first: nn.Module, n_out: int, depth: int) -> nn.Sequential:
            return nn.Sequential(first, *[_block(n_out, n_out) for _ in range(depth)])

        self.to_4 = stage(_stem(c4), c4, config.depths[0])
        self.to_8 = stage(_block(c4, c8, 2), c8, config.depths[1])
        self.to_16 = stage(_block(c8, c16, 2), c16, config.depths[2])
        self.to_32 = stage(_block(c16, c32, 2), c32, config.depths[3])
        self.to_64 = stage(_block(c32, c64, 2), c64, config.depths[4])
        self.lateral_64 = nn.Conv2d(c64, c32, 1)
        self.lateral_32 = nn.Conv2d(c32, c16, 1)
        self.lateral_16 = nn.Conv2d(c16, c8, 1)
        self.heads = nn.ModuleList(
            _head(n_in, width)
            for n_in, width in zip((c8, c16, c32, c64), config.heads, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps `(n, 5, rows, columns)` for strides 8, 16, 32 and 64."""
        at_8 = self.to_8(self.to_4(images))
        at_16 = self.to_16(at_8)
        at_32 = self.to_32(at_16)
        at_64 = self.to_64(at_32)
        # An odd number of cells at stride 32 is rounded up at stride 64: the last is cut off again.
        doubled = functional.interpolate(self.lateral_64(at_64), scale_factor=2.0)
        up_32 = at_32 + doubled[:, :, : at_32.shape[2], : at_32.shape[3]]
        up_16 = at_16 + functional.interpolate(self.lateral_32(up_32), scale_factor=2.0)
        up_8 = at_8 + functional.interpolate(self.lateral_16(up_16), scale_factor=2.0)
        levels = (up_8, up_16, up_32, at_64)
        return [head(level) for head, level in zip(self.heads, levels, strict=True)]


def cell_centres(size_wh: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Centre `(p, 2)` in pixels and stride `(p,)` of every cell of an input, stride by stride."""
    width, height = size_wh
    centres, strides = [], []
    for stride in STRIDES:
        rows = (torch.arange(-(-height // stride)) + 0.5) * stride
        columns = (torch.arange(-(-width // stride)) + 0.5) * stride
        grid = torch.meshgrid(rows, columns, indexing="ij")
        centres.append(torch.stack([grid[1], grid[0]], dim=-1).reshape(-1, 2))
        strides.append(torch.full((len(centres[-1]),), float(stride)))
    return torch.cat(centres), torch.cat(strides)


def flatten_maps(maps: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Logits `(n, p)` and raw box outputs `(n, p, 4)`, in the order of `cell_centres`, float32."""
    flat = torch.cat([m.float().flatten(2).transpose(1, 2) for m in maps], dim=1)  # (n, p, 5)
    return flat[..., 0], flat[..., 1:]


def decode_boxes(raw: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Boxes `(..., p, 4)` as x_min, y_min, x_max, y_max in pixels of the input.

    The first two outputs move the centre, in strides; the last two are the logarithm of width and
    height, in units of `BOX_UNIT` strides.
    """
    centre = centres + raw[..., :2] * strides[:, None]
    half = torch.exp(raw[..., 2:].clamp(-5, 5)) * (strides[:, None] * BOX_UNIT / 2)
    return torch.cat([centre - half, centre + half], dim=-1)
