"""Faces and ignored regions of photos that nobody has annotated.

With two votes or more, a face is what two votes agree on, and what a single one raises is an
ignored region. With one vote, a face is what a judge is sure of, and what it finds with a lower
score is an ignored region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import clip_boxes
from facesmith.curation.committee import CommitteeConfig, Judge, Opinion, ask_committee
from facesmith.curation.judges import n_votes
from facesmith.faces import Faces

# Attributes of a box: how many votes see it, and how doubtful it is.
VOTES, DOUBT = "votes", "doubt"


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled photos."""

    photos: tuple[AnnotatedPhoto, ...]  # with faces and ignored regions, the least doubtful first
    judges: tuple[Judge, ...]  # who labelled them

    @property
    def n_faces(self) -> int:
        """Faces to learn."""
        return sum(int((~photo.ignored).sum()) for photo in self.photos)

    @property
    def n_ignored(self) -> int:
        """Ignored regions."""
        return sum(int(photo.ignored.sum()) for photo in self.photos)

    @property
    def n_without_face(self) -> int:
        """Photos without a face to learn."""
        return sum(bool(photo.ignored.all()) for photo in self.photos)

    @property
    def n_empty(self) -> int:
        """Photos in which nothing at all was found."""
        return sum(not len(photo.boxes) for photo in self.photos)

    def by_doubt(self) -> list[tuple[AnnotatedPhoto, int]]:
        """Photo and place in it of each box, the most doubtful first."""
        places = [(photo, i) for photo in self.photos for i in range(len(photo.boxes))]
        return sorted(places, key=lambda one: -float(one[0].attributes[one[1]][DOUBT]))

    def counts(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        return {
            "photos": len(self.photos),
            "photos_without_a_face": self.n_without_face,
            "photos_with_nothing": self.n_empty,
            "faces": self.n_faces,
            "ignored": self.n_ignored,
            "n_votes": n_votes(self.judges),
        }


def label_photos(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[Sequence[Faces]],
    judges: Sequence[Judge],
    config: CommitteeConfig | None = None,
) -> Labels:
    """Labels of photos; boxes that they have already are not looked at and are gone.

    Each box has the attributes `votes`, how many see it, and `doubt`, from 0 to 1, see `doubts`.

    Args:
        photos: The photos.
        found: What each judge found in each photo, photos in the same order.
        judges: The judges, at least one.
        config: Thresholds of the committee; `min_votes` and `min_single_confidence` are set here
            where there is one vote.

    Raises:
        ValueError: If there is no judge, or the lengths differ.
    """
    if not judges or len(found) != len(judges):
        raise ValueError(
            "`judges` must not be empty and `found` must have one entry a judge; got "
            f"{len(judges)} judges and {len(found)} entries."
        )
    config = config or CommitteeConfig()
    if n_votes(judges) == 1:
        config = replace(config, min_votes=1, min_single_confidence=0)
    by_photo = list(zip(*found, strict=True)) if photos else []
    labelled = [
        _labelled(photo, faces, judges, config)
        for photo, faces in zip(photos, by_photo, strict=True)
    ]
    return Labels(tuple(labelled), tuple(judges))


def doubts(
    opinion: Opinion, judges: Sequence[Judge], config: CommitteeConfig
) -> npt.NDArray[np.float64]:
    """How doubtful each raised box is, in [0, 1], float64 `(m,)`.

    An ignored region is as doubtful as it is near to a face: by the highest confidence, 1 at most.
    A face is as doubtful as the second vote is unsure; of a single vote, 1 at the score from which
    on boxes are faces and 0 at a score of 1.
    """
    confidence = np.minimum(opinion.confidence, 1)
    if config.min_votes == 1:
        highest = max((1 - j.min_score) / max(j.sure_score - j.min_score, 1e-6) for j in judges)
        of_faces = 1 - (opinion.confidence - 1) / max(highest - 1, 1e-6)
    else:
        of_faces = 1 - opinion.second_confidence
    return np.clip(np.where(opinion.agreed, of_faces, confidence), 0, 1)


def _labelled(
    photo: AnnotatedPhoto,
    found: Sequence[Faces],
    judges: Sequence[Judge],
    config: CommitteeConfig,
) -> AnnotatedPhoto:
    opinion = ask_committee(np.zeros((0, 4), np.float32), found, judges, config)
    boxes = clip_boxes(opinion.raised, photo.width, photo.height)
    doubt = doubts(opinion, judges, config)
    solid = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] > 1).all(axis=1))
    order = solid[np.lexsort((doubt[solid], ~opinion.agreed[solid]))]
    return replace(
        photo,
        boxes=boxes[order],
        ignored=~opinion.agreed[order],
        attributes=tuple(
            {VOTES: str(opinion.raised_votes[i]), DOUBT: f"{doubt[i]:.2f}"} for i in order
        ),
        **photo.points_of([], n_new=len(order)),
    )
