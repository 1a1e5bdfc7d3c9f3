"""A small network with batch normalisation is trained for a few steps, by as many processes.

python shared_training.py OUT BATCH...: what each process has then is written to OUT-RANK.pt.
"""

from __future__ import annotations

import sys

import torch
from torch import nn

from facesmith.training.processes import several_processes
from facesmith.training.sharing import current_world


class Two(nn.Module):
    """Outputs in a list, as detectors have them."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.dropped = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(6 * 49, 2))
        self.first = nn.Conv2d(6, 1, 1)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        features = self.features(images)
        return [self.first(features), self.dropped(features)]


def main(out: str, sizes: list[int]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Two()
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)
    world = current_world()
    world.share_statistics(network)
    shared = world.shared(network)
    losses = []
    for step, size in enumerate(sizes):
        torch.manual_seed(step)  # of dropout
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(size, 3, 9, 9, generator=generator)
        one, two = shared(images)
        # As a detector's loss it depends on the whole batch: its size is that of what is positive.
        positive = one > 0
        loss = (one.square() * positive).sum() / positive.sum() + (two - images.mean()).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        world.sum_gradients(network.parameters())
        optimizer.step()
        losses.append(float(loss.detach()))
    world.unshare_statistics(network)
    torch.save({"state": network.state_dict(), "losses": losses}, f"{out}-{world.rank}.pt")


if __name__ == "__main__":
    with several_processes():
        main(sys.argv[1], [int(word) for word in sys.argv[2:]])
