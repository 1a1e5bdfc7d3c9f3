"""The second look: the `compact` classifier with a box correction beside its score.

Input: float `(n, 3, 64, 64)`, BGR, 0..1. Output `(n, 5)`: the logit of the score, then how the box
should change, in units of the longer side `m` of the box that the patch was cut for: the shift of
its centre (x, y) over `m`, and the logarithm of its new width and height over `m`.
"""

from __future__ import annotations

import torch
from torch import nn

from facesmith.networks.classifiers import build_classifier


def build_second_look(seed: int = 0) -> nn.Module:
    """A freshly initialised network; the same seed gives the same weights."""
    trunk = build_classifier("compact", seed=seed).network
    assert isinstance(trunk, nn.Sequential)
    assert isinstance(trunk[-1], nn.Linear)
    n_features = trunk[-1].in_features
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(n_features, 5)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return nn.Sequential(*list(trunk)[:-1], head)
