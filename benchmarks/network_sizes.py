"""Milliseconds at 640x480 of proposal networks of several sizes, in 8 bits, beside peers' networks.

    python benchmarks/network_sizes.py --peer PEERS/yunet_s.onnx

Random weights: only time is measured, of the networks alone, one thread, all taking turns. How
much a narrower network gains depends on the processor: those with instructions for products of
8-bit numbers (VNNI) are held up by other things.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import torch

from about import about
from facesmith.networks.detector import DetectorNet, DetectorNetConfig
from facesmith.quantisation import quantise
from facesmith.scores import Calibration
from facesmith.sessions import session_options
from facesmith.training.detector_export import export_proposals

SIZE_WH = (640, 480)
ROUNDS, FIRST_ROUNDS = 60, 5  # measured, and before that to warm up
SIZES = {
    "as shipped": DetectorNetConfig(),
    "no second block at stride 4": DetectorNetConfig(depths=(0, 1, 2, 2, 1)),
    "none at strides 4 and 8": DetectorNetConfig(depths=(0, 0, 2, 2, 1)),
    "24 channels at stride 4": DetectorNetConfig(widths=(24, 48, 64, 96, 96)),
    "16 and 32 at strides 4 and 8, no second block at 4": DetectorNetConfig(
        widths=(16, 32, 64, 96, 96), depths=(0, 1, 2, 2, 1), heads=(24, 48, 48, 48)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--peer", type=Path, action="append", default=[], help="a YuNet's weights")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "network_sizes.json"
    )
    arguments = parser.parse_args()
    networks = {name: _network(config) for name, config in SIZES.items()}
    runs = {name: run for name, (run, _) in networks.items()}
    runs |= {path.stem: _peer(path) for path in arguments.peer}
    medians = _timed(runs)
    result = {
        "about": about(("numpy", "onnxruntime", "torch"), threads=1),
        "size_wh": SIZE_WH,
        "rounds": ROUNDS,
        "networks": {
            name: {
                **({"million_multiply_adds": networks[name][1]} if name in networks else {}),
                "ms": median,
            }
            for name, median in medians.items()
        },
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["networks"], indent=2))


def _network(config: DetectorNetConfig) -> tuple[Callable[[], Any], int]:
    """What runs an exported, quantised network once, and its millions of multiply-adds."""
    torch.manual_seed(0)
    network = DetectorNet(config).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Biases that are all alike are stored once, and their convolutions stay in float32.
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    rng = np.random.default_rng(0)
    typical = [rng.integers(0, 256, (1, 224, 320, 3)).astype(np.uint8) for _ in range(6)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detector.onnx"
        export_proposals(network, path, Calibration())
        quantise(path, typical)
        session = _session(path)
    image = rng.integers(0, 256, (1, SIZE_WH[1], SIZE_WH[0], 3)).astype(np.uint8)
    return lambda: session.run(None, {"image": image}), _multiply_adds(network)


def _peer(path: Path) -> Callable[[], Any]:
    session = _session(path)
    name = session.get_inputs()[0].name
    image = np.random.default_rng(0).random((1, 3, SIZE_WH[1], SIZE_WH[0]), np.float32) * 255
    return lambda: session.run(None, {name: image})


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        path.read_bytes(), session_options(threads=1), providers=["CPUExecutionProvider"]
    )


def _multiply_adds(network: torch.nn.Module) -> int:
    total = 0

    def count(module: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, torch.nn.Conv2d)
        total += module.weight.numel() * output.shape[2] * output.shape[3]

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, SIZE_WH[1], SIZE_WH[0]))
    return round(total / 1e6)


def _timed(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median of each, in milliseconds."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(FIRST_ROUNDS + ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number >= FIRST_ROUNDS:
                seconds[name].append(time.perf_counter() - start)
    return {name: round(1000 * float(np.median(each)), 2) for name, each in seconds.items()}


if __name__ == "__main__":
    main()
