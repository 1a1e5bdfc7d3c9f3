"""The patch classifiers by name: `compact`, `pointwise` and `tiny-darknet`.

Every one maps uint8 patches `(n, 64, 64, 3)`, channels blue, green, red, to one logit a patch;
its sigmoid is the score. Scaling to [0, 1] happens inside, see `PatchClassifier`.
"""

from __future__ import annotations

import torch
from torch import nn

from facesmith.detection.preprocessing import Preprocessing

PATCH_SIZE = 64  # px, both sides
NETWORKS = ("compact", "pointwise", "tiny-darknet")


class PatchClassifier(nn.Module):
    """A network with its preprocessing in front: uint8 patches in, logits out.

    Attributes:
        network: Maps float `(n, 3, 64, 64)` to logits `(n, 1)`.
        preprocessing: How the uint8 pixels become the network's numbers.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.preprocessing = preprocessing

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Logits `(n,)` of patches `(n, 64, 64, 3)`, BGR in 0..255, uint8 or floating point."""
        pixels = patches.float() * self.preprocessing.scale + self.preprocessing.offset
        logits: torch.Tensor = self.network(pixels.permute(0, 3, 1, 2))
        return logits.flatten().float()


class ChannelsLastFlatten(nn.Module):
    """`(n, c, h, w)` to `(n, h * w * c)`: the order of Keras, and free in channels-last layout."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Flattened features."""
        return x.permute(0, 2, 3, 1).flatten(1)


def build_classifier(name: str, *, seed: int = 0) -> PatchClassifier:
    """A freshly initialised classifier.

    Args:
        name: One of `NETWORKS`.
        seed: The same seed gives the same weights; PyTorch's global generator is left as it was.

    Raises:
        ValueError: If there is no network of that name.

    Example:
        >>> model = build_classifier("pointwise")
        >>> sum(weights.numel() for weights in model.parameters())
        33377
    """
    builders = {"compact": _compact, "pointwise": _pointwise, "tiny-darknet": _tiny_darknet}
    if name not in builders:
        raise ValueError(f"`name` must be one of {', '.join(NETWORKS)}; got name={name!r}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = builders[name]()
    model = PatchClassifier(network, Preprocessing(size_wh=(PATCH_SIZE, PATCH_SIZE)))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _pointwise() -> nn.Module:
    """The exercise's own net: it sees single pixels and where they are, never a shape.

    33,377 parameters, initialised as Keras does (Glorot uniform, biases 0) for comparison. The
    first ReLU comes after the pooling: the same numbers in a quarter of the time.
    """
    network = nn.Sequential(
        nn.Conv2d(3, 16, kernel_size=1),  # (n, 16, 64, 64)
        nn.MaxPool2d(2),  # (n, 16, 32, 32)
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=1),  # (n, 32, 32, 32)
        nn.ReLU(),
        ChannelsLastFlatten(),  # (n, 32768)
        nn.Linear(32 * 32 * 32, 1),
    )
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            layer.bias.data.zero_()  # type: ignore[union-attr]  # these layers have one
    return network


def _tiny_darknet() -> nn.Module:
    """Tiny Darknet with its sixteen convolutions, for 64x64 patches and one class.

    Each convolution is followed by batch normalisation and a leaky ReLU of slope 0.1. The four
    poolings take 64 px to 4 px instead of 224 px to 14 px; the last 1x1 convolution has one
    output instead of 1,000, and the average over the remaining 4x4 places is the logit.

    Source:
        https://pjreddie.com/darknet/tiny-darknet/, the layer table. It scales the mean of all
        places by softmax over the classes; with one class that is a sigmoid on the mean.
    """
    layers: list[nn.Module] = []
    n_in = 3
    # (filters, kernel size); no filters: a pooling that halves the sides.
    pool = (0, 2)
    table = [
        *[(16, 3), pool, (32, 3), pool],  # 64 -> 16 px
        *[(16, 1), (128, 3), (16, 1), (128, 3), pool],  # 8 px
        *[(32, 1), (256, 3), (32, 1), (256, 3), pool],  # 4 px
        *[(64, 1), (512, 3), (64, 1), (512, 3), (128, 1)],
    ]
    for n_out, size in table:
        if not n_out:
            layers.append(nn.MaxPool2d(size))
            continue
        layers += [
            nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=False),
            nn.BatchNorm2d(n_out),
            nn.LeakyReLU(0.1),
        ]
        n_in = n_out
    layers += [nn.Conv2d(n_in, 1, kernel_size=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers)


def _compact() -> nn.Module:
    """Our default: dense 3x3 convolutions, strided early, with the width where the image is small.

    On CPUs a depthwise net of equal accuracy trains more slowly. The last feature map is flattened,
    not averaged: the places of eyes and chin tell a whole face from a part of one.
    """
    return nn.Sequential(
        *convolution(3, 16, stride=2),  # (n, 16, 32, 32)
        *convolution(16, 24, stride=2),  # (n, 24, 16, 16)
        Residual(24),
        *convolution(24, 48, stride=2),  # (n, 48, 8, 8)
        Residual(48),
        *convolution(48, 80, stride=2),  # (n, 80, 4, 4)
        ChannelsLastFlatten(),  # (n, 1280)
        nn.Dropout(0.2),
        nn.Linear(80 * 4 * 4, 1),
    )


def convolution(n_in: int, n_out: int, stride: int = 1, kernel_size: int = 3) -> list[nn.Module]:
    """A dense convolution with a border of one pixel, batch normalisation, ReLU."""
    return [
        nn.Conv2d(n_in, n_out, kernel_size, stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    ]


class Residual(nn.Module):
    """A 3x3 convolution with batch normalisation added to its input, then ReLU; same shape."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_channels, n_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(n_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of the input's shape."""
        return torch.relu(x + self.norm(self.convolution(x)))
