"""ONNX Runtime, imported here and nowhere else, so that it sends nothing anywhere.

Its wheels report use to Microsoft unless the environment forbids it before they are loaded.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

# What the user has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["load_quantisation", "onnxruntime"]


def load_quantisation() -> Any:
    """The module `onnxruntime.quantization`, which is slow to import and needs `onnx`."""
    return import_module("onnxruntime.quantization")
