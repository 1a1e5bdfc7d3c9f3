"""What films are made, and which of their faces count: `FilmsConfig`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MAX_FILMS, MAX_SECONDS = 200, 120.0
MIN_SHARE = 0.5  # of a face in view, from which on it counts


@dataclass(frozen=True)
class FilmsConfig:
    """The films to make.

    Attributes:
        n_films: How many, 1 to 200.
        seconds: Of each, 0.2 to 120.
        seed: The same seed and photos give the same films.
        size_wh: Width and height of the frames, pixels; even numbers from 64 on.
        rate: Frames a second.
        crf: Constant rate factor of H.264.
        min_height: Faces lower than this in the frame do not count, pixels.

    Raises:
        ValueError: If a value is out of range.
    """

    n_films: int = 4
    seconds: float = 6.0
    seed: int = 0
    size_wh: tuple[int, int] = (1280, 720)
    rate: int = 25
    crf: int = 30
    min_height: float = 16.0

    def __post_init__(self) -> None:
        if not 1 <= self.n_films <= MAX_FILMS:
            raise ValueError(f"`n_films` must be 1 to {MAX_FILMS}; got n_films={self.n_films}.")
        if not 0.2 <= self.seconds <= MAX_SECONDS:
            raise ValueError(
                f"`seconds` must be 0.2 to {MAX_SECONDS:g}; got seconds={self.seconds}."
            )
        if any(side < 64 or side % 2 for side in self.size_wh):
            raise ValueError(
                f"`size_wh` must be even numbers from 64 on; got size_wh={self.size_wh}."
            )
        if not 1 <= self.rate <= 120:
            raise ValueError(f"`rate` must be 1 to 120; got rate={self.rate}.")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"`crf` must be 0 to 51; got crf={self.crf}.")
        if self.min_height < 1:
            raise ValueError(f"`min_height` must be at least 1; got {self.min_height}.")

    @property
    def n_frames(self) -> int:
        """Of each film."""
        return max(round(self.seconds * self.rate), 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "size_wh": list(self.size_wh), "min_share": MIN_SHARE}
