"""An audit by several judges: who may speak against a box, and what is raised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.committee import Judge
from facesmith.curation.label_audit.committee_audit import audit_by_committee
from facesmith.curation.label_audit.findings import Audit, AuditConfig
from facesmith.faces import Faces

ONE, OTHER = Judge("one", "a", 0.2, 0.6), Judge("other", "b", 0.2, 0.6)
Box = tuple[float, ...]


def found(*rows: Box) -> Faces:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Faces(table[:, :4], table[:, 4])


def judge(boxes: list[Box], one: Faces, other: Faces, **config: float) -> Audit:
    table = np.array(boxes, np.float32).reshape(-1, 4)
    photo = AnnotatedPhoto(Path("a.jpg"), table, np.zeros(len(table), bool), "a.jpg", 400, 300)
    return audit_by_committee([photo], [[one], [other]], [ONE, OTHER], config=AuditConfig(**config))


def told(audit: Audit) -> list[tuple[str, str, list[float]]]:
    return [(f.kind, f.reason, f.box.tolist()) for f in audit.findings]


def test_a_box_that_one_judge_draws_alike_is_not_badly_drawn() -> None:
    # The first judge's box overlaps it by 20 / 60, and is surely a face.
    beside = found((20, 0, 60, 40, 0.9))
    assert told(judge([(0, 0, 40, 40)], beside, found())) == [
        ("suspicious", "badly drawn", [0, 0, 40, 40])
    ]
    # The second judge sees it where it is drawn, surely or not.
    assert told(judge([(0, 0, 40, 40)], beside, found((2, 0, 42, 40, 0.25)))) == []


def test_a_detection_inside_a_large_box_supports_it() -> None:
    # 20x20 within 40x40: an overlap of 0.25 only, but all of it inside, a quarter of the area.
    inside = found((10, 10, 30, 30, 0.3))
    low = {"min_suspicion": 0.5}
    assert told(judge([(0, 0, 40, 40)], found(), inside, **low)) == []
    apart = found((10, 50, 30, 70, 0.3))
    assert told(judge([(0, 0, 40, 40)], found(), apart, **low)) == [
        ("suspicious", "no face", [0, 0, 40, 40])
    ]


def test_missed_faces_come_before_doubtful_ones_and_lower_ones_are_left_out() -> None:
    one = found((0, 0, 30, 30, 0.9), (100, 0, 130, 30, 0.9), (200, 0, 220, 20, 0.9))
    other = found((0, 0, 30, 30, 0.9), (300, 0, 330, 30, 0.55))
    audit = judge([], one, other)
    # The confidence of 0.55 is 0.35 / 0.4; of two of one confidence the higher face is first.
    assert [(f.number, f.kind, f.rank, f.votes) for f in audit.findings] == [
        (1, "missed", 1, 2), (2, "doubtful", 1, 1), (3, "doubtful", 2, 1), (4, "doubtful", 3, 1),
    ]  # fmt: skip
    assert [f.box[0] for f in audit.findings] == [0, 100, 200, 300]
    assert [f.score for f in audit.findings] == pytest.approx([1, 1, 1, 0.875])
    high = judge([], one, other, min_height=25)
    assert [f.box[0] for f in high.findings] == [0, 100, 300]


def test_a_missed_face_is_as_sure_as_its_second_vote() -> None:
    # 0.4 is a confidence of a half; the face on which both are sure comes first.
    one = found((0, 0, 30, 30, 0.9), (100, 0, 130, 30, 0.9))
    audit = judge([], one, found((0, 0, 30, 30, 0.4), (100, 0, 130, 30, 0.6001)))
    assert [f.score for f in audit.findings] == pytest.approx([1, 0.5], abs=1e-3)
    assert [(f.kind, f.box[0]) for f in audit.findings] == [("missed", 100), ("missed", 0)]


def test_support_of_a_closer_look_counts() -> None:
    photo = AnnotatedPhoto(
        Path("a.jpg"), np.float32([[0, 0, 40, 40]]), np.zeros(1, bool), "a.jpg", 400, 300
    )
    nothing = [[found()], [found()]]
    first = audit_by_committee([photo], nothing, [ONE, OTHER])
    assert [f.reason for f in first.findings] == ["no face"]
    seen = audit_by_committee([photo], nothing, [ONE, OTHER], augmented={(0, 0): 0.4})
    assert seen.findings == ()


def test_no_photos_are_no_findings_and_each_judge_has_an_entry() -> None:
    assert audit_by_committee([], [[], []], [ONE, OTHER]).findings == ()
    with pytest.raises(ValueError, match="one entry a judge; got 1"):
        audit_by_committee([], [[]], [ONE, OTHER])
