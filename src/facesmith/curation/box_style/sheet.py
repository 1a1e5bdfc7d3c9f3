"""A contact sheet of boxes in a new style: some at random, and those that changed most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.box_style.boxes import Restyled
from facesmith.pictures.contact_sheet import Cell, cells_sheet


def style_sheet(
    photos: Sequence[AnnotatedPhoto], restyled: Restyled, like: str, max_shown: int = 80
) -> Image.Image:
    """Draw old and new boxes: half of the sheet a sample, the other half the largest changes.

    `photos` are as they were, in the order of `restyled`; `like` names the source whose box style
    was learned. At most `max_shown` boxes are shown.
    """
    places = [(row, box) for row, parts in restyled.changed for box in range(len(parts))]
    overlaps = restyled.overlaps
    usual = np.random.default_rng(0).permutation(len(places))[: max_shown // 2]
    largest = np.argsort(overlaps, kind="stable")
    largest = largest[~np.isin(largest, usual)][: max_shown - len(usual)]
    cells = []
    for number in (*usual.tolist(), *largest.tolist()):
        row, box = places[number]
        photo = photos[row]
        new = restyled.photos[row].boxes[box]
        line = f"{photo.boxes[box, 3] - photo.boxes[box, 1]:.0f} px, IoU {overlaps[number]:.2f}"
        cells.append(Cell(photo, photo.boxes[box], new[None], (photo.name, line)))
    n = len(places)
    subtitle = (
        f"{n:,} box{'es' * (n != 1)}. Orange: as it was. Green: as it is now. First "
        f"{len(usual)} at random, then the {len(largest)} that changed most."
    )
    return cells_sheet(f"Boxes drawn like those of {like}", subtitle, cells)
