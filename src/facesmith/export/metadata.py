"""Writes weights files: an ONNX model with a description of itself inside; `sessions` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from facesmith.detection.sessions import METADATA_KEY
from facesmith.files import write_bytes
from facesmith.metrics.operating_point import OperatingPoint
from facesmith.untrusted import parsed_json


def write_model(model: onnx.ModelProto, path: str | Path, description: Mapping[str, Any]) -> None:
    """Write a model and what it says of itself, atomically; the same model gives the same bytes.

    Args:
        model: What to write; its description is replaced.
        path: The file; its folder exists.
        description: Plain values, stored as JSON.

    Raises:
        WriteError: If the file cannot be written.
    """
    clean_graph(model.graph)
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(description, sort_keys=True)})
    write_bytes(Path(path), model.SerializeToString(deterministic=True))


def clean_graph(graph: onnx.GraphProto) -> None:
    """Take out what nobody reads: initialisers without a node, and stated shapes of inner values.

    Graph rewrites leave both behind, and runtimes that check stated shapes refuse a wrong one.
    """
    used = {name for node in graph.node for name in node.input}
    used |= {value.name for value in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    del graph.value_info[:]


def update_description(path: str | Path, changes: Mapping[str, Any]) -> None:
    """Change what a weights file says of itself; the network in it stays as it is.

    Args:
        path: A weights file that facesmith wrote.
        changes: Name -> new value; `None` takes the entry away.

    Raises:
        WriteError: If the file cannot be written.
    """
    model = onnx.load(str(path))
    stored = next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY)
    described = {**parsed_json(stored, str(path)), **changes}
    for name in [name for name, value in changes.items() if value is None]:
        del described[name]
    write_model(model, path, described)


def store_threshold(weights_path: str | Path, point: OperatingPoint) -> None:
    """Store a chosen threshold, and how it was chosen, with the weights.

    Args:
        weights_path: A classifier's or a detector's weights file.
        point: The threshold.

    Raises:
        WriteError: If the file cannot be written.
    """
    changes = {"threshold": point.threshold, "operating_point": point.to_dict()}
    update_description(weights_path, changes)
