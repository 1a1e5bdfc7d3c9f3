"""A patches file that a net learns in seconds: bright discs are the faces, squares are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.patches import Patches, save_patches
from facesmith.patches.file import FACE, NOT_A_FACE

PER_PHOTO = 2  # rows: one of each kind


def synthetic_patches(n_photos: int, seed: int = 0) -> Patches:
    """Two rows from each of `n_photos` photos; of every four photos two are for training."""
    r = np.random.default_rng(seed)
    labels = np.tile(np.uint8([1, 0]), n_photos)
    photos = np.repeat(np.arange(n_photos, dtype=np.int32), PER_PHOTO)
    return Patches(
        images=np.stack([_draw(r, bool(label)) for label in labels]),
        labels=labels[:, None],
        photo_indices=photos,
        photo_names=tuple(f"photo {i}" for i in range(n_photos)),
        splits=np.uint8([0, 0, 1, 2])[photos % 4],
        kinds=np.where(labels == 1, FACE, NOT_A_FACE).astype(np.uint8),
    )


def part_of(rows: Patches, keep: npt.NDArray[np.generic]) -> Patches:
    """Only the rows that `keep` picks out, by number or by truth."""
    return Patches(
        rows.images[keep],
        rows.labels[keep],
        rows.photo_indices[keep],
        rows.photo_names,
        rows.splits[keep],
        rows.kinds[keep],
    )


def save_synthetic(path: Path, n_photos: int, seed: int = 0) -> Path:
    """The same as a file."""
    save_patches(path, synthetic_patches(n_photos, seed))
    return path


def _draw(r: np.random.Generator, is_face: bool) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:64, :64] - r.uniform(26, 38, (2, 1, 1))
    inside = (np.hypot(x, y) < 18) if is_face else (np.maximum(abs(x), abs(y)) < 16)
    pixels = np.where(inside[..., None], r.uniform(120, 250, 3), r.uniform(0, 110, 3))
    return np.uint8(np.clip(pixels + r.normal(0, 12, pixels.shape), 0, 255))
