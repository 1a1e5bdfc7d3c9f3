"""From a PyTorch module to an ONNX weights file, checked against the module it came from."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from facesmith._version import __version__
from facesmith.errors import WeightsError
from facesmith.export.metadata import write_model
from facesmith.networks.classifiers import PATCH_SIZE, PatchClassifier
from facesmith.runtime import onnxruntime

OPSET = 17  # everything these nets need; ONNX Runtime reads it since 1.12 (2022)
BATCH_SIZES = (1, 2, 7, 33)  # at which an exported classifier is compared with PyTorch
TOLERANCE = 1e-4  # largest allowed difference of a score, float32 in another order of summation


def export_onnx(
    module: nn.Module,
    example_input: torch.Tensor,
    path: str | Path,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_axes: Mapping[str, Mapping[int, str]],
    metadata: Mapping[str, Any],
) -> None:
    """Write a module as one ONNX file, atomically.

    Batch normalisation is folded into the convolutions. The same module gives the same bytes.

    This uses PyTorch's TorchScript exporter. The newer one (`dynamo=True`) needs onnxscript and
    takes ten times as long; for plain convolutional nets both write the same graph.

    Args:
        module: What to export, on the CPU; it is set to evaluation mode while that happens.
        example_input: An input of the right type and number of axes.
        path: The file to write; its folder exists.
        input_names: Names of the graph's inputs.
        output_names: Names of the graph's outputs.
        dynamic_axes: Per input or output name: axis -> name, for every axis of free length.
        metadata: Stored as JSON under the key `facesmith`, with the version of facesmith.

    Raises:
        WriteError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    with _evaluating(module), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # of this exporter
        torch.onnx.export(
            module,
            (example_input,),
            buffer,  # type: ignore[arg-type]  # a file object is fine for this exporter
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes={name: dict(axes) for name, axes in dynamic_axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model)
    write_model(model, path, {**metadata, "facesmith": __version__})


def largest_difference(
    module: nn.Module, path: str | Path, inputs: Sequence[torch.Tensor]
) -> float:
    """How far ONNX Runtime's outputs on a weights file lie from the module's own.

    Args:
        module: What was exported; outputs a tensor or several.
        path: The ONNX file.
        inputs: Inputs, for example of several batch sizes.

    Returns:
        The largest absolute difference over all inputs and outputs.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    difference = 0.0
    with _evaluating(module):
        for tensor in inputs:
            expected = module(tensor)
            expected = expected if isinstance(expected, tuple | list) else (expected,)
            found = session.run(None, {name: tensor.numpy()})
            for a, b in zip(expected, found, strict=True):
                if tuple(a.shape) != b.shape:
                    raise WeightsError(
                        f"{path}: ONNX Runtime's output has shape {b.shape}, PyTorch's "
                        f"{tuple(a.shape)}, for an input of shape {tuple(tensor.shape)}."
                    )
                if a.numel():
                    difference = max(difference, float(np.abs(a.numpy() - b).max()))
    return difference


def random_images(shapes: Iterable[tuple[int, ...]]) -> list[torch.Tensor]:
    """Uint8 noise of these shapes, the same in each call."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, s, dtype=torch.uint8, generator=generator) for s in shapes]


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every part is in the mode that it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training


class _Scores(nn.Module):
    """A classifier with the sigmoid behind it, and the second, mirrored look before that."""

    def __init__(self, model: PatchClassifier, *, mirrored: bool) -> None:
        super().__init__()
        self.model = model
        self.mirrored = mirrored

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        if self.mirrored:  # as one batch, so that the weights stand in the file once
            logits = self.model(torch.cat([patches, patches.flip(2)]))
            return torch.sigmoid(logits.reshape(2, -1).mean(0))
        return torch.sigmoid(self.model(patches))


def export_classifier(
    model: PatchClassifier,
    path: str | Path,
    *,
    network: str,
    threshold: float = 0.5,
    mirrored: bool = False,
) -> float:
    """Write a trained classifier as a weights file, and check it against PyTorch.

    The graph takes uint8 patches `patches` `(n, 64, 64, 3)`, BGR, any `n`, and returns `scores`
    `(n,)`: the scaling to [0, 1] and the sigmoid are inside.

    Args:
        model: The trained classifier.
        path: The file to write.
        network: The name of the network.
        threshold: The score from which on a patch counts as a face.
        mirrored: Score the mean logit of a patch and its mirror image, in twice the time.

    Returns:
        The largest difference between the scores of both runtimes on random patches.

    Raises:
        WeightsError: If that difference exceeds `TOLERANCE`.
        WriteError: If the file cannot be written.
    """
    scores = _Scores(model, mirrored=mirrored)
    width, height = model.preprocessing.size_wh or (PATCH_SIZE, PATCH_SIZE)
    batches = random_images((n, height, width, 3) for n in BATCH_SIZES)
    export_onnx(
        scores,
        batches[1],
        path,
        input_names=["patches"],
        output_names=["scores"],
        dynamic_axes={"patches": {0: "n"}, "scores": {0: "n"}},
        metadata={
            "kind": "classifier",
            "network": network,
            "preprocessing": model.preprocessing.to_dict(),
            "threshold": threshold,
            "mirrored": mirrored,
        },
    )
    difference = largest_difference(scores, path, batches)
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"{path}: ONNX Runtime's scores differ from PyTorch's by up to {difference:.2g}; "
            f"expected at most {TOLERANCE:g}. Do not use these weights; please report this."
        )
    return difference
