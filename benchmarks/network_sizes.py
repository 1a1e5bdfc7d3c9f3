"""Milliseconds at 640x480 of proposal networks of several sizes, in 8 bits, beside baselines.

    python benchmarks/network_sizes.py --baseline WEIGHTS/yunet_s.onnx

Random weights: only time is measured, of the networks alone, one thread, all taking turns. How
much a narrower network gains depends on the processor: those with instructions for products of
8-bit numbers (VNNI) are held up by other things.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from about import about
from detector_speed import multiply_adds
from facesmith.detection.calibration import Calibration
from facesmith.detection.sessions import session_options
from facesmith.evaluation.timing import time_in_turns
from facesmith.export.detector import export_proposals
from facesmith.export.quantisation import quantise
from facesmith.networks.detector import DetectorNet, DetectorNetConfig
from facesmith.runtime import onnxruntime

Run = Callable[[npt.NDArray[np.uint8]], Any]  # an image `(height, width, 3)` in

SIZE_WH = (640, 480)
ROUNDS = 60
SIZES = {
    "as shipped": DetectorNetConfig(),
    "large, a teacher": DetectorNetConfig.large(),
    "no second block at stride 4": DetectorNetConfig(depths=(0, 1, 2, 2, 1)),
    "none at strides 4 and 8": DetectorNetConfig(depths=(0, 0, 2, 2, 1)),
    "24 channels at stride 4": DetectorNetConfig(widths=(24, 48, 64, 96, 96)),
    # Trained in full, too: decision 2.
    "16 and 32 at strides 4 and 8, no second block at 4; 128 and 160 at 32 and 64": (
        DetectorNetConfig(
            widths=(16, 32, 64, 128, 160), depths=(0, 1, 2, 2, 1), heads=(32, 48, 64, 64)
        )
    ),
    "16 and 32 at strides 4 and 8, no second block at 4": DetectorNetConfig(
        widths=(16, 32, 64, 96, 96), depths=(0, 1, 2, 2, 1), heads=(24, 48, 48, 48)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--baseline", type=Path, action="append", default=[], help="a YuNet's weights"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "network_sizes.json"
    )
    arguments = parser.parse_args()
    networks = {name: _network(config) for name, config in SIZES.items()}
    runs = {name: run for name, (run, _) in networks.items()}
    runs |= {path.stem: _baseline(path) for path in arguments.baseline}
    image = np.random.default_rng(0).integers(0, 256, (SIZE_WH[1], SIZE_WH[0], 3)).astype(np.uint8)
    timed = time_in_turns(runs, [image], rounds=ROUNDS)
    result = {
        "about": about(("numpy", "onnxruntime", "torch"), threads=1),
        "size_wh": SIZE_WH,
        "rounds": ROUNDS,
        "networks": {
            name: {
                **({"million_multiply_adds": networks[name][1]} if name in networks else {}),
                "ms": round(timing.median_ms, 2),
            }
            for name, timing in timed.items()
        },
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["networks"], indent=2))


def _network(config: DetectorNetConfig) -> tuple[Run, int]:
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
    total = multiply_adds(network, (SIZE_WH[1], SIZE_WH[0]))
    return lambda image: session.run(None, {"image": image[None]}), round(total / 1e6)


def _baseline(path: Path) -> Run:
    session = _session(path)
    name = session.get_inputs()[0].name
    # Made here: turning bytes into float32 is no part of the network.
    given = np.random.default_rng(0).random((1, 3, SIZE_WH[1], SIZE_WH[0]), np.float32) * 255
    return lambda _: session.run(None, {name: given})


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        path.read_bytes(), session_options(threads=1), providers=["CPUExecutionProvider"]
    )


if __name__ == "__main__":
    main()
