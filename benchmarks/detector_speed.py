"""Where the shipped detector's time goes, and how close the network is to what the CPU can do.

    python benchmarks/detector_speed.py [--baseline WEIGHTS/yunet_s.onnx]

Multiply-adds are counted in the PyTorch network of the same shape; times are CPU time of one
thread, medians over rounds in which all parts take turns. `results/README.md` says what each is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import nn

from about import ROOT, about
from facesmith.detection.detector import COARSER, Detector, load_detector, padded
from facesmith.detection.resizing import scaled
from facesmith.evaluation.baselines.yunet import YuNet
from facesmith.networks.detector import INPUT_MULTIPLE, DetectorNet

SIZES_WH = ((640, 480), (1280, 720))
ROUNDS = 60
DENSE = (512, 512, 512)  # matrix product whose throughput stands for the CPU's in float32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--baseline", type=Path, help="weights of a YuNet, for its network alone")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/detector_speed.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    detector = load_detector()
    rows = [measure(detector, size_wh, arguments.baseline) for size_wh in SIZES_WH]
    result = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "rounds": ROUNDS,
        "float32_matrix_product_gmacs": round(matrix_throughput(), 1),
        "sizes": rows,
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["sizes"], indent=2))
    print(f"float32 matrix product: {result['float32_matrix_product_gmacs']} GMAC/s")


def measure(detector: Detector, size_wh: tuple[int, int], baseline: Path | None) -> dict[str, Any]:
    """Milliseconds of each part at one size, and the network's throughput."""
    image = np.asarray(Image.fromarray(data.astronaut()[..., ::-1].copy()).resize(size_wh))
    seen, _ = scaled(image, detector.pyramid.plan(*size_wh).scale)
    fine = padded(seen, INPUT_MULTIPLE)[None]
    coarse = np.asarray(Image.fromarray(seen).reduce(COARSER))
    coarser = padded(coarse, INPUT_MULTIPLE)[None]
    parts: dict[str, Callable[[], object]] = {
        "whole": lambda: detector(image),
        "scaling": lambda: scaled(image, detector.pyramid.plan(*size_wh).scale),
        "network": lambda: _run(detector, fine),
        "network, coarser look": lambda: _run(detector, coarser),
        "shrinking for the coarser look": lambda: Image.fromarray(seen).reduce(COARSER),
    }
    if detector._refiner is not None:
        look, looks = detector._refiner, detector.calibration
        boxes, raw = detector.candidates(image, looks.candidate_score)
        uncertain = boxes[(raw >= looks.gate_lower) & (raw < looks.gate_upper)]
        parts["refiner"] = lambda: look(image, uncertain)
    if baseline is not None:
        yunet = YuNet(baseline)
        blob = np.zeros((1, 3, -(-size_wh[1] // 32) * 32, -(-size_wh[0] // 32) * 32), np.float32)
        parts["baseline, whole"] = lambda: yunet(image)
        parts["baseline, network"] = lambda: yunet._session.run(None, {"input": blob})
    spent: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS + 3):
        for name, part in parts.items():
            start = time.process_time()
            part()
            spent[name].append((time.process_time() - start) * 1e3)
    ms = {name: round(float(np.median(times[3:])), 3) for name, times in spent.items()}
    mmac = multiply_adds(DetectorNet().eval(), fine.shape[1:3]) / 1e6
    inside = ms["network"] + ms["network, coarser look"] + ms.get("refiner", 0.0)
    return {
        "size": f"{size_wh[0]}x{size_wh[1]}",
        "network_input": f"{fine.shape[2]}x{fine.shape[1]}",
        "ms": ms,
        "mmac": round(mmac, 1),
        "network_gmac_a_second": round(mmac / ms["network"], 1),
        "outside_networks_ms": round(ms["whole"] - inside, 3),
    }


def multiply_adds(network: nn.Module, shape_hw: tuple[int, int]) -> int:
    """Of one run of a proposal network, convolutions only."""
    total = 0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += output.numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, *shape_hw))
    return total


def matrix_throughput() -> float:
    """GMAC/s of a float32 matrix product on one thread, a bound for float32 networks."""
    n, k, m = DENSE
    a, b = torch.rand(n, k), torch.rand(k, m)
    times = []
    for _ in range(40):
        start = time.process_time()
        a @ b
        times.append(time.process_time() - start)
    return n * k * m / float(np.median(times)) / 1e9


def _run(detector: Detector, batch: np.ndarray) -> object:
    return detector._session.run(None, {detector._input: batch})


if __name__ == "__main__":
    main()
