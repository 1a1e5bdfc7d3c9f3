"""Under which conditions a face was photographed: size, sharpness, light, border, neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from PIL import Image

# Pixels that every face is brought to for its sharpness. Few faces of real photos would have to be
# enlarged to it; enlarged ones have no detail. Lower faces are not judged.
SHARPNESS_SIDE = 24
BORDER_PX = 2.0  # annotators seldom hit the photo's edge closer than this
NEIGHBOUR_REACH = 2.0  # face heights between the centres; in a crowd others are closer than this

FloatArray = npt.NDArray[np.floating]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FaceConditions:
    """What is measured of each face."""

    height: Float64Array  # height of the box, pixels, float64 `(n,)`
    sharpness: Float64Array  # see `sharpness`, float64 `(n,)`; NaN below `SHARPNESS_SIDE` pixels
    brightness: Float64Array  # mean luma of the box, 0 to 255, float64 `(n,)`
    border: Float64Array  # distance from the photo's nearest edge, pixels, float64 `(n,)`
    neighbours: IntArray  # other faces near it, see `count_neighbours`, int64 `(n,)`
    in_photo: IntArray  # faces in its photo, itself and ignored ones among them, int64 `(n,)`

    def __len__(self) -> int:
        return len(self.height)

    def __getitem__(self, index: npt.NDArray[np.generic]) -> FaceConditions:
        """Those of some faces, by a boolean mask or integers."""
        return FaceConditions(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[FaceConditions]) -> FaceConditions:
        """Those of several photos, one after the other; none of none."""
        parts = parts or [measure_faces(np.zeros((1, 1, 3), np.uint8), np.zeros((0, 4)))]
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        return cls(**{name: np.concatenate(values) for name, values in columns.items()})


def measure_faces(image: npt.NDArray[np.uint8], boxes: FloatArray) -> FaceConditions:
    """Measure all faces of one photo, uint8 BGR; `boxes` are `(n, 4)`, pixels, inside the photo."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    luma = _luma(image) if len(boxes) else np.zeros((1, 1), np.float32)
    heights = boxes[:, 3] - boxes[:, 1]
    sharp = [
        sharpness(luma, box) if height >= SHARPNESS_SIDE else np.nan
        for box, height in zip(boxes, heights, strict=True)
    ]
    return FaceConditions(
        height=heights,
        sharpness=np.array(sharp, np.float64),
        brightness=np.array([_mean(luma, box) for box in boxes], np.float64),
        border=border_distance(boxes, (image.shape[1], image.shape[0])),
        neighbours=count_neighbours(boxes),
        in_photo=np.full(len(boxes), len(boxes), np.int64),
    )


def sharpness(luma: npt.NDArray[np.float32], box: FloatArray) -> float:
    """How much fine detail a face has for its contrast, at least 0.

    The box is brought to 24x24 pixels; the variance of its Laplacian is divided by the variance of
    the pixels, so that flat light does not count as blur. Sharp faces lie between 1 and 2, blurred
    ones below 0.5; noise and hard JPEG compression raise it.

    `luma` is the photo in grey, float32 `(height, width)`; `box` the face, `(4,)`, pixels.

    Source:
        The variance of the Laplacian: J. L. Pech-Pacheco et al., "Diatom autofocusing in
        brightfield microscopy: a comparative study", 2000. Size and division are ours.
    """
    size = (SHARPNESS_SIDE, SHARPNESS_SIDE)
    left, top, right, bottom = (float(edge) for edge in box)
    resized = Image.fromarray(luma).resize(
        size, Image.Resampling.BICUBIC, box=(left, top, right, bottom)
    )
    face = np.asarray(resized, np.float64)
    contrast = float(face.var())
    if contrast < 1:  # one colour but for rounding: below one grey level of 255
        return 0.0
    inner = face[1:-1, 1:-1]
    across = face[1:-1, :-2] + face[1:-1, 2:]
    down = face[:-2, 1:-1] + face[2:, 1:-1]
    return float((across + down - 4 * inner).var()) / contrast


def border_distance(boxes: FloatArray, size_wh: tuple[int, int]) -> Float64Array:
    """Distance of each box from the nearest edge of the photo, pixels, float64 `(n,)`."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    to_edges = np.concatenate([boxes[:, :2], np.array(size_wh) - boxes[:, 2:]], axis=1)
    return np.asarray(to_edges.min(axis=1))


def count_neighbours(boxes: FloatArray) -> IntArray:
    """Other faces whose centre lies within two of this face's heights of its own, int64 `(n,)`."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    near = distances <= NEIGHBOUR_REACH * (boxes[:, 3] - boxes[:, 1])[:, None]
    return np.asarray(near.sum(axis=1), np.int64) - 1  # itself


def _luma(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Grey values as in JPEG, ITU-R BT.601."""
    return image.astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)


def _mean(luma: npt.NDArray[np.float32], box: Float64Array) -> float:
    """Mean of the pixels that a box touches, at least one."""
    left, top = (int(edge) for edge in box[:2])
    right, bottom = (int(np.ceil(edge)) for edge in box[2:])
    return float(luma[top:bottom, left:right].mean())
