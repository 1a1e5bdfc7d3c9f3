"""Contact sheets of the findings: number, file and score below each, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from facesmith.curation.label_audit.findings import Audit, Finding, Kind
from facesmith.images import read_image
from facesmith.pictures.contact_sheet import (
    CELL,
    FAINT,
    HEAD,
    INK,
    MARGIN,
    cut_cell,
    empty_sheet,
    fitted,
    write_sheet,
)

PER_PAGE = 80
_COLUMNS = 8
_GAP = 12
_TEXT_ROOM = 42  # two lines below the picture
_FONT_SIZE = 12
_NUMBER_SIZE = 15
_TITLES = {"suspicious": "Suspicious boxes", "missed": "Faces without a box"}
_LEGENDS = {
    "suspicious": "Orange: the box in question, the most suspicious first. Green: other boxes.",
    "missed": "Orange: a face that no box has, the surest first. Green: annotated boxes.",
}


def page_name(kind: Kind, rank: int) -> str:
    """File of the page that shows a finding: `missed.png`, `missed-2.png`, ...

    Args:
        kind: Of the finding.
        rank: Of the finding among its kind, from 1 on.
    """
    page = (rank - 1) // PER_PAGE + 1
    return f"{kind}.png" if page == 1 else f"{kind}-{page}.png"


def write_sheets(
    audit: Audit, kind: Kind, folder: Path, *, n_most: int, refused: frozenset[int] = frozenset()
) -> list[Path]:
    """Draw the findings of one kind, `PER_PAGE` a page.

    Pages of an earlier audit that has had more of them are removed.

    Args:
        audit: The findings.
        kind: Which of them.
        folder: Where to write; it exists.
        n_most: Draw at most so many.
        refused: Numbers of findings that are marked as refused.

    Returns:
        The pages; one with only a headline if there is no such finding.

    Raises:
        ImageError: If a photo has gone since.
    """
    findings = audit.of_kind(kind)
    shown = findings[:n_most]
    pages = [shown[start : start + PER_PAGE] for start in range(0, len(shown), PER_PAGE)] or [[]]
    paths = []
    for number, part in enumerate(pages):
        paths.append(folder / page_name(kind, number * PER_PAGE + 1))
        subtitle = _subtitle(audit, kind, part, len(findings))
        title = f"{_TITLES[kind]}, page {number + 1} of {len(pages)}"
        write_sheet(paths[-1], _draw(title, subtitle, part, refused))
    left = len(pages) + 1
    while (old := folder / f"{kind}-{left}.png").exists():
        old.unlink()
        left += 1
    return paths


def _subtitle(audit: Audit, kind: Kind, part: Sequence[Finding], n: int) -> str:
    among = f"{audit.n_boxes:,} boxes in {len(audit.photos):,} photos"
    if not part:
        return f"None, judging {among}."
    return (
        f"Findings {part[0].number:,} to {part[-1].number:,}. In all {n:,} of this kind, judging "
        f"{among}. {_LEGENDS[kind]}"
    )


def _draw(
    title: str, subtitle: str, findings: Sequence[Finding], refused: frozenset[int]
) -> Image.Image:
    n_rows = -(-len(findings) // _COLUMNS)
    row = CELL + _TEXT_ROOM + _GAP
    width = 2 * MARGIN + _COLUMNS * (CELL + _GAP) - _GAP
    sheet = empty_sheet((width, HEAD + n_rows * row + MARGIN // 2), title, subtitle)
    draw = ImageDraw.Draw(sheet)
    font, large = ImageFont.load_default(_FONT_SIZE), ImageFont.load_default(_NUMBER_SIZE)
    for place, finding in enumerate(findings):
        line, column = divmod(place, _COLUMNS)
        left, top = MARGIN + column * (CELL + _GAP), HEAD + line * row
        image = read_image(finding.photo.path)
        sheet.paste(cut_cell(image, finding.box, finding.photo.boxes), (left, top))
        number = f"{finding.number:,}"
        draw.text((left, top + CELL + 3), number, INK, large)
        used = large.getlength(number) + 8
        name = fitted(finding.photo.name, CELL - used, font)
        draw.text((left + used, top + CELL + 5), name, INK, font)
        said = fitted(_line(finding, finding.number in refused), CELL, font)
        draw.text((left, top + CELL + 21), said, FAINT, font)
    return sheet


def _line(finding: Finding, refused: bool) -> str:
    said = f"{finding.score:.2f}, {finding.height:.0f} px"
    if refused:
        said += ", refused"
    if finding.reason == "badly drawn":
        return f"{said}, IoU {finding.iou:.2f}"
    if finding.reason == "second box":
        return f"{said}, second box"
    return said
