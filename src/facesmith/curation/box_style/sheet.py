"""A contact sheet of boxes drawn anew: some as they come, and those that changed most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.box_style.boxes import Redrawn
from facesmith.pictures.contact_sheet import Cell, cells_sheet


def redrawn_sheet(
    photos: Sequence[AnnotatedPhoto], redrawn: Redrawn, like: str, n_most: int = 80
) -> Image.Image:
    """Draw old and new boxes: half of the sheet a sample, the other half the largest changes.

    Args:
        photos: The photos as they were, same order as in `redrawn`.
        redrawn: What has become of them.
        like: The source whose way of drawing was learned.
        n_most: Show at most so many boxes.

    Returns:
        The picture, RGB.
    """
    places = [(row, box) for row, parts in redrawn.changed for box in range(len(parts))]
    overlaps = redrawn.overlaps
    usual = np.random.default_rng(0).permutation(len(places))[: n_most // 2]
    largest = np.argsort(overlaps, kind="stable")
    largest = largest[~np.isin(largest, usual)][: n_most - len(usual)]
    cells = []
    for number in (*usual.tolist(), *largest.tolist()):
        row, box = places[number]
        photo = photos[row]
        new = redrawn.photos[row].boxes[box]
        line = f"{photo.boxes[box, 3] - photo.boxes[box, 1]:.0f} px, IoU {overlaps[number]:.2f}"
        cells.append(Cell(photo, photo.boxes[box], new[None], (photo.name, line)))
    n = len(places)
    subtitle = (
        f"{n:,} box{'es' * (n != 1)}. Orange: as it was. Green: as it is now. First "
        f"{len(usual)} at random, then the {len(largest)} that changed most."
    )
    return cells_sheet(f"Boxes drawn like those of {like}", subtitle, cells)
