"""Quantises exported networks from float32 to 8 bits. They then take 33 to 50 % of the CPU time.

ONNX Runtime's static quantisation measures the range of each activation on sample images. This
module makes five changes to it:

- Where maps of two strides are added, channels with far larger values than the others are scaled
  down, and what reads them scales them up: one range has to serve all channels. See
  `facesmith.export.channel_levels`.
- The uint8 image enters the first convolution without a conversion to float32.
- A first convolution of stride 4 reads four pixels of a row as one.
- Copies of memory replace the nodes that double a map's size.
- The last convolution of each head, which gives the boxes, stays in float32.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from facesmith.export.channel_levels import level_channels
from facesmith.export.metadata import clean_graph
from facesmith.files import write_bytes
from facesmith.runtime import load_quantisation

_MIN_STRIDE = 4  # with a smaller stride the added zeros cost more time than is saved


def quantise(
    path: str | Path, images: Iterable[npt.NDArray[np.uint8]], out: str | Path | None = None
) -> None:
    """Quantise an exported network. The same network and images give the same bytes.

    Args:
        path: An ONNX file whose one input is uint8 and is divided by 255 first. Where its first
            convolution has a stride of 4 or more, the width of images is a multiple of that.
        images: Some dozens of typical inputs, uint8 `(n, height, width, 3)`.
        out: Where to write; `None`: over `path`.

    Source:
        Jacob et al., "Quantization and training of neural networks for efficient integer-
        arithmetic-only inference", 2018, section 2. Weights have 7 bits: with 8, processors
        without instructions for it (VNNI) overflow, https://onnxruntime.ai/docs/performance/
        model-optimizations/quantization.html, "When should I use reduce_range".
    """
    quantisation = load_quantisation()

    images = list(images)

    class Reader(quantisation.CalibrationDataReader):  # type: ignore[name-defined, misc]  # no types
        def __init__(self) -> None:
            self._images = iter(images)

        def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
            image = next(self._images, None)
            return None if image is None else {name: image}

    path = Path(path)
    described = onnx.load(str(path))
    level_channels(described, images)
    name = described.graph.input[0].name
    with TemporaryDirectory() as folder, _silent():
        quantised = Path(folder) / "quantised.onnx"
        quantisation.quantize_static(
            described,
            str(quantised),
            Reader(),
            quant_format=quantisation.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=quantisation.QuantType.QUInt8,
            weight_type=quantisation.QuantType.QInt8,
            nodes_to_exclude=_heads(described),
        )
        model = onnx.load(str(quantised))
    _take_pixels_as_they_are(model)
    _read_several_pixels_at_a_time(model)
    _double_by_copying(model)
    properties = {entry.key: entry.value for entry in described.metadata_props}
    onnx.helper.set_model_props(model, properties)
    onnx.checker.check_model(model)
    clean_graph(model.graph)
    write_bytes(Path(out or path), model.SerializeToString(deterministic=True))


def _heads(model: onnx.ModelProto) -> list[str]:
    """Names of the convolutions that give the outputs."""
    outputs = {output.name for output in model.graph.output}
    return [node.name for node in model.graph.node if outputs & set(node.output)]


def _take_pixels_as_they_are(model: onnx.ModelProto) -> None:
    """Remove the conversion from uint8 to float32 and back before the first convolution."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    division = next(node for node in graph.node if node.op_type == "Div")
    cast = makers[division.input[0]]
    quantised = next(
        node
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] == division.output[0]
    )
    restored = next(node for node in graph.node if node.input[:1] == quantised.output[:1])
    restored.input[0] = cast.input[0]
    values = {restored.input[1]: np.float32(1 / 255), restored.input[2]: np.uint8(0)}
    for tensor in graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(values[tensor.name]), tensor.name))
    for node in (quantised, division, cast):
        graph.node.remove(node)


