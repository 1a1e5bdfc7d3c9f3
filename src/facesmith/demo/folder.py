"""The folder that a demo writes, and what may be deleted to write it again."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.errors import FacesmithError
from facesmith.files import write_json

FIGURES_NAME = "demo.json"  # also the mark by which the folder of a demo is known
_TASK = "demo"


def start_folder(path: str | Path, *, force: bool) -> Path:
    """Make the folder of a demo, empty but for its mark.

    Args:
        path: The folder; it may be missing or empty.
        force: Delete what an earlier demo left there.

    Raises:
        FacesmithError: If it cannot be made, or is not empty and is not to be replaced.
    """
    path = Path(path)
    try:
        _clear(path, force=force)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FacesmithError(f"Cannot make the folder {path}: {error.strerror}.") from error
    write_figures(path, {"command": sys.argv})
    return path


def write_figures(path: Path, figures: dict[str, Any]) -> None:
    """Write `demo.json`: what made the folder, and the figures of the report."""
    write_json(path / FIGURES_NAME, {"facesmith": __version__, "task": _TASK, **figures})


def _clear(path: Path, *, force: bool) -> None:
    if path.exists() and not path.is_dir():
        raise FacesmithError(f"{path} is a file; pass a folder as --out.")
    if not path.exists() or not any(path.iterdir()):
        return
    if not force:
        raise FacesmithError(
            f"The folder {path} is not empty. Pass --force to replace an earlier demo, or another "
            "--out."
        )
    if not _is_demo(path):
        raise FacesmithError(
            f"--force deletes folders of an earlier demo only, and {path} has no {FIGURES_NAME} "
            "of one. Delete it yourself, or pass another --out."
        )
    shutil.rmtree(path)


def _is_demo(path: Path) -> bool:
    try:
        mark = json.loads((path / FIGURES_NAME).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and "facesmith" in mark and mark.get("task") == _TASK
