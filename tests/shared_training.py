"""A small network with batch normalisation is trained for a few steps: by one process, two, three.

python shared_training.py OUT RANK PORT,PORT BATCH...: what a process has after each of the
trainings is written to OUT/PROCESSES-RANK.pt. They follow each other, as PyTorch loads slowly.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import nn

from facesmith.training.processes import several_processes
from facesmith.training.sharing import current_world
from launched_processes import launched


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


def train(out: Path, sizes: list[int]) -> None:
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
    torch.save(
        {"state": network.state_dict(), "losses": losses}, out / f"{world.size}-{world.rank}.pt"
    )


if __name__ == "__main__":
    out, rank, ports, *words = sys.argv[1:]
    sizes = [int(word) for word in words]
    if rank == "0":
        train(Path(out), sizes)
    for n, port in zip((2, 3), ports.split(","), strict=True):
        if int(rank) < n:
            os.environ |= launched(int(rank), n, port)
            with several_processes():
                train(Path(out), sizes)
