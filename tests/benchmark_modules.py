"""The benchmarks are scripts, not a package: their modules are loaded from the source tree."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_FOLDER = Path(__file__).parents[1] / "benchmarks"


def load_benchmark(name: str) -> ModuleType:
    """The module `benchmarks/NAME.py`; skips the test where the source tree has no benchmarks."""
    path = _FOLDER / f"{name}.py"
    if not path.is_file():
        pytest.skip("no benchmarks in this source tree")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
