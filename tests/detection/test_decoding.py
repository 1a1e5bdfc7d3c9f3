"""From maps to boxes, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.detection.decoding import decode


def test_a_cell_of_each_stride() -> None:
    maps = [np.full((1, 5, 4, 6), -9, np.float32), np.full((1, 5, 2, 3), -9, np.float32)]
    # Row 3, column 5 of stride 8: centre at (44, 28), moved by a quarter and minus a half of 8;
    # 4 strides of 8 wide, twice that high.
    maps[0][0, :, 3, 5] = (1.5, 0.25, -0.5, 0, np.log(2))
    # Row 0, column 1 of stride 16: centre at (24, 8), as wide and high as its 4 strides.
    maps[1][0, :, 0, 1] = (0.5, 0, 0, 0, 0)
    boxes, logits = decode(maps, [8, 16], box_unit=4, min_logit=0.5)
    assert boxes.tolist() == [
        pytest.approx([46 - 16, 24 - 32, 46 + 16, 24 + 32]),
        pytest.approx([24 - 32, 8 - 32, 24 + 32, 8 + 32]),
    ]
    assert logits.tolist() == [1.5, 0.5]
    assert boxes.dtype == logits.dtype == np.float32


def test_nothing_reaches_the_least_logit() -> None:
    boxes, logits = decode([np.zeros((1, 5, 2, 2), np.float32)], [8], box_unit=4, min_logit=0.1)
    assert boxes.shape == (0, 4)
    assert logits.shape == (0,)


def test_absurd_sizes_stay_finite() -> None:
    maps = np.full((1, 5, 1, 2), 1e30, np.float32)
    maps[0, 1:3] = 0
    boxes, _ = decode([maps], [64], box_unit=4, min_logit=0)
    assert np.isfinite(boxes).all()
