"""The photos that a detector learns from, and those that it is validated on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import TrainingError
from facesmith.images import read_photo
from facesmith.printable import counted
from facesmith.training.arrays import Flags, Floats, Pixels

if TYPE_CHECKING:
    from facesmith.training.proposals import ProposalConfig

_MIN_HELD_OUT = 8  # photos with faces, where a quarter of all are as many


class Photos:
    """Decoded photos and their boxes, reduced to `photo_side`, kept in memory up to a limit."""

    def __init__(self, photos: Sequence[AnnotatedPhoto], config: ProposalConfig) -> None:
        self.annotated = photos
        self._side, self._attribute = config.photo_side, config.weight_attribute
        self._room = int(config.cache_gib * 2**30)
        self._cache: dict[int, tuple[Pixels, Floats]] = {}
        self._seen: dict[int, tuple[tuple[int, ...], Floats]] = {}

    @property
    def sources(self) -> list[str]:
        """Where each photo comes from."""
        return [photo.source for photo in self.annotated]

    def __len__(self) -> int:
        return len(self.annotated)

    def __getitem__(self, index: int) -> tuple[Pixels, Floats, Flags]:
        """Image BGR, boxes in its pixels, and which to ignore."""
        annotated = self.annotated[index]
        if index in self._cache:
            return *self._cache[index], annotated.ignored
        photo = read_photo(annotated.path, max_side=self._side)
        height, width = photo.image.shape[:2]
        scale = np.array([width / photo.width, height / photo.height] * 2, np.float32)
        entry = (photo.image, annotated.boxes * scale)
        if self._room >= photo.image.nbytes:
            self._room -= photo.image.nbytes
            self._cache[index] = entry
        self._seen[index] = photo.image.shape, entry[1]
        return *entry, annotated.ignored

    def size_only(self, index: int) -> tuple[Pixels, Floats, Flags]:
        """The same with a black image of the same size, which is known once it has been read."""
        if index not in self._seen:
            return self[index]
        shape, boxes = self._seen[index]
        return np.broadcast_to(np.uint8(0), shape), boxes, self.annotated[index].ignored

    def weights(self, index: int) -> Floats | None:
        """How often each box is to be drawn, float32 `(n,)`; `None`: all alike.

        Raises:
            TrainingError: If an attribute that should say so is no number above 0.
        """
        if not self._attribute:
            return None
        photo = self.annotated[index]
        words = [given.get(self._attribute, "1") for given in photo.attributes]
        try:
            weights = np.array([float(word) for word in words], np.float32)
        except ValueError:
            weights = np.full(1, np.nan, np.float32)
        if not (np.isfinite(weights) & (weights > 0)).all():
            raise TrainingError(
                f"{photo.name}: expected a number above 0 as the attribute {self._attribute} of "
                f"each box, got {', '.join(words)}."
            )
        return weights

    def photo_weights(self) -> npt.NDArray[np.float64] | None:
        """How often each photo is to be drawn, `(n,)`: as its rarest face; `None`: all alike."""
        if not self._attribute:
            return None
        weights = np.ones(len(self))
        for index, photo in enumerate(self.annotated):
            of_boxes = self.weights(index)
            assert of_boxes is not None
            weights[index] = of_boxes[~photo.ignored].max(initial=1.0)
        return weights


def refuse_few(
    training: Sequence[AnnotatedPhoto], held_out: Sequence[AnnotatedPhoto], config: ProposalConfig
) -> None:
    """Raise a `TrainingError` where a batch cannot be filled, or no face is there or held out."""
    with_faces = sum(len(photo.boxes) > 0 for photo in held_out)
    needed = -(-config.batch_size // config.rounds)
    if len(training) < needed or not with_faces:
        raise TrainingError(
            f"A detector needs at least {counted(needed, 'photo')} to learn from, a batch, and one "
            "with "
            f"faces held out; of {counted(len(training) + len(held_out), 'photo')} {len(training)} "
            "are to "
            f"learn from and {len(held_out)} held out, {with_faces} of these with faces. Add "
            "annotated photos, or lower --batch-size."
        )
    if all(photo.ignored.all() for photo in training):
        raise TrainingError(
            "A detector needs faces to learn from; the photos to learn from, "
            f"{len(training)} of {len(training) + len(held_out)}, have none that is not ignored. "
            "Add photos with faces."
        )


def split_photos(
    photos: Sequence[AnnotatedPhoto], config: ProposalConfig
) -> tuple[list[AnnotatedPhoto], list[AnnotatedPhoto]]:
    """Photos to learn from, and photos to validate on; decided by each photo's name alone.

    Of few photos a larger share is held out, so that some show faces.
    """

    def draw(photo: AnnotatedPhoto) -> float:
        digest = hashlib.sha256(f"{config.loop.seed} {photo.name}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64

    by_draw = sorted(photos, key=draw)
    n_held = min(round(config.held_out * len(photos)), config.max_held_out)
    with_faces = np.cumsum([len(photo.boxes) > 0 for photo in by_draw])
    if len(photos) and with_faces[-1]:
        n_faces = min(_MIN_HELD_OUT, max(with_faces[-1] // 4, 1))
        n_held = max(n_held, int(np.searchsorted(with_faces, n_faces)) + 1)
    held = {id(photo) for photo in by_draw[:n_held]}
    return [p for p in photos if id(p) not in held], [p for p in photos if id(p) in held]
