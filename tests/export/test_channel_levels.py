"""Channels of added maps evened out: the network stays the same, and 8 bits hurt it less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from facesmith.detection.calibration import Calibration  # noqa: E402
from facesmith.export import quantisation  # noqa: E402
from facesmith.export.channel_levels import MAX_MEDIANS, _largest_values, level_channels  # noqa: E402
from facesmith.export.detector import export_proposals, export_refiner  # noqa: E402
from facesmith.networks.detector import DetectorNet, DetectorNetConfig  # noqa: E402
from facesmith.networks.refiner import build_refiner  # noqa: E402
from facesmith.runtime import onnxruntime  # noqa: E402

NET = DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8))


def images(n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (1, 64, 96, 3)).astype(np.uint8) for _ in range(n)]


def outputs(model: onnx.ModelProto, image: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: list[np.ndarray] = session.run(None, {session.get_inputs()[0].name: image})
    return found


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """A network in which one channel of a sum is thirty times as large as it would be."""
    torch.manual_seed(0)
    network = DetectorNet(NET)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:  # else many are equal, and stored once
                parameter.add_(0.1 * torch.randn(parameter.shape))
        network.lateral_16.weight[3] *= 30
        network.heads[0][0][0].weight[:, 3] /= 30
        for head in network.heads:
            head[1].weight *= 20  # so that outputs are far from the bias
    path = tmp_path / "detector.onnx"
    export_proposals(network.eval(), path, Calibration())
    return path


def test_the_network_computes_the_same_with_even_channels(uneven: Path) -> None:
    before, after = onnx.load(str(uneven)), onnx.load(str(uneven))
    level_channels(after, images(4))
    image = images(1, seed=7)[0]
    for old, new in zip(outputs(before, image), outputs(after, image), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-4 * np.ptp(old))
    sums = [node.output[0] for node in before.graph.node if node.op_type == "Add"]
    assert len(sums) == 3
    uneven_tops = _largest_values(before, sums, images(4))[sums[-1]]
    tops = _largest_values(after, sums, images(4))[sums[-1]]
    assert uneven_tops.max() > 5 * np.median(uneven_tops)
    assert tops.max() <= 1.01 * MAX_MEDIANS * np.median(uneven_tops)


def test_eight_bits_lose_less(uneven: Path, tmp_path: Path, monkeypatch) -> None:
    image = images(1, seed=7)[0]
    exact = outputs(onnx.load(str(uneven)), image)[0]
    errors = []
    for levelled in (True, False):
        if not levelled:
            monkeypatch.setattr(quantisation, "level_channels", lambda *_: None)
        quantisation.quantise(uneven, iter(images(6)), tmp_path / "small.onnx")
        found = outputs(onnx.load(str(tmp_path / "small.onnx")), image)[0]
        errors.append(np.abs(found - exact).mean())
    assert errors[0] < 0.5 * errors[1]


def test_networks_without_such_sums_stay_as_they_are(tmp_path: Path) -> None:
    export_refiner(build_refiner(), tmp_path / "refiner.onnx")
    before, after = (onnx.load(str(tmp_path / "refiner.onnx")) for _ in range(2))
    rng = np.random.default_rng(0)
    level_channels(after, [rng.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)])
    assert before.SerializeToString() == after.SerializeToString()
