"""Contact sheets of the worst misses and of the false boxes with the highest scores."""

from __future__ import annotations

from math import isnan

from PIL import Image

from facesmith.evaluation.failure_report import Failures, FalseBox, Miss
from facesmith.pictures.contact_sheet import Cell, cells_sheet


def misses_sheet(failures: Failures, n_most: int = 40) -> Image.Image:
    """Draw the worst misses, see `Failures.misses`; the boxes that were found are green.

    Args:
        failures: What went wrong.
        n_most: Show at most so many.

    Returns:
        The picture, RGB; only a headline if no face was missed.
    """
    shown = failures.misses[:n_most]
    n = len(failures.misses)
    subtitle = (
        f"{n:,} of {failures.n_faces:,} faces in {_photos(failures)} were missed at a "
        f"score of {failures.min_score:.2f}. Orange: missed, the largest and sharpest first. "
        "Green: what was found."
    )
    if not shown:
        subtitle = f"None of {failures.n_faces:,} faces was missed."
    cells = [Cell(m.photo, m.box, m.found.boxes, (m.photo.name, _miss_line(m))) for m in shown]
    return cells_sheet(f"Missed faces: {failures.name}", subtitle, cells)


def false_boxes_sheet(failures: Failures, n_most: int = 40) -> Image.Image:
    """Draw the false boxes with the highest scores; annotated faces are green.

    Args:
        failures: What went wrong.
        n_most: Show at most so many.

    Returns:
        The picture, RGB; only a headline if there is no false box.
    """
    shown = failures.false_boxes[:n_most]
    n = len(failures.false_boxes)
    subtitle = (
        f"{n:,} of {failures.n_boxes:,} boxes in {_photos(failures)} belong to no face. "
        "Orange: false, the highest score first. Green: annotated faces."
    )
    if not shown:
        subtitle = f"None of {failures.n_boxes:,} boxes is false."
    cells = [Cell(b.photo, b.box, b.photo.boxes, (b.photo.name, _false_line(b))) for b in shown]
    return cells_sheet(f"False boxes: {failures.name}", subtitle, cells)


def _photos(failures: Failures) -> str:
    return f"{failures.n_photos:,} photo{'s' * (failures.n_photos != 1)}"


def _miss_line(miss: Miss) -> str:
    sharp = "" if isnan(miss.sharpness) else f", sharpness {miss.sharpness:.1f}"
    why = {
        "not seen": sharp,
        "below the threshold": f", score {miss.score:.2f}",
        "badly placed": f", a box at IoU {miss.iou:.2f}",
    }
    return f"{miss.height:.0f} px{why[miss.reason]}"


def _false_line(box: FalseBox) -> str:
    why = {
        "no face": "",
        "badly placed": f", IoU {box.iou:.2f}",
        "second box": ", second box",
    }
    return f"score {box.score:.2f}, {box.height:.0f} px{why[box.kind]}"
