"""What a detector finds in each frame, and where scenes change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from facesmith.detection import PhotoDetector
from facesmith.detection.rotations import UPRIGHT
from facesmith.faces import Faces
from facesmith.video.frames import VideoFrame
from facesmith.video.results import FrameFaces
from facesmith.video.scenes import SceneCuts


@dataclass(frozen=True)
class LookConfig:
    """How the frames of a film are looked at.

    Attributes:
        min_score: Leave out faces with a lower score, in [0, 1]; `None`: the detector's own. For
            tracks pass `TrackConfig.lowest`.
        min_face: Height of the smallest face, pixels; `None`: see the detector.
        rotations: Degrees by which each frame is rotated, see the detector.
        every: Look at the first of so many frames.

    Raises:
        ValueError: If `every` is less than 1.
    """

    min_score: float | None = None
    min_face: float | None = None
    rotations: Sequence[int] = UPRIGHT
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"`every` must be at least 1; got every={self.every}.")


def detect_frames(
    frames: Iterable[VideoFrame], detector: PhotoDetector, config: LookConfig | None = None
) -> Iterator[FrameFaces]:
    """The faces in each frame, without tracks.

    Args:
        frames: As `Video.frames` gives them.
        detector: What finds faces in one image.
        config: How it looks.

    Yields:
        One result a frame, in order; frames that were not looked at have no faces.
    """
    config = config or LookConfig()
    cuts = SceneCuts()
    for frame in frames:
        looked = frame.number % config.every == 0
        faces = Faces.empty()
        if looked:
            faces = detector(
                frame.image(),
                min_score=config.min_score,
                min_face=config.min_face,
                rotations=config.rotations,
            )
        yield FrameFaces(
            number=frame.number,
            time=frame.time,
            size_wh=frame.size_wh,
            faces=faces,
            looked=looked,
            cut=cuts.begins(frame.small_grey()),
        )
