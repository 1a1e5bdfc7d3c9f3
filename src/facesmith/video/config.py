"""The settings of tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from facesmith.detection import PhotoDetector

ROUNDING = 1e-6  # seconds; differences of times in binary are not exact
_LOW_SHARE = 1 / 3  # of the high score


@dataclass(frozen=True)
class TrackConfig:
    """How faces become tracks. Everything is in seconds: frames may come at any rate.

    Attributes:
        high_score: Faces with at least this score begin tracks, in [0, 1].
        low_score: Faces with at least this score go on with tracks; `None`: a third of the other.
        max_gap: Seconds for which a face may be unseen within a track; its boxes are put between.
        hold: Seconds for which a box is held before a track begins and after it ends.

    Raises:
        ValueError: If a value is out of range.
    """

    high_score: float = 0.7
    low_score: float | None = None
    max_gap: float = 1.0
    hold: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.high_score <= 1:
            raise ValueError(
                f"`high_score` must be between 0 and 1; got high_score={self.high_score}."
            )
        if self.low_score is not None and not 0 <= self.low_score <= self.high_score:
            raise ValueError(
                f"`low_score` must be between 0 and `high_score`, {self.high_score}; got "
                f"low_score={self.low_score}."
            )
        for name in ("max_gap", "hold"):
            value = getattr(self, name)
            if not 0 <= value <= 10:
                raise ValueError(f"`{name}` must be 0 to 10 seconds; got {name}={value}.")

    @classmethod
    def of_detector(cls, detector: PhotoDetector, min_score: float | None = None) -> Self:
        """The settings for a detector: tracks begin with what it takes for faces."""
        return cls(high_score=detector.min_score if min_score is None else min_score)

    @property
    def lowest(self) -> float:
        """The score from which faces are looked for."""
        return self.high_score * _LOW_SHARE if self.low_score is None else self.low_score
