"""Contact sheets of labels, the most doubtful first."""

from __future__ import annotations

from pathlib import Path

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.labelling.labels import DOUBT, VOTES, Labels
from facesmith.pictures.contact_sheet import Cell, cells_sheet, write_sheet

PER_PAGE = 80
_LEGEND = (
    "The most doubtful first; the number says how much, from 0 to 1. Orange: the box; green: "
    "faces of the same photo."
)


def page_name(number: int) -> str:
    """File of a page, from 1 on: `doubt.png`, `doubt-2.png`, ..."""
    return "doubt.png" if number == 1 else f"doubt-{number}.png"


def write_doubt_sheets(labels: Labels, folder: Path, *, max_shown: int) -> list[Path]:
    """Draw the most doubtful boxes, `PER_PAGE` a page, and return the pages.

    At most `max_shown` are drawn. Further pages of earlier labels are removed.
    """
    shown = labels.by_doubt()[:max_shown]
    pages = [shown[start : start + PER_PAGE] for start in range(0, len(shown), PER_PAGE)] or [[]]
    n = labels.n_faces + labels.n_ignored
    subtitle = (
        f"{n:,} box{'es' * (n != 1)} in {len(labels.photos):,} "
        f"photo{'s' * (len(labels.photos) != 1)}. {_LEGEND}"
    )
    paths = []
    for number, part in enumerate(pages, start=1):
        paths.append(folder / page_name(number))
        title = f"Labels by doubt, page {number} of {len(pages)}"
        write_sheet(paths[-1], cells_sheet(title, subtitle, [_cell(*place) for place in part]))
    left = len(pages) + 1
    while (old := folder / page_name(left)).exists():
        old.unlink()
        left += 1
    return paths


def _cell(photo: AnnotatedPhoto, place: int) -> Cell:
    said = photo.attributes[place]
    kind = "ignored" if photo.ignored[place] else "face"
    box = photo.boxes[place]
    votes = f"{said[VOTES]} vote{'s' * (said[VOTES] != '1')}"
    line = f"{kind} {said[DOUBT]}, {votes}, {box[3] - box[1]:.0f} px"
    return Cell(photo, box, photo.boxes[~photo.ignored], (photo.name, line))
