"""How faces are covered: `CoverConfig`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Fill = Literal["solid", "mosaic", "blur", "image"]
Shape = Literal["box", "ellipse"]
FILLS: tuple[str, ...] = get_args(Fill)
SHAPES: tuple[str, ...] = get_args(Shape)
MOST_CELLS = 6  # of a mosaic across a face: with more of them faces are recognised again
UNDONE = (
    "A blur can be undone: of blurred faces 96 in 100 were named again in a published test. "
    "Choose solid or mosaic for what must stay hidden."
)


@dataclass(frozen=True, eq=False)
class CoverConfig:
    """How faces are covered.

    Attributes:
        fill: `"solid"`, one colour; `"mosaic"`, squares of one colour each; `"blur"`, which can be
            undone; `"image"`, a picture.
        shape: `"box"`, or the `"ellipse"` that fits into it.
        margin: By how much a box grows on each side before it is covered, as a part of its longer
            side. From 0.21 on the ellipse holds all of a square box.
        colour: Of `"solid"`, and below the transparent parts of a picture: red, green, blue, 0 to
            255 each.
        cells: Of a mosaic, across the longer side of what is covered, 1 to 6.
        strength: Of a blur: the standard deviation, as a part of the longer side of the face.
        picture: What `"image"` shows, uint8 `(height, width, 3)`, BGR; stretched over the face.

    Raises:
        ValueError: If a value is out of range, or `picture` is missing.
    """

    fill: Fill = "solid"
    shape: Shape = "box"
    margin: float = 0.2
    colour: tuple[int, int, int] = (0, 0, 0)
    cells: int = MOST_CELLS
    strength: float = 0.25
    picture: npt.NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        for name, known in (("fill", FILLS), ("shape", SHAPES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"`{name}` must be one of {', '.join(known)}; got {getattr(self, name)!r}."
                )
        if not 0 <= self.margin <= 2:
            raise ValueError(f"`margin` must be between 0 and 2; got margin={self.margin}.")
        if not 1 <= self.cells <= MOST_CELLS:
            raise ValueError(f"`cells` must be 1 to {MOST_CELLS}; got cells={self.cells}.")
        if not (math.isfinite(self.strength) and 0.1 <= self.strength <= 2):
            raise ValueError(f"`strength` must be between 0.1 and 2; got strength={self.strength}.")
        if len(self.colour) != 3 or not all(0 <= each <= 255 for each in self.colour):
            raise ValueError(
                f"`colour` must be red, green and blue from 0 to 255; got colour={self.colour}."
            )
        if (self.fill == "image") != (self.picture is not None):
            raise ValueError("`picture` must be given with fill='image', and only then.")
