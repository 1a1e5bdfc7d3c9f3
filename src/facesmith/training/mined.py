"""Mined boxes in a training: which crops show one, and where these are cut.

All is a function of the seed and of the crop's place in its epoch, so that a training resumes
exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.mined import MinedBox, merge_mined, mined_checksum
from facesmith.boxes import box_area, box_intersection, box_iou
from facesmith.errors import TrainingError
from facesmith.printable import counted

# A mined box that overlaps a face by more than this is left out: the annotations have changed
# since. The measure is that of `facesmith.curation.hard_negatives.search`, with room for rounding.
_MAX_OVERLAP = 0.3


@dataclass(frozen=True)
class MinedConfig:
    """How often mined boxes are seen in the training of the proposals."""

    share: float = 0.15  # of the crops of an epoch that show a mined box; they replace others
    max_each: int = 4  # crops of one box an epoch: few boxes make a smaller share, none by heart
    scale_jitter: float = 0.2  # standard deviation of the logarithm of the scale


@dataclass(frozen=True)
class MinedTraining:
    """Mined boxes, see `facesmith.curation.hard_negatives.read_mined`, and how to use them."""

    boxes: tuple[MinedBox, ...]
    config: MinedConfig = field(default_factory=MinedConfig)

    @classmethod
    def merged(
        cls, parts: Sequence[Sequence[MinedBox]], config: MinedConfig | None = None
    ) -> MinedTraining:
        """The boxes of several files; what two of them hold counts once."""
        return cls(merge_mined(*parts), config or MinedConfig())

    def described(self) -> dict[str, Any]:
        """What decides the training, for the run's config."""
        return {"checksum": mined_checksum(self.boxes), **asdict(self.config)}


