"""A committee of detectors: what supports a box, what is added, ignored and moved."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.curation.committee import CommitteeConfig, Judge, ask_committee
from facesmith.faces import Faces

ONE = Judge("one", "a", 0.2, 0.6)
TWIN = Judge("twin", "a", 0.2, 0.6)
OTHER = Judge("other", "b", 0.1, 0.5)
FACE = (10, 10, 30, 34)
NOTHING = np.zeros((0, 4), np.float32)


def found(*rows: tuple[float, tuple[float, ...]]) -> Faces:
    boxes = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    return Faces(boxes, np.array([score for score, _ in rows], np.float32))


def test_a_box_that_any_judge_supports_has_a_vote() -> None:
    boxes = np.float32([FACE, (60, 60, 80, 80)])

    opinion = ask_committee(boxes, [found(), found((0.12, FACE))], [ONE, OTHER])

    assert opinion.votes.tolist() == [1, 0]


def test_judges_of_the_same_photos_have_one_vote_together() -> None:
    opinion = ask_committee(NOTHING, [found((0.9, FACE)), found((0.9, FACE))], [ONE, TWIN])

    assert opinion.raised_votes.tolist() == [1]
    assert not opinion.agreed.any()


def test_two_votes_add_a_face_at_the_mean_of_their_boxes() -> None:
    higher = (10, 10, 30, 38)

    opinion = ask_committee(NOTHING, [found((0.9, FACE)), found((0.4, higher))], [ONE, OTHER])

    assert opinion.agreed.tolist() == [True]
    np.testing.assert_allclose(opinion.raised, [(10, 10, 30, 36)])


def test_a_second_vote_that_is_close_to_its_lowest_score_does_not_agree() -> None:
    opinion = ask_committee(NOTHING, [found((0.9, FACE)), found((0.12, FACE))], [ONE, OTHER])

    assert opinion.agreed.tolist() == [False]


def test_a_single_unsure_vote_raises_nothing() -> None:
    opinion = ask_committee(NOTHING, [found((0.3, FACE)), found()], [ONE, OTHER])

    assert len(opinion.raised) == 0


def test_a_box_moves_to_where_two_votes_agree() -> None:
    # A profile: the box holds ear and hair, too.
    wide = np.float32([(10, 10, 60, 34)])
    judges = [found((0.9, FACE)), found((0.9, FACE))]

    opinion = ask_committee(wide, judges, [ONE, OTHER])

    assert opinion.moved.tolist() == [True]
    np.testing.assert_allclose(opinion.boxes, [FACE])
    assert len(opinion.raised) == 0


def test_a_face_beside_a_box_is_raised_and_one_inside_it_is_not() -> None:
    wide = np.float32([(0, 0, 40, 40)])
    beside = (60, 60, 80, 84)

    opinion = ask_committee(wide, [found((0.9, (12, 12, 20, 22)), (0.9, beside))], [ONE])

    np.testing.assert_allclose(opinion.raised, [beside])
    assert opinion.votes.tolist() == [0]


def test_a_face_too_low_is_raised_but_not_added() -> None:
    low = (10, 10, 16, 17)

    opinion = ask_committee(NOTHING, [found((0.9, low)), found((0.9, low))], [ONE, OTHER])

    assert opinion.raised_votes.tolist() == [2]
    assert opinion.agreed.tolist() == [False]
    lower = CommitteeConfig(min_height=6)
    again = ask_committee(NOTHING, [found((0.9, low)), found((0.9, low))], [ONE, OTHER], lower)
    assert again.agreed.tolist() == [True]


def test_no_boxes_and_no_detections_are_no_opinion() -> None:
    opinion = ask_committee(NOTHING, [found(), found()], [ONE, OTHER])

    assert opinion.votes.shape == (0,)
    assert opinion.raised.shape == (0, 4)


def test_scores_of_a_judge_must_rise() -> None:
    with pytest.raises(ValueError, match=r"must rise within \(0, 1\]; got 0.6 and 0.5 of one"):
        Judge("one", "a", 0.6, 0.5)


def test_one_answer_a_judge_is_needed() -> None:
    with pytest.raises(ValueError, match="one entry a judge; got 1"):
        ask_committee(NOTHING, [found()], [ONE, OTHER])


def test_with_one_vote_needed_a_sure_judge_is_enough() -> None:
    judges = [found((0.9, FACE), (0.4, (60, 60, 80, 84))), found()]

    opinion = ask_committee(
        NOTHING, judges, [ONE, OTHER], CommitteeConfig(min_votes=1, min_single_confidence=0)
    )

    assert opinion.agreed.tolist() == [True, False]
    np.testing.assert_allclose(opinion.confidence, [1.75, 0.5], rtol=1e-5)
    assert opinion.second_confidence.tolist() == [0, 0]
    with pytest.raises(ValueError, match="`min_votes` must be 1 or 2; got min_votes=3"):
        CommitteeConfig(min_votes=3)
