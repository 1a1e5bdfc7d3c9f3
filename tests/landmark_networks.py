"""Landmark networks whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# The colours, BGR, of the spots that `export_markers` takes for the landmarks, in their order.
MARKERS = ((0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255), (255, 0, 255))
# Where `export_fixed` sees the landmarks, from the centre of the patch in its sides: no two differ
# in sign or order only, so that a mistake in turning them shows.
FIXED = ((-0.2, -0.15), (0.19, -0.14), (0.02, 0.03), (-0.12, 0.25), (0.11, 0.22))
FIXED_LOGITS = (2.0, 1.0, 0.0, -1.0, -2.0)


def export_fixed(
    path: Path,
    points: Sequence[Sequence[float]] = FIXED,
    context: object = 0.5,
    kind: str = "landmarks",
) -> Path:
    """Write a network that sees the landmarks at the same places of every patch."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - heavy

    row = [*np.ravel(points).tolist(), *FIXED_LOGITS]
    nodes = [
        helper.make_node("Cast", ["patches"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "axes"], ["sums"], keepdims=1),
        helper.make_node("Mul", ["sums", "zero"], ["zeros"]),
        helper.make_node("Reshape", ["zeros", "shape"], ["column"]),
        helper.make_node("Add", ["column", "row"], ["landmarks"]),
    ]
    constants = {
        "axes": np.array([1, 2, 3]),
        "zero": np.float32([0]),
        "shape": np.array([-1, 1]),
        "row": np.float32([row]),
    }
    return _write(path, nodes, constants, context, kind)


def export_markers(path: Path, context: object = 0.5) -> Path:
    """Write a network that sees a landmark at the centre of the spot of its colour.

    It is visible where any pixel has the colour.
    """
    from onnx import TensorProto, helper  # noqa: PLC0415 - heavy

    nodes = [
        helper.make_node("Cast", ["patches"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "shape"], ["pixels"]),
        helper.make_node("Sub", ["pixels", "colours"], ["differences"]),
        helper.make_node("Abs", ["differences"], ["distances"]),
        helper.make_node("ReduceSum", ["distances", "last"], ["distance"], keepdims=0),
        helper.make_node("Sub", ["reach", "distance"], ["close"]),
        helper.make_node("Relu", ["close"], ["weights"]),  # (n, 4096, 5)
        helper.make_node("Transpose", ["weights"], ["by_colour"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["by_colour", "grid"], ["moments"]),  # (n, 5, 2)
        helper.make_node("ReduceSum", ["by_colour", "axis"], ["total"], keepdims=1),
        helper.make_node("Add", ["total", "little"], ["some"]),
        helper.make_node("Div", ["moments", "some"], ["centres"]),
        helper.make_node("Reshape", ["centres", "ten"], ["points"]),
        helper.make_node("Reshape", ["total", "five"], ["amounts"]),
        helper.make_node("Sub", ["amounts", "ten_logits"], ["amount"]),
        helper.make_node("Clip", ["amount", "low", "high"], ["logits"]),
        helper.make_node("Concat", ["points", "logits"], ["landmarks"], axis=1),
    ]
    y, x = (np.indices((64, 64), np.float32).reshape(2, -1) + 0.5) / 64 - 0.5
    constants = {
        "shape": np.array([-1, 4096, 1, 3]),
        "colours": np.float32(MARKERS)[None, None],
        "last": np.array([3]),
        "reach": np.float32([120]),
        "grid": np.stack([x, y], axis=1),
        "axis": np.array([2]),
        "little": np.float32([1e-6]),
        "ten": np.array([-1, 10]),
        "five": np.array([-1, 5]),
        "ten_logits": np.float32([10]),
        "low": np.float32(-10),
        "high": np.float32(10),
    }
    return _write(path, nodes, constants, context, "landmarks")


def with_markers(
    image: npt.NDArray[np.uint8], points: Sequence[Sequence[float]]
) -> npt.NDArray[np.uint8]:
    """The image with a spot of 4x4 pixels around each of the five points, whole numbers."""
    marked = image.copy()
    for (x, y), colour in zip(points, MARKERS, strict=True):
        marked[int(y) - 2 : int(y) + 2, int(x) - 2 : int(x) + 2] = colour
    return marked


def _write(
    path: Path, nodes: list[Any], constants: dict[str, Any], context: object, kind: str
) -> Path:
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - heavy

    from facesmith.export.metadata import write_model  # noqa: PLC0415

    graph = helper.make_graph(
        nodes,
        "landmarks",
        [helper.make_tensor_value_info("patches", TensorProto.UINT8, ["n", 64, 64, 3])],
        [helper.make_tensor_value_info("landmarks", TensorProto.FLOAT, ["n", "outputs"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    write_model(model, path, {"kind": kind, "network": "test", "context": context})
    return path
