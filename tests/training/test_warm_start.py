"""Weights files back to networks that learn: the same outputs before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from facesmith.demo.synthetic.patches import draw_patches  # noqa: E402
from facesmith.detection.calibration import Calibration  # noqa: E402
from facesmith.detection.detector import Detector, shipped_weights  # noqa: E402
from facesmith.detection.refiner import Refiner  # noqa: E402
from facesmith.errors import WeightsError  # noqa: E402
from facesmith.export.detector import export_proposals, export_refiner  # noqa: E402
from facesmith.networks.detector import DetectorNet, DetectorNetConfig  # noqa: E402
from facesmith.networks.refiner import build_refiner  # noqa: E402
from facesmith.training.warm_start import network_of, start_from  # noqa: E402
from facesmith.training.whole_photos import to_input  # noqa: E402

SMALL = DetectorNetConfig((8, 8, 12, 16, 16), (0, 1, 0, 0, 0), (8, 8, 8, 8))


def used(network: nn.Module) -> nn.Module:
    """The network as if it had been trained: statistics and factors are not those of the start."""
    generator = torch.Generator().manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
                (module.weight, 0.5, 1.5),
                (module.bias, -0.5, 0.5),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=generator)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


def pixels(n: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("training", [False, True])
def test_a_float_file_gives_back_its_network(tmp_path: Path, training: bool) -> None:
    old = used(DetectorNet(SMALL))
    export_proposals(old, tmp_path / "detector.onnx", Calibration())
    images = to_input(pixels(8, 64))
    new = DetectorNet(SMALL).train(training)
    start_from(new, tmp_path / "detector.onnx", images)
    assert new.training == training
    with torch.no_grad():
        for given, expected in zip(new(images), old(images), strict=True):
            # In training, variances of so few values at stride 64 leave a trace.
            torch.testing.assert_close(given, expected, rtol=1e-2, atol=1e-2 if training else 1e-4)


def test_a_refiner_with_its_residuals_is_given_back(tmp_path: Path) -> None:
    old = used(build_refiner(3))
    export_refiner(old, tmp_path / "refiner.onnx")
    patches = to_input(pixels(16, 64))
    new = build_refiner(4)
    start_from(new, tmp_path / "refiner.onnx", patches)
    with torch.no_grad():
        torch.testing.assert_close(new.eval()(patches), old(patches), rtol=1e-3, atol=1e-3)


def test_the_weights_that_ship_can_be_gone_on_from() -> None:
    """They are in 8 bits, and the first convolution reads four pixels at a time."""
    drawn = draw_patches(24, seed=0)
    patches = np.concatenate([drawn.images] * 3)[:24]
    images = torch.from_numpy(np.tile(patches, (1, 2, 2, 1)))  # 128 px
    network = DetectorNet(network_of(shipped_weights()))
    start_from(network, shipped_weights(), to_input(images))
    detector = Detector(shipped_weights())
    with torch.no_grad():
        given = network.eval()(to_input(images[:1]))
    maps = detector._session.run(None, {detector._input: images[:1].numpy()})
    for mine, theirs in zip(given, maps, strict=True):
        logits, expected = mine[0, 0].numpy(), theirs[0, 0]
        assert np.abs(logits - expected).mean() < 0.1 * max(expected.std(), 1.0)

    look = build_refiner()
    path = shipped_weights().with_name("refiner.onnx")
    start_from(look, path, to_input(torch.from_numpy(patches)))
    with torch.no_grad():
        outputs = look.eval()(to_input(torch.from_numpy(patches))).numpy()
    expected = Refiner(path).outputs(patches)
    assert np.abs(outputs - expected).mean() < 0.1


def test_other_networks_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    export_proposals(DetectorNet(SMALL).eval(), path, Calibration())
    images = to_input(pixels(2, 64))
    with pytest.raises(WeightsError, match=r"to_4\.0\.0\.weight has the shape \(8, 3, 6, 6\)"):
        start_from(DetectorNet(), path, images)
    with pytest.raises(WeightsError, match="no part of the network"):
        start_from(build_refiner(), path, images)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(WeightsError, match="not a usable ONNX file"):
        start_from(DetectorNet(SMALL), path, images)