class PlacedBoxes:
    """The mined boxes that lie in the photos to learn from.

    Attributes:
        rows: Which photo each box lies in, int64 `(n,)`.

    Raises:
        TrainingError: If a photo's size has changed since, or no box lies in any of the photos.
    """

    def __init__(self, mined: MinedTraining, photos: Sequence[AnnotatedPhoto]) -> None:
        self._mined, self._config = mined, mined.config
        number = {photo.name: row for row, photo in enumerate(photos)}
        rows, boxes, scales = [], [], []
        self._n_labelled = 0
        # The order is that of files and boxes: a score, which another detector gives differently,
        # decides nothing.
        for box in sorted(mined.boxes, key=lambda each: (each.file, each.box)):
            row = number.get(box.file)
            if row is None:
                continue
            photo = photos[row]
            if (photo.width, photo.height) != box.size_wh:
                now = f"{photo.width}x{photo.height}"
                raise TrainingError(
                    f"{box.file} had {box.size_wh[0]}x{box.size_wh[1]} pixels when it was mined "
                    f"and has {now} now. Run `facesmith mine` again on the present photos."
                )
            if _is_labelled(box, photo):
                self._n_labelled += 1
                continue
            rows.append(row)
            boxes.append(box.box)
            scales.append(box.scale)
        if not rows:
            first = f"; the first is in {mined.boxes[0].file}" if mined.boxes else ""
            raise TrainingError(
                f"None of the {len(mined.boxes)} mined boxes lies in the background of a photo to "
                f"learn from{first}. Pass `train` the folders that were given to `mine`, or leave "
                "--mined out."
            )
        self.rows = np.array(rows, np.int64)
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)
        self._scales = np.array(scales, np.float64)
        self._widths = np.array([photos[row].width for row in rows], np.float64)
        self._heights = np.array([photos[row].height for row in rows], np.float64)

    def __len__(self) -> int:
        return len(self.rows)

    def summary(self, held_out: Sequence[AnnotatedPhoto]) -> str:
        """A sentence on what becomes of the boxes; names those that are of no use."""
        names = {photo.name for photo in held_out}
        n_held_out = sum(box.file in names for box in self._mined.boxes)
        n_unknown = len(self._mined.boxes) - len(self) - self._n_labelled - n_held_out
        unused = [
            f"{n} {why}"
            for n, why in (
                (n_held_out, "in photos held out"),
                (n_unknown, "in photos that are not part of the training"),
                (self._n_labelled, "that overlap an annotated box by now"),
            )
            if n
        ]
        text = f"Mined boxes: {len(self)} in {counted(len(np.unique(self.rows)), 'photo')}"
        return f"{text}; not used: {', '.join(unused)}." if unused else f"{text}."

    def draw(self, n_crops: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
        """The number of the box that each crop of an epoch shows, int64 `(n_crops,)`; -1: none.

        A share of `MinedConfig.share` shows one, or less where `max_each` limits it. All boxes are
        shown equally often, or once more than others.
        """
        chosen = np.full(n_crops, -1, np.int64)
        n_mined = min(round(self._config.share * n_crops), self._config.max_each * len(self))
        if n_mined == 0:
            return chosen
        rng = _generator(seed, epoch, 0)
        rounds = [rng.permutation(len(self)) for _ in range(-(-n_mined // len(self)))]
        chosen[rng.permutation(n_crops)[:n_mined]] = np.concatenate(rounds)[:n_mined]
        return chosen

    def view(
        self, number: int, size_wh: tuple[int, int], side: int, rng: np.random.Generator
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """Where to cut a crop that shows a box at about the scale at which it was found.

        Args:
            number: Of the box.
            size_wh: Size of the decoded photo, which may be reduced, pixels.
            side: Of the crop, pixels.
            rng: Where all randomness comes from.

        Returns:
            Crop pixels per pixel of the decoded photo, and the crop's centre in it, float32 `(2,)`.
        """
        reduction = size_wh[0] / self._widths[number]
        jitter = np.exp(rng.normal(0, self._config.scale_jitter))
        scale = float(self._scales[number] / reduction * jitter)
        (box,) = self._in_pixels(np.array([number]), size_wh)
        # The reach keeps the whole box inside; one larger than the crop stays near its middle.
        longer = float(max(box[2:] - box[:2]))
        reach = max(side / scale - longer, 0.2 * longer) / 2
        centre = (box[:2] + box[2:]) / 2 + rng.uniform(-reach, reach, 2)
        # Nothing beyond the photo where it fills the crop, all of the photo where it does not.
        half, size = side / scale / 2, np.array(size_wh)
        centre = np.clip(centre, np.minimum(half, size - half), np.maximum(half, size - half))
        return scale, centre.astype(np.float32)

    def boxes_in(self, row: int, size_wh: tuple[int, int]) -> npt.NDArray[np.float32]:
        """The boxes in a photo, float32 `(k, 4)`, pixels of the photo decoded at `size_wh`."""
        return self._in_pixels(np.flatnonzero(self.rows == row), size_wh)

    def _in_pixels(
        self, numbers: npt.NDArray[np.int64], size_wh: tuple[int, int]
    ) -> npt.NDArray[np.float32]:
        factors = np.array(size_wh) / np.stack([self._widths, self._heights], axis=1)[numbers]
        return (self._boxes[numbers] * np.tile(factors, 2)).astype(np.float32)


def crop_generator(seed: int, epoch: int, place: int) -> np.random.Generator:
    """The randomness of the mined crop at this place of an epoch."""
    return _generator(seed, epoch, 1 + place)


def _generator(seed: int, epoch: int, stream: int) -> np.random.Generator:
    # Crops of photos use (seed, epoch, 1 + row, place), epochs (seed, epoch): the 0 and the 1 keep
    # these streams apart from them, also where NumPy fills up short seeds with zeros.
    return np.random.default_rng([seed, epoch, 0, 1, stream])


def _is_labelled(box: MinedBox, photo: AnnotatedPhoto) -> bool:
    corners = np.array([box.box], np.float32)
    overlap = box_iou(corners, photo.boxes).max(initial=0)
    inside = box_intersection(corners, photo.boxes[photo.ignored]).max(initial=0)
    return bool(max(overlap, inside / box_area(corners)[0]) > _MAX_OVERLAP)
