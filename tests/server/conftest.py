"""The application with the detector of white spots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facesmith.server import ServeConfig, create_app


@pytest.fixture(scope="session")
def spot_app(spot_weights: Path) -> Any:
    return create_app(ServeConfig(model=spot_weights))
