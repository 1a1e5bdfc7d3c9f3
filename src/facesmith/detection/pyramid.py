"""The scales at which a photo is looked at: one plan a photo, made once and passed on.

The network finds faces between `smallest_face` and `tallest_face` pixels of height at its input. A
plan says by which factor a photo is scaled for the finest look, how far it may be reduced while it
is decoded, and which look finds faces of a given height.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# Photos are looked at in at most this many smallest faces along the longer side, so that a huge
# photo takes no longer than one of 800 pixels; `min_face` asks for more or less.
MAX_FACES_ALONG_SIDE = 80
COARSER = 3  # factor between the scale of one look and that of the next, for larger faces
MAX_ENLARGEMENT = 2.0  # of any photo, when `min_face` is tiny
MAX_SMALL_PHOTO_ENLARGEMENT = 1.5  # of small photos, when `min_face` is not given
_DECODING_FACTORS = (8, 4, 2)  # by which JPEGs can be decoded smaller


@dataclass(frozen=True)
class Pyramid:
    """What the weights say of sizes; makes the plans.

    Attributes:
        smallest_face: Height of the smallest face that the network finds, pixels of its input.
        tallest_face: Faces higher than this are found better at a third of the scale, and so on:
            each look costs a ninth of the one before. From the coarser of two looks come faces
            of more than half this height at the finer one, so that neither misses one at the limit.
        enlarged_to: Photos with a shorter longer side are enlarged to it, by half at most; pixels.
    """

    smallest_face: float
    tallest_face: float
    enlarged_to: float

    def plan(self, width: int, height: int, min_face: float | None = None) -> ScalePlan:
        """The plan for a photo.

        Args:
            width: Width of the photo, pixels.
            height: Height of the photo, pixels.
            min_face: Height of the smallest face to look for, pixels of the photo; `None`: see
                `Detector`.

        Raises:
            ValueError: If `min_face` is not positive.
        """
        if min_face is None:
            longer = max(width, height)
            enlarged = min(max(self.enlarged_to / longer, 1.0), MAX_SMALL_PHOTO_ENLARGEMENT)
            min_face = max(self.smallest_face / enlarged, longer / MAX_FACES_ALONG_SIDE)
        if not min_face > 0:
            raise ValueError(f"`min_face` must be positive, in pixels; got min_face={min_face}.")
        return ScalePlan(self, width, height, min(self.smallest_face / min_face, MAX_ENLARGEMENT))


@dataclass(frozen=True)
class ScalePlan:
    """How one photo is looked at.

    Attributes:
        pyramid: What it was made from.
        width: Width of the photo, pixels.
        height: Height of the photo, pixels.
        scale: Factor by which the photo is scaled for the finest look.
    """

    pyramid: Pyramid
    width: int
    height: int
    scale: float

    def decoding_side(self, spare: float) -> int | None:
        """The longer side at which to decode the photo: a half, a quarter or an eighth.

        Args:
            spare: The decoded photo has at least this many times the pixels of the finest look,
                along each side.

        Returns:
            Pixels, rounded up; `None` for the full size.
        """
        longer = max(self.width, self.height)
        for factor in _DECODING_FACTORS:
            if spare * self.scale <= 1 / factor:
                return -(-longer // factor)
        return None

    def for_decoded(self, width: int, height: int) -> ScalePlan:
        """The same looks for the photo decoded at `width` x `height` pixels."""
        if (width, height) == (self.width, self.height):
            return self
        reduction = max(width, height) / max(self.width, self.height)
        min_face = self.pyramid.smallest_face / self.scale * reduction
        scale = min(self.pyramid.smallest_face / min_face, MAX_ENLARGEMENT)
        return replace(self, width=width, height=height, scale=scale)

    def transposed(self) -> ScalePlan:
        """The same looks for the photo rotated by a quarter."""
        return replace(self, width=self.height, height=self.width)

    def n_coarser(self, rows: int) -> int:
        """How many coarser looks follow a finest look of so many rows."""
        n = 0
        while rows > self.pyramid.tallest_face:
            rows, n = -(-rows // COARSER), n + 1
        return n

    def scale_for(self, face_height: float) -> float:
        """The scale of the look that finds faces of a height, pixels of the photo.

        Between half the limit and the limit two looks find a face; this names the finer one.
        """
        scale, tallest = self.scale, self.pyramid.tallest_face
        while face_height * scale >= tallest and self.height * scale > tallest:
            scale /= COARSER
        return scale
