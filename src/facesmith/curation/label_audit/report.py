"""The files that an audit writes, and the annotations as it would correct them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from facesmith.annotations import AnnotatedPhoto, write_coco
from facesmith.curation.label_audit.decisions import ACCEPT, REFUSE, Decision, write_decisions
from facesmith.curation.label_audit.findings import KINDS, REASONS, Audit, Finding, as_dict
from facesmith.curation.label_audit.sheets import page_name, remove_pages, write_sheets
from facesmith.files import write_json

AUDIT_FILE, CORRECTED_FILE, DECISIONS_FILE = "audit.json", "corrected.json", "decisions.csv"
# The attribute that tells in the corrected annotations what the audit has changed.
ATTRIBUTE = "audit"


def correct(
    audit: Audit, refused: frozenset[int] = frozenset(), *, add_missed: bool = False
) -> list[AnnotatedPhoto]:
    """The audited photos with the findings worked in; nothing is deleted.

    Suspicious boxes become ignored ones. Faces without a box get one at the end: an ignored one
    too, but a face to learn where a committee agrees on it. All have the attribute `audit`, which
    says `suspicious`, `missed` or `doubtful`.

    `refused` are numbers of findings that are wrong and change nothing; `add_missed` makes faces to
    learn of those missed ones, too, that a single detector has found.
    """
    add_missed = add_missed or bool(audit.judges)
    of_photo: dict[int, list[Finding]] = {}
    for finding in audit.findings:
        if finding.number not in refused:
            of_photo.setdefault(finding.photo_index, []).append(finding)
    corrected = list(audit.photos)
    for index, findings in of_photo.items():
        photo = corrected[index]
        ignored, attributes = photo.ignored.copy(), [dict(said) for said in photo.attributes]
        added = [finding for finding in findings if finding.kind != "suspicious"]
        is_face = [add_missed and finding.kind == "missed" for finding in added]
        for finding in findings:
            if finding.kind == "suspicious":
                ignored[finding.box_index] = True
                attributes[finding.box_index][ATTRIBUTE] = "suspicious"
        corrected[index] = replace(
            photo,
            boxes=np.concatenate([photo.boxes, *(finding.box[None] for finding in added)]),
            ignored=np.concatenate([ignored, ~np.array(is_face, bool)]),
            attributes=(*attributes, *({ATTRIBUTE: finding.kind} for finding in added)),
            **photo.points_of(slice(None), n_new=len(added)),
        )
    return corrected


def audit_dict(
    audit: Audit, refused: frozenset[int] = frozenset(), *, n_shown: int = 0
) -> dict[str, Any]:
    """All that an audit says, for JSON; findings up to rank `n_shown` have a page."""
    return {
        "judged_by": audit.judged_by,
        **({"judges": [asdict(judge) for judge in audit.judges]} if audit.judges else {}),
        **asdict(audit.config),
        "n_photos": len(audit.photos),
        "n_boxes": audit.n_boxes,
        "n_found": audit.n_found,
        **{f"n_{kind}": len(audit.of_kind(kind)) for kind in audit.kinds},
        "reasons": {why: sum(one.reason == why for one in audit.findings) for why in REASONS},
        "n_refused": len(refused),
        "offsets": [
            {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(offset).items()}
            for offset in audit.offsets
        ],
        "findings": [
            as_dict(one)
            | {"page": page_name(one.kind, one.rank) if one.rank <= n_shown else None}
            | {"decision": REFUSE if one.number in refused else ACCEPT}
            for one in audit.findings
        ],
    }


def write_audit(
    audit: Audit,
    folder: str | Path,
    *,
    refused: frozenset[int] = frozenset(),
    others: Sequence[Decision] = (),
    add_missed: bool = False,
    n_shown: int = 240,
) -> list[Path]:
    """Write `audit.json`, `corrected.json`, `decisions.csv` and the contact sheets.

    The folder is made if it does not exist; files of these names are replaced. `refused` are the
    numbers of the findings that a person has refused, `others` earlier decisions about none of
    them; the sheets show at most `n_shown` findings of each kind.
    """
    corrected = correct(audit, refused, add_missed=add_missed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in (AUDIT_FILE, CORRECTED_FILE, DECISIONS_FILE)]
    write_json(paths[0], audit_dict(audit, refused, n_shown=n_shown))
    write_coco(paths[1], corrected)
    write_decisions(paths[2], audit, refused, others)
    for kind in audit.kinds:
        paths += write_sheets(audit, kind, folder, max_shown=n_shown, refused=refused)
    for kind in KINDS[len(audit.kinds) :]:
        remove_pages(folder, kind, first=1)
    return paths
