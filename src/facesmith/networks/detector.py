"""The proposal network: a small fully convolutional net that looks at the whole photo once.

Input: float `(n, 3, height, width)`, BGR, 0..1, sides a multiple of 32. Output: one map
`(n, 5, height / stride, width / stride)` per stride 8, 16 and 32; at each cell the logit of the
score and the four numbers of a box (`decode_boxes` says how they become pixels).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
# A cell whose width and height outputs are 0 stands for a box this many strides wide and high.
BOX_UNIT = 4.0


@dataclass(frozen=True)
class DetectorNetConfig:
    """Widths and depths; the defaults are what ships."""

    stem: int = 16  # channels at stride 2
    widths: tuple[int, int, int, int] = (32, 64, 96, 128)  # channels at strides 4, 8, 16, 32
    depths: tuple[int, int, int] = (2, 2, 3)  # blocks after the first at strides 8, 16, 32


def conv_block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """Dense 3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def separable_block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution per channel, then 1x1 across channels: a ninth of the multiply-adds.

    Source:
        Howard et al., "MobileNets", 2017, section 3.1.
    """
    return nn.Sequential(
        nn.Conv2d(n_in, n_in, 3, stride, 1, groups=n_in, bias=False),
        nn.BatchNorm2d(n_in),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_in, n_out, 1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def _head(n_in: int) -> nn.Sequential:
    block, last = separable_block(n_in, n_in), nn.Conv2d(n_in, 5, 1)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    with torch.no_grad():
        # Almost every cell is no face: starting near a score of 0.01 keeps the first steps calm.
        last.bias[0] = -4.6
    return nn.Sequential(block, last)


class DetectorNet(nn.Module):
    """Backbone down to stride 32, a feature pyramid back up to stride 8, a head per stride.

    Source:
        The pyramid: Lin et al., "Feature pyramid networks for object detection", 2017.
    """

    def __init__(self, config: DetectorNetConfig | None = None) -> None:
        super().__init__()
        config = config or DetectorNetConfig()
        stem, (c4, c8, c16, c32) = config.stem, config.widths

        def stage(n_in: int, n_out: int, depth: int) -> nn.Sequential:
            blocks = [separable_block(n_out, n_out) for _ in range(depth)]
            return nn.Sequential(separable_block(n_in, n_out, stride=2), *blocks)

        self.to_4 = nn.Sequential(conv_block(3, stem, stride=2), separable_block(stem, c4, 2))
        self.to_8 = stage(c4, c8, config.depths[0])
        self.to_16 = stage(c8, c16, config.depths[1])
        self.to_32 = stage(c16, c32, config.depths[2])
        self.lateral_32 = nn.Conv2d(c32, c16, 1)
        self.lateral_16 = nn.Conv2d(c16, c8, 1)
        self.smooth_16 = separable_block(c16, c16)
        self.smooth_8 = separable_block(c8, c8)
        self.narrow_16 = nn.Conv2d(c16, c8, 1)
        self.narrow_32 = nn.Conv2d(c16, c8, 1)
        self.heads = nn.ModuleList(_head(c8) for _ in STRIDES)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps `(n, 5, h, w)` for strides 8, 16 and 32."""
        at_8 = self.to_8(self.to_4(images))
        at_16 = self.to_16(at_8)
        up_32 = self.lateral_32(self.to_32(at_16))
        up_16 = self.smooth_16(at_16 + functional.interpolate(up_32, scale_factor=2.0))
        lateral = self.lateral_16(up_16)
        up_8 = self.smooth_8(at_8 + functional.interpolate(lateral, scale_factor=2.0))
        levels = (up_8, self.narrow_16(up_16), self.narrow_32(up_32))
        return [head(level) for head, level in zip(self.heads, levels, strict=True)]


def cell_centres(size_wh: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Centre `(p, 2)` in pixels and stride `(p,)` of every cell of an input, stride by stride."""
    width, height = size_wh
    centres, strides = [], []
    for stride in STRIDES:
        rows = (torch.arange(height // stride) + 0.5) * stride
        columns = (torch.arange(width // stride) + 0.5) * stride
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
