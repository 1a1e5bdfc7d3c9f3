"""Geometry of boxes, against slow re-implementations and laws that must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from facesmith.boxes import (
    box_area,
    box_intersection,
    box_iou,
    clip_boxes,
    non_maximum_suppression,
)
from oracles import pixel_iou, slow_area, slow_iou, slow_suppression

Boxes = npt.NDArray[np.float32]
SEEDS = range(8)


def random_boxes(seed: int, n: int = 12, side: int = 16) -> Boxes:
    """Boxes with whole-numbered edges, so that areas and overlaps are exact in float32.

    Many touch, coincide, contain each other or have no area.
    """
    corners = np.random.default_rng(seed).integers(0, side + 1, (n, 2, 2))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)


def random_scores(seed: int, n: int = 12) -> npt.NDArray[np.float32]:
    """Scores of which several are equal."""
    return np.random.default_rng(seed + 100).integers(1, 6, n).astype(np.float32) / 8


@pytest.mark.parametrize("seed", SEEDS)
def test_area_equals_width_times_height(seed: int) -> None:
    boxes = random_boxes(seed)
    assert box_area(boxes).tolist() == [slow_area(box) for box in boxes.tolist()]


@pytest.mark.parametrize(
    ("box", "area"),
    [
        ([0, 0, 4, 3], 12),
        ([2, 2, 2, 9], 0),  # no width
        ([5, 5, 2, 2], 0),  # swapped in both: not (-3) * (-3)
        ([-2, -2, 2, 2], 16),
        ([0.5, 0, 1, 1], 0.5),
    ],
)
def test_area_by_hand(box: list[float], area: float) -> None:
    assert box_area(np.array([box])).tolist() == [area]


@pytest.mark.parametrize("seed", SEEDS)
def test_iou_equals_the_double_loop(seed: int) -> None:
    a, b = random_boxes(seed), random_boxes(seed + 50, n=7)
    slow = [[slow_iou(one, other) for other in b.tolist()] for one in a.tolist()]
    np.testing.assert_allclose(box_iou(a, b), slow, rtol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_iou_equals_counting_pixels(seed: int) -> None:
    boxes = random_boxes(seed, n=5)
    counted = [[pixel_iou(one, other, 16) for other in boxes] for one in boxes]
    np.testing.assert_allclose(box_iou(boxes, boxes), counted, rtol=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1),
        ([0, 0, 2, 2], [1, 0, 3, 2], 2 / 6),
        ([0, 0, 2, 2], [2, 0, 4, 2], 0),  # touching edges share nothing
        ([0, 0, 2, 2], [2, 2, 4, 4], 0),  # nor do corners
        ([0, 0, 4, 4], [1, 1, 2, 2], 1 / 16),
        ([0, 0, 2, 2], [1, 1, 1, 1], 0),  # no area
        ([1, 1, 1, 1], [1, 1, 1, 1], 0),  # not 0 / 0
        ([0, 0, 2, 2], [50, 50, 52, 52], 0),
        ([2, 2, 0, 0], [0, 0, 2, 2], 0),  # swapped edges
    ],
)
def test_iou_by_hand(a: list[float], b: list[float], expected: float) -> None:
    iou = box_iou(np.array([a]), np.array([b]))
    assert iou.dtype == np.float32
    np.testing.assert_allclose(iou, [[expected]], rtol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_iou_is_symmetric_within_0_and_1_and_1_with_itself(seed: int) -> None:
    a, b = random_boxes(seed), random_boxes(seed + 50, n=7)
    iou = box_iou(a, b)
    assert np.array_equal(iou, box_iou(b, a).T)
    assert ((iou >= 0) & (iou <= 1)).all()
    assert np.array_equal(np.diag(box_iou(a, a)), (box_area(a) > 0).astype(np.float32))


@pytest.mark.parametrize("seed", SEEDS)
def test_iou_does_not_change_when_all_is_moved_or_scaled(seed: int) -> None:
    boxes = random_boxes(seed)
    iou = box_iou(boxes, boxes)
    np.testing.assert_allclose(box_iou(boxes + 64, boxes + 64), iou, rtol=1e-6)
    np.testing.assert_allclose(box_iou(boxes * 8, boxes * 8), iou, rtol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_intersection_is_the_area_of_the_clipped_box(seed: int) -> None:
    boxes = random_boxes(seed)
    photo = np.float32([[0, 0, 9, 5]])
    shared = box_intersection(boxes, photo)
    assert np.array_equal(shared[:, 0], box_area(clip_boxes(boxes, 9, 5)))


@pytest.mark.parametrize("function", [box_iou, box_intersection])
def test_no_boxes_have_no_overlaps(function: Any) -> None:
    none, some = np.zeros((0, 4)), random_boxes(0, n=3)
    assert function(none, some).shape == (0, 3)
    assert function(some, none).shape == (3, 0)
    assert function(none, none).shape == (0, 0)
    assert box_area(none).shape == (0,)
    assert clip_boxes(none, 5, 5).shape == (0, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_clipping_stays_inside_keeps_what_is_inside_and_is_idempotent(seed: int) -> None:
    boxes = random_boxes(seed, side=40) - 10
    clipped = clip_boxes(boxes, 20, 15)
    assert clipped.min() >= 0
    assert (clipped <= [20, 15, 20, 15]).all()
    inside = (boxes >= 0).all(axis=1) & (boxes <= [20, 15, 20, 15]).all(axis=1)
    assert np.array_equal(clipped[inside], boxes[inside])
    assert np.array_equal(clip_boxes(clipped, 20, 15), clipped)


def test_a_box_outside_is_clipped_to_no_area() -> None:
    assert box_area(clip_boxes(np.float32([[30, 2, 40, 9], [-9, -9, -1, -1]]), 20, 15)).sum() == 0


@pytest.mark.parametrize("threshold", [0, 0.2, 0.5, 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_suppression_equals_brute_force(seed: int, threshold: float) -> None:
    boxes, scores = random_boxes(seed), random_scores(seed)
    kept = non_maximum_suppression(boxes, scores, threshold)
    slow = slow_suppression(boxes.tolist(), scores.tolist(), threshold)
    # Two boxes with all numbers equal may stand for each other.
    assert np.array_equal(boxes[kept], boxes[slow])
    assert np.array_equal(scores[kept], scores[slow])


@pytest.mark.parametrize("seed", SEEDS)
def test_suppression_does_not_depend_on_the_order(seed: int) -> None:
    boxes, scores = random_boxes(seed), random_scores(seed)
    shuffled = np.random.default_rng(seed).permutation(len(boxes))
    kept = non_maximum_suppression(boxes, scores)
    again = non_maximum_suppression(boxes[shuffled], scores[shuffled])
    assert np.array_equal(boxes[kept], boxes[shuffled][again])


@pytest.mark.parametrize("seed", SEEDS)
def test_suppression_is_idempotent_and_best_first(seed: int) -> None:
    boxes, scores = random_boxes(seed), random_scores(seed)
    kept = non_maximum_suppression(boxes, scores)
    assert (np.diff(scores[kept]) <= 0).all()
    again = non_maximum_suppression(boxes[kept], scores[kept])
    assert again.tolist() == list(range(len(kept)))


def test_an_overlap_of_exactly_the_threshold_is_kept() -> None:
    boxes = np.float32([[0, 0, 2, 2], [0, 0, 2, 1]])  # overlap 2 of 4
    scores = np.float32([0.9, 0.8])
    assert non_maximum_suppression(boxes, scores, 0.5).tolist() == [0, 1]
    assert non_maximum_suppression(boxes, scores, 0.49).tolist() == [0]


def test_a_suppressed_box_suppresses_nothing() -> None:
    # Each overlaps the next by 6 / 14, but not the one after.
    boxes = np.float32([[0, 0, 10, 1], [4, 0, 14, 1], [8, 0, 18, 1]])
    scores = np.float32([0.9, 0.8, 0.7])
    assert non_maximum_suppression(boxes, scores, 0.4).tolist() == [0, 2]


def test_suppression_of_nothing_and_of_one() -> None:
    kept = non_maximum_suppression(np.zeros((0, 4)), np.zeros(0))
    assert kept.shape == (0,)
    assert kept.dtype == np.intp
    assert non_maximum_suppression(np.float32([[1, 1, 2, 2]]), np.float32([0])).tolist() == [0]


def test_inputs_are_not_modified() -> None:
    boxes, scores = random_boxes(0), random_scores(0)
    before = boxes.copy(), scores.copy()
    box_area(boxes)
    box_iou(boxes, boxes)
    clip_boxes(boxes, 3, 3)
    non_maximum_suppression(boxes, scores)
    assert np.array_equal(boxes, before[0])
    assert np.array_equal(scores, before[1])


@pytest.mark.parametrize("shape", [(4,), (0,), (3, 5), (1, 2, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    boxes = np.zeros(shape)
    for call in (
        lambda: box_area(boxes),
        lambda: box_iou(boxes, np.zeros((1, 4))),
        lambda: box_iou(np.zeros((1, 4)), boxes),
        lambda: clip_boxes(boxes, 1, 1),
        lambda: non_maximum_suppression(boxes, np.zeros(1)),
    ):
        with pytest.raises(ValueError, match=r"`boxes` must have shape \(n, 4\)"):
            call()


def test_suppression_checks_its_arguments() -> None:
    boxes = random_boxes(0, n=3)
    with pytest.raises(ValueError, match="one entry per box"):
        non_maximum_suppression(boxes, np.zeros(2))
    for threshold in (50, -0.1, float("nan")):
        with pytest.raises(ValueError, match="`iou_threshold` must be between 0 and 1"):
            non_maximum_suppression(boxes, np.zeros(3), threshold)
