"""Going on from weights that ship: from a weights file back to a network that can learn.

A weights file holds convolutions into which batch normalisation was folded, mostly in 8 bits. They
become float32 again, and batch normalisation is unfolded by what it sees of some images: before the
first step the network does what the file does, but for the rounding of activations.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from facesmith.errors import WeightsError
from facesmith.networks.detector import STRIDES, DetectorNetConfig

Arrays = dict[str, npt.NDArray[np.float32]]

_PREFIX = "network."  # of the exported graph's parameters, see `detector_export`


def start_from(network: nn.Module, path: str | Path, images: Tensor) -> None:
    """Give a network the weights of a file that an earlier training exported, in place.

    Args:
        network: A network of the same shape, as `facesmith.networks` builds it.
        path: `detector.onnx` or `refiner.onnx`.
        images: What the network will see, float32 `(n, 3, height, width)` in [0, 1]; some dozens.
            Batch normalisation gets their mean and variance.

    Raises:
        WeightsError: If the file cannot be read, or its network has another shape.
    """
    arrays = _parameters(Path(path), network)
    state = network.state_dict()
    for name, array in arrays.items():
        if name not in state or state[name].shape != array.shape:
            expected = tuple(state[name].shape) if name in state else "none"
            raise WeightsError(
                f"{path}: its {name} has the shape {array.shape}, the network to train has "
                f"{expected}. Only weights of the same network can be gone on from."
            )
    found = {name.rpartition(".")[0] for name in arrays}
    missing = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d) and name not in found
    ]
    if missing:
        raise WeightsError(f"{path} holds no weights for {', '.join(missing)}; is it complete?")
    network.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()}, strict=False)
    _unfold(network, images)


def network_of(path: str | Path) -> DetectorNetConfig:
    """The shape of the proposal network in a weights file that an earlier training exported.

    Raises:
        WeightsError: If the file cannot be read, or holds no such network.
    """
    graph = _read_graph(Path(path))
    stored = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    channels: dict[str, list[int]] = {}  # of each part, those of its convolutions
    for node in graph.node:
        part = re.search(r"\b(to_\d+|heads\.\d)\b", node.name) if node.op_type == "Conv" else None
        if part is None:
            continue
        name = node.input[1]
        while name in makers:
            name = makers[name].input[0]
        channels.setdefault(part[1], []).append(int(stored[name].dims[0]))
    stages = [channels.get(f"to_{stride}", []) for stride in (4, *STRIDES)]
    heads = [channels.get(f"heads.{number}", []) for number in range(len(STRIDES))]
    if not all((*stages, *heads)):
        raise WeightsError(
            f"{path} holds no proposal network of facesmith's. Pass a run folder of a detector."
        )
    w4, w8, w16, w32, w64 = (each[0] for each in stages)
    d4, d8, d16, d32, d64 = (len(each) - 1 for each in stages)
    h8, h16, h32, h64 = (each[0] for each in heads)
    return DetectorNetConfig((w4, w8, w16, w32, w64), (d4, d8, d16, d32, d64), (h8, h16, h32, h64))


def hold(
    network: nn.Module, n_frozen: int = 0, *, fixed_statistics: bool = False
) -> list[nn.Module]:
    """Keep the weights of the first parts of a network as they are while the rest learns.

    Args:
        network: A proposal network or a refiner.
        n_frozen: Number of these parts, of the network's first level, from the image on.
        fixed_statistics: All batch normalisation is to keep its running mean and variance, and to
            use them in training too: what the network does then depends on no other image.

    Returns:
        The normalisations to put into evaluation mode before each step.
    """
    frozen = nn.ModuleList(list(network.children())[:n_frozen])
    frozen.requires_grad_(False)
    fixed = network if fixed_statistics else frozen
    return [module for module in fixed.modules() if isinstance(module, nn.BatchNorm2d)]


def _parameters(path: Path, network: nn.Module) -> Arrays:
    """Weights and biases of a file by their names in the network.

    The bias of a convolution that batch normalisation follows is that normalisation's.
    """
    graph = _read_graph(path)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    order = list(network.named_modules())
    arrays: Arrays = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm") or len(node.input) < 3:
            continue
        weights, bias = (_values(name, stored, makers) for name in node.input[1:3])
        number = _module(node, makers, order)
        if number is None:
            raise WeightsError(
                f"{path}: no part of the network to train belongs to {node.output[0]}. Only "
                "weights of the same network can be gone on from."
            )
        name, module = order[number]
        if isinstance(module, nn.Conv2d):
            weights = _as_stored_by_torch(weights, module)
        arrays[f"{name}.weight"] = weights
        after = order[number + 1] if number + 1 < len(order) else ("", module)
        owner = after[0] if isinstance(after[1], nn.BatchNorm2d) else name
        arrays[f"{owner}.bias"] = bias
    return arrays


def _read_graph(path: Path) -> onnx.GraphProto:
    try:
        return onnx.load(str(path)).graph
    except Exception as error:  # a missing or damaged file: several libraries' exceptions
        raise WeightsError(f"{path} is not a usable ONNX file ({error}).") from error


def _values(
    name: str, stored: dict[str, Any], makers: dict[str, onnx.NodeProto]
) -> npt.NDArray[np.float32]:
    """A tensor of the graph, out of 8 bits where it was stored so."""
    if name in stored:
        return np.asarray(stored[name], np.float32)
    maker = makers[name]
    if maker.op_type == "Identity":  # of a tensor that another one equals
        return _values(maker.input[0], stored, makers)
    if maker.op_type == "Transpose":  # of weights that a training kept channels-last
        (order,) = (onnx.helper.get_attribute_value(entry) for entry in maker.attribute)
        return np.transpose(_values(maker.input[0], stored, makers), order)
    numbers, scale, zero = (stored[part] for part in maker.input)
    along_first = (-1, *[1] * (numbers.ndim - 1))
    difference = numbers.astype(np.float32) - zero.astype(np.float32).reshape(along_first)
    return np.asarray(difference * scale.reshape(along_first), np.float32)


def _module(
    node: onnx.NodeProto, makers: dict[str, onnx.NodeProto], order: list[tuple[str, nn.Module]]
) -> int | None:
    """Which module a convolution or product of the graph was exported from, as its number.

    Parameters that nothing was folded into have kept their names. The others' outputs are called
    after the module: the convolution, or the ReLU that comes after it.
    """
    numbers = {name: number for number, (name, _) in enumerate(order)}
    name = node.input[1]
    while name in makers and makers[name].op_type in ("Transpose", "DequantizeLinear"):
        name = makers[name].input[0]
    kept = re.fullmatch(rf"{re.escape(_PREFIX)}(.+)\.weight(_quantized)?", name)
    if kept:
        return numbers.get(kept[1])
    called = re.fullmatch(r"/network/(.+)/(?:Relu|Conv)_output_0", node.output[0])
    parts = called[1].split("/") if called else []
    for first in reversed(range(len(parts))):  # the exporter writes some of these from the root on
        last = numbers.get(".".join(parts[first:]).removeprefix(_PREFIX))
        if last is not None:
            until = [n for n in range(last + 1) if isinstance(order[n][1], nn.Conv2d)]
            return until[-1] if until else None
    return None


def _as_stored_by_torch(
    weights: npt.NDArray[np.float32], convolution: nn.Conv2d
) -> npt.NDArray[np.float32]:
    """Undo what `quantisation` does to a first convolution: pixels of a row side by side."""
    n_in, columns = convolution.in_channels, convolution.kernel_size[1]
    stride, padding = convolution.stride[1], int(convolution.padding[1])
    if weights.shape[1] != stride * n_in or stride == 1:
        return weights
    blocks, places = np.divmod(np.arange(columns) - padding, stride)
    parts = weights.reshape(len(weights), stride, n_in, *weights.shape[2:])
    return np.stack(
        [parts[:, p, :, :, b] for b, p in zip(blocks - blocks.min(), places, strict=True)], axis=-1
    )


def _unfold(network: nn.Module, images: Tensor) -> None:
    """Set each batch normalisation so that it adds its bias and else changes nothing.

    It does so in training too, where it takes mean and variance from the batch, as far as other
    batches are like these images.
    """

    def prepare(module: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        assert module.running_mean is not None
        assert module.running_var is not None
        mean = inputs[0].float().mean((0, 2, 3))
        variance = inputs[0].float().var((0, 2, 3), correction=0)
        module.running_mean.copy_(mean)
        module.running_var.copy_(variance)
        module.weight.copy_((variance + module.eps).sqrt())
        module.bias.add_(mean)

    hooks = [
        module.register_forward_pre_hook(prepare)
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    was_training = network.training
    with torch.no_grad():
        network.eval()(images)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
