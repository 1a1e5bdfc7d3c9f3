"""Reading photos, whatever their format, as upright BGR arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        image: uint8 `(height, width, 3)`, BGR, upright; smaller than the photo when asked for.
        width: Width of the whole upright photo, pixels.
        height: Height of the whole upright photo, pixels.
    """

    image: npt.NDArray[np.uint8]
    width: int
    height: int


def read_photo(path: str | Path, *, max_side: int | None = None) -> Photo:
    """Read a photo, reduced to at most `max_side` pixels along the longer side."""
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        width, height = upright.size
        image = upright.convert("RGB")
    if max_side is not None and max(width, height) > max_side:
        scale = max_side / max(width, height)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return Photo(np.ascontiguousarray(np.asarray(image)[..., ::-1]), width, height)
