"""Finding the faces in many photos: decoding runs ahead while the detector works.

The order of the results is that of the photos, and each result depends on its photo alone, not on
threads or neighbours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.boxes import clip_boxes
from facesmith.detection.detector import Detector
from facesmith.detection.rotations import UPRIGHT, check_turns
from facesmith.errors import ImageError
from facesmith.faces import Faces
from facesmith.images import Photo, read_image, read_photo

# Photos decoded ahead of the detector, and threads that do so: decoding a large JPEG takes longer
# than finding the faces in it. Few, for the sake of memory.
_AHEAD = 4
_DECODERS = 2
# Large photos are decoded at a reduced size that leaves at least this many times what the network
# looks at. The second look cuts its patches from the same image: with fewer pixels average
# precision falls by up to 3 points, see docs/decisions/0010-big-folders.md.
_SPARE_SIZE = 1.0
_SPARE_SIZE_SECOND_LOOK = 2.0


@dataclass(frozen=True)
class PhotoSource:
    """Where a photo comes from.

    Attributes:
        name: What to call it in results and messages.
        content: The file, its bytes, or why nothing was found: then reading it raises that.
    """

    name: str
    content: Path | bytes | ImageError

    def open(self) -> Path | BytesIO:
        """What `read_photo` takes."""
        if isinstance(self.content, ImageError):
            raise self.content
        if isinstance(self.content, bytes):
            return _NamedBytes(self.name, self.content)
        return self.content


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """The faces found in one photo, or why there are none to be had.

    Attributes:
        source: The photo.
        width: Width of the upright photo, pixels; 0 with an error.
        height: Height of the upright photo, pixels; 0 with an error.
        faces: The faces in pixels of the upright photo, best score first.
        error: Why the photo could not be read, `None` if it could.
        decoded: The image that was looked at, which may be smaller than the photo.
    """

    source: PhotoSource
    width: int
    height: int
    faces: Faces
    error: str | None = None
    decoded: npt.NDArray[np.uint8] | None = None

    @classmethod
    def failed(cls, source: PhotoSource, error: str) -> PhotoFaces:
        """No result, and why."""
        return cls(source, 0, 0, Faces.empty(), error=error)

    def image(self) -> npt.NDArray[np.uint8]:
        """The photo in full size, BGR; read again if a smaller one was looked at.

        Raises:
            ImageError: If the photo cannot be read.
        """
        if self.decoded is not None and self.decoded.shape[:2] == (self.height, self.width):
            return self.decoded
        return read_image(self.source.open())


Finish = Callable[[PhotoFaces], None]


@dataclass(frozen=True)
class DetectionConfig:
    """How photos are looked at.

    Attributes:
        min_score: Leave out faces with a lower score, in [0, 1]; `None`: as the weights say.
        min_face: Height of the smallest face to look for, pixels of the photo; `None`: see
            `Detector`.
        finish: Called with each result while the photo's image is in memory, for example to draw
            it. An `ImageError` that it raises becomes the error of that photo.
        turns: By how much each photo is turned for each look at it, degrees; see `Detector`.

    Raises:
        ValueError: If a value is out of range.
    """

    min_score: float | None = None
    min_face: float | None = None
    finish: Finish | None = None
    turns: Sequence[int] = UPRIGHT

    def __post_init__(self) -> None:
        check_turns(self.turns)
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ValueError(
                f"`min_score` must be between 0 and 1; got min_score={self.min_score}."
            )
        if self.min_face is not None and not self.min_face > 0:
            raise ValueError(
                f"`min_face` must be positive, in pixels; got min_face={self.min_face}."
            )


def detect_photos(
    detector: Detector,
    sources: Iterable[PhotoSource],
    *,
    min_score: float | None = None,
    min_face: float | None = None,
    finish: Finish | None = None,
    turns: Sequence[int] = UPRIGHT,
) -> Iterator[PhotoFaces]:
    """Find the faces in photos, in this process; `processes` does it in several.

    Args:
        detector: The detector.
        sources: The photos.
        min_score: See `DetectionConfig`, as for the others.
        min_face: Height of the smallest face to look for, pixels of the photo.
        finish: Called with each result, in the order of the photos.
        turns: By how much each photo is turned for each look at it, degrees.

    Yields:
        One result a photo, in the order of `sources`. A photo that cannot be read has an error in
        its result and does not end the work.

    Raises:
        ValueError: If a value is out of range.
    """
    config = DetectionConfig(min_score, min_face, finish, turns)
    for source, decoding in _decoded_ahead(sources, partial(decode, detector, config=config)):
        yield look_at(detector, source, decoding, config)


def decode(detector: Detector, source: PhotoSource, config: DetectionConfig) -> Photo:
    """The photo at full size, or as much smaller as `detector` does not mind.

    Raises:
        ImageError: If it cannot be read.
    """
    return read_photo(source.open(), max_side=lambda side: _side(detector, side, config.min_face))


def look_at(
    detector: Detector, source: PhotoSource, decoding: Future[Photo], config: DetectionConfig
) -> PhotoFaces:
    """The faces in a photo that another thread decodes, or its error."""
    try:
        photo = decoding.result()
        faces = _detect(detector, photo, config)
        found = PhotoFaces(source, photo.width, photo.height, faces, decoded=photo.image)
        if config.finish is not None:
            config.finish(found)
    except ImageError as error:
        return PhotoFaces.failed(source, str(error))
    return found


def _decoded_ahead(
    sources: Iterable[PhotoSource], decode: Callable[[PhotoSource], Photo]
) -> Iterator[tuple[PhotoSource, Future[Photo]]]:
    with ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode") as pool:
        waiting: deque[tuple[PhotoSource, Future[Photo]]] = deque()
        try:
            for source in sources:
                waiting.append((source, pool.submit(decode, source)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _side(detector: Detector, longer: int, min_face: float | None) -> int | None:
    """Longer side at which to decode a photo: a half, a quarter, an eighth, or `None` for all."""
    second_look = detector.metadata["calibration"]["second"] != 0
    spare = _SPARE_SIZE_SECOND_LOOK if second_look else _SPARE_SIZE
    needed = spare * detector.input_scale(longer, longer, min_face)
    for factor in (8, 4, 2):
        if needed <= 1 / factor:
            return -(-longer // factor)
    return None


def _detect(detector: Detector, photo: Photo, config: DetectionConfig) -> Faces:
    height, width = photo.image.shape[:2]
    reduced = (width, height) != (photo.width, photo.height)
    min_face = config.min_face
    if reduced:
        scale = detector.input_scale(photo.width, photo.height, min_face)
        reduction = max(width, height) / max(photo.width, photo.height)
        min_face = detector.smallest_face / scale * reduction
    faces = detector(photo.image, min_score=config.min_score, min_face=min_face, turns=config.turns)
    if not reduced:
        return faces
    back = np.array([photo.width / width, photo.height / height] * 2, np.float32)
    return Faces(clip_boxes(faces.boxes * back, photo.width, photo.height), faces.scores)


class _NamedBytes(BytesIO):
    """Bytes that messages can name."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name
