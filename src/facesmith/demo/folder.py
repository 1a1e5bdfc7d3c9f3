"""The folder that a demo writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.files import OutputFolder, write_json

FIGURES_NAME = "demo.json"


def start_folder(path: str | Path, *, force: bool) -> Path:
    """Make the folder of a demo, empty but for its first figures.

    Args:
        path: The folder; it may be missing or empty.
        force: Delete what an earlier demo left there.

    Raises:
        WriteError: If it cannot be made, or is not empty and is not to be replaced.
    """
    path = Path(path)
    OutputFolder(path, "demo").start(force=force)
    write_figures(path, {"command": sys.argv})
    return path


def write_figures(path: Path, figures: dict[str, Any]) -> None:
    """Write `demo.json`: what made the folder, and the figures of the report."""
    write_json(path / FIGURES_NAME, {"facesmith": __version__, "task": "demo", **figures})
