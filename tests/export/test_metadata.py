"""Weights files: clean graphs, and descriptions that another version wrote."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import onnx
import pytest

from facesmith.detection.detector import Detector
from facesmith.errors import WeightsError
from facesmith.export.metadata import update_description


def check(path: Path) -> None:
    """Shapes are sound for runtimes that check them, and every initialiser has a reader."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, strict_mode=True)
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used


@pytest.mark.parametrize("name", ["detector.onnx", "refiner.onnx"])
def test_shipped_files_are_clean(name: str) -> None:
    check(Path(str(files("facesmith") / "weights" / name)))


def test_a_fresh_export_is_clean(spot_weights: Path) -> None:
    check(spot_weights)


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {"first": 1.0, "second": 0.0}},  # names of facesmith before 0.2
        {"calibration": 5},
        {"threshold": None},
        {"smallest_face": "tall"},
    ],
)
def test_a_description_of_another_version_is_refused_by_name(
    spot_weights: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(spot_weights.read_bytes())
    update_description(path, changes)
    with pytest.raises(WeightsError, match=r"detector\.onnx: the description inside"):
        Detector(path)
