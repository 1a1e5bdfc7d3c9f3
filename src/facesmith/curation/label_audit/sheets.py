"""Contact sheets of the findings: number, file and score below each, the worst first."""

from __future__ import annotations

from pathlib import Path

from facesmith.curation.label_audit.findings import Audit, Finding, Kind
from facesmith.files.marks import remove_own
from facesmith.pictures.contact_sheet import Cell, cells_sheet, write_sheet
from facesmith.printable import counted

PER_PAGE = 80
_TITLES = {
    "suspicious": "Suspicious boxes",
    "missed": "Faces without a box",
    "doubtful": "Perhaps faces without a box",
}
_LEGENDS = {
    "suspicious": "Orange: the box in question, the most suspicious first. Green: other boxes.",
    "missed": "Orange: a face without a box, the surest first. Green: annotated boxes.",
    "doubtful": "Orange: what too few votes take for a face, the surest first. Green: "
    "annotated boxes.",
}


def page_name(kind: Kind, rank: int) -> str:
    """File of the page with the finding of a rank, from 1 on: `missed.png`, `missed-2.png`, ..."""
    page = (rank - 1) // PER_PAGE + 1
    return f"{kind}.png" if page == 1 else f"{kind}-{page}.png"


def write_sheets(
    audit: Audit, kind: Kind, folder: Path, *, max_shown: int, refused: frozenset[int] = frozenset()
) -> list[Path]:
    """Draw the findings of one kind, `PER_PAGE` a page, and return the pages.

    At most `max_shown` are drawn; `refused` holds numbers of findings that are marked as refused.
    Further pages of an earlier audit are removed.
    """
    findings = audit.of_kind(kind)
    shown = findings[:max_shown]
    pages = [shown[start : start + PER_PAGE] for start in range(0, len(shown), PER_PAGE)] or [[]]
    among = (
        f"judging {counted(audit.n_boxes, 'box', 'boxes')} in {counted(len(audit.photos), 'photo')}"
    )
    paths = []
    for number, part in enumerate(pages):
        paths.append(folder / page_name(kind, number * PER_PAGE + 1))
        subtitle = f"None, {among}."
        if part:
            span = f"Findings {part[0].number:,} to {part[-1].number:,}"
            if len(part) == 1:
                span = f"Finding {part[0].number:,}"
            in_all = f"In all {len(findings):,} of this kind, {among}"
            subtitle = f"{span}. {in_all}. {_LEGENDS[kind]}"
        title = f"{_TITLES[kind]}, page {number + 1} of {len(pages)}"
        cells = [_cell(finding, finding.number in refused) for finding in part]
        write_sheet(paths[-1], cells_sheet(title, subtitle, cells))
    remove_pages(folder, kind, first=len(pages) + 1)
    return paths


def remove_pages(folder: Path, kind: Kind, *, first: int) -> None:
    """Remove the pages of an earlier audit, from the first one named on."""
    page = first
    while remove_own(folder / page_name(kind, (page - 1) * PER_PAGE + 1)):
        page += 1


def _cell(finding: Finding, refused: bool) -> Cell:
    line = f"{finding.score:.2f}, {finding.height:.0f} px{', refused' * refused}"
    if finding.reason == "badly drawn":
        line += f", IoU {finding.iou:.2f}"
    elif finding.reason == "second box":
        line += ", second box"
    if finding.votes is not None:
        line += f", {counted(finding.votes, 'vote')}"
    lines, photo = (finding.photo.name, line), finding.photo
    return Cell(photo, finding.box, photo.boxes, lines, f"{finding.number:,}")
