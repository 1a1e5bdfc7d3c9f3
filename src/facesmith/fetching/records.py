"""What is written down of a fetched data set, and whether its files are still as they were."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from facesmith.errors import FetchError
from facesmith.files import open_regular

RECORD = "fetched.json"


def read_record(folder: Path) -> dict[str, Any]:
    """The archives that `fetched.json` lists; a damaged one counts as none."""
    try:
        archives = json.loads((folder / RECORD).read_bytes())["archives"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if not isinstance(archives, dict):
        return {}
    return {name: entry for name, entry in archives.items() if isinstance(entry, dict)}


def read_list(path: Path) -> dict[str, str]:
    """Sums by path, relative to the folder of the data set."""
    pairs = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def sum_of(path: Path) -> str:
    """SHA-256 of a regular file, empty where there is none to be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def check_fddb(folder: Path) -> None:
    """The photos that the folds name are there."""
    for fold in sorted((folder / "FDDB-folds").glob("FDDB-fold-??.txt")):
        for name in fold.read_text(encoding="utf-8", errors="replace").split():
            if not (folder / "originalPics" / f"{name}.jpg").is_file():
                raise FetchError(
                    f"{folder / 'originalPics' / name}.jpg is missing, and {fold.name} names it."
                )
