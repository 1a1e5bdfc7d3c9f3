"""An audit by a committee of detectors, see `facesmith.curation.committee`.

- A box that any judge supports is never one without a face, and one that any judge draws alike is
  never badly drawn.
- A face without a box on which two votes agree is `missed`; one that is less sure is `doubtful`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou, clip_boxes, non_maximum_suppression
from facesmith.curation.committee import CommitteeConfig, Judge, Opinion, ask_committee
from facesmith.curation.judges import on_common_scale
from facesmith.curation.label_audit.findings import Audit, AuditConfig, Finding
from facesmith.curation.label_audit.label_errors import BADLY_DRAWN_IOU, audit_photos
from facesmith.curation.label_audit.offsets import in_style_of
from facesmith.faces import Faces


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the committee says of one photo, and which of its boxes a judge draws alike."""

    opinion: Opinion
    fits: frozenset[int]


def audit_by_committee(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[Sequence[Faces]],
    judges: Sequence[Judge],
    *,
    config: AuditConfig | None = None,
    committee: CommitteeConfig | None = None,
    augmented: Mapping[tuple[int, int], float] | None = None,
) -> Audit:
    """Compare annotated boxes with what several detectors found. Ignored boxes are no findings.

    Args:
        photos: The annotated photos.
        found: What each judge found in each photo, photos in the same order.
        judges: The judges, at least two.
        config: Where the lines are drawn. Its `min_score` is about boxes that are badly drawn, on
            the scale of `on_common_scale`: what is missed, the committee decides.
        committee: Thresholds of the committee.
        augmented: Photo and box index -> support on the common scale, see `augmented_support`.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(found) != len(judges):
        raise ValueError(f"`found` must have one entry a judge; got {len(found)}.")
    config, committee = config or AuditConfig(), committee or CommitteeConfig()
    by_photo = list(zip(*found, strict=True)) if photos else []
    merged = [_merged(faces, judges, committee) for faces in by_photo]
    name = ", ".join(judge.name for judge in judges)
    plain = audit_photos(photos, merged, judged_by=name, config=config, augmented=augmented)
    offsets = {offset.source: offset for offset in plain.offsets}
    seen = []
    for photo, faces in zip(photos, by_photo, strict=True):
        placed = [in_style_of(photo, each, offsets) for each in faces]
        seen.append(_look(photo, placed, judges, committee))
    suspicious = [one for one in plain.of_kind("suspicious") if _stands(one, seen)]
    without_box = _without_box(photos, seen, config)
    missed = [one for one in without_box if one.kind == "missed"]
    doubtful = [one for one in without_box if one.kind == "doubtful"]
    findings: list[Finding] = []
    for of_kind in (suspicious, missed, doubtful):
        findings += [
            replace(one, number=len(findings) + rank, rank=rank)
            for rank, one in enumerate(of_kind, start=1)
        ]
    return replace(plain, findings=tuple(findings), judges=tuple(judges))


def _merged(faces: Sequence[Faces], judges: Sequence[Judge], config: CommitteeConfig) -> Faces:
    """What all judges found in one photo, on the common scale; of one face the surest box."""
    common = [on_common_scale(judge, each) for judge, each in zip(judges, faces, strict=True)]
    boxes = np.concatenate([each.boxes for each in common])
    scores = np.concatenate([each.scores for each in common])
    return Faces(boxes, scores)[non_maximum_suppression(boxes, scores, config.same_iou)]


def _look(
    photo: AnnotatedPhoto,
    faces: Sequence[Faces],
    judges: Sequence[Judge],
    config: CommitteeConfig,
) -> _Seen:
    heard = [
        each.boxes[each.scores >= judge.min_score]
        for judge, each in zip(judges, faces, strict=True)
    ]
    best = box_iou(photo.boxes, np.concatenate(heard)).max(axis=1, initial=0)
    fits = frozenset(np.flatnonzero(best >= BADLY_DRAWN_IOU[1]).tolist())
    return _Seen(ask_committee(photo.boxes, faces, judges, config), fits)


def _stands(finding: Finding, seen: Sequence[_Seen]) -> bool:
    """Whether no judge speaks against a suspicious box."""
    said = seen[finding.photo_index]
    if finding.reason == "no face":
        return bool(said.opinion.votes[finding.box_index] == 0)
    return finding.reason != "badly drawn" or finding.box_index not in said.fits


def _without_box(
    photos: Sequence[AnnotatedPhoto], seen: Sequence[_Seen], config: AuditConfig
) -> list[Finding]:
    """Faces without a box, the surest first; their numbers and ranks are set later."""
    findings = []
    for index, (photo, said) in enumerate(zip(photos, seen, strict=True)):
        opinion = said.opinion
        raised = clip_boxes(opinion.raised, photo.width, photo.height)
        overlap = box_iou(raised, photo.boxes).max(axis=1, initial=0)
        sides = raised[:, 2:] - raised[:, :2]
        for i in np.flatnonzero((sides > 1).all(axis=1) & (sides[:, 1] >= config.min_height)):
            agreed = opinion.agreed[i]
            sure = opinion.second_confidence if agreed else opinion.confidence
            score = float(min(sure[i], 1))
            findings.append(
                Finding(
                    number=0,
                    kind="missed" if agreed else "doubtful",
                    rank=0,
                    reason="no box",
                    photo_index=index,
                    photo=photo,
                    box=raised[i],
                    box_index=-1,
                    score=score,
                    support=score,
                    iou=float(overlap[i]),
                    votes=int(opinion.raised_votes[i]),
                )
            )
    findings.sort(key=lambda one: (-(one.votes or 0), -one.score, -one.height, one.photo_index))
    return findings
