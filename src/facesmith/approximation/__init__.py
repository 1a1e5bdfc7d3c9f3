"""Smooth functions through tables of points: small neural nets, trained to second order.

Needs the `train` extra. Each name is imported when it is first used, so that the second-order fit
never waits for PyTorch or Matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facesmith.approximation.cautions import ExtrapolationWarning as ExtrapolationWarning
    from facesmith.approximation.cautions import LargeTableWarning as LargeTableWarning
    from facesmith.approximation.code_export import function_code as function_code
    from facesmith.approximation.experiment import approximate_table as approximate_table
    from facesmith.approximation.experiment import run_monkey_saddle as run_monkey_saddle
    from facesmith.approximation.fitted import FittedFunction as FittedFunction
    from facesmith.approximation.onnx_export import export_function_onnx as export_function_onnx
    from facesmith.approximation.regressor import FunctionApproximator as FunctionApproximator
    from facesmith.approximation.saving import load_function as load_function
    from facesmith.approximation.saving import save_function as save_function

_HOMES = {
    "ExtrapolationWarning": "facesmith.approximation.cautions",
    "FittedFunction": "facesmith.approximation.fitted",
    "FunctionApproximator": "facesmith.approximation.regressor",
    "LargeTableWarning": "facesmith.approximation.cautions",
    "approximate_table": "facesmith.approximation.experiment",
    "export_function_onnx": "facesmith.approximation.onnx_export",
    "function_code": "facesmith.approximation.code_export",
    "load_function": "facesmith.approximation.saving",
    "run_monkey_saddle": "facesmith.approximation.experiment",
    "save_function": "facesmith.approximation.saving",
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
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'facesmith.approximation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
