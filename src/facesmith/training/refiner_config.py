"""The settings of the refiner's training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from facesmith.training.augmentation import Augmentation
from facesmith.training.crops import CropConfig
from facesmith.training.loop_config import LoopConfig


@dataclass(frozen=True)
class RefinerConfig:
    """Everything that decides what the training of the refiner produces."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(epochs=5, learning_rate=3e-3, average_decay=0.998)
    )
    batch_size: int = 128  # patches per step
    # As for the proposals, over patches instead of photos: each once an epoch.
    source_power: float = 1.0
    # Where the training goes on from weights, as for the proposals.
    fixed_statistics: bool = False
    retention: float = 0.0
    weight_decay: float = 0.01  # of AdamW
    candidate_score: float = 0.1  # raw score of the proposals that it learns on
    # Once trained: proposals with raw scores from the first on and below the other are looked at.
    gate_lower: float = 0.15
    gate_upper: float = 0.6
    max_per_photo: int = 30  # proposals of one photo that become patches
    copies: int = 2  # patches per proposal, each with a box moved and scaled a little
    # Crops of each photo that are looked through beside the photo itself, one patch per proposal:
    # uncertain proposals are turned, cut off, tiny or blurred more often than photos are.
    crops_per_photo: int = 3
    crops: CropConfig = field(
        default_factory=lambda: replace(CropConfig().scaled(2), rotate=0.6, cut_through=0.25)
    )
    move: float = 0.05  # standard deviation of that shift, in longer sides of the box
    scale: float = 0.10  # and of the logarithm of that scale
    # A face gives so many patches more, times what its weight (`ProposalConfig.weight_attribute`)
    # is above 1, with boxes that lie far off: those of profiles are proposed on ear and hair.
    far_copies: float = 0.0
    far_move: float = 0.2  # standard deviations for these, as above
    far_scale: float = 0.25
    mined_copies: int = 0  # patches of each mined box beside those of proposals
    positive_iou: float = 0.5  # a patch whose box overlaps a face at least this much is a face
    negative_iou: float = 0.3  # and one with at most this overlap is none; between: not labelled
    correct_iou: float = 0.3  # boxes with at least this overlap learn how to change
    label_smoothing: float = 0.05  # some labels are wrong
    # It takes time of every photo: it stays where the mean of average precision at an IoU of 0.5
    # and 0.4 and of recall at 0.1 false boxes a photo rises by this on the held-out photos.
    min_gain: float = 0.003
    augmentation: Augmentation = field(
        default_factory=lambda: Augmentation(flip=0.0, max_shift=0, cutout=0.15)
    )
