"""What a detector finds in each frame, and where scenes change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.detection import PhotoDetector
from facesmith.detection.rotations import UPRIGHT
from facesmith.faces import Faces
from facesmith.video.config import ROUNDING
from facesmith.video.frames import VideoFrame
from facesmith.video.results import FrameFaces
from facesmith.video.scenes import SceneCuts

# Shades of 255: a frame whose small grey picture differs by more from the one before is in motion.
# On made films with known faces this leaves as much covered as full looks at all frames; at 4 a
# thirtieth more is left uncovered, and a sixth without any looks between.
_CALM = 2.0
_COARSER = 2  # by which factor frames between are looked at coarser
_FINER = 1.6  # by which factor fine looks are finer than full ones, up to the frame's own scale


@dataclass(frozen=True)
class LookConfig:
    """How the frames of a film are looked at.

    Attributes:
        min_score: Leave out faces with a lower score, in [0, 1]; `None`: the detector's own. For
            tracks pass `TrackConfig.lowest`.
        min_face: Height of the smallest face, pixels; `None`: see the detector.
        rotations: Degrees by which each frame is rotated, see the detector.
        every: Look at the first of so many frames.
        full_seconds: Frames less than so many seconds after the last full look are not looked at
            where the picture is calm, and at half the scale where it is in motion; the first frame
            of a scene always gets a full look. 0: all frames do.
        fine_seconds: A full look so many seconds after the last fine one, and the first of a scene,
            finds smaller faces, too, where frames are looked at in less than their own size. 0:
            none does.

    Raises:
        ValueError: If `every` is less than 1, `full_seconds` or `fine_seconds` negative.
    """

    min_score: float | None = None
    min_face: float | None = None
    rotations: Sequence[int] = UPRIGHT
    every: int = 1
    full_seconds: float = 0.0
    fine_seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"`every` must be at least 1; got every={self.every}.")
        for name in ("full_seconds", "fine_seconds"):
            if not (seconds := getattr(self, name)) >= 0:
                raise ValueError(f"`{name}` must be at least 0; got {name}={seconds}.")


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
    last_full = last_fine = -np.inf
    before: npt.NDArray[np.float32] | None = None
    for frame in frames:
        grey = frame.small_grey()
        cut = cuts.begins(grey)
        looked, faces = False, Faces.empty()
        if frame.number % config.every == 0:
            if cut or frame.time - last_full >= config.full_seconds - ROUNDING:
                fine = config.fine_seconds > 0 and (
                    cut or frame.time - last_fine >= config.fine_seconds - ROUNDING
                )
                looked, faces = True, _look(frame, detector, config, fine)
                last_full = frame.time
                last_fine = frame.time if fine else last_fine
            elif before is not None and float(np.abs(grey - before).mean()) > _CALM:
                looked, faces = True, _coarse_look(frame, detector, config)
        before = grey
        yield FrameFaces(
            number=frame.number,
            time=frame.time,
            size_wh=frame.size_wh,
            faces=faces,
            looked=looked,
            cut=cut,
        )


def _look(frame: VideoFrame, detector: PhotoDetector, config: LookConfig, fine: bool) -> Faces:
    min_face = config.min_face
    if fine:
        scale = detector.pyramid.plan(*frame.size_wh, min_face).scale
        min_face = detector.pyramid.smallest_face / max(scale, min(scale * _FINER, 1.0))
    return detector(
        frame.image(), min_score=config.min_score, min_face=min_face, rotations=config.rotations
    )


def _coarse_look(frame: VideoFrame, detector: PhotoDetector, config: LookConfig) -> Faces:
    """What is found at half the scale, in a picture of no more pixels than that takes."""
    scale = detector.pyramid.plan(*frame.size_wh, config.min_face).scale / _COARSER
    image = frame.image(min(detector.spare_size * scale, 1.0))
    ratios = np.array([image.shape[1] / frame.size_wh[0], image.shape[0] / frame.size_wh[1]] * 2)
    faces = detector(
        image,
        min_score=config.min_score,
        min_face=detector.pyramid.smallest_face / scale * float(ratios[0]),
        rotations=config.rotations,
    )
    return Faces((faces.boxes / ratios).astype(np.float32), faces.scores)
