"""The boxes of one source of photos, drawn anew by what was learned from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou, clip_boxes
from facesmith.errors import AnnotationError
from facesmith.images import read_image

# A box drawn anew that overlaps the old one by less has lost its face: the old one stays.
LEAST_OVERLAP = 0.4
# So do boxes of another shape than most: there the annotator has followed what is to be seen of a
# face, which a hand or another head hides in part.
USUAL_SHAPE = 1.2  # largest factor between the shape of a box, width over height, and the median

Boxes = npt.NDArray[np.float32]
# Image and boxes in, the same boxes drawn anew out.
DrawBoxes = Callable[[npt.NDArray[np.uint8], Boxes], Boxes]


@dataclass(frozen=True, eq=False)
class Redrawn:
    """What redrawing has changed.

    Attributes:
        photos: All photos, same order, those of the source with their new boxes.
        changed: Index of each photo of the source that has boxes, and how much each of its boxes
            overlaps what it was, float32 `(n,)`; 1 for those that stay.
        stayed: How many boxes were not drawn anew.
        lean: By how much the old boxes lay too far to the left, in parts of their width.
    """

    photos: list[AnnotatedPhoto]
    changed: list[tuple[int, npt.NDArray[np.float32]]]
    stayed: int
    lean: float

    @property
    def overlaps(self) -> npt.NDArray[np.float32]:
        """Those of all boxes, `(n,)`."""
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


def redraw(
    photos: Sequence[AnnotatedPhoto],
    source: str,
    draw: DrawBoxes,
    way: float = 0.5,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Redrawn:
    """Draw the boxes of one source's photos anew.

    Args:
        photos: Annotated photos.
        source: Whose boxes to draw.
        draw: Draws them, see `facesmith.curation.box_style.learning.Drawer`.
        way: How far to go from the old box to the new one, in [0, 1]. A lean of all old boxes to
            one side goes entirely: faces are as often turned to the left as to the right, so that
            it is nobody's way of drawing.
        progress: Wraps the iteration over the photos' numbers.

    Returns:
        The photos and what has changed. Boxes stay as they are where they are ignored, touch the
        border of their photo, have another shape than most, or would lose their face. All stay
        inside their photo.

    Raises:
        AnnotationError: If no photo has that source.
        ImageError: If a photo cannot be read.
    """
    check_sources(photos, source)
    rows = [row for row, p in enumerate(photos) if p.source == source and (~p.ignored).any()]
    shapes = [_shapes(photos[row].boxes[~photos[row].ignored]) for row in rows]
    median = float(np.median(np.concatenate(shapes))) if rows else 1.0
    chosen, drawn = [], []
    for row in progress(rows):
        photo = photos[row]
        usual = np.abs(np.log(_shapes(photo.boxes) / median)) <= np.log(USUAL_SHAPE)
        numbers = np.flatnonzero(usual & ~photo.ignored & inside_photo(photo))
        new = draw(read_image(photo.path), photo.boxes[numbers])
        found = box_iou(photo.boxes[numbers], new).diagonal() >= LEAST_OVERLAP
        chosen.append(numbers[found])
        drawn.append(new[found])
    old = [photos[row].boxes[numbers] for row, numbers in zip(rows, chosen, strict=True)]
    lean = _lean(old, drawn)
    after, changed = list(photos), []
    for row, numbers, before, new in zip(rows, chosen, old, drawn, strict=True):
        photo, boxes = photos[row], photos[row].boxes.copy()
        moved = before + way * (new - before)
        moved[:, ::2] += (1 - way) * lean * (before[:, 2] - before[:, 0])[:, None]
        boxes[numbers] = clip_boxes(moved.astype(np.float32), photo.width, photo.height)
        after[row] = replace(photo, boxes=boxes)
        changed.append((row, box_iou(photo.boxes, boxes).diagonal()))
    n = sum(int((~photos[row].ignored).sum()) for row in rows)
    return Redrawn(after, changed, n - sum(map(len, chosen)), lean)


def _lean(old: Sequence[Boxes], new: Sequence[Boxes]) -> float:
    """Median shift from old to new centres to the right, in parts of the old width."""
    if not sum(map(len, old)):
        return 0.0
    before, after = np.concatenate(old), np.concatenate(new)
    shift = (after[:, 0] + after[:, 2] - before[:, 0] - before[:, 2]) / 2
    return float(np.median(shift / (before[:, 2] - before[:, 0])))


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
