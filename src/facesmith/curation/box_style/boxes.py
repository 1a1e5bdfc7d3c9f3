"""The boxes of one source of photos, brought to the box style of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou, clip_boxes
from facesmith.errors import AnnotationError
from facesmith.images import read_image
from facesmith.progress import NO_PROGRESS, Progress

# A new box that overlaps the old one by less has lost its face: the old one stays.
MIN_OVERLAP = 0.4
# So do boxes of another shape than most: of a face that a hand or a head hides in part.
USUAL_SHAPE = 1.2  # largest factor between the shape of a box, width over height, and the median

Boxes = npt.NDArray[np.float32]
# From an image and boxes to the boxes of the same faces in a style.
ApplyStyle = Callable[[npt.NDArray[np.uint8], Boxes], Boxes]


@dataclass(frozen=True, eq=False)
class Restyled:
    """Photos with boxes in another style."""

    photos: list[AnnotatedPhoto]  # all photos, same order
    # Index of each photo of the source with boxes, and the overlap of each of its boxes with the
    # old one, float32 `(n,)`; 1 for boxes that stay.
    changed: list[tuple[int, npt.NDArray[np.float32]]]
    stayed: int  # number of boxes that stay
    lean: float  # how far the old boxes lay to the left, as a part of their width

    @property
    def overlaps(self) -> npt.NDArray[np.float32]:
        """Overlaps of all boxes, `(n,)`."""
        return np.concatenate([np.zeros(0, np.float32), *(part for _, part in self.changed)])


def check_sources(photos: Sequence[AnnotatedPhoto], *sources: str) -> None:
    """Raise an `AnnotationError` if no photo has one of these sources."""
    known = {photo.source for photo in photos}
    for source in sources:
        if source not in known:
            raise AnnotationError(
                f"No photo has the source {source!r}; there are "
                f"{', '.join(repr(name) for name in sorted(known))}."
            )


def apply_style(
    photos: Sequence[AnnotatedPhoto],
    source: str,
    style: ApplyStyle,
    strength: float = 0.5,
    progress: Progress = NO_PROGRESS,
) -> Restyled:
    """Bring the boxes of one source's photos to a box style.

    `strength` goes from 0, the old box, to 1, the new one. A lean of all old boxes to one side is
    removed whatever the strength: faces look to the left as often as to the right. Boxes stay
    where they are ignored, touch the border of their photo, have another shape than most, or would
    lose their face.

    Raises:
        AnnotationError: If no photo has that source.
        ImageError: If a photo cannot be read.
    """
    check_sources(photos, source)
    rows = [row for row, p in enumerate(photos) if p.source == source and (~p.ignored).any()]
    shapes = [_shapes(photos[row].boxes[~photos[row].ignored]) for row in rows]
    median = float(np.median(np.concatenate(shapes))) if rows else 1.0
    chosen, restyled = [], []
    for row in progress.each(rows, "Photos"):
        photo = photos[row]
        usual = np.abs(np.log(_shapes(photo.boxes) / median)) <= np.log(USUAL_SHAPE)
        numbers = np.flatnonzero(usual & ~photo.ignored & inside_photo(photo))
        new = style(read_image(photo.path), photo.boxes[numbers])
        found = box_iou(photo.boxes[numbers], new).diagonal() >= MIN_OVERLAP
        chosen.append(numbers[found])
        restyled.append(new[found])
    old = [photos[row].boxes[numbers] for row, numbers in zip(rows, chosen, strict=True)]
    none = np.zeros((0, 4), np.float32)
    before, new = np.concatenate([none, *old]), np.concatenate([none, *restyled])
    shift = (new[:, 0] + new[:, 2] - before[:, 0] - before[:, 2]) / 2
    lean = float(np.median(shift / (before[:, 2] - before[:, 0]))) if len(before) else 0.0
    after, changed = list(photos), []
    for row, numbers, before, new in zip(rows, chosen, old, restyled, strict=True):
        photo, boxes = photos[row], photos[row].boxes.copy()
        moved = before + strength * (new - before)
        moved[:, ::2] += (1 - strength) * lean * (before[:, 2] - before[:, 0])[:, None]
        boxes[numbers] = clip_boxes(moved.astype(np.float32), photo.width, photo.height)
        after[row] = replace(photo, boxes=boxes)
        changed.append((row, box_iou(photo.boxes, boxes).diagonal()))
    n = sum(int((~photos[row].ignored).sum()) for row in rows)
    return Restyled(after, changed, n - sum(map(len, chosen)), lean)


def _shapes(boxes: Boxes) -> npt.NDArray[np.float32]:
    """Width over height."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], np.float32(1e-6))
    shapes: npt.NDArray[np.float32] = size[:, 0] / size[:, 1]
    return shapes


def inside_photo(photo: AnnotatedPhoto) -> npt.NDArray[np.bool_]:
    """Which boxes do not touch the border of their photo."""
    limit = np.array([photo.width, photo.height], np.float32)
    inside = (photo.boxes[:, :2] > 1) & (photo.boxes[:, 2:] < limit - 1)
    return np.asarray(inside.all(axis=1), bool)
