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
    "experiment.compare": ("approximate_table", "run_monkey_saddle"),
    "exports.onnx_file": ("export_function_onnx",),
    "exports.source_code": ("function_code",),
    "model.fitted": ("FittedFunction",),
    "model.regressor": ("ExtrapolationWarning", "FunctionApproximator", "LargeTableWarning"),
    "model.saving": ("load_function", "save_function"),
}
__all__ = [name for names in _HOMES.values() for name in names]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            with missing_packages_named():
                return getattr(import_module(f"facesmith.approximation.{home}"), name)
    raise AttributeError(f"module 'facesmith.approximation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
