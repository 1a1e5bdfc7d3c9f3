"""Smooth functions through tables of points: small neural nets, trained to second order.

Needs the `train` extra. Each name is imported when it is first used, so that the second-order fit
never waits for PyTorch or Matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facesmith.errors import missing_packages_named

if TYPE_CHECKING:
    from facesmith.approximation.experiment.compare import approximate_table as approximate_table
    from facesmith.approximation.experiment.compare import run_monkey_saddle as run_monkey_saddle
    from facesmith.approximation.exports.onnx_file import (
        export_function_onnx as export_function_onnx,
    )
    from facesmith.approximation.exports.source_code import function_code as function_code
    from facesmith.approximation.model.fitted import FittedFunction as FittedFunction
    from facesmith.approximation.model.regressor import ExtrapolationWarning as ExtrapolationWarning
    from facesmith.approximation.model.regressor import FunctionApproximator as FunctionApproximator
    from facesmith.approximation.model.regressor import LargeTableWarning as LargeTableWarning
    from facesmith.approximation.model.saving import load_function as load_function
    from facesmith.approximation.model.saving import save_function as save_function

_HOMES = {
    "ExtrapolationWarning": "facesmith.approximation.model.regressor",
    "FittedFunction": "facesmith.approximation.model.fitted",
    "FunctionApproximator": "facesmith.approximation.model.regressor",
    "LargeTableWarning": "facesmith.approximation.model.regressor",
    "approximate_table": "facesmith.approximation.experiment.compare",
    "export_function_onnx": "facesmith.approximation.exports.onnx_file",
    "function_code": "facesmith.approximation.exports.source_code",
    "load_function": "facesmith.approximation.model.saving",
    "run_monkey_saddle": "facesmith.approximation.experiment.compare",
    "save_function": "facesmith.approximation.model.saving",
}

__all__ = [
    "ExtrapolationWarning",
    "FittedFunction",
    "FunctionApproximator",
    "LargeTableWarning",
    "approximate_table",
    "export_function_onnx",
    "function_code",
    "load_function",
    "run_monkey_saddle",
    "save_function",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        with missing_packages_named():
            return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'facesmith.approximation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
