"""A detector that is quick, and photos for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulk_runs import N_PHOTOS
from facesmith.images import write_image
from spot_detector import export_spot_detector, spots


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_spot_detector(tmp_path_factory.mktemp("spots") / "detector.onnx")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with 0, 1 or 2 spots, one of them no image."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(N_PHOTOS):
        corners = [(16 + 8 * number, 16), (16, 72)][: number % 3]
        write_image(folder / f"{number:02d}.png", spots(320, 96, *corners))
    (folder / "05.png").write_bytes(b"no image")
    return folder
