"""Cuts random square crops out of photos, to train the proposal network on.

A crop has a random position, scale, rotation and colour. The caller passes a generator seeded by
seed, epoch and photo, so a crop does not depend on its thread or on earlier crops.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.training.arrays import Flags, Floats, Pixels
from facesmith.training.augmentation import LUMA_BGR
from facesmith.training.degradation import DegradationConfig, degrade
from facesmith.training.occlusion import OcclusionConfig, occlude
from facesmith.training.sampling import draw_one

# The smallest side of a crop, pixels. With less, the last strided convolution has one cell as its
# input, and PyTorch 2.13 computes its bfloat16 gradient from uninitialised memory.
MIN_SIDE = 64

_MAX_BEYOND = 0.1  # share of a crop's side that may lie outside the photo


@dataclass(frozen=True)
class CropConfig:
    """How crops are drawn. Sizes are pixels of the crop."""

    side: int = 256  # width and height of a crop, a multiple of 32, at least `MIN_SIDE`
    face_anchored: float = 0.6  # share of crops in which one face has a random size
    smallest_face: float = 9.0  # smallest random size; its logarithm is uniform
    largest_face: float = 300.0  # largest random size; it may exceed the crop
    ignore_below: float = 7.0  # lower faces are ignored by the loss
    cut_through: float = 0.12  # share of crops whose photo is first cut off through a face
    min_left: float = 0.45  # smallest share of that face's width or height that stays
    rotate: float = 0.4  # share of crops that are rotated
    largest_angle: float = 60.0  # degrees; small angles are more frequent
    grey: float = 0.15  # share of crops without colour
    occlusion: OcclusionConfig = field(default_factory=OcclusionConfig)
    keep_visible: float = 0.5  # a face cut off by more than this is ignored
    drop_visible: float = 0.15  # a face cut off by more than this is background
    degradation: DegradationConfig = field(default_factory=DegradationConfig)

    def scaled(self, factor: float) -> CropConfig:
        """Settings with side (rounded down to 32 pixels) and largest face times `factor`."""
        side = max(int(self.side * factor) // 32 * 32, MIN_SIDE)
        return replace(self, side=side, largest_face=self.largest_face * factor)


@dataclass(frozen=True)
class Crop:
    """One training image and its faces.

    Attributes:
        image: uint8 `(side, side, 3)` BGR.
        boxes: float32 `(n, 4)`, pixels of the crop, clipped to it.
        ignored: bool `(n,)`.
        rows: int64 `(n,)`, which of the photo's boxes each is.
    """

    image: Pixels
    boxes: Floats
    ignored: Flags
    rows: npt.NDArray[np.int64]


def draw_crop(
    image: Pixels,
    boxes: Floats,
    ignored: Flags,
    rng: np.random.Generator,
    config: CropConfig,
    view: tuple[float, Floats] | None = None,
    weights: Floats | None = None,
    *,
    boxes_only: bool = False,
) -> Crop:
    """Draw one crop.

    Args:
        image: uint8 `(height, width, 3)` BGR.
        boxes: Faces, float32 `(n, 4)`, pixels of `image`.
        ignored: Which of them are neither faces nor background, bool `(n,)`.
        rng: Where all randomness comes from.
        config: How to draw.
        view: Crop pixels per pixel of `image`, and the position in it of the crop's centre;
            `None`: drawn too.
        weights: How often a crop is drawn about each face, in proportion, float32 `(n,)`; `None`:
            all alike.
        boxes_only: Whether only the boxes are wanted, and the size of `image` is all that is known
            of it. The crop's image is black.
    """
    anchors, rows = boxes[~ignored], np.arange(len(boxes))
    shares = None if weights is None else weights[~ignored]
    if view is None and len(anchors) and rng.random() < config.cut_through:
        anchor = anchors[draw_one(len(anchors), shares, rng)]
        image, boxes, ignored, rows, anchor = _cut_through(
            image, boxes, ignored, anchor, rng, config
        )
        anchors, shares = anchor[None], None
    height, width = image.shape[:2]
    scale, centre = view or _scale_and_centre((width, height), anchors, shares, rng, config)
    angle = 0.0
    if rng.random() < config.rotate:
        angle = float(np.clip(rng.normal(0, 0.6), -1, 1)) * config.largest_angle
    side = config.side
    # A rotated crop is cut out of a larger upright one.
    turn = np.deg2rad(angle)
    growth = abs(np.cos(turn)) + abs(np.sin(turn))
    canvas_side = int(np.ceil(side * growth / 2) * 2)
    beyond = rng.integers(0, 256, 3)
    boxes = (boxes - np.tile(centre, 2)) * np.float32(scale)  # about the centre of the crop
    if angle:
        boxes = turned_ellipses(boxes, turn)
    flipped = rng.random() < 0.5
    if flipped:
        boxes = boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32)
    boxes = boxes + np.float32(side / 2)
    clipped, visible = _clipped(boxes, np.zeros(2, int), np.full(2, side))
    small = np.max(clipped[:, 2:] - clipped[:, :2], axis=1, initial=0) < config.ignore_below
    keep = visible > config.drop_visible
    ignored = ignored | (visible < config.keep_visible) | small
    if boxes_only:
        black = np.broadcast_to(np.uint8(0), (side, side, 3))
        return Crop(black, clipped[keep], ignored[keep], rows[keep])
    patch = _cut(image, centre, scale, canvas_side, beyond)
    if angle:
        patch = _turned_image(patch, turn, side)
    if flipped:
        patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # The image stays Pillow's until here: a conversion takes as long as a change of the image.
    pixels = np.asarray(_recolour(patch, rng, config))
    pixels = occlude(pixels, clipped[keep & ~ignored], rng, config.occlusion)
    pixels = degrade(pixels, rng, config.degradation)
    return Crop(pixels, clipped[keep], ignored[keep], rows[keep])


def _cut_through(
    image: Pixels,
    boxes: Floats,
    ignored: Flags,
    face: Floats,
    rng: np.random.Generator,
    config: CropConfig,
) -> tuple[Pixels, Floats, Flags, npt.NDArray[np.int64], Floats]:
    """The larger part of a photo that is cut off through `face`, its faces, and `face` itself.

    Of its faces boxes, which to ignore, and which of `boxes` they are. It adds faces at the border,
    which are rare in training photos.
    """
    axis = int(rng.integers(2))
    end = np.array([image.shape[1], image.shape[0]])
    start = np.zeros(2, int)
    low, high = float(face[axis]), float(face[axis + 2])
    left = rng.uniform(config.min_left, 1) * (high - low)
    if low + high > end[axis]:  # the face is nearer to the far edge
        end[axis] = np.clip(round(low + left), 1, end[axis])
    else:
        start[axis] = np.clip(round(high - left), 0, end[axis] - 1)
    part = image[start[1] : end[1], start[0] : end[0]]
    clipped, visible = _clipped(np.concatenate([boxes, face[None]]), start, end)
    keep = visible[:-1] > config.drop_visible
    ignored = ignored | (visible[:-1] < config.keep_visible)
    return part, clipped[:-1][keep], ignored[keep], np.flatnonzero(keep), clipped[-1]


def _clipped(
    boxes: Floats, start: npt.NDArray[np.int_], end: npt.NDArray[np.int_]
) -> tuple[Floats, Floats]:
    """Boxes in the part of an image from `start` to `end`, clipped, and the share of each in it."""
    clipped = np.clip(boxes, np.tile(start, 2), np.tile(end, 2)).astype(np.float32)
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1)
    visible = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1) / area
    return clipped - np.tile(start, 2).astype(np.float32), visible


def _scale_and_centre(
    size_wh: tuple[int, int],
    faces: Floats,
    shares: Floats | None,
    rng: np.random.Generator,
    config: CropConfig,
) -> tuple[float, Floats]:
    """Crop pixels per photo pixel, and the photo position of the crop's centre."""
    size = np.array(size_wh, np.float32)
    if len(faces) and rng.random() < config.face_anchored:
        face = faces[draw_one(len(faces), shares, rng)]
        face_side = max(float(np.sqrt(np.prod(face[2:] - face[:2]))), 1.0)
        low, high = np.log(config.smallest_face), np.log(config.largest_face)
        scale = float(np.exp(rng.uniform(low, high))) / face_side
        # No strong enlargement, which blurs, and no photo much smaller than the crop.
        scale = float(np.clip(scale, 0.6 * config.side / size.max(), 2.5))
        reach = max(config.side / scale - face_side, 0.2 * face_side) / 2
        centre = (face[:2] + face[2:]) / 2 + rng.uniform(-reach, reach, 2)
        # At most `_MAX_BEYOND` lies outside, unless the crop holds the whole photo.
        half, beyond = config.side / scale / 2, _MAX_BEYOND * config.side / scale
        ends = np.sort([np.full(2, half), size - half], axis=0)
        centre = np.clip(centre, ends[0] - beyond, ends[1] + beyond)
    else:
        scale = float(config.side / size.max() * np.exp(rng.uniform(np.log(0.8), np.log(2.5))))
        slack = np.maximum(size - config.side / scale, 0) / 2
        centre = size / 2 + rng.uniform(-1, 1, 2) * slack
    return scale, np.asarray(centre, np.float32)


