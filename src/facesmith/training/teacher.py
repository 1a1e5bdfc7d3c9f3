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
_MIN_DOUBT = 0.05  # cells with a higher score propose a face, if only a doubtful one
_MIN_OVERLAP = 0.3  # of a proposed and an annotated face, below which they are not the same
_MIN_FOUND = 0.5  # overlap of an annotated face with a box of the teacher's that finds it
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
    logits: Tensor,
    boxes: Tensor,
    taught: Tensor,
    taught_boxes: Tensor,
    cells: Tensor | None = None,
) -> Tensor:
    """How far scores and boxes are from a teacher's; 0 where they are the same.

    Args:
        logits: `(n, p)`, of the network that learns.
        boxes: `(n, p, 4)`, its boxes, pixels.
        taught: `(n, p)`, the teacher's logits.
        taught_boxes: `(n, p, 4)`, the teacher's boxes, pixels.
        cells: bool `(n, p)`, those that count; `None`: all.

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
    distance, confident = entropy - own_entropy, target > _MIN_SCORE
    if cells is not None:
        distance, target, confident = distance * cells, target * cells, confident & cells
    score_loss = distance.sum() / target.sum().clamp(min=_MIN_SUM)
    overlap = pairwise_iou(boxes[confident][:, None], taught_boxes[confident])[:, 0]
    weights = target[confident]
    box_loss = ((1 - overlap) * weights).sum() / weights.sum().clamp(min=_MIN_SUM)
    return score_loss + 2.0 * box_loss


def unopposed_cells(
    taught: Tensor,
    taught_boxes: Tensor,
    centres: Tensor,
    faces: Tensor,
    photos: Tensor,
    ignored: Tensor,
) -> Tensor:
    """The cells where labels do not say otherwise than a teacher, bool `(n, p)`.

    The labels say otherwise where the teacher finds a face that is not annotated, and within an
    annotated face that it does not find.

    Args:
        taught: `(n, p)`, the teacher's logits.
        taught_boxes: `(n, p, 4)`, the teacher's boxes, pixels.
        centres: `(p, 2)`, cell centres, pixels.
        faces: `(t, 4)`, annotated faces of the batch, pixels of their own image.
        photos: int64 `(t,)`, the image of each face.
        ignored: bool `(t,)`, which of them are neither faces nor background.
    """
    scores = torch.sigmoid(taught)
    proposed = scores > _MIN_DOUBT
    if not len(faces):
        return ~proposed
    overlap = pairwise_iou(taught_boxes[photos], faces)  # (t, p)
    rows = photos[:, None].expand_as(overlap)
    annotated = torch.zeros_like(taught).scatter_reduce(0, rows, overlap, "amax")
    unopposed = ~proposed | (annotated > _MIN_OVERLAP)
    missed = ~((scores[photos] > _MIN_SCORE) & (overlap > _MIN_FOUND)).any(1) & ~ignored
    at, regions = centres[None], faces[missed]
    within = (at > regions[:, None, :2]).all(-1) & (at < regions[:, None, 2:]).all(-1)
    region, covered = torch.nonzero(within, as_tuple=True)
    unopposed[photos[missed][region], covered] = False
    return unopposed
