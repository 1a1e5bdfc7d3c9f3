"""Fixtures of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation_files import save


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The folder of the photos: a.jpg, sub/b.png, c.jpg, each 200 wide and 100 high."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "sub/b.png", "c.jpg"):
        save(folder / name)
    return folder
