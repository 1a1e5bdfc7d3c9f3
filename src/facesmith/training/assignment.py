"""Which cells of the proposal network answer for which face, and the loss that follows.

Source:
    Ge et al., "YOLOX: Exceeding YOLO series in 2021", 2021, section 2.1 (SimOTA). We differ: a
    face is offered only to the strides whose cells suit its size, so that a net this small does
    not have to relearn which stride is whose.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# A face of side s may be learned at a stride t when s / t lies in this range; the largest stride
# takes everything above.
_SIDES_PER_STRIDE = (0.75, 10.0)
_LARGEST_STRIDE = 64.0
_CENTRE_RADIUS = 1.5  # strides between a cell's centre and the face's, for the preferred cells
_MAX_CELLS = 10  # per face


def assign(
    logits: Tensor,
    boxes: Tensor,
    centres: Tensor,
    strides: Tensor,
    faces: Tensor,
    photos: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose for every face the cells that fit it best at present.

    Args:
        logits: `(n, p)`, of the score of each cell.
        boxes: `(n, p, 4)`, what each cell now predicts, pixels.
        centres: `(p, 2)`, cell centres, pixels.
        strides: `(p,)`.
        faces: `(t, 4)`, all faces of the batch, pixels of their own image.
        photos: int64 `(t,)`, the image of each face.

    Returns:
        Per chosen cell: image index, cell index and face index, int64 `(k,)` each; no cell occurs
        twice. Empty for no faces.
    """
    if len(faces) == 0:
        none = torch.zeros(0, dtype=torch.int64, device=logits.device)
        return none, none, none
    overlap = pairwise_iou(boxes[photos], faces)  # (t, p)
    target = 0.5 * (faces[:, :2] + faces[:, 2:])
    offset = (centres[None] - target[:, None]).abs()  # (t, p, 2)
    half = 0.5 * (faces[:, 2:] - faces[:, :2])
    inside = (offset < half[:, None]).all(-1)
    central = (offset < _CENTRE_RADIUS * strides[None, :, None]).all(-1)
    relative = (2 * half).prod(-1).sqrt()[:, None] / strides[None]
    low, high = _SIDES_PER_STRIDE
    fits = (relative >= low) & ((relative < high) | (strides[None] == _LARGEST_STRIDE))
    score_cost = functional.binary_cross_entropy_with_logits(
        logits[photos], overlap, reduction="none"
    )
    cost = score_cost - 3.0 * torch.log(overlap.clamp(min=1e-6))
    cost = cost + 1e3 * ~(inside & central) + 1e5 * ~(inside | central) + 1e6 * ~fits
    max_cells = min(_MAX_CELLS, cost.shape[1])
    wanted = (overlap * fits).topk(max_cells, dim=1).values.sum(1).int().clamp(1, max_cells)
    lowest, cells = cost.topk(max_cells, dim=1, largest=False)
    # A few hundred numbers, to be sorted by several keys: quickest on the CPU.
    wanted, cells, lowest = wanted.cpu(), cells.cpu(), lowest.cpu()
    chosen = torch.arange(max_cells)[None] < wanted[:, None]
    chosen &= lowest < 1e5
    face_index = torch.arange(len(faces))[:, None].expand_as(cells)[chosen].numpy()
    cell_index, costs = cells[chosen].numpy(), lowest[chosen].numpy()
    photo_index = photos.cpu().numpy()[face_index]
    # A cell wanted by several faces goes to the one it costs least.
    key = photo_index.astype(np.int64) * cost.shape[1] + cell_index
    order = np.lexsort((face_index, costs, key))
    first = np.append(True, np.diff(key[order]) != 0) if len(order) else np.zeros(0, bool)
    kept = order[first]
    photo, cell, face = (
        torch.from_numpy(a[kept]).to(logits.device) for a in (photo_index, cell_index, face_index)
    )
    return photo, cell, face


def detection_loss(
    logits: Tensor,
    boxes: Tensor,
    centres: Tensor,
    strides: Tensor,
    faces: Tensor,
    photos: Tensor,
    ignored: Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Score loss plus box loss over a batch.

    The score of a chosen cell is taught its box's overlap with the face, that of the others 0.

    Args as in `assign`, and `ignored`, bool `(t,)`: cells within these faces have no score loss.

    Returns:
        The loss, and its parts `score_loss`, `box_loss` and `iou` (mean over chosen cells).

    Source:
        Li et al., "Generalized focal loss", 2020, equation 2 (quality focal loss, beta 2); Zheng
        et al., "Distance-IoU loss", 2020, equation 7.
    """
    real = ~ignored
    with torch.no_grad():
        image, cell, face = assign(
            logits.detach(), boxes.detach(), centres, strides, faces[real], photos[real]
        )
    weight = torch.ones_like(logits)
    if ignored.any():
        at = centres[None]
        regions = faces[ignored]
        within = (at > regions[:, None, :2]).all(-1) & (at < regions[:, None, 2:]).all(-1)
        region, covered = torch.nonzero(within, as_tuple=True)
        weight[photos[ignored][region], covered] = 0
    weight[image, cell] = 1
    target = torch.zeros_like(logits)
    box_loss = boxes.sum() * 0
    mean_iou = torch.zeros(())
    if len(face):
        overlap, penalty = _iou_and_distance(boxes[image, cell], faces[real][face])
        quality = overlap.detach().clamp(0, 1)
        target[image, cell] = quality
        box_loss = (1 - overlap + penalty).sum()
        mean_iou = quality.mean()
    focus = (torch.sigmoid(logits) - target).abs().square()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    score_loss = (weight * focus * entropy).sum()
    normaliser = float(max(len(face), 8))
    score_loss, box_loss = score_loss / normaliser, box_loss / normaliser
    figures = {"score_loss": score_loss, "box_loss": box_loss, "iou": mean_iou}
    return 2.0 * score_loss + box_loss, figures


def pairwise_iou(boxes: Tensor, faces: Tensor) -> Tensor:
    """Overlap `(t, p)` of each face `(t, 4)` with each of its image's boxes `(t, p, 4)`."""
    low = torch.maximum(boxes[..., :2], faces[:, None, :2])
    high = torch.minimum(boxes[..., 2:], faces[:, None, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
    own = (faces[:, 2:] - faces[:, :2]).prod(-1)
    return shared / (areas + own[:, None] - shared).clamp(min=1e-6)


def _iou_and_distance(boxes: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Overlap of paired boxes `(k, 4)`, and squared centre distance over squared hull diagonal."""
    overlap = pairwise_iou(boxes[:, None], faces)[:, 0]
    hull = torch.maximum(boxes[:, 2:], faces[:, 2:]) - torch.minimum(boxes[:, :2], faces[:, :2])
    shift = 0.5 * (boxes[:, :2] + boxes[:, 2:] - faces[:, :2] - faces[:, 2:])
    return overlap, shift.square().sum(-1) / hull.square().sum(-1).clamp(min=1e-6)
