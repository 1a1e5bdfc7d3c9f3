"""A contact sheet of hard negatives, the ones most like a face first."""

from __future__ import annotations

import numpy as np
from PIL import Image

from facesmith.annotations.mined import MinedBox
from facesmith.curation.hard_negatives.search import Mining
from facesmith.pictures.contact_sheet import Cell, cells_sheet
from facesmith.printable import counted


def mined_sheet(mining: Mining, name: str, max_shown: int = 40) -> Image.Image:
    """Draw the false boxes with the highest scores: first of face-free photos, then of backgrounds.

    Each kind gets half of the sheet if it has as many boxes. A face among them is a face that was
    missed when the photos were sorted or annotated.
    """
    n = len(mining.boxes)
    n_photos = len(mining.photos)
    subtitle = (
        f"{counted(n, 'false box', 'false boxes')} in {counted(n_photos, 'photo')}. "
        "Orange: taken for a face, by kind, the highest score first. Green: annotated faces."
    )
    cells = []
    for box in _shown(mining, max_shown):
        photo, edges = mining.photos[box.file], np.array(box.box, np.float32)
        line = f"{box.score:.2f}, {box.box[3] - box.box[1]:.0f} px, {box.kind}"
        cells.append(Cell(photo, edges, photo.boxes, (box.file, line)))
    return cells_sheet(f"Hard negatives of {name}", subtitle, cells)


def _shown(mining: Mining, max_shown: int) -> list[MinedBox]:
    face_free, background = mining.of_kind("face-free"), mining.of_kind("background")
    n_background = min(len(background), max(max_shown // 2, max_shown - len(face_free)))
    return face_free[: max_shown - n_background] + background[:n_background]
