"""Pairs of boxes and tracks."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.boxes import box_iou
from facesmith.video.assignment import assign, generalised_iou


@pytest.mark.parametrize("seed", range(40))
def test_pairs_are_those_of_scipy(seed: int) -> None:
    """Forbidden pairs cost more than all others together, as in ours."""
    optimize = pytest.importorskip("scipy.optimize")
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 9, 2))
    likeness = random.integers(0, 5, shape) / 4 if seed % 2 else random.random(shape)
    allowed = random.random(shape) < (0.3 if seed % 3 else 0.9)
    rows, columns = optimize.linear_sum_assignment(np.where(allowed, -likeness, 100.0))
    wanted = [(i, j) for i, j in zip(rows, columns, strict=True) if allowed[i, j]]
    pairs = assign(likeness, allowed)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs) == len(wanted)
    assert all(allowed[i, j] for i, j in pairs)
    total = sum(likeness[i, j] for i, j in pairs)
    assert total == pytest.approx(sum(likeness[i, j] for i, j in wanted))


def test_nothing_to_pair() -> None:
    assert assign(np.zeros((0, 3)), np.zeros((0, 3), bool)) == []
    assert assign(np.zeros((2, 2)), np.zeros((2, 2), bool)) == []


def test_generalised_iou_by_hand() -> None:
    """Side by side at a distance of one: union 2, box around 3. Inside: 1/4 of the area.

    A box without area at (5, 5): the box around both has 25, of which 24 are bare.
    """
    a = np.float32([[0, 0, 1, 1]])
    b = np.float32([[0, 0, 1, 1], [2, 0, 3, 1], [0, 0, 2, 2], [1, 0, 2, 1], [5, 5, 5, 5]])
    assert generalised_iou(a, b)[0] == pytest.approx([1, -1 / 3, 1 / 4, 0, -24 / 25])
    assert generalised_iou(b[4:], b[4:])[0, 0] == -1


def test_generalised_iou_is_at_most_iou_and_symmetric() -> None:
    random = np.random.default_rng(1)
    corners = random.random((30, 2, 2)) * 10
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
    found = generalised_iou(boxes, boxes)
    assert (found <= box_iou(boxes, boxes) + 1e-6).all()
    assert found == pytest.approx(found.T)
    assert ((found >= -1) & (found <= 1 + 1e-9)).all()