def _cut(
    image: Pixels, centre: Floats, scale: float, side: int, beyond: npt.NDArray[np.int64]
) -> Image.Image:
    """The square of `side` pixels about `centre` at `scale`; the colour `beyond` the photo."""
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (side, side), tuple(beyond.tolist()))
    low = centre - side / scale / 2
    first = np.maximum(np.ceil(-low * scale), 0).astype(int)
    last = np.minimum(np.floor((np.array([width, height], np.float32) - low) * scale), side).astype(
        int
    )
    if (last <= first).any():
        return canvas
    box = np.concatenate([low + first / scale, low + last / scale])
    box = np.clip(box, 0, [width, height, width, height])
    edges = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    target = (int(last[0] - first[0]), int(last[1] - first[1]))
    resized = Image.fromarray(image).resize(
        target, Image.Resampling.BILINEAR, box=edges, reducing_gap=2.0
    )
    canvas.paste(resized, (int(first[0]), int(first[1])))
    return canvas


def _turned_image(image: Image.Image, angle: float, side: int) -> Image.Image:
    """The square of `side` pixels in the middle of a square image turned counter-clockwise."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    middle, out = image.height / 2, side / 2
    # From the result back to the image, about both centres.
    matrix = (
        *(cos, -sin, middle - cos * out + sin * out),
        *(sin, cos, middle - sin * out - cos * out),
    )
    return image.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def turned_ellipses(boxes: Floats, angle: float) -> Floats:
    """Boxes rotated about the origin, counter-clockwise on the screen, by `angle` radians.

    The new box bounds the rotated ellipse in the old one: faces are closer to ellipses.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    # y points down, so a turn that looks counter-clockwise has the sign of a clockwise one.
    centre = centre @ np.array([[cos, -sin], [sin, cos]], np.float32)
    half = np.sqrt((half**2) @ np.array([[cos**2, sin**2], [sin**2, cos**2]], np.float32))
    return np.concatenate([centre - half, centre + half], axis=1)


def _recolour(image: Image.Image, rng: np.random.Generator, config: CropConfig) -> Image.Image:
    """Brightness, contrast, tint and grey, as one table per channel."""
    contrast = np.exp(rng.normal(0, 0.17))
    brightness = rng.normal(0, 15)
    gamma = np.exp(rng.normal(0, 0.25))
    tint = np.exp(rng.normal(0, 0.07, 3))
    if rng.random() < config.grey:
        luma = (np.asarray(image, np.float32) @ LUMA_BGR).astype(np.uint8)
        image = Image.merge("RGB", [Image.fromarray(luma)] * 3)
        tint[:] = 1
    levels = 255 * (np.arange(256) / 255) ** gamma
    tables = ((levels[:, None] - 128) * contrast + 128 + brightness) * tint
    tables = np.clip(tables, 0, 255).astype(np.uint8)  # (256, 3)
    return image.point(tables.T.ravel().tolist())
