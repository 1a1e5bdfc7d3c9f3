"""The settings of the training of landmarks."""

from __future__ import annotations

from dataclasses import dataclass, field

from facesmith.training.augmentation import WarpedAugmentation
from facesmith.training.degradation import DegradationConfig
from facesmith.training.loop_config import LoopConfig

STORED_SIDE = 112  # pixels of the patches that the training turns, moves and shrinks to 64
ROOM = 1.6  # their squares are so many times as wide as what the network sees


@dataclass(frozen=True)
class LandmarkConfig:
    """Everything that decides what the training of landmarks produces."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(epochs=30, learning_rate=2e-3, average_decay=0.999)
    )
    batch_size: int = 128  # patches per step
    weight_decay: float = 0.01  # of AdamW
    # Sources of photos are drawn in proportion to their number of faces to this power.
    source_power: float = 0.5
    # As for the detector's other patches: the square is so much wider than the box. See
    # `facesmith.detection.patches`.
    context: float = 0.3
    max_per_photo: int = 30  # faces of one photo that become patches
    min_face: float = (
        16.0  # height of the box, pixels of the photo; points of smaller ones: guesses
    )
    positive_iou: float = 0.4  # of an annotated box and the found one that its patch is cut around
    covered: float = 0.35  # share of patches with a part hidden
    max_covered: float = 0.5  # largest side of that part, in sides of what the network sees
    visibility_weight: float = 0.05  # of the loss of visibility, beside that of places
    augmentation: WarpedAugmentation = field(
        default_factory=lambda: WarpedAugmentation(
            max_shift=6, rotation=35.0, zoom=0.18, cutout=0.0
        )
    )
    degradation: DegradationConfig = field(
        default_factory=lambda: DegradationConfig(
            blurred=0.3, largest_reduction=4.0, smeared=0.06, longest_smear=7, dark=0.05
        )
    )
