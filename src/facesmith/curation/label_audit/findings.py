"""What an audit finds: boxes that are hardly faces, faces without a box, offsets of annotators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.committee import Judge

Kind = Literal["suspicious", "missed", "doubtful"]
Reason = Literal["no face", "badly drawn", "second box", "no box"]
KINDS: tuple[Kind, ...] = ("suspicious", "missed", "doubtful")  # the last by committees only
REASONS: tuple[Reason, ...] = ("no face", "badly drawn", "second box", "no box")


@dataclass(frozen=True)
class AuditConfig:
    """Where the lines are drawn.

    Raises:
        ValueError: If a value is out of range.
    """

    min_suspicion: float = 0.9  # label-error score from which on a box shows no face, in [0, 1]
    # Score from which on a detection is sure: it shows a face without a box, or where the box of a
    # face should have been.
    min_score: float = 0.8
    min_height: float = 0.0  # faces lower than this are not reported as missed, pixels

    def __post_init__(self) -> None:
        for name in ("min_suspicion", "min_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` must be between 0 and 1; got {name}={getattr(self, name)}."
                )
        if not self.min_height >= 0:
            raise ValueError(
                f"`min_height` must be at least 0, in pixels; got min_height={self.min_height}."
            )


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that a person should look at."""

    number: int  # counts all findings of an audit from 1 on
    # `suspicious`, a box that may be wrong; `missed`, a face that has no box; `doubtful`, a place
    # without a box that a committee does not agree to be a face.
    kind: Kind
    rank: int  # counts those of its kind from 1 on, the worst first
    # `no face`: hardly any detection supports the box; `badly drawn`: a sure detection lies beside
    # it or has another size; `second box` on the same face; `no box` for all other kinds.
    reason: Reason
    photo_index: int  # index of its photo among those audited
    photo: AnnotatedPhoto  # the photo
    box: npt.NDArray[np.float32]  # the box or the missed face, float32 `(4,)`, pixels
    box_index: int  # index of the box among those of the photo; -1 for a missed face
    # How sure the finding is, in [0, 1]. That of a missed face is the detection's; of a committee
    # the confidence of the second vote, of a doubtful place that of the first, 1 at most.
    score: float
    # Highest score of a detection on the box, 0 for none; after test-time augmentation the better
    # of the two.
    support: float
    # Largest overlap of the box with a detection; for a missed face, of the detection with a box.
    iou: float
    votes: int | None = None  # how many votes of a committee see the face that has no box

    @property
    def height(self) -> float:
        """Height of the box, pixels."""
        return float(self.box[3] - self.box[1])


@dataclass(frozen=True)
class SourceOffset:
    """How the boxes of one source of photos lie against detections of the same faces: medians."""

    source: str  # see `AnnotatedPhoto.source`; `""` where annotations name none
    n_pairs: int  # boxes that were compared; with fewer than `MIN_PAIRS` the rest says nothing
    right: float = 0.0  # how far the centres lie to the right, in widths of the detection
    down: float = 0.0  # how far they lie below, in its heights
    wider: float = 0.0  # width of the boxes by that of the detections, less 1
    higher: float = 0.0  # the same of the heights

    def in_words(self) -> str:
        """A sentence, e.g. `Boxes of source a lie 5 % of their width to the left ...`."""
        whose = f"Boxes of source {self.source}" if self.source else "Boxes"
        if self.n_pairs < MIN_PAIRS:
            return f"{whose}: only {self.n_pairs} to compare with detections, too few to say."
        parts = [
            text.format(abs(value), more if value > 0 else less)
            for value, least, text, more, less in (
                (self.right, _MIN_SHIFT, "lie {:.0%} of their width further to the {}", "right",
                 "left"),
                (self.down, _MIN_SHIFT, "lie {:.0%} of their height {}", "lower", "higher"),
                (self.wider, _MIN_SCALE, "are {:.0%} {}", "wider", "narrower"),
                (self.higher, _MIN_SCALE, "are {:.0%} {}", "taller", "less tall"),
            )
            if abs(value) >= least
        ]  # fmt: skip
        if not parts:
            return f"{whose} lie where the detector's do ({self.n_pairs:,} compared)."
        said = ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
        return f"{whose} {said} than the detector's ({self.n_pairs:,} compared).".replace("%", " %")


MIN_PAIRS = 20
# Medians within these are not worth a word: a pixel of a box of 50.
_MIN_SHIFT = 0.02
_MIN_SCALE = 0.03


@dataclass(frozen=True, eq=False)
class Audit:
    """All findings, suspicious boxes first, each kind from the worst on."""

    judged_by: str  # A name for the detector
    config: AuditConfig  # where the lines were drawn
    photos: tuple[AnnotatedPhoto, ...]  # what was audited
    # Boxes, not ignored, that the detector finds with a score of at least 0.5; of a detector that
    # finds few of them nothing can be learned.
    n_found: int
    findings: tuple[Finding, ...]  # their `number` is their place here, from 1 on
    offsets: tuple[SourceOffset, ...]  # one entry a source of photos with boxes, by name
    judges: tuple[Judge, ...] = ()  # the committee, if there was one

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of findings that this audit may have."""
        return KINDS if self.judges else KINDS[:2]

    @property
    def n_boxes(self) -> int:
        """Boxes that are not ignored."""
        return sum(int((~photo.ignored).sum()) for photo in self.photos)

    def of_kind(self, kind: Kind) -> list[Finding]:
        """The findings of one kind, the worst first."""
        return [finding for finding in self.findings if finding.kind == kind]


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding for JSON, numbers rounded: pixels to a tenth, scores to four places."""
    plain = {name: getattr(finding, name) for name in ("number", "kind", "rank", "reason")}
    scores = {name: round(getattr(finding, name), 4) for name in ("score", "support", "iou")}
    photo = {"file": finding.photo.name, "source": finding.photo.source}
    votes = {} if finding.votes is None else {"votes": finding.votes}
    return plain | photo | {"box": rounded(finding.box)} | scores | votes


def rounded(box: npt.NDArray[np.float32]) -> list[float]:
    """The edges of a box, rounded to a tenth of a pixel."""
    return [round(edge, 1) for edge in box.astype(float).tolist()]
