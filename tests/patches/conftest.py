"""Fixtures of this folder."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.annotations import Annotations, load_face_free
from facesmith.patches import Patches
from facesmith.patches.prepare import PrepareConfig, prepare_patches
from patch_photos import annotated, noise, save


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Annotations, Annotations]:
    """Twelve photos with one or two green faces, and six without."""
    folder = tmp_path_factory.mktemp("drawn")
    photos = []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        left, top, side = int(rng.integers(10, 50)), int(rng.integers(20, 70)), 48
        boxes = [(left, top, left + side, top + side)]
        if seed % 2:
            boxes.append((140, top + 5, 170, top + 40))
        photos.append(annotated(folder / f"photo{seed}.png", seed, *boxes))
    for seed in range(6):
        save(folder / "free" / f"free{seed}.png", noise(500 + seed))
    return Annotations(tuple(photos)), load_face_free([folder / "free"])


@pytest.fixture(scope="module")
def prepared(drawn: tuple[Annotations, Annotations]) -> Patches:
    return prepare_patches(*drawn, PrepareConfig(count=200))
