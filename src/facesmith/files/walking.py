"""Folders and all that is below them, linked folders too, each once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_by_folder(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder from `top` down with the names of its files; hidden folders are passed over.

    Linked folders come after all that is really there, so that they give it no new names, and none
    comes twice, whatever leads to it.
    """
    waiting, seen = [top], set()
    while waiting:
        for parent, folders, names in os.walk(waiting.pop(0)):
            real = os.path.realpath(parent)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths = [Path(parent) / name for name in folders]
            waiting += [path for path in paths if path.is_symlink()]
            yield Path(parent), names
