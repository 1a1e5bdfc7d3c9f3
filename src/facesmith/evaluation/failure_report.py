"""What is known about a detector's failures, as values and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.failure_bins import Breakdown, wilson_interval
from facesmith.faces import Faces
from facesmith.files import finite_or_none

MissReason = Literal["not seen", "badly placed", "below the threshold"]
FalseKind = Literal["no face", "badly placed", "second box"]


@dataclass(frozen=True, eq=False)
class Miss:
    """A face that was not found."""

    photo: AnnotatedPhoto  # its photo
    box: npt.NDArray[np.float32]  # float32 `(4,)`, pixels
    height: float  # its height, pixels
    sharpness: float  # as in `FaceConditions`; NaN for a small face
    # A box with too low a score lies on it; or a false box overlaps it too little; or neither.
    reason: MissReason
    score: float  # the score of the box that the reason names; NaN if there is none
    iou: float  # the overlap of that box with the face, in [0, 1]
    found: Faces  # the boxes of its photo that count as faces


@dataclass(frozen=True, eq=False)
class FalseBox:
    """A box that belongs to no face."""

    photo: AnnotatedPhoto  # its photo
    box: npt.NDArray[np.float32]  # float32 `(4,)`, pixels
    score: float  # its score, in [0, 1]
    # `"second box"` of a face that has a better one, `"badly placed"` if it overlaps a face too
    # little, else `"no face"`.
    kind: FalseKind
    iou: float  # the largest overlap with an annotated face, in [0, 1]

    @property
    def height(self) -> float:
        """Its height, pixels."""
        return float(self.box[3] - self.box[1])


@dataclass(frozen=True, eq=False)
class Failures:
    """Where a detector fails on some photos."""

    name: str  # what was scored
    min_score: float  # boxes count from this score on
    iou_threshold: float  # A match needs at least this overlap
    n_photos: int  # photos
    n_faces: int  # faces that count
    n_boxes: int  # boxes that count
    faces: tuple[Breakdown, ...]  # recall by condition
    boxes: tuple[Breakdown, ...]  # precision by height and by score, in this order
    # Faces that were not found, the highest sum of ranks in height and sharpness first.
    misses: tuple[Miss, ...]
    false_boxes: tuple[FalseBox, ...]  # the boxes that belong to no face, highest score first

    @property
    def n_found(self) -> int:
        """Faces that were found."""
        return self.n_faces - len(self.misses)

    @property
    def recall(self) -> float:
        """Share of the faces that were found; NaN without faces."""
        return self.n_found / self.n_faces if self.n_faces else nan

    @property
    def precision(self) -> float:
        """Share of the boxes that belong to faces; NaN without boxes."""
        return (self.n_boxes - len(self.false_boxes)) / self.n_boxes if self.n_boxes else nan

    @property
    def advice(self) -> list[str]:
        """What to do about the weak bins, those that cost most faces or boxes first.

        One line a bin; that of the scores, where any is weak, is one and comes last.
        """
        by_height, by_score = self.boxes
        weak = [(b, "faces are missed") for part in self.faces for b in part.bins if b.weak]
        weak += [(b, "boxes are false") for b in by_height.bins if b.weak]
        weak.sort(key=lambda each: -(each[0].expected - each[0].rate) * each[0].n)
        lines = [f"{b.advice}: {b.n - b.n_good:,} of {b.n:,} {how}." for b, how in weak]
        labels = [b.label for b in by_score.bins if b.weak]
        if labels:
            lines.append(
                f"Scores of {', '.join(labels)} promise too much: choose a threshold with "
                "`facesmith roc`."
            )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is undefined becomes `None`."""
        names = ("min_score", "iou_threshold", "n_photos", "n_faces", "n_found", "recall")
        values = {
            "scored": self.name,
            **{name: getattr(self, name) for name in names},
            "recall_interval": list(wilson_interval(self.n_found, self.n_faces)),
            "n_boxes": self.n_boxes,
            "n_false_boxes": len(self.false_boxes),
            "precision": self.precision,
            "faces": [_breakdown_dict(part, "recall") for part in self.faces],
            "boxes": [_breakdown_dict(part, "precision") for part in self.boxes],
            "advice": self.advice,
            "misses": [_place_dict(m, "sharpness", "reason") for m in self.misses],
            "false_boxes": [_place_dict(b, "kind") for b in self.false_boxes],
        }
        return dict(finite_or_none(values))


def _place_dict(place: Miss | FalseBox, *names: str) -> dict[str, Any]:
    box = [round(float(edge), 2) for edge in place.box]
    names = ("height", *names, "score", "iou")
    return {"file": place.photo.name, "box": box, **{name: getattr(place, name) for name in names}}


def _breakdown_dict(part: Breakdown, rate: Literal["recall", "precision"]) -> dict[str, Any]:
    n, n_good = ("n_faces", "n_found") if rate == "recall" else ("n_boxes", "n_right")
    return {
        "condition": part.name,
        "explanation": part.explanation,
        "bins": [
            {
                "label": b.label,
                n: b.n,
                n_good: b.n_good,
                rate: b.rate,
                "interval": list(b.interval),
                **{name: getattr(b, name) for name in ("mean_score", "expected", "weak")},
                **({"advice": b.advice} if b.weak else {}),
            }
            for b in part.bins
        ],
    }
