"""At which places and scales a patch classifier looks at a photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from facesmith.detection.patches import CONTEXT, PATCH_SIZE
from facesmith.detection.pyramid import Pyramid, ScalePlan

LARGEST_SCALE_STEP = 4.0
# Twelve times as many scales as 1.25 has; below it the time grows without bound, for nothing.
SMALLEST_SCALE_STEP = 1.02
# What `min_face` is where a call does not say: faces of this height, or of this part of the photo's
# longer side if that is more, so that a huge photo takes no longer than one of 768 pixels.
DEFAULT_MIN_FACE = 24.0  # pixels
MAX_FACES_ALONG_SIDE = 32
MAX_ENLARGEMENT = 4.0  # of any photo: fewer pixels of a face than 12 are blur
# A patch shows this much around a face; see `patches.CONTEXT`.
_FACE_IN_WINDOW = PATCH_SIZE / (1 + CONTEXT)  # pixels


@dataclass(frozen=True)
class WindowConfig:
    """How windows are slid over a photo.

    Attributes:
        stride: Pixels between one window and the next, across and down, of 64 that a window has.
        scale_step: Factor between one scale and the next.
        max_face: Height of the tallest face to look for, pixels of the photo; `None`: its shorter
            side.

    Raises:
        ValueError: If a value is out of range.
    """

    stride: int = 8
    scale_step: float = 1.25
    max_face: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= PATCH_SIZE:
            raise ValueError(
                f"`stride` must be from 1 to {PATCH_SIZE} pixels, the side of a window; "
                f"got stride={self.stride}."
            )
        if not SMALLEST_SCALE_STEP <= self.scale_step <= LARGEST_SCALE_STEP:
            raise ValueError(
                f"`scale_step` must be from {SMALLEST_SCALE_STEP:g} to {LARGEST_SCALE_STEP:g}; "
                f"got scale_step={self.scale_step}. Try 1.25."
            )
        if self.max_face is not None and not 0 < self.max_face < math.inf:
            raise ValueError(
                f"`max_face` must be positive, in pixels; got max_face={self.max_face}."
            )


@dataclass(frozen=True)
class WindowPlan(ScalePlan):
    """How windows are slid over one photo; `scale` is that of the smallest faces.

    Attributes:
        n_scales: How many scales, each smaller by `scale_step` than the one before.
    """

    n_scales: int = 1


@dataclass(frozen=True)
class WindowPyramid(Pyramid):
    """Makes the plans; at a scale of 1 a window shows a face of `smallest_face` pixels.

    Attributes:
        config: How windows are slid.
    """

    smallest_face: float = _FACE_IN_WINDOW
    tallest_face: float = math.inf
    enlarged_to: float = 0.0
    config: WindowConfig = field(default_factory=WindowConfig)

    def plan(self, width: int, height: int, min_face: float | None = None) -> WindowPlan:
        """The plan for a photo.

        Args:
            width: Width of the photo, pixels.
            height: Height of the photo, pixels.
            min_face: Height of the smallest face to look for, pixels of the photo; `None`: 24, or
                1/32 of the longer side if that is more, but never more than the tallest.

        Raises:
            ValueError: If `min_face` is not positive, or more than the `max_face` of the config.
        """
        shorter = min(width, height)
        max_face = shorter if self.config.max_face is None else self.config.max_face
        if min_face is None:
            usual = max(DEFAULT_MIN_FACE, max(width, height) / MAX_FACES_ALONG_SIDE)
            min_face = min(usual, max_face)
        if not min_face > 0:
            raise ValueError(f"`min_face` must be positive, in pixels; got min_face={min_face}.")
        if self.config.max_face is not None and min_face > self.config.max_face:
            raise ValueError(
                "`min_face` must be at most `max_face`; got "
                f"min_face={min_face:g}, max_face={self.config.max_face:g}."
            )
        scale = min(self.smallest_face / min_face, MAX_ENLARGEMENT)
        steps = math.log(max(min(max_face, shorter) * scale / self.smallest_face, 1.0))
        n_scales = 1 + math.floor(steps / math.log(self.config.scale_step) + 1e-9)
        return WindowPlan(self, width, height, scale, n_scales)
