"""Hides parts of faces, as hands, microphones, masks and other heads do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesmith.training.arrays import Floats, Pixels

_MIN_SIDE = 12.0  # smaller faces stay whole: hardly anything would be left of them, pixels
_BEYOND = 0.15  # what hides a face reaches so far out of its box, in sides of the box
_TEXTURED = 0.6  # share of the covers that are another part of the image, not one colour
_ROUND = 0.5  # share of the covers with a round edge


@dataclass(frozen=True)
class OcclusionConfig:
    """How many faces are hidden in part, and how far."""

    covered: float = 0.0  # share of faces
    min_hidden: float = 0.25  # share of the height or width that is hidden is at least this
    max_hidden: float = 0.5  # and at most this


def occlude(
    image: Pixels, faces: Floats, rng: np.random.Generator, config: OcclusionConfig
) -> Pixels:
    """Cover one side of some faces, by one colour or by another part of the image.

    Args:
        image: uint8 `(height, width, 3)` BGR. Not modified.
        faces: Their boxes, float32 `(n, 4)`, pixels.
        rng: Where all randomness comes from; nothing is drawn where `covered` is 0.
        config: How often and how far.

    Returns:
        uint8 of the same shape.
    """
    if not config.covered:
        return image
    chosen = np.flatnonzero(rng.random(len(faces)) < config.covered)
    if not len(chosen):
        return image
    image = image.copy()
    for box in faces[chosen]:
        if (box[2:] - box[:2]).min() >= _MIN_SIDE:
            _cover(image, box, rng, config)
    return image


def _cover(image: Pixels, box: Floats, rng: np.random.Generator, config: OcclusionConfig) -> None:
    """Cover one side of one face, in place."""
    size_wh = np.array([image.shape[1], image.shape[0]])
    size = box[2:] - box[:2]
    axis, far = int(rng.integers(2)), bool(rng.integers(2))
    depth = rng.uniform(config.min_hidden, config.max_hidden) * size[axis]
    low, high = box[:2] - _BEYOND * size, box[2:] + _BEYOND * size
    if far:
        low[axis] = box[axis + 2] - depth
    else:
        high[axis] = box[axis] + depth
    left, top = np.clip(np.round(low), 0, size_wh).astype(int)
    right, bottom = np.clip(np.round(high), 0, size_wh).astype(int)
    width, height = right - left, bottom - top
    if width < 2 or height < 2:
        return
    part = image[top:bottom, left:right]
    cover = np.broadcast_to(rng.integers(0, 256, 3).astype(np.uint8), part.shape)
    if rng.random() < _TEXTURED:
        x, y = (int(rng.integers(room + 1)) for room in size_wh - (width, height))
        cover = image[y : y + height, x : x + width].copy()
    if rng.random() < _ROUND:
        rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        cover = np.where((rows**2 + columns**2 <= 1.2)[..., None], cover, part)
    image[top:bottom, left:right] = cover
