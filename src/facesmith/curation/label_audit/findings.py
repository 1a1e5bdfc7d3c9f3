"""What an audit finds: boxes that are hardly faces, faces without a box, offsets of annotators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto

Kind = Literal["suspicious", "missed"]
Reason = Literal["no face", "badly drawn", "second box", "no box"]
KINDS: tuple[Kind, ...] = ("suspicious", "missed")
REASONS: tuple[Reason, ...] = ("no face", "badly drawn", "second box", "no box")


@dataclass(frozen=True)
class AuditConfig:
    """Where the lines are drawn.

    Attributes:
        min_suspicion: A box shows no face from this suspicion on, in [0, 1]; see
            `facesmith.curation.label_audit.label_errors`.
        min_score: A detection with at least this score is sure: it shows a face without a box,
            or where the box of a face should have been.
        min_height: Faces lower than this are not reported as missed, pixels.

    Raises:
        ValueError: If a value is out of range.
    """

    min_suspicion: float = 0.9
    min_score: float = 0.8
    min_height: float = 0.0

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
    """One thing that a person should look at.

    Attributes:
        number: Counts all findings of an audit from 1 on.
        kind: `suspicious`, a box that may be wrong; `missed`, a face that has no box.
        rank: Counts those of its kind from 1 on, the worst first.
        reason: Why a box is suspicious: `no face`, hardly any detection supports it; `badly
            drawn`, a sure detection lies beside it or has another size; `second box`, another box
            lies on the same face. `no box` for a missed face.
        photo_index: Index of its photo among those audited.
        photo: The photo.
        box: The box, or where a missed face lies, float32 `(4,)`, pixels, inside the photo.
        box_index: Index of the box among those of the photo; -1 for a missed face.
        score: How sure the finding is, in [0, 1]. That of a missed face is the detection's.
        support: The highest score of a detection that lies on the box, 0 for none; after a closer
            look the better of the two.
        iou: Overlap of the box with the detection that overlaps it most; for a missed face, of the
            detection with the box that it overlaps most.
    """

    number: int
    kind: Kind
    rank: int
    reason: Reason
    photo_index: int
    photo: AnnotatedPhoto
    box: npt.NDArray[np.float32]
    box_index: int
    score: float
    support: float
    iou: float

    @property
    def height(self) -> float:
        """Height of the box, pixels."""
        return float(self.box[3] - self.box[1])


@dataclass(frozen=True)
class SourceOffset:
    """How the boxes of one source of photos lie against the detections of the same faces: medians.

    Attributes:
        source: See `AnnotatedPhoto.source`; `""` where annotations name none.
        n_pairs: Boxes that were compared; with fewer than `MIN_PAIRS` the rest says nothing.
        right: How far the boxes' centres lie to the right, as a part of the detection's width.
        down: How far they lie below, as a part of its height.
        wider: Width of the boxes divided by that of the detections, less 1: 0.04 is 4 % wider.
        higher: The same of the heights.
    """

    source: str
    n_pairs: int
    right: float = 0.0
    down: float = 0.0
    wider: float = 0.0
    higher: float = 0.0

    def in_words(self) -> str:
        """A sentence, e.g. `Boxes of source a lie 5 % of their width to the left ...`."""
        whose = f"Boxes of source {self.source}" if self.source else "Boxes"
        if self.n_pairs < MIN_PAIRS:
            return f"{whose}: only {self.n_pairs} to compare with detections, too few to say."
        parts = []
        if abs(self.right) >= _MIN_SHIFT:
            side = "right" if self.right > 0 else "left"
            parts.append(f"lie {abs(self.right):.0%} of their width further to the {side}")
        if abs(self.down) >= _MIN_SHIFT:
            way = "lower" if self.down > 0 else "higher"
            parts.append(f"lie {abs(self.down):.0%} of their height {way}")
        if abs(self.wider) >= _MIN_SCALE:
            parts.append(f"are {abs(self.wider):.0%} {'wider' if self.wider > 0 else 'narrower'}")
        if abs(self.higher) >= _MIN_SCALE:
            size = "taller" if self.higher > 0 else "less tall"
            parts.append(f"are {abs(self.higher):.0%} {size}")
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
    """All findings, suspicious boxes first, each kind from the worst on.

    Attributes:
        judged_by: A name for the detector.
        config: Where the lines were drawn.
        photos: What was audited.
        n_found: How many of the boxes that are not ignored the detector finds, with a score of at
            least 0.5. Of a detector that finds few of them nothing can be learned.
        findings: Their `number` is their place here, from 1 on.
        offsets: One entry a source of photos with boxes, by name.
    """

    judged_by: str
    config: AuditConfig
    photos: tuple[AnnotatedPhoto, ...]
    n_found: int
    findings: tuple[Finding, ...]
    offsets: tuple[SourceOffset, ...]

    @property
    def n_boxes(self) -> int:
        """Boxes that are not ignored."""
        return sum(int((~photo.ignored).sum()) for photo in self.photos)

    def of_kind(self, kind: Kind) -> list[Finding]:
        """The findings of one kind, the worst first."""
        return [finding for finding in self.findings if finding.kind == kind]


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding for JSON, numbers rounded: pixels to a tenth, scores to four places."""
    return {
        "number": finding.number,
        "kind": finding.kind,
        "rank": finding.rank,
        "reason": finding.reason,
        "file": finding.photo.name,
        "source": finding.photo.source,
        "box": rounded(finding.box),
        "score": round(finding.score, 4),
        "support": round(finding.support, 4),
        "iou": round(finding.iou, 4),
    }


def rounded(box: npt.NDArray[np.float32]) -> list[float]:
    """The edges of a box, rounded to a tenth of a pixel."""
    return [round(edge, 1) for edge in box.astype(float).tolist()]
