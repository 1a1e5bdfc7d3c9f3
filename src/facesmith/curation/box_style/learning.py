"""A small network that learns the box style of one source of photos.

It is a refiner without a score: from a 64x64 patch around a moved and scaled box to the deltas
that give the annotated one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou
from facesmith.curation.box_style.boxes import inside_photo
from facesmith.detection.patches import cut_patches
from facesmith.detection.refiner import decode_deltas, encode_deltas
from facesmith.errors import TrainingError
from facesmith.images import read_image
from facesmith.networks.refiner import build_box_corrector
from facesmith.patches.seeding import name_number
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.runs.folder import RunFolder, one_process_at_a_time
from facesmith.training.augmentation import Augmentation
from facesmith.training.detector_photos import photos_checksum
from facesmith.training.loop import run_loop
from facesmith.training.loop_config import LoopConfig
from facesmith.training.refiner import RefinerTask
from facesmith.training.refiner_config import RefinerConfig
from facesmith.training.refiner_patches import ProposalPatches, moved

MIN_FACES = 200  # to learn from; fewer teach nothing that can be relied on
_PASSES = 2  # the second starts from a box that is centred better


@dataclass(frozen=True)
class StyleConfig:
    """How a box style is learned."""

    patches: RefinerConfig = field(
        default_factory=lambda: RefinerConfig(
            loop=LoopConfig(epochs=12, learning_rate=3e-3, validate_every=4),
            weight_decay=0.02,
            copies=16,
            move=0.1,
            scale=0.12,
            # What hides a part of a face, a hand or a mask, should not decide where it ends.
            augmentation=Augmentation(flip=0.0, max_shift=0, grey=0.3, cutout=0.3, max_cutout=28),
        )
    )
    min_height: float = 16.0  # pixels; on lower faces a box is a matter of chance
    max_patches: int = 50_000  # of all faces; more of them get fewer each
    held_out: float = 0.1  # share of the photos to judge by


class BoxStyle:
    """A learned box style."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()

    def __call__(
        self, image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """The boxes of the same faces in this style, float32 `(n, 4)`; they may leave the photo.

        The image is uint8 `(height, width, 3)`, BGR, upright; each box, pixels, has an area.
        """
        for _ in range(_PASSES if len(boxes) else 0):
            patches = cut_patches(image, boxes)
            plain, mirrored = (self._deltas(side) for side in (patches, patches[:, :, ::-1]))
            mirrored[:, 0] *= -1
            boxes = decode_deltas(boxes, (plain + mirrored) / np.float32(2))
        return boxes

    def _deltas(self, patches: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        pixels = torch.from_numpy(np.ascontiguousarray(patches)).permute(0, 3, 1, 2) / 255
        with torch.no_grad():
            deltas: npt.NDArray[np.float32] = self._network(pixels)[:, 1:].float().numpy()
        return deltas


@dataclass(frozen=True)
class LearnedStyle:
    """A box style and how good it is."""

    style: BoxStyle  # the style
    n_faces: int  # faces learned from
    n_judged: int  # faces of held-out photos
    given: float  # mean overlap of boxes moved and scaled at random with those of held-out faces
    drawn: float  # the same after the style


@one_process_at_a_time
def learn_style(
    photos: Sequence[AnnotatedPhoto],
    out: str | Path,
    config: StyleConfig | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> LearnedStyle:
    """Learn the box style of some photos.

    The photos are of one source; ignored boxes, low ones and those at the border are left out.
    `out` is the run folder of the training: `resume` goes on with what it holds, `force` starts
    anew over it.

    Raises:
        TrainingError: If there are too few faces, or the training ends early.
    """
    config = config or StyleConfig()
    usable = []
    for photo in photos:
        high = photo.boxes[:, 3] - photo.boxes[:, 1] >= config.min_height
        usable.append(photo.boxes[inside_photo(photo) & high & ~photo.ignored])
    n_faces = sum(map(len, usable))
    if n_faces < MIN_FACES:
        raise TrainingError(
            f"Learning how boxes are drawn needs at least {MIN_FACES} of them, "
            f"{config.min_height:g} px high and more, not at the border; got {n_faces}."
        )
    folder = RunFolder(out)
    described = {"task": "box style", "data": photos_checksum(photos), **asdict(config)}
    folder.start(described, resume=resume, force=force)
    copies = int(np.clip(config.max_patches // n_faces, 1, config.patches.copies))
    patches = dataclasses.replace(config.patches, copies=copies)
    held_out = [name_number(photo.name) / 2**64 < config.held_out for photo in photos]
    training, judged = (
        _cut(photos, usable, [held is which for held in held_out], patches, progress)
        for which in (False, True)
    )
    task = StyleTask(training, judged, patches)
    rows = task.rows_per_epoch
    result = run_loop(
        task, patches.loop, folder, rows_per_epoch=rows, resume=resume, progress=progress
    )
    network = build_box_corrector(patches.loop.seed)
    network.load_state_dict(result.weights)
    style = BoxStyle(network)
    given, drawn = [], []  # overlaps with each held-out face's box, before and after the style
    for row in np.flatnonzero(held_out).tolist():
        boxes = _moved(usable[row], row, patches)
        given.append(box_iou(boxes, usable[row]).diagonal())
        after = style(read_image(photos[row].path), boxes)
        drawn.append(box_iou(after, usable[row]).diagonal())
    means = (float(np.mean(np.concatenate(each))) for each in (given, drawn))
    n_judged = sum(map(len, given))
    return LearnedStyle(style, n_faces - n_judged, n_judged, *means)


class StyleTask(RefinerTask):
    """The refiner's task on patches without labels: only deltas are learned."""

    build_network = staticmethod(build_box_corrector)

    def __init__(
        self, training: ProposalPatches, held_out: ProposalPatches, config: RefinerConfig
    ) -> None:
        super().__init__(training, held_out, config, [None] * (int(training.photos.max()) + 1))

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Loss of the deltas on patches of held-out photos."""
        _, loss, _ = self.held_out_loss(network)
        return {"loss": float(loss)}


def _cut(
    photos: Sequence[AnnotatedPhoto],
    usable: Sequence[npt.NDArray[np.float32]],
    chosen: Sequence[bool],
    config: RefinerConfig,
    progress: Progress,
) -> ProposalPatches:
    images, deltas, numbers = [], [], []
    rows = [row for row in np.flatnonzero(chosen).tolist() if len(usable[row])]
    for row in progress.each(rows, "Photos"):
        faces = np.repeat(usable[row], config.copies, axis=0)
        boxes = _moved(faces, row, config)
        images.append(cut_patches(read_image(photos[row].path), boxes))
        deltas.append(encode_deltas(boxes, faces))
        numbers.append(np.full(len(faces), row))
    if not rows:
        raise TrainingError("No photo with usable boxes is left to judge by; annotate more photos.")
    n = sum(map(len, numbers))
    return ProposalPatches(
        np.concatenate(images),
        np.full(n, np.nan, np.float32),
        np.concatenate(deltas),
        np.concatenate(numbers),
    )


def _moved(
    faces: npt.NDArray[np.float32], row: int, config: RefinerConfig
) -> npt.NDArray[np.float32]:
    """Squares about the faces, moved and scaled: they must not tell the shape."""
    centre = (faces[:, :2] + faces[:, 2:]) / 2
    half = (faces[:, 2:] - faces[:, :2]).max(axis=1, initial=0, keepdims=True) / 2
    squares = np.concatenate([centre - half, centre + half], axis=1)
    rng = np.random.default_rng([config.loop.seed, row])
    return moved(squares, rng, config.move, config.scale)
