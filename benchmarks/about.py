"""What every benchmark result says of its making: machine, versions, date and commit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from facesmith.evaluation.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]


def about(packages: tuple[str, ...], threads: int) -> dict[str, Any]:
    """A description for a results file.

    Args:
        packages: Distributions whose versions matter here, beside facesmith.
        threads: CPU threads that were used.
    """
    return {"commit": _commit(), **describe_machine(packages, threads)}


def _commit() -> str:
    """Short hash; `+` behind it says that files in use differ from that commit."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
