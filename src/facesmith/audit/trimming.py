"""One annotator's way of drawing boxes brought nearer to that of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import clip_boxes
from facesmith.errors import AnnotationError


@dataclass(frozen=True)
class Trim:
    """What to cut from the boxes of one source of photos, in parts of their height.

    Squares lose all of it; boxes that are narrower lose less, and those already as narrow as a
    trimmed square nothing: there the annotator has looked at the face's own outline.

    Attributes:
        source: The photos' `source`.
        left: Cut from the left side; below 0: added there, as for the others.
        top: From the top.
        right: From the right side.
        bottom: From the bottom.
    """

    source: str
    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        sides = (self.left, self.top, self.right, self.bottom)
        if not all(-0.5 <= side < 0.5 for side in sides):  # NaN is in no range
            raise AnnotationError(
                f"A trim takes between -0.5 and 0.5 of the height from each side; got {sides}."
            )


def check_trims(photos: Sequence[AnnotatedPhoto], trims: Sequence[Trim]) -> None:
    """Raise an `AnnotationError` if no photo has a trim's source, or two trims have the same."""
    sources = [cut.source for cut in trims]
    known = {photo.source for photo in photos}
    if len(set(sources)) < len(sources):
        raise AnnotationError("Two trims are for the same source; pass one for each.")
    for source in sources:
        if source not in known:
            raise AnnotationError(
                f"No photo has the source {source!r}; there are "
                f"{', '.join(repr(name) for name in sorted(known))}."
            )


def trim(photos: Sequence[AnnotatedPhoto], trims: Sequence[Trim]) -> list[AnnotatedPhoto]:
    """Cut the boxes of some sources.

    Args:
        photos: Annotated photos.
        trims: At most one for a source.

    Returns:
        The photos, same order; those of other sources as they are. Boxes stay inside the photo.

    Raises:
        AnnotationError: As `check_trims` does.
    """
    check_trims(photos, trims)
    of_source = {cut.source: cut for cut in trims}
    return [
        _trim(photo, of_source[photo.source]) if photo.source in of_source else photo
        for photo in photos
    ]


def _trim(photo: AnnotatedPhoto, cut: Trim) -> AnnotatedPhoto:
    boxes = photo.boxes
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    across = cut.left + cut.right
    part = np.ones(len(boxes), np.float32)
    if across > 0:
        part = np.clip((width / np.maximum(height, 1e-6) - (1 - across)) / across, 0, 1)
    sides = np.array([cut.left, cut.top, -cut.right, -cut.bottom], np.float32)
    moved = boxes + sides * (part * height)[:, None]
    return replace(photo, boxes=clip_boxes(moved.astype(np.float32), photo.width, photo.height))
