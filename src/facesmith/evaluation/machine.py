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
    """A description for a results file, with the versions of facesmith and these distributions."""
    processor = _cpuinfo("model name") or platform.processor() or platform.machine()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": ", ".join([processor, f"{os.cpu_count()} logical cores", *_instructions()]),
        "system": platform.platform(terse=True),
        "threads": threads,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("facesmith", *sorted(set(distributions)))},
    }


def _instructions() -> list[str]:
    """What decides how fast numbers of 8 bits are multiplied, where Linux tells."""
    flags = _cpuinfo("flags").split()
    if "avx2" not in flags:
        return []
    has_vnni = not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags)
    widest = "AVX-512" if "avx512f" in flags else "AVX2"
    return [f"{widest} {'with' if has_vnni else 'without'} VNNI"]


def _cpuinfo(name: str) -> str:
    """What Linux says of the first core; empty elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.partition(":")[0].strip() == name:
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
