"""The detector's networks as weights files, checked against PyTorch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facesmith.detection.calibration import Calibration
from facesmith.export.onnx_export import export_onnx, largest_difference, random_images
from facesmith.networks.detector import BOX_UNIT, INPUT_MULTIPLE, STRIDES

# Heights that the network is trusted with at its input, pixels.
SMALLEST_FACE = 10.0
TALLEST_FACE = 240.0
# Photos smaller than this along the longer side are enlarged to it, by half at most: their faces
# are small, and small faces are found better larger.
ENLARGED_TO = 640


class _ByteGraph(nn.Module):
    """A network as it ships: uint8 `(n, height, width, 3)` in, its outputs out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        outputs = self.network(image.permute(0, 3, 1, 2).float() / 255)
        return tuple(outputs) if isinstance(outputs, list) else outputs


def export_proposals(
    network: nn.Module, path: Path, calibration: Calibration, threshold: float = 0.5
) -> float:
    """Write the proposal network as a weights file; returns its distance from PyTorch."""
    graph = _ByteGraph(network)
    names = [f"stride_{stride}" for stride in STRIDES]
    export_onnx(
        graph,
        torch.zeros(1, 64, 96, 3, dtype=torch.uint8),
        path,
        input_names=["image"],
        output_names=names,
        dynamic_axes={"image": {1: "height", 2: "width"}}
        | {name: {2: f"rows_{name}", 3: f"columns_{name}"} for name in names},
        metadata={
            "kind": "detector",
            "network": "proposals",
            "strides": list(STRIDES),
            "box_unit": BOX_UNIT,
            "smallest_face": SMALLEST_FACE,
            "tallest_face": TALLEST_FACE,
            "enlarged_to": ENLARGED_TO,
            "input_multiple": INPUT_MULTIPLE,
            "threshold": threshold,
            "calibration": asdict(calibration),
        },
    )
    images = random_images((1, *size, 3) for size in ((32, 32), (64, 96), (224, 160)))
    return largest_difference(graph, path, images)


def export_refiner(network: nn.Module, path: Path) -> float:
    """Write the refiner as a weights file; returns its distance from PyTorch."""
    return _export_patch_network(network, path, {"kind": "refiner"})


def export_landmarks(network: nn.Module, path: Path, context: float) -> float:
    """Write the landmark network as a weights file; returns its distance from PyTorch.

    Args:
        network: The network.
        path: The file to write.
        context: By how much the square that it sees is wider than the box, see `patch_squares`.
    """
    return _export_patch_network(network, path, {"kind": "landmarks", "context": context})


def _export_patch_network(network: nn.Module, path: Path, metadata: dict[str, Any]) -> float:
    graph = _ByteGraph(network)
    batches = random_images((n, 64, 64, 3) for n in (1, 2, 9))
    export_onnx(
        graph,
        batches[1],
        path,
        input_names=["patches"],
        output_names=["outputs"],
        dynamic_axes={"patches": {0: "n"}, "outputs": {0: "n"}},
        metadata=metadata,
    )
    return largest_difference(graph, path, batches)
