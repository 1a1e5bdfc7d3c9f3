"""The network that finds five points of a face on the patch of its box.

Input: float `(n, 3, 64, 64)`, BGR, 0..1. Output `(n, 15)`: x and y of right eye, left eye, nose,
right mouth corner and left mouth corner (the person's), from the centre of the patch in units of
its side; then the logits of each being visible.
"""

from __future__ import annotations

import torch
from torch import nn

from facesmith.faces import N_LANDMARKS
from facesmith.networks.classifiers import ChannelsLastFlatten, Residual, convolution

# Where points lie on average, x and y, in patches of upright faces seen from the front: a network
# that has learned nothing answers this.
_MEAN = (-0.15, -0.1, 0.15, -0.1, 0.0, 0.04, -0.12, 0.2, 0.12, 0.2)


def build_landmark_network(seed: int = 0) -> nn.Module:
    """The network, freshly initialised; the same seed gives the same weights.

    It has the refiner's shape but for its end. Places matter: nothing is averaged over a map.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(128, 3 * N_LANDMARKS)
        nn.init.zeros_(head.weight)
        with torch.no_grad():
            head.bias.copy_(torch.tensor([*_MEAN, *[2.0] * N_LANDMARKS]))
        network = nn.Sequential(
            *convolution(3, 16, stride=2),  # (n, 16, 32, 32)
            *convolution(16, 32, stride=2),  # (n, 32, 16, 16)
            Residual(32),
            *convolution(32, 64, stride=2),  # (n, 64, 8, 8)
            Residual(64),
            Residual(64),
            *convolution(64, 96, stride=2),  # (n, 96, 4, 4)
            ChannelsLastFlatten(),  # (n, 1536)
            nn.Linear(1536, 128),
            nn.ReLU(),
            head,
        )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
