"""One frame of a film or a camera."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from facesmith.video.orientation import UPRIGHT, Orientation

if TYPE_CHECKING:
    import av

GREY_SIZE = (32, 18)  # width and height of `VideoFrame.small_grey`


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A decoded frame; its pixels are converted when they are asked for.

    Attributes:
        number: Counts from 0; frames that could not be decoded have none.
        pts: Presentation time stamp in units of `time_base`.
        time_base: Seconds a unit.
        raw: The frame as PyAV decoded it: stored orientation, the film's own pixel format.
        orientation: How it is turned upright.
    """

    number: int
    pts: int
    time_base: Fraction
    raw: av.VideoFrame
    orientation: Orientation = UPRIGHT

    @property
    def time(self) -> float:
        """Presentation time, seconds."""
        return float(self.pts * self.time_base)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright frame, pixels."""
        return self.orientation.upright_size(self.raw.width, self.raw.height)

    def image(self, scale: float = 1.0) -> npt.NDArray[np.uint8]:
        """The upright frame, uint8 `(height, width, 3)`, BGR; 8 bits whatever the film has.

        Args:
            scale: Factor by which it is shrunk, above 0, at most 1; sides are rounded to pixels.
        """
        raw = self.raw
        if scale < 1:
            width, height = (max(round(each * scale), 1) for each in (raw.width, raw.height))
            raw = raw.reformat(
                width=width, height=height, format="bgr24", interpolation="BILINEAR", threads=1
            )
        stored = raw.to_ndarray(format="bgr24", threads=1)
        return self.orientation.upright(stored.astype(np.uint8, copy=False))

    def small_grey(self) -> npt.NDArray[np.float32]:
        """The stored frame in 32x18 shades of grey, float32 `(18, 32)`, 0 to 255."""
        width, height = GREY_SIZE
        small = self.raw.reformat(
            width=width, height=height, format="gray", interpolation="AREA", threads=1
        )
        return small.to_ndarray().astype(np.float32)
