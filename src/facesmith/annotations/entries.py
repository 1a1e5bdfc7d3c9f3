"""From what a format's reader found to photos that can be relied on.

The readers only parse and convert to continuous `x_min, y_min, x_max, y_max`. Whatever can be wrong
with a box or a photo, whichever format it came from, is checked here, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np

from facesmith.annotations.keypoints import Points, point_arrays, stray_point
from facesmith.annotations.photo_paths import (
    OutsideError,
    PhotoFolder,
    file_identity,
    is_missing,
)
from facesmith.annotations.photos import AnnotatedPhoto, Problem
from facesmith.errors import AnnotationError, ImageError
from facesmith.images import read_photo, read_size
from facesmith.progress import NO_PROGRESS, Progress

# A box cut off by the photo's border by more than this part of its area shows too little of a face.
MIN_INSIDE = 0.5
_DECODERS = 4  # threads that look into photos


@dataclass(frozen=True)
class BoxEntry:
    """One box as a file gives it, converted to continuous corners but not checked."""

    where: str
    corners: tuple[float, float, float, float]
    ignored: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    points: Points | None = None  # the five points of the face, not checked


@dataclass
class PhotoEntry:
    """One photo as a file gives it, not checked."""

    where: str  # file and entry, for messages
    name: str  # path below the folder of the photos
    boxes: list[BoxEntry] = field(default_factory=list)  # its boxes
    # Width and height if the file states them, pixels; 0 for one that it does not state.
    size_wh: tuple[float, float] | None = None
    complete: bool = True  # `False` once the reader had to leave out a box of it
    other_sizes: list[tuple[float, float]] = field(default_factory=list)  # of its other entries
    source: str = ""  # where the photo comes from, if the file says so
    passed_over: set[str] = field(default_factory=set)  # what its file says and nobody keeps


class ProblemLog:
    """Collects problems, or raises the first one if `strict`."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self.problems: list[Problem] = []
        # What the file says and is not kept, though its box is -> in how many photos.
        self.passed_over: Counter[str] = Counter()

    def add(
        self,
        where: str,
        message: str,
        skipped: Literal["photo", "box", "points"],
        *,
        kind: str = "",
        photo: str = "",
    ) -> None:
        """Note that a photo, a box or its points are left out; raise it if the log is strict."""
        problem = Problem(where, message, skipped, kind, photo)
        if self._strict:
            raise AnnotationError(str(problem))
        self.problems.append(problem)

    def lose_box(self, entry: PhotoEntry, where: str, message: str) -> None:
        """Note that a box of a photo is left out, so that nobody takes its place for background."""
        self.add(where, message, "box")
        entry.complete = False


def check_entries(
    entries: Iterable[PhotoEntry],
    folder: PhotoFolder,
    log: ProblemLog,
    progress: Progress = NO_PROGRESS,
    decoded: bool = False,
) -> list[AnnotatedPhoto]:
    """Photos that exist and open, with boxes that lie inside them.

    A photo that is listed again, by whatever path or link, keeps its first place, and the boxes of
    all its entries: else the faces of the later ones would be taken for background. A photo without
    a box of which one could not be used, or may have been lost, is left out: nobody knows whether
    it has faces.

    Args:
        entries: What a reader found.
        folder: Where the photos lie.
        log: Where problems go.
        progress: Told how many photos are checked.
        decoded: Decode each photo, so that damage behind its header is found.
    """
    merged: dict[Hashable, tuple[PhotoEntry, Path]] = {}
    for entry in entries:
        try:
            name = folder.name_of(entry.name)
        except AnnotationError as error:
            kind = "outside" if isinstance(error, OutsideError) else ""
            log.add(entry.where, str(error), "photo", kind=kind, photo=entry.name)
            continue
        path = folder.find(name)
        entry.name = (
            name if path.name == Path(name).name else Path(name).with_name(path.name).as_posix()
        )
        first, _ = merged.setdefault(file_identity(path), (entry, path))
        if first is not entry:
            _merge(first, entry, log)
    photos = []
    read = _decoded_size if decoded else read_size
    with ThreadPoolExecutor(_DECODERS) as pool:
        sizes = pool.map(partial(_size_or_error, read), [path for _, path in merged.values()])
        try:
            checked = progress.each(merged.values(), "Checking photos")
            for (entry, path), size_wh in zip(checked, sizes, strict=True):
                photo = _check_photo(entry, path, size_wh, log)
                if photo is not None:
                    photos.append(photo)
        finally:
            pool.shutdown(cancel_futures=True)
    return photos


def _decoded_size(path: Path) -> tuple[int, int]:
    photo = read_photo(path, max_side=1)
    return photo.width, photo.height


def _size_or_error(
    read: Callable[[Path], tuple[int, int]], path: Path
) -> tuple[int, int] | ImageError:
    try:
        return read(path)
    except ImageError as error:
        return error


def _merge(first: PhotoEntry, entry: PhotoEntry, log: ProblemLog) -> None:
    again = "listed again" if first.name == entry.name else f"the same file as {first.name}"
    log.add(
        entry.where,
        f"the photo {entry.name} is {again} (first: {first.where}). "
        "Its boxes are added to the first entry.",
        "photo",
    )
    first.boxes += entry.boxes
    first.complete &= entry.complete
    first.passed_over |= entry.passed_over
    if entry.size_wh is not None:
        first.other_sizes.append(entry.size_wh)


