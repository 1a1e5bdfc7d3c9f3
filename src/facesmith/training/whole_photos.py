"""What a proposal network finds in whole photos, and how right it is, without a weights file."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from facesmith.boxes import clip_boxes
from facesmith.detection.suppression import suppress_overlapping
from facesmith.evaluation import MATCH_IOU, MIN_FACE_HEIGHT
from facesmith.faces import Faces
from facesmith.metrics.average_precision import AnnotatedFaces, PrecisionRecall, precision_recall
from facesmith.networks.detector import INPUT_MULTIPLE, cell_centres, decode_boxes, flatten_maps
from facesmith.training.arrays import Pixels


def accuracy_curves(
    truths: Sequence[AnnotatedFaces], found: Sequence[Faces]
) -> tuple[PrecisionRecall, PrecisionRecall]:
    """Precision and recall at an IoU of 0.5 and of `MATCH_IOU`, by the rules of the reports."""
    return (
        precision_recall(truths, found, min_height=MIN_FACE_HEIGHT),
        precision_recall(truths, found, iou_threshold=MATCH_IOU, min_height=MIN_FACE_HEIGHT),
    )


def accuracy(strict: PrecisionRecall, loose: PrecisionRecall) -> dict[str, float]:
    """The figures by which weights are compared, of the two `accuracy_curves`."""
    return {
        "ap": strict.average_precision,
        "ap_iou40": loose.average_precision,
        "recall_at_0.1": loose.recall_at(0.1),
    }


def to_input(images: Tensor) -> Tensor:
    """Uint8 `(n, height, width, 3)` to what the network takes, channels-last in memory."""
    return images.float().mul_(1 / 255).permute(0, 3, 1, 2)  # channels-last in memory


def propose(network: nn.Module, image: Pixels, min_score: float = 0.05) -> Faces:
    """What the network alone finds in one whole image, for validation."""
    height, width = image.shape[:2]
    pad_right, pad_below = -width % INPUT_MULTIPLE, -height % INPUT_MULTIPLE
    device = next(network.parameters()).device
    pixels = to_input(torch.from_numpy(image)[None].to(device))
    padded = functional.pad(pixels, (0, pad_right, 0, pad_below))
    with torch.no_grad():
        logits, raw = (part.cpu() for part in flatten_maps(network(padded)))
    centres, strides = cell_centres((width + pad_right, height + pad_below))
    scores = torch.sigmoid(logits[0])
    boxes = decode_boxes(raw[0], centres, strides)
    good = scores >= min_score
    scores_kept = scores[good].numpy()
    boxes_kept = clip_boxes(boxes[good].numpy(), width, height)
    kept = suppress_overlapping(boxes_kept, scores_kept)
    return Faces(boxes_kept[kept], scores_kept[kept])
