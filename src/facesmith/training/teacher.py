"""Distillation: a network learns from the labels and from a larger detector, its teacher.

The teacher scores every cell, and finds faces that nobody annotated.

Source:
    Hinton et al., "Distilling the knowledge in a neural network", 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from facesmith.detection.sessions import open_session
from facesmith.errors import WeightsError
from facesmith.networks.detector import BOX_UNIT, STRIDES, flatten_maps
from facesmith.training.assignment import pairwise_iou

_MIN_SCORE = 0.3  # cells to which the teacher gives less teach no box
_MIN_SUM = 8.0  # of the teacher's scores in a batch: the smallest divisor of a loss


class Teacher:
    """A detector's weights file, run by ONNX Runtime on one thread. Safe to call from several."""

    def __init__(self, path: str | Path) -> None:
        """Open the file.

        Args:
            path: `detector.onnx` of this or a larger network.

        Raises:
            WeightsError: If it is none, or has other cells than the networks trained here.
        """
        self._session, metadata = open_session(path, kind="detector")
        cells = (list(metadata["strides"]), float(metadata["box_unit"]))
        if cells != (list(STRIDES), BOX_UNIT):
            raise WeightsError(
                f"{path}: a teacher needs cells at strides of {list(STRIDES)} and boxes in units "
                f"of {BOX_UNIT}; it has {cells[0]} and {cells[1]}. Train a teacher anew."
            )

    def __call__(self, images: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """What it says of each cell.

        Args:
            images: uint8 `(n, side, side, 3)`, BGR, `side` a multiple of 32.

        Returns:
            Logits float32 `(n, p)` and raw boxes `(n, p, 4)`, as `flatten_maps` orders them.
        """
        maps = (self._session.run(None, {"image": image[None]}) for image in images)
        said = [flatten_maps([torch.from_numpy(level) for level in levels]) for levels in maps]
        logits, boxes = zip(*said, strict=True)
        return torch.cat(logits), torch.cat(boxes)


def distillation_loss(
    logits: Tensor, boxes: Tensor, taught: Tensor, taught_boxes: Tensor
) -> Tensor:
    """How far scores and boxes are from a teacher's; 0 where they are the same.

    Args:
        logits: `(n, p)`, of the network that learns.
        boxes: `(n, p, 4)`, its boxes, pixels.
        taught: `(n, p)`, the teacher's logits.
        taught_boxes: `(n, p, 4)`, the teacher's boxes, pixels.

    Returns:
        A number of the size of `detection_loss`: the divergence (Kullback-Leibler) of the scores of
        all cells, over the sum of the teacher's, and twice the mean of 1 minus the overlap, over
        the cells that the teacher scores above `_MIN_SCORE`, weighted by its scores.
    """
    target = torch.sigmoid(taught)
    entropy, own_entropy = (
        functional.binary_cross_entropy_with_logits(said, target, reduction="none")
        for said in (logits, taught)
    )
    score_loss = (entropy - own_entropy).sum() / target.sum().clamp(min=_MIN_SUM)
    confident = target > _MIN_SCORE
    overlap = pairwise_iou(boxes[confident][:, None], taught_boxes[confident])[:, 0]
    weights = target[confident]
    box_loss = ((1 - overlap) * weights).sum() / weights.sum().clamp(min=_MIN_SUM)
    return score_loss + 2.0 * box_loss
