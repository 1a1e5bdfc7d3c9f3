"""Weights files that misstate something, hold foreign networks or are pickled."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from facesmith.detection.classifier import load_classifier  # noqa: E402
from facesmith.detection.detector import load_detector, shipped_weights  # noqa: E402
from facesmith.detection.refiner import Refiner  # noqa: E402
from facesmith.detection.sessions import METADATA_KEY  # noqa: E402
from facesmith.errors import WeightsError  # noqa: E402
from spot_detector import spots  # noqa: E402

HUGE = int("9" * 400)


def rewritten(source: Path, path: Path, text: str) -> Path:
    model = onnx.load(str(source))
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    onnx.save(model, str(path))
    return path


def described(path: Path) -> dict[str, Any]:
    entries = onnx.load(str(path)).metadata_props
    content: dict[str, Any] = json.loads(next(e.value for e in entries if e.key == METADATA_KEY))
    return content


WRONG = (
    None,
    "",
    "1.5",
    [],
    {},
    [1],
    True,
    -1,
    0,
    HUGE,
    float("nan"),
    float("inf"),
    [[1, 2], [0, 1]],
)


def test_every_entry_that_is_no_number_or_out_of_range_is_named(
    tmp_path: Path, spot_weights: Path
) -> None:
    """The file opens and works, or the error names it."""
    right = described(spot_weights)
    image = spots(64, 48, (16, 16))
    refused = 0
    for holder in (right, right["calibration"]):
        for name in list(holder):
            before = holder[name]
            for value in WRONG:
                holder[name] = value
                path = rewritten(spot_weights, tmp_path / "detector.onnx", json.dumps(right))
                try:
                    load_detector(path)(image)
                except WeightsError as error:
                    refused += 1
                    assert "detector.onnx" in str(error) or "refiner.onnx" in str(error)  # noqa: PT017
                    assert len(str(error)) < 700 + len(str(path))  # noqa: PT017
            holder[name] = before
    assert refused > 120


@pytest.mark.parametrize("text", ["", "[", "5", "null", "[]", "[" * 100_000, "{}", '{"kind": 5}'])
def test_a_description_that_is_no_object_is_named(
    tmp_path: Path, spot_weights: Path, text: str
) -> None:
    path = rewritten(spot_weights, tmp_path / "detector.onnx", text)
    with pytest.raises(WeightsError, match=r"detector\.onnx"):
        load_detector(path)


def foreign_graph(path: Path, kind: str, outputs: int, dtype: int) -> Path:
    """A network that passes its input on."""
    names = [f"out_{number}" for number in range(outputs)]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], [name]) for name in names],
        "foreign",
        [onnx.helper.make_tensor_value_info("x", dtype, ["n", "h", "w", 3])],
        [onnx.helper.make_tensor_value_info(name, dtype, ["n", "h", "w", 3]) for name in names],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    about = described(shipped_weights()) | {"kind": kind}
    about |= {
        "preprocessing": {"channel_order": "BGR", "scale": 1, "offset": 0, "size_wh": [64, 64]}
    }
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(about)})
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dtype", [onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT])
def test_foreign_networks_are_named(tmp_path: Path, outputs: int, dtype: int) -> None:
    for kind, load in (("detector", load_detector), ("classifier", load_classifier)):
        path = foreign_graph(tmp_path / f"{kind}.onnx", kind, outputs, dtype)
        with pytest.raises(WeightsError, match=rf"{kind}\.onnx holds a network that does not fit"):
            load(path)


def test_a_refiner_can_be_pickled() -> None:
    refiner = Refiner(shipped_weights().with_name("refiner.onnx"))
    again = pickle.loads(pickle.dumps(refiner))  # noqa: S301 - our own
    patches = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(again.outputs(patches), refiner.outputs(patches))


def test_a_detector_goes_into_a_process_pool(spot_weights: Path) -> None:
    """It opens its file anew there."""
    detector, image = load_detector(spot_weights), spots(160, 120, (40, 32))
    again = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        elsewhere = pool.submit(detector, image).result(timeout=120)
    for found in (again(image), elsewhere):
        np.testing.assert_array_equal(found.boxes, detector(image).boxes)
        np.testing.assert_array_equal(found.scores, detector(image).scores)
