"""Judges by name: votes, scores, the common scale, looking at photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.committee import Judge
from facesmith.curation.judges import look_at, n_votes, name_judges, on_common_scale, with_threshold
from facesmith.errors import EvaluationError
from facesmith.evaluation.baselines import parse_names
from facesmith.faces import Faces
from facesmith.images import write_image

NAMES = parse_names(
    [
        "facesmith", "facesmith-proposals", "yunet:n.onnx", "opencv-yunet:cv.onnx", "dlib",
        "detections:a.jsonl", "detections:b.jsonl",
    ],
    ("detections",),
)  # fmt: skip


def test_detectors_of_one_family_have_one_vote() -> None:
    votes = [judge.vote for judge in name_judges(NAMES)]
    assert votes == ["facesmith", "facesmith", "yunet", "yunet", "dlib", "a", "b"]
    assert n_votes(name_judges(NAMES)) == 5


def test_votes_and_scores_may_be_said() -> None:
    judges = name_judges(NAMES, {"cv": "mine", "a": "yunet"}, {"n": (0.2, 0.9)})
    assert [judge.vote for judge in judges[2:]] == ["yunet", "mine", "dlib", "yunet", "b"]
    assert (judges[2].min_score, judges[2].sure_score) == (0.2, 0.9)


def test_what_is_said_of_no_judge_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="No judge is called 'c'; the judges are facesmith,"):
        name_judges(NAMES, {"c": "x"})
    with pytest.raises(EvaluationError, match="Judge n: expected two scores"):
        name_judges(NAMES, scores={"n": (0.0, 0.9)})


def test_a_threshold_below_the_lowest_score_lowers_it() -> None:
    judge = Judge("a", "a", 0.3, 0.6)
    assert with_threshold(judge, 0.8) == Judge("a", "a", 0.3, 0.8)
    assert with_threshold(judge, 0.2) == Judge("a", "a", 0.2, 0.2)


@pytest.mark.parametrize(
    ("score", "common"),
    [(0, 0), (0.1, 0.15), (0.2, 0.3), (0.4, 0.55), (0.6, 0.8), (0.8, 0.9), (1, 1)],
)
def test_lowest_and_sure_scores_are_alike_on_the_common_scale(score: float, common: float) -> None:
    faces = Faces(np.float32([[0, 0, 10, 10]]), np.float32([score]))
    scaled = on_common_scale(Judge("a", "a", 0.2, 0.6), faces)
    assert scaled.scores[0] == pytest.approx(common)
    assert np.array_equal(scaled.boxes, faces.boxes)


def test_a_judge_of_one_score_only_has_a_scale_too() -> None:
    faces = Faces(np.zeros((3, 4), np.float32), np.float32([0.25, 0.5, 1]))
    scaled = on_common_scale(Judge("a", "a", 0.5, 0.5), faces)
    assert scaled.scores == pytest.approx([0.15, 0.8, 1])
    sure = on_common_scale(Judge("a", "a", 1, 1), faces)
    assert sure.scores == pytest.approx([0.075, 0.15, 0.8])


def test_each_detector_sees_each_photo_down_to_its_score(tmp_path: Path) -> None:
    photos = []
    for shade in (10, 20):
        write_image(tmp_path / f"{shade}.png", np.full((8, 8, 3), shade, np.uint8))
        photos.append(
            AnnotatedPhoto(
                tmp_path / f"{shade}.png", np.zeros((0, 4), np.float32), np.zeros(0, bool),
                f"{shade}.png", 8, 8,
            )
        )  # fmt: skip

    def detector(image: np.ndarray, *, min_score: float) -> Faces:
        return Faces(np.float32([[0, 0, 1, image[0, 0, 0]]]), np.float32([min_score]))

    found = look_at(photos, [detector, detector], [0.1, 0.2])
    assert [[faces.boxes[0, 3] for faces in each] for each in found] == [[10, 20], [10, 20]]
    assert [each[0].scores[0] for each in found] == pytest.approx([0.1, 0.2])
    assert look_at(photos, [], []) == []
