"""The diagram of scores against shares of right boxes."""

from __future__ import annotations

import numpy as np

from facesmith.evaluation.plots import draw_diagram
from facesmith.metrics.reliability import reliability
from facesmith.pictures.charts import new_figure


def test_whiskers_stay_within_zero_and_one() -> None:
    scores = np.r_[np.full(36, 0.95), 0.55, 0.15]
    right = np.r_[np.full(35, True), False, True, False]
    axes = new_figure(6.2, 5.4).add_subplot()
    draw_diagram(axes, reliability(scores, right))
    (bars,) = [each for each in axes.collections if hasattr(each, "get_segments")]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert len(ends) == 3
    assert ends.min() >= 0
    assert ends.max() <= 1 + 1e-12
    assert (ends[:, 1] - ends[:, 0] > 0.1).all()  # a bin that is all right has a whisker, too
