"""The networks that look at the patch of one box and say how it should change.

Input: float `(n, 3, 64, 64)`, BGR, 0..1. Output `(n, 5)`: the logit of the score, then how the box
should change, in units of the longer side `m` of the box that the patch was cut for: the shift of
its centre (x, y) over `m`, and the logarithm of its new width and height over `m`.
"""

from __future__ import annotations

import torch
from torch import nn

from facesmith.networks.classifiers import (
    ChannelsLastFlatten,
    Residual,
    build_classifier,
    convolution,
)

_N_OUTPUTS = 5


def build_refiner(seed: int = 0) -> nn.Module:
    """The detector's refiner, freshly initialised; the same seed gives the same weights.

    It has the shape of `compact` and twice its multiplications, where the maps are small: in 8 bits
    they are nearly free there, since what takes the time is the large maps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = _head(96 * 4 * 4)
        network = nn.Sequential(
            *convolution(3, 16, stride=2),  # (n, 16, 32, 32)
            *convolution(16, 32, stride=2),  # (n, 32, 16, 16)
            Residual(32),
            *convolution(32, 64, stride=2),  # (n, 64, 8, 8)
            Residual(64),
            Residual(64),
            *convolution(64, 96, stride=2),  # (n, 96, 4, 4)
            ChannelsLastFlatten(),  # (n, 1536)
            nn.Dropout(0.2),
            head,
        )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def build_box_corrector(seed: int = 0) -> nn.Module:
    """The `compact` classifier with these outputs, for where a correction is all that is asked."""
    trunk = build_classifier("compact", seed=seed).network
    assert isinstance(trunk, nn.Sequential)
    assert isinstance(trunk[-1], nn.Linear)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = _head(trunk[-1].in_features)
    return nn.Sequential(*list(trunk)[:-1], head)


def _head(n_features: int) -> nn.Linear:
    """Outputs that are 0 at first: no opinion, and the box as it is."""
    head = nn.Linear(n_features, _N_OUTPUTS)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
