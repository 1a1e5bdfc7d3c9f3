"""Finding the faces in many photos: decoding runs ahead while the detector works.

The order of the results is that of the photos, and each result depends on its photo alone, not on
threads or neighbours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.boxes import clip_boxes
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.pyramid import ScalePlan
from facesmith.detection.rotations import UPRIGHT, check_rotations
from facesmith.errors import ImageError, WriteError
from facesmith.faces import Faces
from facesmith.images import MAX_MEMORY, Photo, find_images, read_image, read_photo

# Photos decoded ahead of the detector, and threads that do so: decoding a large JPEG takes longer
# than finding the faces in it. Few, for the sake of memory.
_AHEAD = 4
_DECODERS = 2


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
        max_memory: Bytes that reading it again may take.
        finished: What `DetectionConfig.finish` returned for it.
    """

    source: PhotoSource
    width: int
    height: int
    faces: Faces
    error: str | None = None
    decoded: npt.NDArray[np.uint8] | None = None
    max_memory: int = MAX_MEMORY
    finished: object = None

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
        return read_image(self.source.open(), max_memory=self.max_memory)


@dataclass(frozen=True, eq=False)
class PlannedPhoto:
    """A decoded photo, and the plan by which to look at the decoded image."""

    photo: Photo
    plan: ScalePlan


Finish = Callable[[PhotoFaces], object]


@dataclass(frozen=True)
class DetectionConfig:
    """How photos are looked at.

    Attributes:
        min_score: Leave out faces with a lower score, in [0, 1]; `None`: as the weights say.
        min_face: Height of the smallest face to look for, pixels of the photo; `None`: see
            `Detector`.
        finish: Called with each result while the photo's image is in memory, for example to draw
            it; what it returns goes into the result. An `ImageError` or a `WriteError` that it
            raises becomes the error of that photo.
        rotations: Degrees by which each photo is rotated for each look; see `Detector`.
        max_memory: Bytes that decoding one photo may take, see `read_photo`.
        landmarks: Whether to find the five landmarks of each face too.

    Raises:
        ValueError: If a value is out of range.
    """

    min_score: float | None = None
    min_face: float | None = None
    finish: Finish | None = None
    rotations: Sequence[int] = UPRIGHT
    max_memory: int = MAX_MEMORY
    landmarks: bool = False

    def __post_init__(self) -> None:
        check_rotations(self.rotations)
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ValueError(
                f"`min_score` must be between 0 and 1; got min_score={self.min_score}."
            )
        if self.min_face is not None and not self.min_face > 0:
            raise ValueError(
                f"`min_face` must be positive, in pixels; got min_face={self.min_face}."
            )


def detect_photos(
    detector: PhotoDetector,
    sources: Iterable[PhotoSource | str | Path],
    config: DetectionConfig | None = None,
) -> Iterator[PhotoFaces]:
    """Find the faces in photos, in this process; `processes` does it in several.

    Args:
        detector: The detector.
        sources: The photos: files, folders with their sub-folders, patterns such as
            `photos/**/*.jpg`, or a `PhotoSource` each.
        config: How to look at them.

    Yields:
        One result a photo, in the order of `sources`. A photo that cannot be read has an error in
        its result and does not end the work.

    Raises:
        WeightsError: If landmarks are asked for and the weights have none.
        ImageError: If a folder or a pattern yields nothing.
    """
    config = config or DetectionConfig()
    if config.landmarks:
        detector.landmark_finder()  # before any photo
    for source, decoding in _decoded_ahead(
        _photo_sources(sources), partial(decode, detector, config=config)
    ):
        yield look_at(detector, source, decoding, config)


def _photo_sources(sources: Iterable[PhotoSource | str | Path]) -> Iterator[PhotoSource]:
    for source in sources:
        if isinstance(source, PhotoSource):
            yield source
        else:
            yield from (PhotoSource(path.as_posix(), path) for path in find_images([source]))


def decode(detector: PhotoDetector, source: PhotoSource, config: DetectionConfig) -> PlannedPhoto:
    """The photo at full size, or as much smaller as `detector` does not mind, and the plan for it.

    Raises:
        ImageError: If it cannot be read.
    """
    plan = partial(detector.pyramid.plan, min_face=config.min_face)
    # Only the longer side is known before decoding, and only that decides the scale.
    photo = read_photo(
        source.open(),
        max_side=lambda longer: plan(longer, longer).decoding_side(detector.spare_size),
        max_memory=config.max_memory,
    )
    height, width = photo.image.shape[:2]
    return PlannedPhoto(photo, plan(photo.width, photo.height).for_decoded(width, height))


def look_at(
    detector: PhotoDetector,
    source: PhotoSource,
    decoding: Future[PlannedPhoto],
    config: DetectionConfig,
) -> PhotoFaces:
    """The faces in a photo that another thread decodes, or its error."""
    try:
        planned = decoding.result()
        photo = planned.photo
        faces = detector.detect(
            photo.image,
            planned.plan,
            min_score=config.min_score,
            rotations=config.rotations,
            landmarks=config.landmarks,
        )
        faces = _in_full_size(faces, planned)
        found = PhotoFaces(
            source,
            photo.width,
            photo.height,
            faces,
            decoded=photo.image,
            max_memory=config.max_memory,
        )
        if config.finish is not None:
            found = replace(found, finished=config.finish(found))
    except (ImageError, WriteError) as error:
        # Without its frames, which hold the photo's bytes and, in a ring, `decoding` and so itself.
        return PhotoFaces.failed(source, str(error.with_traceback(None)))
    return found


def _in_full_size(faces: Faces, planned: PlannedPhoto) -> Faces:
    """Faces in pixels of the decoded image as faces in pixels of the photo."""
    photo, plan = planned.photo, planned.plan
    if (plan.width, plan.height) == (photo.width, photo.height):
        return faces
    back = np.array([photo.width / plan.width, photo.height / plan.height] * 2, np.float32)
    boxes = clip_boxes(faces.boxes * back, photo.width, photo.height)
    landmarks = None if faces.landmarks is None else faces.landmarks * back[:2]
    return Faces(boxes, faces.scores, landmarks, faces.landmark_scores)


def _decoded_ahead(
    sources: Iterable[PhotoSource], decode: Callable[[PhotoSource], PlannedPhoto]
) -> Iterator[tuple[PhotoSource, Future[PlannedPhoto]]]:
    with ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode") as pool:
        waiting: deque[tuple[PhotoSource, Future[PlannedPhoto]]] = deque()
        try:
            for source in sources:
                waiting.append((source, pool.submit(decode, source)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _NamedBytes(BytesIO):
    """Bytes that messages can name."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name