def _check_photo(
    entry: PhotoEntry, path: Path, size_wh: tuple[int, int] | ImageError, log: ProblemLog
) -> AnnotatedPhoto | None:
    if isinstance(size_wh, ImageError):
        kind = "missing" if is_missing(path) else "damaged"
        message = f"{size_wh} The photo is left out."
        log.add(entry.where, message, "photo", kind=kind, photo=entry.name)
        return None
    stated_sizes = [size for size in (entry.size_wh, *entry.other_sizes) if size is not None]
    wrong = [
        stated
        for stated in stated_sizes
        if any(side not in (0, found) for side, found in zip(stated, size_wh, strict=True))
    ]
    if wrong:
        stated, found = ("x".join(f"{s:g}" for s in size) for size in (wrong[0], size_wh))
        turned = wrong[0] == size_wh[::-1]
        log.add(
            entry.where,
            f"the size of {entry.name} is given as {stated} pixels, but the photo, upright, has "
            f"{found}: its boxes would miss the faces. Annotate it "
            f"{'as a viewer shows it' if turned else 'at its present size'}. The photo is left "
            "out.",
            "photo",
        )
        return None
    corners, ignored, attributes, points = [], [], [], []
    complete = entry.complete
    # Of a box that is repeated, perhaps only one has points.
    pointed = {box.corners: box for box in reversed(entry.boxes) if box.points is not None}
    seen: dict[tuple[float, ...], str] = {}
    for box in entry.boxes:
        if box.corners in seen:
            log.add(box.where, f"repeats the box of {seen[box.corners]}. It counts once.", "box")
            continue
        seen[box.corners] = box.where
        kept = _check_box(box, size_wh, log)
        if kept is None:
            complete = False
        else:
            corners.append(kept)
            ignored.append(box.ignored)
            attributes.append(box.attributes)
            points.append(_check_points(pointed.get(box.corners), size_wh, log))
    if not corners and not complete:
        log.add(
            entry.where,
            f"{entry.name} has no box that can be used, but may have faces, as boxes had to be "
            "left out: it is neither a photo of faces nor one without. The photo is left out.",
            "photo",
            kind="unsure",
            photo=entry.name,
        )
        return None
    log.passed_over.update(entry.passed_over)
    arrays = point_arrays(points)
    return AnnotatedPhoto(
        path=path,
        boxes=np.array(corners, np.float32).reshape(-1, 4),
        ignored=np.array(ignored, np.bool_),
        name=entry.name,
        width=size_wh[0],
        height=size_wh[1],
        complete=complete,
        where=entry.where,
        attributes=tuple(attributes),
        source=entry.source,
        landmarks=arrays.landmarks,
        landmark_visibility=arrays.visibility,
    )


def _check_points(box: BoxEntry | None, size_wh: tuple[int, int], log: ProblemLog) -> Points | None:
    """The points of a box, or nothing and a word why."""
    if box is None or box.points is None:
        return None
    stray = stray_point(box.points, box.corners, size_wh)
    if stray is None:
        return box.points
    name, x, y = stray
    edges = ", ".join(f"{edge:g}" for edge in box.corners)
    log.add(
        box.where,
        f"expected points in or near the box with the corners {edges}, and in or near the photo of "
        f"{size_wh[0]}x{size_wh[1]} pixels, got {name} at {x:g}, {y:g}. Its points are left out, "
        "the box stays.",
        "points",
    )
    return None


def _check_box(
    box: BoxEntry, size_wh: tuple[int, int], log: ProblemLog
) -> tuple[float, float, float, float] | None:
    """The box clipped to the photo, or nothing and a word why."""
    x_min, y_min, x_max, y_max = box.corners
    if not all(isfinite(edge) for edge in box.corners):
        shown = ", ".join(f"{edge:g}" for edge in box.corners)
        log.add(box.where, f"expected four finite numbers, got the corners {shown}.", "box")
        return None
    width, height = x_max - x_min, y_max - y_min
    if min(width, height) <= 0:
        log.add(
            box.where,
            f"expected a width and a height above 0, got {width:g} and {height:g} pixels.",
            "box",
        )
        return None
    clipped = (
        max(x_min, 0.0),
        max(y_min, 0.0),
        min(x_max, float(size_wh[0])),
        min(y_max, float(size_wh[1])),
    )
    inside = max(clipped[2] - clipped[0], 0.0) / width * max(clipped[3] - clipped[1], 0.0) / height
    low, high = np.array(clipped, np.float32).reshape(2, 2)
    if inside >= MIN_INSIDE and not (low < high).all():
        log.add(
            box.where,
            f"expected a width and a height that float32 can tell from 0, got {width:g} and "
            f"{height:g} pixels.",
            "box",
        )
        return None
    if inside < MIN_INSIDE:
        shown = ", ".join(f"{edge:g}" for edge in box.corners)
        log.add(
            box.where,
            f"expected a box with at least {MIN_INSIDE:.0%} of its area inside the photo of "
            f"{size_wh[0]}x{size_wh[1]} pixels, got {inside:.0%} (corners {shown}).",
            "box",
        )
        return None
    return clipped
