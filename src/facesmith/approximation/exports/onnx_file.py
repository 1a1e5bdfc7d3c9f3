"""A fitted function as an ONNX file in float64, for any runtime that reads ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facesmith._version import __version__
from facesmith.approximation.model.bending import Bends
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.export.metadata import write_model

# Everything used here is as old as that, in float64 too.
_OPSET = 13
# The version of the file's own form; ONNX Runtime 1.12 (2022) reads it.
_IR_VERSION = 8


def export_function_onnx(function: FittedFunction, path: str | Path) -> None:
    """Write a function as an ONNX file; it scales inputs and outputs itself.

    Input `inputs`, float64 `(n, n_inputs)`, and output `targets`, float64 `(n, n_outputs)`, both
    in their own units; n is free. The names of the columns and the ranges of the training inputs
    are in the metadata, as JSON under the key `facesmith`. ONNX Runtime agrees with
    `FittedFunction.predict` up to rounding. Standard deviations are not exported.

    Raises:
        WriteError: If the file cannot be written.
    """
    graph = _Graph()
    as_fitted = _add_bent(graph, function.input_bends)
    shifted = graph.add("Sub", as_fitted, graph.constant("input_offset", function.input_offset))
    scaled = graph.add("Div", shifted, graph.constant("input_scale", function.input_scale))
    sums: list[str] = [""] * function.n_outputs
    for number, member in enumerate(function.members):
        add: Any = _add_kernel if isinstance(member, KernelMember) else _add_net
        values = add(graph, scaled, number, member)
        part = graph.constant(f"member_{number}_weight", [member.weight])
        values = graph.add("Mul", values, part)
        so_far = sums[member.output]
        sums[member.output] = graph.add("Add", so_far, values) if so_far else values
    outputs = graph.add("Concat", *sums, axis=1) if len(sums) > 1 else sums[0]
    outputs = graph.add("Mul", outputs, graph.constant("output_scale", function.output_scale))
    offset = graph.constant("output_offset", function.output_offset)
    outputs = _add_straightened(graph, graph.add("Add", outputs, offset), function.output_bends)
    graph.nodes.append(helper.make_node("Identity", [outputs], ["targets"]))

    inputs, targets = (
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", width])]
        for name, width in (("inputs", function.n_inputs), ("targets", function.n_outputs))
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, "facesmith_function", inputs, targets, graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="facesmith",
    )
    onnx.checker.check_model(model, full_check=True)
    about = {
        "kind": "function",
        "facesmith": __version__,
        "input_names": list(function.input_names),
        "output_names": list(function.output_names),
        "input_min": function.input_min.tolist(),
        "input_max": function.input_max.tolist(),
    }
    write_model(model, path, about)


def _add_bent(graph: _Graph, bends: Bends) -> str:
    """Inputs as they are fitted: asinh of those that are bent.

    ONNX Runtime has no Asinh in float64; this is `sign(t) log(|t| + sqrt(t^2 + 1))`.
    """
    if bends is None:
        return "inputs"
    widths = np.where(bends[:, 1] > 0, bends[:, 1], 1.0)
    shifted = graph.add("Sub", "inputs", graph.constant("input_centres", bends[:, 0]))
    t = graph.add("Div", shifted, graph.constant("input_widths", widths))
    one = graph.constant("bend_one", [1.0])
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", t, t), one))
    curve = graph.add("Log", graph.add("Add", graph.add("Abs", t), root))
    curve = graph.add("Mul", graph.add("Sign", t), curve)
    return graph.add("Where", graph.mask("bent_inputs", bends[:, 1] > 0), curve, "inputs")


def _add_straightened(graph: _Graph, outputs: str, bends: Bends) -> str:
    """Outputs in their own unit: sinh of those that are bent."""
    if bends is None:
        return outputs
    grown = graph.add("Exp", outputs)
    shrunk = graph.add("Exp", graph.add("Neg", outputs))
    half = graph.constant("half_output_widths", 0.5 * bends[:, 1])
    curve = graph.add("Mul", graph.add("Sub", grown, shrunk), half)
    curve = graph.add("Add", curve, graph.constant("output_centres", bends[:, 0]))
    return graph.add("Where", graph.mask("bent_outputs", bends[:, 1] > 0), curve, outputs)


def _add_net(graph: _Graph, scaled: str, number: int, member: Member) -> str:
    """The layers of a net; returns the name of its output, `(n, 1)`."""
    values = scaled
    for layer, (weights, biases) in enumerate(member.layers):
        if layer:
            values = graph.add("Tanh", values)
        constant = graph.constant(f"member_{number}_weights_{layer}", weights)
        values = graph.add("MatMul", values, constant)
        constant = graph.constant(f"member_{number}_biases_{layer}", biases)
        values = graph.add("Add", values, constant)
    return values


def _add_kernel(graph: _Graph, scaled: str, number: int, member: KernelMember) -> str:
    """Add a Gaussian process and return the name of its output, `(n, 1)`."""

    def constant(name: str, values: Any) -> str:
        return graph.constant(f"member_{number}_{name}", values)

    at = graph.add("Mul", scaled, constant("inverse_lengths", member.inverse_lengths))
    ones = constant("ones", np.ones((member.n_inputs, 1)))
    squares = graph.add("MatMul", graph.add("Mul", at, at), ones)
    centre_squares = constant("centre_squares", np.square(member.centres).sum(axis=1))
    products = graph.add("MatMul", at, constant("centres", -2.0 * member.centres.T))
    squared = graph.add("Add", graph.add("Add", squares, centre_squares), products)
    squared = graph.add("Max", squared, constant("zero", [0.0]))
    if member.shape == "gaussian":
        basis = graph.add("Exp", graph.add("Mul", squared, constant("half", [-0.5])))
    else:
        distances = graph.add("Sqrt", graph.add("Mul", squared, constant("five", [5.0])))
        third = graph.add("Mul", distances, constant("third", [1.0 / 3.0]))
        factor = graph.add("Add", third, constant("one", [1.0]))
        factor = graph.add("Add", graph.add("Mul", distances, factor), constant("first", [1.0]))
        basis = graph.add("Mul", factor, graph.add("Exp", graph.add("Neg", distances)))
    values = graph.add("MatMul", basis, constant("heights", member.heights[:, None]))
    plane = graph.add("MatMul", scaled, constant("slope", member.slope[:, None]))
    plane = graph.add("Add", plane, constant("bias", [member.bias]))
    return graph.add("Add", values, plane)


class _Graph:
    """Nodes and constants as they are added, every value under a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node; returns the name of what it gives."""
        name = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def mask(self, name: str, values: Any) -> str:
        """An array of truth values; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=bool), name))
        return name

    def constant(self, name: str, values: Any) -> str:
        """An array of the function; returns its name."""
        array = np.ascontiguousarray(values, dtype=np.float64)
        self.constants.append(numpy_helper.from_array(array, name))
        return name
