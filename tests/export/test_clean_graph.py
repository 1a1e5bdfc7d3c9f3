"""Weights files state no shapes of inner values: runtimes for browsers refuse wrong ones."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from facesmith.export.metadata import write_model


def test_wrong_shapes_and_unused_values_are_taken_out(tmp_path: Path) -> None:
    values = {name: helper.make_tensor(name, TensorProto.FLOAT, [1], [1.0]) for name in "uv"}
    inner = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [7, 7])  # it has one value
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    nodes = [
        helper.make_node("Add", ["x", "u"], ["inner"]),
        helper.make_node("Neg", ["inner"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "graph", ends[:1], ends[1:], list(values.values()), value_info=[inner]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.shape_inference.infer_shapes(model, strict_mode=True)
    write_model(model, tmp_path / "model.onnx", {"kind": "test"})
    written = onnx.load(str(tmp_path / "model.onnx"))
    assert not written.graph.value_info
    assert [each.name for each in written.graph.initializer] == ["u"]
    onnx.shape_inference.infer_shapes(written, strict_mode=True)
