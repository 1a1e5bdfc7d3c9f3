"""Tests that need a package of an extra are skipped where it is not installed.

So the same suite runs with the base install and pytest alone. Where all extras are installed, as
`make` installs them, nothing is skipped for this: a package counts only if it cannot be found.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from importlib.util import find_spec
from traceback import walk_tb

import pytest

# What the extras in pyproject.toml bring, by the names in `import`.
OPTIONAL = [
    "av", "axe_playwright_python", "dask", "distributed", "fastapi", "filelock", "fsspec",
    "httpx", "lightning_fabric", "matplotlib", "onnx", "optuna", "pandas", "pillow_heif",
    "playwright", "pooch", "psutil", "pyarrow", "pycocotools", "python_multipart", "requests",
    "scipy", "skimage", "sklearn", "starlette", "tensorboard", "threadpoolctl", "torch",
    "uvicorn", "yaml",
]  # fmt: skip
# Looked for at once: some tests hide packages for a while.
MISSING = frozenset(name for name in OPTIONAL if find_spec(name) is None)


def missing_package(error: BaseException | None) -> str | None:
    """The package of an extra for whose absence an error was raised, if so."""
    while error is not None:
        name = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and name in MISSING:
            return name
        error = error.__cause__ or error.__context__
    return None


def forget_half_imported(error: BaseException | None) -> None:
    """Take back the modules that an error stopped: pytest leaves them for others to find."""
    while error is not None:
        for frame, _ in walk_tb(error.__traceback__):
            if frame.f_code.co_name == "<module>":
                sys.modules.pop(frame.f_globals["__name__"], None)
        error = error.__cause__ or error.__context__


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a module that cannot be imported without an extra."""
    report = yield
    call = getattr(report, "call", None)
    if report.outcome == "failed" and call is not None:
        package = missing_package(call.excinfo.value)
        if package is not None:
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 0, f"Skipped: needs the package '{package}'")
            forget_half_imported(call.excinfo.value)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test, or a fixture of it, that imports what is not there."""
    report = yield
    if report.failed and call.excinfo is not None:
        package = missing_package(call.excinfo.value)
        if package is not None:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"Skipped: needs the package '{package}'")
    return report
