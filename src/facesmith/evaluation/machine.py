"""What a benchmark's results say of their making: machine, versions and date."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def describe_machine(distributions: Iterable[str], threads: int) -> dict[str, Any]:
    """A description for a results file.

    Args:
        distributions: Those whose versions matter, beside facesmith.
        threads: CPU threads that were used.
    """
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{_processor()}, {os.cpu_count()} logical cores",
        "system": platform.platform(terse=True),
        "threads": threads,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("facesmith", *sorted(set(distributions)))},
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
