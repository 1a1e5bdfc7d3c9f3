"""The verdict: better, worse, alike, or not to be told; its words, JSON and table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.verdict import Judged, Verdict, judge, signed, write_verdict
from facesmith.faces import Faces

FACE, FALSE = (10.0, 10.0, 50.0, 50.0), (100.0, 10.0, 140.0, 50.0)


def photos(n: int, face: tuple[float, ...] = FACE) -> list[AnnotatedPhoto]:
    """Photos with one face each."""
    return [
        AnnotatedPhoto(
            Path(f"{i}.png"), np.float32([face]), np.zeros(1, bool), f"{i}.png", 200, 100
        )
        for i in range(n)
    ]


def detector(name: str, hits: list[bool], false: list[bool] | None = None) -> Judged:
    """One that finds the face of some photos, and a false box of a lower score in some."""
    found = []
    for hit, wrong in zip(hits, false or [False] * len(hits), strict=True):
        rows = [(*FACE, 0.9)] * hit + [(*FALSE, 0.6)] * wrong
        table = np.float32(rows).reshape(-1, 5)
        found.append(Faces(table[:, :4], table[:, 4]))
    return Judged(name, 0.5, found)


def every(n: int, step: int) -> list[bool]:
    return [i % step == 0 for i in range(n)]


def verdict(old: list[bool], new: list[bool], **words: object) -> Verdict:
    n = len(old)
    return judge(detector("shipped", old), detector("new", new), photos(n), **words)  # type: ignore[arg-type]


def test_better_and_worse_are_told_with_both_figures():
    better = verdict(every(60, 2), [True] * 60, source="held out")
    assert better.kind == "better"
    change = better.changes["ap"]
    assert (change.old, change.new) == (0.5, 1)
    low, high = map(signed, change.interval)
    assert better.words() == f"better: +.500 AP, 95 % {low} to {high}"
    worse = verdict([True] * 60, every(60, 2))
    assert worse.kind == "worse"
    assert worse.words().startswith("worse: -.500 AP, 95 % -.")


def test_the_same_detector_is_as_good_with_an_interval_of_nothing():
    same = verdict(every(60, 2), every(60, 2))
    assert same.kind == "alike"
    assert same.words() == "as good: +.000 AP, 95 % +.000 to +.000"


def test_as_good_names_the_recall_at_the_threshold_where_that_differs():
    found = [True] * 60
    old = detector("shipped", found)
    boxes = detector("new", found).found
    lower = [Faces(each.boxes, np.where(n < 3, 0.2, each.scores)) for n, each in enumerate(boxes)]
    alike = judge(old, Judged("new", 0.5, lower), photos(60))
    assert alike.kind == "alike"
    assert alike.words().endswith("; recall at the own threshold 1.000 to .950")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "held out",
            "no difference can be told with 3 held-out faces: annotate more, or pass --val",
        ),
        ("cross-validated", "no difference can be told with 3 faces: annotate more"),
        ("val", "no difference can be told with 3 --val faces: annotate more"),
    ],
)
def test_three_faces_tell_nothing_whatever_was_found(source, words):
    # Each resample of these photos says that the new one is better by 1.
    found = verdict([False] * 3, [True] * 3, source=source)
    assert found.changes["ap"].interval == (1, 1)
    assert found.kind == "unknown"
    assert found.words() == words


def test_a_wide_interval_is_no_answer_and_says_how_wide():
    hits = [True] * 30
    found = verdict([*hits[:-1], False], hits, source="held out")
    assert found.kind == "unknown"
    assert found.words().startswith(
        "no difference in AP can be told with 30 held-out faces (+.033 AP, 95 % +.000 to +."
    )
    assert found.words().endswith("): annotate more, or pass --val")


def test_more_false_boxes_are_said_beside_a_better_ap():
    old, new = every(60, 2), [True] * 60
    found = judge(
        detector("shipped", old), detector("new", new, [True] * 60), photos(60), source="val"
    )
    assert found.kind == "better"
    assert "; false boxes a photo +1.000, 95 % +1.000 to +1.000" in found.words()
    assert "; but recall at the own threshold +.500" in found.words(), "what they were bought with"
    assert "AP at IoU 0.4" not in found.words(), "it says the same as AP"


def test_faces_below_16_px_do_not_count():
    low = photos(30, (10, 10, 25, 25))
    nothing = Judged("new", 0.5, [Faces.empty()] * 30)
    found = judge(nothing, nothing, low)
    assert (found.n_faces, found.kind) == (0, "unknown")
    assert found.words() == "no difference can be told with 0 --val faces: annotate more"
    assert found.to_dict()["figures"]["ap"]["interval"] == [None, None]
    assert found.table()[1] == ["AP at IoU 0.5", "-", "-", "-"]


def test_json_and_table_hold_the_figures(tmp_path):
    found = verdict(every(40, 2), [True] * 40, source="cross-validated", n_folds=3)
    values = json.loads(write_verdict(found, tmp_path).read_text(), parse_constant=pytest.fail)
    assert values == found.to_dict()
    assert values["verdict"] == "better"
    assert values["photos"]["folds"] == 3
    assert values["photos"]["names"][:2] == ["0.png", "1.png"]
    recall = values["figures"]["recall"]
    assert (recall["old"], recall["new"], recall["difference"]) == (0.5, 1, 0.5)
    assert list(values["figures"]) == [
        "ap", "ap_iou40", "recall_at_0.1", "recall", "false_per_photo",
    ]  # fmt: skip
    table = found.table()
    assert table[0] == ["", "shipped", "new", "difference, 95 %"]
    assert table[1][:3] == ["AP at IoU 0.5", ".500", "1.000"]
    assert "each by one of 3 detectors that did not learn from it" in found.judged_on


def test_boxes_that_fit_better_count_at_the_strict_iou_only():
    n = 40
    loose = Faces(np.float32([[10, 10, 50, 28]]), np.float32([0.9]))  # IoU 18/40 with the face
    old = Judged("shipped", 0.5, [loose] * n)
    found = judge(old, detector("new", [True] * n), photos(n))
    assert found.changes["ap"].difference == 1
    assert found.changes["ap_iou40"].difference == 0
    assert found.kind == "better"


def test_labels_that_are_the_old_detectors_own_boxes_are_told():
    same = verdict([True] * 60, [True] * 60)
    assert "The labels lie where shipped draws its boxes" in same.caveat
    assert "The labels lie" not in verdict(every(60, 2), [True] * 60).caveat


def test_photos_without_faces_are_told_apart():
    old = Judged("shipped", 0.5, [Faces.empty()] * 60)
    none = np.zeros((0, 4), np.float32)
    free = [
        AnnotatedPhoto(Path("a.jpg"), none, none[:, 0] > 0, f"free{number}", 200, 200)
        for number in range(20)
    ]
    found = judge(old, old, [*photos(40), *free], source="val")
    assert found.judged_on == "the photos of --val: 60 photos with 40 faces in 40 of them"
