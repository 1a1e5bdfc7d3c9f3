"""Validation during training counts as the detector and its reports do."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facesmith.faces import Faces  # noqa: E402
from facesmith.metrics.average_precision import AnnotatedFaces  # noqa: E402
from facesmith.networks.detector import STRIDES  # noqa: E402
from facesmith.training.whole_photos import accuracy, accuracy_curves, propose  # noqa: E402


class TwoBoxes(torch.nn.Module):
    """Two boxes of 32x32 pixels; `distance` pixels lie between their centres."""

    def __init__(self, distance: float) -> None:
        super().__init__()
        self.distance = torch.nn.Parameter(torch.tensor(distance))

    def forward(self, images):
        height, width = images.shape[2:]
        maps = [torch.zeros(1, 5, -(-height // s), -(-width // s)) for s in STRIDES]
        for level in maps:
            level[:, 0] = -20
        maps[0][0, 0, 4, 4:6] = torch.tensor([3.0, 2.0])
        maps[0][0, 1, 4, 5] = self.distance / 8 - 1  # the cells' centres are 8 pixels apart
        return maps


@pytest.mark.parametrize(("distance", "n_boxes"), [(13.0, 1), (14.0, 2)])
def test_boxes_are_suppressed_from_the_detectors_overlap_on(distance: float, n_boxes: int) -> None:
    # Intersection over union 19 / 45 = 0.422 and 18 / 46 = 0.391: on both sides of 0.4.
    found = propose(TwoBoxes(distance), np.zeros((64, 128, 3), np.uint8))
    assert len(found) == n_boxes


@pytest.mark.parametrize(("height", "recall"), [(12, 1.0), (15, 1.0), (16, 0.5)])
def test_a_missed_face_counts_from_16_pixels_on(height: int, recall: float) -> None:
    boxes = np.array([[0, 0, 30, 30], [50, 0, 80, height]], np.float32)
    found = Faces(boxes[:1], np.array([0.9], np.float32))
    curves = accuracy_curves([AnnotatedFaces(boxes, np.zeros(2, bool))], [found])
    figures = accuracy(*curves)
    assert figures == {"ap": recall, "ap_iou40": recall, "recall_at_0.1": recall}
