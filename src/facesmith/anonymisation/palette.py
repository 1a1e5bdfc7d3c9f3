"""Faces covered in images with a palette: outside, no number of a pixel changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.anonymisation.config import CoverConfig
from facesmith.anonymisation.covering import Paint, cover, covered_area

_AT_ONCE = 4096  # colours that are compared with the palette
_BITS_KEPT = 6  # of each colour before it is looked up


def cover_palette(
    image: Image.Image, boxes: npt.NDArray[np.floating], config: CoverConfig
) -> Image.Image:
    """The image with its faces covered by the nearest colours of its own palette.

    Args:
        image: Mode P, decoded.
        boxes: `(n, 4)`, pixels of the image.
        config: How.
    """
    numbers = np.array(image)
    pixels = np.array(image.convert("RGB"))
    colour = tuple(float(each) for each in config.colour)
    picture = None if config.picture is None else config.picture[..., ::-1]
    cover(pixels, boxes, config, Paint(colour, picture))
    area = covered_area(boxes, config, image.size)
    numbers[area] = _nearest(pixels[area], image)
    covered = Image.frombytes("P", image.size, np.ascontiguousarray(numbers).tobytes())
    palette = image.palette
    assert palette is not None
    covered.putpalette(palette.palette, palette.mode)
    return covered


def _nearest(colours: npt.NDArray[np.uint8], image: Image.Image) -> npt.NDArray[np.uint8]:
    """The number of the opaque colour of the palette that is nearest to each, uint8 `(n,)`."""
    palette = np.array(image.getpalette("RGB"), np.float32).reshape(-1, 3)[:256]
    clear = image.info.get("transparency")
    hidden = np.zeros(len(palette), bool)
    if isinstance(clear, bytes):
        hidden[: len(clear)] = np.frombuffer(clear, np.uint8)[: len(hidden)] < 255
    elif isinstance(clear, int) and clear < len(hidden):
        hidden[clear] = True
    choice = np.flatnonzero(~hidden) if not hidden.all() else np.arange(len(palette))
    step = 1 << (8 - _BITS_KEPT)
    packed = (colours.astype(np.int64) // step) @ np.array([1 << 16, 1 << 8, 1])
    distinct, first, back = np.unique(packed, return_index=True, return_inverse=True)
    found = np.zeros(len(distinct), np.uint8)
    for at in range(0, len(distinct), _AT_ONCE):
        some = colours[first[at : at + _AT_ONCE]].astype(np.float32)
        distances = ((some[:, None] - palette[choice][None]) ** 2).sum(axis=2)
        found[at : at + _AT_ONCE] = choice[distances.argmin(axis=1)]
    return found[back.reshape(-1)]
