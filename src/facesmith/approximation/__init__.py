"""Smooth functions through tables of points: small neural nets, trained to second order.

Needs the `train` extra. Each name is imported when it is first used, so that the second-order fit
never waits for PyTorch or Matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facesmith.approximation.dense_net import DenseNet as DenseNet
    from facesmith.approximation.dense_net import load_net as load_net
    from facesmith.approximation.experiment import approximate_table as approximate_table
    from facesmith.approximation.experiment import run_monkey_saddle as run_monkey_saddle
    from facesmith.approximation.regressor import FunctionApproximator as FunctionApproximator

_HOMES = {
    "DenseNet": "facesmith.approximation.dense_net",
    "FunctionApproximator": "facesmith.approximation.regressor",
    "approximate_table": "facesmith.approximation.experiment",
    "load_net": "facesmith.approximation.dense_net",
    "run_monkey_saddle": "facesmith.approximation.experiment",
}

__all__ = [
    "DenseNet",
    "FunctionApproximator",
    "approximate_table",
    "load_net",
    "run_monkey_saddle",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'facesmith.approximation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
