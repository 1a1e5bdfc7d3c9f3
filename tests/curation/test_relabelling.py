"""New labels of a photo: what becomes of its boxes, and which are added."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.committee import Judge
from facesmith.curation.relabelling import relabelled
from facesmith.faces import Faces

JUDGES = [Judge("one", "a", 0.2, 0.6), Judge("other", "b", 0.1, 0.5)]
FACE, BESIDE, FAR = (10, 10, 30, 34), (50, 10, 70, 34), (10, 60, 30, 84)
Row = tuple[float, tuple[float, ...]]


def found(*rows: Row) -> Faces:
    boxes = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    return Faces(boxes, np.array([score for score, _ in rows], np.float32))


def labelled(
    boxes: list[tuple[float, ...]],
    one: list[Row],
    other: list[Row],
    *,
    ignored: list[bool] | None = None,
    attributes: tuple[dict[str, str], ...] = (),
) -> AnnotatedPhoto:
    photo = AnnotatedPhoto(
        path=Path("a.jpg"),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=np.array(ignored or [False] * len(boxes), bool),
        name="a.jpg",
        width=100,
        height=100,
        attributes=attributes,
    )
    answers = [found(*one), found(*other)]
    points = np.zeros((len(one), 5, 2), np.float32)
    points[:] = [(10, 10), (30, 10), (20, 20), (12, 30), (28, 30)]
    return relabelled(photo, answers, JUDGES, points_of=(answers[0], points))


def committee(photo: AnnotatedPhoto) -> list[str]:
    return [said["committee"] for said in photo.attributes]


def test_boxes_without_a_vote_are_ignored_and_new_faces_added() -> None:
    photo = labelled([FACE, BESIDE], [(0.9, FACE), (0.9, FAR)], [(0.9, FACE), (0.4, FAR)])

    assert committee(photo) == ["2 votes", "unsupported", "added"]
    assert photo.ignored.tolist() == [False, True, False]


def test_what_a_single_vote_raises_is_ignored() -> None:
    photo = labelled([FACE], [(0.9, FACE), (0.55, FAR)], [(0.9, FACE)])

    assert committee(photo) == ["2 votes", "raised by 1 0.8"]
    assert photo.ignored.tolist() == [False, True]


def test_boxes_decided_by_eye_stay() -> None:
    by_eye = {"labelled_by": "looked_at"}
    photo = labelled(
        [FACE, BESIDE], [(0.9, BESIDE)], [(0.9, BESIDE)], ignored=[False, True],
        attributes=(by_eye, by_eye),
    )  # fmt: skip

    assert committee(photo) == ["by eye", "by eye"]
    assert photo.ignored.tolist() == [False, True]


def test_an_undecided_box_gives_way_to_a_face_and_stays_otherwise() -> None:
    both = [(0.9, FACE)]
    photo = labelled([FACE, BESIDE], both, [*both, (0.9, BESIDE)], ignored=[True, True])

    assert photo.boxes.tolist() == [list(BESIDE), list(FACE)]
    assert photo.ignored.tolist() == [True, False]
    assert photo.attributes[1]["committee"] == "added"


def test_a_box_moves_to_where_two_votes_agree() -> None:
    photo = labelled([(10, 10, 60, 34)], [(0.9, FACE)], [(0.9, FACE)])

    assert committee(photo) == ["moved"]
    assert photo.boxes.tolist() == [list(FACE)]


def test_faces_get_a_pose_and_a_weight() -> None:
    photo = labelled([FACE, BESIDE], [(0.9, FACE)], [(0.9, FACE), (0.9, BESIDE)])

    assert [said["pose"] for said in photo.attributes] == ["frontal", "hidden"]
    assert [said["drawn"] for said in photo.attributes] == ["1", "2.5"]
