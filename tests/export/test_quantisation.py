"""8-bit weights: close to float32, smaller, the same bytes each time, pixels as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from facesmith.detection.calibration import Calibration  # noqa: E402
from facesmith.detection.detector import load_detector  # noqa: E402
from facesmith.export.detector import export_proposals  # noqa: E402
from facesmith.export.quantisation import quantise  # noqa: E402
from facesmith.networks.detector import DetectorNet, DetectorNetConfig  # noqa: E402

NET = DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8))


def images(n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (1, 64, 96, 3)).astype(np.uint8) for _ in range(n)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small random network in float32, and in 8 bits."""
    folder = tmp_path_factory.mktemp("weights")
    plain, smaller = folder / "plain" / "detector.onnx", folder / "small" / "detector.onnx"
    for path in (plain, smaller):
        path.parent.mkdir()
    torch.manual_seed(0)
    export_proposals(DetectorNet(NET).eval(), plain, Calibration(), threshold=0.3)
    quantise(plain, images(6), smaller)
    return plain, smaller


def maps(path: Path, image: np.ndarray) -> list[np.ndarray]:
    from facesmith.runtime import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(None, {"image": image})
    return found


def test_outputs_stay_close(exported: tuple[Path, Path]) -> None:
    image = images(1, seed=9)[0]
    for exact, rounded in zip(*(maps(path, image) for path in exported), strict=True):
        assert exact.shape == rounded.shape
        error = np.abs(exact - rounded).max()
        assert 0 < error < 0.1 * np.ptp(exact)  # rounded, hence not the same


def test_the_description_is_kept_and_the_detector_opens_it(exported: tuple[Path, Path]) -> None:
    plain, smaller = (load_detector(path) for path in exported)
    assert plain.metadata == smaller.metadata
    assert smaller.min_score == 0.3
    assert len(smaller(np.zeros((40, 50, 3), np.uint8), min_score=0.9)) == 0


def test_convolutions_are_of_8_bits_but_for_the_last(exported: tuple[Path, Path]) -> None:
    graph = onnx.load(str(exported[1])).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    outputs = {output.name for output in graph.output}
    for node in graph.node:
        if node.op_type == "Conv":
            last = bool(outputs & set(node.output))
            assert (made_by.get(node.input[1]) == "DequantizeLinear") != last
    assert not {"Cast", "Div"} & {node.op_type for node in graph.node}  # pixels go in as they are


@pytest.mark.parametrize("faster", ["_read_several_pixels_at_a_time", "_double_by_copying"])
def test_what_makes_it_faster_changes_no_bit(
    faster: str, exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"facesmith.export.quantisation.{faster}", lambda _: None)
    quantise(exported[0], images(6), tmp_path / "plain.onnx")
    rng = np.random.default_rng(3)
    for shape in ((1, 64, 96, 3), (1, 32, 32, 3), (1, 96, 160, 3)):
        image = rng.integers(0, 256, shape).astype(np.uint8)
        for plain, fast in zip(
            maps(tmp_path / "plain.onnx", image), maps(exported[1], image), strict=True
        ):
            assert (plain == fast).all()


def test_the_first_convolution_sees_blocks_and_nothing_is_resized(
    exported: tuple[Path, Path],
) -> None:
    shapes, kinds = [], []
    for path in exported:
        nodes = onnx.load(path).graph.node
        kinds.append([node.op_type for node in nodes])
        first = next(node for node in nodes if node.op_type == "Conv")
        shapes += [list(a.ints) for a in first.attribute if a.name == "kernel_shape"]
    assert shapes == [[6, 6], [6, 3]]
    assert kinds[0].count("Resize") == 3
    assert "Resize" not in kinds[1]


def test_weights_fit_in_7_bits(exported: tuple[Path, Path]) -> None:
    """Two products of 8 by 7 bits add up in 16 bits on processors without VNNI."""
    graph = onnx.load(str(exported[1])).graph
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert weights
    assert all(np.abs(each.astype(int)).max() <= 64 for each in weights)


def test_the_same_images_give_the_same_bytes(exported: tuple[Path, Path], tmp_path: Path) -> None:
    again = tmp_path / "again.onnx"
    quantise(exported[0], images(6), again)
    assert again.read_bytes() == exported[1].read_bytes()