def _read_several_pixels_at_a_time(model: onnx.ModelProto) -> None:
    """Make a first convolution of stride 4 read four pixels of a row as one with 12 channels.

    The results are the same to the bit. An 8-bit convolution first copies its inputs pixel by
    pixel, and copies of three bytes take longer than the multiplications.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    turned = next(node for node in graph.node if node.op_type == "Transpose")
    convolution = next(node for node in graph.node if node.op_type == "Conv")
    settings = {entry.name: entry for entry in convolution.attribute}
    stride, padding = settings["strides"].ints[1], settings["pads"].ints
    if makers[convolution.input[0]].input[0] != turned.output[0] or stride < _MIN_STRIDE:
        return
    stored = makers[convolution.input[1]].input[0]
    weights = next(tensor for tensor in graph.initializer if tensor.name == stored)
    values = numpy_helper.to_array(weights)
    n_out, channels, rows, columns = values.shape
    # The block of `stride` pixels of each column of the kernel, and its place in the block.
    blocks, places = np.divmod(np.arange(columns) - padding[1], stride)
    before, after = -int(blocks.min()), int(blocks.max())
    widened = np.zeros((n_out, stride, channels, rows, before + 1 + after), values.dtype)
    for column, (block, place) in enumerate(zip(blocks + before, places, strict=True)):
        widened[:, place, :, :, block] = values[..., column]
    widened = widened.reshape(n_out, stride * channels, *widened.shape[3:])
    weights.CopyFrom(numpy_helper.from_array(widened, stored))
    settings["kernel_shape"].ints[1] = widened.shape[3]
    settings["strides"].ints[1] = 1
    padding[1], padding[3] = before, after
    shape = numpy_helper.from_array(np.array([0, 0, -1, stride * channels]), "blocks_shape")
    graph.initializer.append(shape)
    image, turned.input[0] = turned.input[0], "blocks"
    graph.node.insert(0, onnx.helper.make_node("Reshape", [image, shape.name], ["blocks"]))


def _double_by_copying(model: onnx.ModelProto) -> None:
    """Replace `Resize` nodes of 8-bit maps by nodes that concatenate each pixel and row twice.

    ONNX Runtime's `Resize` takes ten times as long. The transposes cost no time: between 8-bit
    convolutions ONNX Runtime stores the channels of a pixel side by side anyway.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    factors, order, row = (
        numpy_helper.from_array(np.array(values), f"doubled_{name}")
        for name, values in (
            ("factors", [1, 1, 2, 2]),
            ("order", [0, 2, 3, 1]),
            ("row", [0, 0, 1, -1]),
        )
    )
    for node in [node for node in graph.node if node.op_type == "Resize"]:
        restored = makers[node.input[0]]
        quantised = next(user for user in graph.node if node.output[0] in user.input)
        ends = [part.op_type for part in (restored, quantised)]
        if ends != ["DequantizeLinear", "QuantizeLinear"] or not _doubles(model, node):
            continue
        name = f"{node.name}_doubled"
        steps: list[tuple[str, list[str], dict[str, Any]]] = [
            ("Shape", [restored.input[0]], {}),
            ("Mul", ["0", factors.name], {}),
            ("Gather", ["1", order.name], {"axis": 0}),
            ("Transpose", [restored.input[0]], {"perm": [0, 2, 3, 1]}),
            ("Concat", ["3", "3"], {"axis": 3}),
            ("Reshape", ["4", row.name], {}),
            ("Concat", ["5", "5"], {"axis": 2}),
            ("Reshape", ["6", "2"], {}),
            ("Transpose", ["7"], {"perm": [0, 3, 1, 2]}),
        ]
        place = list(graph.node).index(restored)
        for used in (restored, node, quantised):
            graph.node.remove(used)
        for number, (kind, inputs, settings) in enumerate(steps):
            ins = [f"{name}_{word}" if word.isdigit() else word for word in inputs]
            outs = [quantised.output[0] if number == len(steps) - 1 else f"{name}_{number}"]
            graph.node.insert(place + number, onnx.helper.make_node(kind, ins, outs, **settings))
    if any(factors.name in node.input for node in graph.node):
        graph.initializer.extend([factors, order, row])


def _doubles(model: onnx.ModelProto, resize: onnx.NodeProto) -> bool:
    """Whether a `Resize` repeats each pixel of a map once to the right and once below."""
    settings = {entry.name: onnx.helper.get_attribute_value(entry) for entry in resize.attribute}
    scales = next(node for node in model.graph.node if node.output[:1] == [resize.input[2]])
    values = numpy_helper.to_array(onnx.helper.get_attribute_value(scales.attribute[0]))
    return bool(settings["mode"] == b"nearest" and values.tolist() == [1, 1, 2, 2])


@contextmanager
def _silent() -> Iterator[None]:
    """Hides ONNX Runtime's advice to preprocess, which exported files do not need."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
