"""What a person decides about the findings: a table with one line a finding, written and read."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.boxes import box_iou
from facesmith.curation.label_audit.findings import KINDS, Audit, Finding, Kind, rounded
from facesmith.errors import FacesmithError
from facesmith.files import write_bytes
from facesmith.printable import shortened_text
from facesmith.untrusted import ContentError, read_text

ACCEPT, REFUSE = "accept", "refuse"
COLUMNS = (
    "number", "kind", "reason", "file", "x_min", "y_min", "x_max", "y_max", "score", "decision"
)  # fmt: skip
_NEEDED = ("kind", "file", "x_min", "y_min", "x_max", "y_max", "decision")
# Edges in the table are rounded to a tenth of a pixel.
_SAME_EDGE = 0.06
# Where exactly a missed face lies, another detector says a little differently.
_SAME_FACE_IOU = 0.6
_FARTHEST = 1e9  # pixels


class DecisionsError(FacesmithError):
    """A table of decisions, or one line of it, cannot be used."""


@dataclass(frozen=True, eq=False)
class Decision:
    """One line of a table of decisions."""

    kind: Kind  # of the finding
    reason: str  # of the finding; may be empty
    file: str  # name of the photo
    box: npt.NDArray[np.float32]  # the box, float32 `(4,)`, pixels
    accepted: bool  # whether the finding is right

    def is_about(self, finding: Finding) -> bool:
        """Whether this line was written for that finding, perhaps by an earlier audit."""
        # Whether a face without a box is missed or doubtful, other judges say otherwise.
        about_box = self.kind == "suspicious"
        if about_box != (finding.kind == "suspicious") or self.file != finding.photo.name:
            return False
        if about_box:
            return bool((np.abs(self.box - finding.box) <= _SAME_EDGE).all())
        return bool(box_iou(self.box[None], finding.box[None])[0, 0] >= _SAME_FACE_IOU)


def read_decisions(path: str | Path) -> list[Decision]:
    """Read a table that `write_decisions` wrote and a person has changed.

    Columns may stand in any order, separated by commas, semicolons or tabs. An empty `decision` is
    `accept`. Kind, file and box tell what a line is about, not its number.

    Raises:
        DecisionsError: If the file or a line of it cannot be used.
    """
    path = Path(path)
    try:
        text = read_text(path)
    except ContentError as error:
        raise DecisionsError(str(error)) from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    absent = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if absent:
        raise DecisionsError(
            f"{path}: expected the columns {', '.join(COLUMNS)} in the first line; "
            f"{', '.join(absent)} not found. Change the decisions.csv of an audit."
        )
    decisions = []
    try:
        for row in reader:
            where = f"{path} line {reader.line_num}"
            if None in row:  # `DictReader` collects under it what has no column
                raise DecisionsError(f"{where}: more values than the first line has columns.")
            decisions.append(_decision(where, {k: v or "" for k, v in row.items()}))
    except csv.Error as error:
        raise DecisionsError(f"{path} line {reader.line_num}: no table: {error}.") from error
    return decisions


def write_decisions(
    path: str | Path, audit: Audit, refused: frozenset[int], others: Sequence[Decision] = ()
) -> None:
    """Write one line a finding, then `others`, decisions about no finding, without a number."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in audit.findings:
        writer.writerow(
            [one.number, one.kind, one.reason, one.photo.name, *rounded(one.box),
             f"{one.score:.3f}", REFUSE if one.number in refused else ACCEPT]
        )  # fmt: skip
    for other in others:
        said = ACCEPT if other.accepted else REFUSE
        writer.writerow(["", other.kind, other.reason, other.file, *rounded(other.box), "", said])
    write_bytes(path, text.getvalue().encode())


def match_decisions(
    audit: Audit, decisions: Sequence[Decision]
) -> tuple[frozenset[int], list[Decision]]:
    """Numbers of the findings that are refused, and the decisions about none of the findings.

    Of two decisions about one finding the later one counts.
    """
    by_file: dict[str, list[Finding]] = {}
    for finding in audit.findings:
        by_file.setdefault(finding.photo.name, []).append(finding)
    accepted: dict[int, bool] = {}
    others = []
    for decision in decisions:
        about = [f.number for f in by_file.get(decision.file, ()) if decision.is_about(f)]
        accepted.update(dict.fromkeys(about, decision.accepted))
        if not about:
            others.append(decision)
    return frozenset(number for number, good in accepted.items() if not good), others


def _shown(text: str) -> str:
    return repr(shortened_text(text, 60))


def _decision(where: str, row: dict[str, str]) -> Decision:
    kind = next((kind for kind in KINDS if kind == row["kind"].strip()), None)
    if kind is None:
        raise DecisionsError(
            f"{where}: expected one of {', '.join(KINDS)} as `kind`, got {_shown(row['kind'])}."
        )
    said = row["decision"].strip().lower() or ACCEPT
    if said not in (ACCEPT, REFUSE):
        raise DecisionsError(
            f"{where}: expected {ACCEPT} or {REFUSE} as `decision`, got {_shown(row['decision'])}."
        )
    edges = []
    for name in ("x_min", "y_min", "x_max", "y_max"):
        try:
            if "_" in row[name]:  # Python takes 1_005 for a number, tables do not
                raise ValueError("an underscore")
            edges.append(float(row[name]))
        except ValueError:
            raise DecisionsError(
                f"{where}: expected a number as `{name}`, got {_shown(row[name])}."
            ) from None
    if not all(abs(edge) < _FARTHEST for edge in edges):  # NaN is not, either
        raise DecisionsError(f"{where}: expected finite edges in pixels, got {edges}.")
    box = np.array(edges, np.float32)
    return Decision(kind, row.get("reason", ""), row["file"], box, said == ACCEPT)
