"""The result type of detection."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from facesmith.faces import Faces

BOXES = np.float32([[10, 20, 30, 44], [1, 2, 3, 4], [5, 5, 5, 9]])
SCORES = np.float32([0.9, 0.5, 0.0])


def faces() -> Faces:
    return Faces(BOXES, SCORES)


def test_values_are_kept_as_float32() -> None:
    found = Faces(BOXES.astype(np.float64), SCORES.tolist())  # type: ignore[arg-type]
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert np.array_equal(found.boxes, BOXES)
    assert np.array_equal(found.scores, SCORES)


def test_arrays_are_read_only_copies() -> None:
    boxes = BOXES.copy()
    found = Faces(boxes, SCORES)
    boxes[:] = 7
    assert np.array_equal(found.boxes, BOXES)
    assert boxes.flags.writeable
    for array in (found.boxes, found.scores, found[0].boxes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.boxes = BOXES  # type: ignore[misc]


def test_no_face_is_an_empty_object_not_none() -> None:
    none = Faces.empty()
    assert len(none) == 0
    assert none.boxes.shape == (0, 4)
    assert none.scores.shape == (0,)
    assert list(none) == []
    assert none == Faces(np.zeros((0, 4)), np.zeros(0))
    assert none[none.scores > 0.5] == none


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (0, [0]),
        (-1, [2]),
        (np.int64(1), [1]),
        (slice(1, None), [1, 2]),
        (slice(None, None, -1), [2, 1, 0]),
        ([2, 0], [2, 0]),
        (np.array([1, 1]), [1, 1]),
        (SCORES >= 0.5, [0, 1]),
        (np.zeros(3, bool), []),
        (np.zeros(0, np.intp), []),
    ],
)
def test_indexing_gives_faces(index: Any, kept: list[int]) -> None:
    picked = faces()[index]
    assert isinstance(picked, Faces)
    assert np.array_equal(picked.boxes, BOXES[kept])
    assert np.array_equal(picked.scores, SCORES[kept])


def test_an_index_beyond_the_end_is_an_error() -> None:
    for index in (3, -4):
        with pytest.raises(IndexError):
            faces()[index]


def test_iterating_gives_each_face() -> None:
    singles = list(faces())
    assert [len(single) for single in singles] == [1, 1, 1]
    assert Faces(
        np.concatenate([single.boxes for single in singles]),
        np.concatenate([single.scores for single in singles]),
    ) == faces()  # fmt: skip


def test_equality_compares_all_numbers() -> None:
    assert faces() == faces()
    assert faces() != faces()[:2]
    assert faces() != faces()[::-1]
    assert faces() != Faces(BOXES, np.float32([0.9, 0.5, 0.1]))
    assert faces() != Faces(BOXES + 1, SCORES)
    assert faces() != "faces"


def test_faces_cannot_be_hashed() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(faces())


def test_faces_travel_between_processes() -> None:
    assert pickle.loads(pickle.dumps(faces())) == faces()  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        (np.zeros((2, 3)), np.zeros(2), r"`boxes` must have shape \(n, 4\); got \(2, 3\)"),
        (np.zeros(4), np.zeros(1), r"`boxes` must have shape \(n, 4\); got \(4,\)"),
        (np.zeros(0), np.zeros(0), r"use Faces\.empty\(\)"),
        (np.zeros((2, 4)), np.zeros(3), r"`scores` must have shape \(2,\), one per box"),
        (np.zeros((2, 4)), np.zeros((2, 1)), r"`scores` must have shape \(2,\)"),
        (np.float32([[0, 0, np.nan, 1]]), np.zeros(1), "`boxes` must be finite"),
        (np.float32([[0, 0, np.inf, 1]]), np.zeros(1), "`boxes` must be finite"),
        (np.float32([[50, 0, 20, 9]]), np.zeros(1), "Are these x, y, width, height"),
        (np.float32([[0, 9, 20, 8]]), np.zeros(1), "y_min <= y_max"),
        (np.zeros((1, 4)), np.float32([1.5]), r"probabilities in \[0, 1\]; got 1\.5"),
        (np.zeros((1, 4)), np.float32([-0.5]), r"probabilities in \[0, 1\]"),
        (np.zeros((1, 4)), np.float32([np.nan]), r"probabilities in \[0, 1\]; got nan"),
    ],
)
def test_wrong_values_are_refused(boxes: Any, scores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faces(boxes, scores)


LANDMARKS = np.arange(30, dtype=np.float32).reshape(3, 5, 2) - 7
LANDMARK_SCORES = np.linspace(0, 1, 15, dtype=np.float32).reshape(3, 5)


def with_landmarks() -> Faces:
    return Faces(BOXES, SCORES, LANDMARKS, LANDMARK_SCORES)


def test_landmarks_are_kept_as_read_only_float32_copies() -> None:
    landmarks = LANDMARKS.astype(np.float64)
    found = Faces(BOXES, SCORES, landmarks, LANDMARK_SCORES.tolist())  # type: ignore[arg-type]
    landmarks[:] = 7
    assert found.landmarks is not None
    assert found.landmark_scores is not None
    assert found.landmarks.dtype == found.landmark_scores.dtype == np.float32
    assert np.array_equal(found.landmarks, LANDMARKS)
    assert np.array_equal(found.landmark_scores, LANDMARK_SCORES)
    for array in (found.landmarks, found.landmark_scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert faces().landmarks is None
    assert faces().landmark_scores is None
    assert Faces(BOXES, SCORES, LANDMARKS).landmark_scores is None


def test_landmarks_go_with_their_faces() -> None:
    found = with_landmarks()
    picked = found[found.scores >= 0.5][::-1]
    assert np.array_equal(picked.landmarks, LANDMARKS[[1, 0]])
    assert np.array_equal(picked.landmark_scores, LANDMARK_SCORES[[1, 0]])
    for i, single in enumerate(found):
        assert np.array_equal(single.landmarks, LANDMARKS[[i]])
    none = found[[]]
    assert none.landmarks is not None
    assert none.landmarks.shape == (0, 5, 2)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own bytes


def test_equality_compares_landmarks_too() -> None:
    assert with_landmarks() == with_landmarks()
    assert with_landmarks() != faces()
    assert faces() != with_landmarks()
    assert with_landmarks() != Faces(BOXES, SCORES, LANDMARKS)
    assert with_landmarks() != Faces(BOXES, SCORES, LANDMARKS + 1, LANDMARK_SCORES)
    assert with_landmarks() != Faces(BOXES, SCORES, LANDMARKS, LANDMARK_SCORES[::-1])
    assert with_landmarks()[:0] == Faces.empty()


def test_concatenated_faces_keep_landmarks_that_all_of_them_have() -> None:
    found = with_landmarks()
    assert Faces.concatenate([found[:1], Faces.empty(), found[1:]]) == found
    assert Faces.concatenate([found[:1], faces()[1:]]) == faces()
    only_points = Faces(BOXES, SCORES, LANDMARKS)
    assert Faces.concatenate([found[:1], only_points[1:]]) == only_points
    assert Faces.concatenate([found[:0]]).landmarks is not None
    assert Faces.concatenate([]) == Faces.empty()


@pytest.mark.parametrize(
    ("landmarks", "scores", "message"),
    [
        (np.zeros((3, 10)), None, r"`landmarks` must have shape \(3, 5, 2\).*; got \(3, 10\)"),
        (np.zeros((2, 5, 2)), None, r"`landmarks` must have shape \(3, 5, 2\)"),
        (np.full((3, 5, 2), np.nan), None, "`landmarks` must be finite; got"),
        (LANDMARKS, np.zeros(3), r"`landmark_scores` must have shape \(3, 5\)"),
        (LANDMARKS, np.full((3, 5), 2), r"`landmark_scores` must be probabilities.*got 2\.0"),
        (None, LANDMARK_SCORES, "`landmark_scores` belong to `landmarks`"),
    ],
)
def test_wrong_landmarks_are_refused(landmarks: Any, scores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faces(BOXES, SCORES, landmarks, scores)
