"""Annotated photos in, patches out."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto, Annotations, Problem
from facesmith.detection.patches import PATCH_SIZE, cut_squares
from facesmith.errors import AnnotationError, ImageError, PatchesError
from facesmith.images import read_image
from facesmith.patches.choosing import Place, PlaceFinder
from facesmith.patches.duplicates import Fingerprint, fingerprint, group_duplicates
from facesmith.patches.file import BACKGROUND, BESIDE, FACE, FACE_FREE, PART, WRONG_SCALE, Patches
from facesmith.patches.seeding import generator, name_number
from facesmith.patches.splitting import SplitShares, draw_splits
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress

# Of the rows that show no face: shares of the kinds. What cannot be cut goes to the others.
NEGATIVE_SHARES = {FACE_FREE: 0.30, BACKGROUND: 0.22, PART: 0.18, WRONG_SCALE: 0.15, BESIDE: 0.15}
_THUMBNAIL_SIDE = 64  # of a photo for its fingerprint, pixels: JPEGs are decoded small, fast

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class PrepareConfig:
    """Everything that decides which patches are made, beside the photos.

    Raises:
        ValueError: If a value is out of range.
    """

    count: int = 11_038  # rows, as in the exercise this project grew from
    seed: int = 0  # another seed: other faces, jitter and splits
    face_share: float = 0.5  # of the rows
    min_face: float = 20.0  # height of the smallest face used, pixels; smaller ones are blur
    split: SplitShares = field(default_factory=SplitShares)  # of the photos

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("count", self.count >= 2, "be at least 2"),
            ("seed", self.seed >= 0, "be 0 or more"),
            ("face_share", 0 < self.face_share < 1, "lie between 0 and 1"),
            ("min_face", self.min_face > 0, "be positive, in pixels"),
        ):
            if not fits:
                raise ValueError(f"`{name}` must {expected}; got {name}={getattr(self, name)}.")


def prepare_patches(
    annotations: Annotations,
    face_free: Annotations | None = None,
    config: PrepareConfig | None = None,
    *,
    strict: bool = False,
    report: Callable[[Problem], object] | None = None,
    progress: Progress = NO_PROGRESS,
    threads: int | None = None,
) -> Patches:
    """Cut patches of faces and of everything else: exactly `config.count` rows.

    The result depends on photos, annotations and config alone, not on their order. Rows stand in
    an order drawn by photo, so that any stretch of them is a fair mixture.

    Args:
        annotations: Photos and their faces.
        face_free: Photos without any human face; those that are annotated with faces are left out.
        config: What to make.
        strict: Raise at the first photo that cannot be used instead of leaving it out.
        report: Called with every photo that had to be left out.
        progress: Told how many photos are compared, then how many are cut.
        threads: Photos decoded at the same time; `None` for one a CPU, at most 8.

    Raises:
        PatchesError: If so many rows cannot be cut from these photos.
        AnnotationError: If `strict` and a photo cannot be used.
    """
    config = config or PrepareConfig()
    threads = threads or min(os.cpu_count() or 1, 8)
    report = _raise if strict else report or _ignore
    surely_free = _without_faces(face_free.photos if face_free else (), annotations, report)
    photos, n_annotated, prints = _decodable(
        annotations.photos, surely_free, report, progress, threads
    )
    places = _choose(photos, n_annotated, config)
    groups = _group_names(photos, prints)
    used = sorted(
        {place.photo for place in places},
        key=lambda index: (name_number(config.seed, "rows", photos[index].name), index),
    )
    position = {photo: rank for rank, photo in enumerate(used)}
    places.sort(key=lambda place: position[place.photo])  # stable: keeps the drawn order inside
    by_photo = [list(group) for _, group in groupby(places, key=lambda place: place.photo)]
    by_photo = [_shuffled(group, photos[group[0].photo].name, config.seed) for group in by_photo]
    images = np.empty((len(places), PATCH_SIZE, PATCH_SIZE, 3), np.uint8)
    row = 0
    cuts = _in_threads(lambda group: _cut(photos[group[0].photo], group), by_photo, threads)
    with closing(cuts):
        for _, cut in zip(progress.each(by_photo, "Cutting"), cuts, strict=True):
            images[row : row + len(cut)] = cut
            row += len(cut)
    rows = [place for group in by_photo for place in group]
    kinds = np.array([place.kind for place in rows], np.uint8)
    photo_indices = np.array([position[place.photo] for place in rows], np.int32)
    splits = draw_splits([groups[index] for index in used], config.seed, config.split)
    return Patches(
        images=images,
        labels=(kinds == FACE).astype(np.uint8)[:, None],
        photo_indices=photo_indices,
        photo_names=tuple(photos[index].name for index in used),
        splits=splits[photo_indices],
        kinds=kinds,
    )


def _without_faces(
    face_free: Sequence[AnnotatedPhoto],
    annotations: Annotations,
    report: Callable[[Problem], object],
) -> list[AnnotatedPhoto]:
    """The face-free photos without those that the annotations know to have faces.

    Else a folder that holds annotated photos too would turn faces into patches labelled 0.
    """
    with_faces = {photo.path.resolve(): photo for photo in annotations.photos if len(photo.boxes)}
    kept = []
    for photo in face_free:
        annotated = with_faces.get(photo.path.resolve())
        if annotated is None:
            kept.append(photo)
        else:
            n_boxes = len(annotated.boxes)
            message = (
                "expected a photo without faces, but the annotations give it "
                f"{counted(n_boxes, 'face')} ({annotated.where or annotated.name}). "
                "It is left out of the face-free photos."
            )
            report(Problem(photo.where or photo.name, message, "photo"))
    return kept


def _decodable(
    annotated: Sequence[AnnotatedPhoto],
    face_free: Sequence[AnnotatedPhoto],
    report: Callable[[Problem], object],
    progress: Progress,
    threads: int,
) -> tuple[list[AnnotatedPhoto], int, list[Fingerprint]]:
    """The photos that decode to the end, how many of them are annotated, and fingerprints."""

    def look(photo: AnnotatedPhoto) -> Fingerprint | ImageError:
        try:
            return fingerprint(read_image(photo.path, max_side=_THUMBNAIL_SIDE))
        except ImageError as error:
            return error

    photos: list[AnnotatedPhoto] = []
    prints: list[Fingerprint] = []
    n_annotated = 0
    everything = [*annotated, *face_free]
    with closing(_in_threads(look, everything, threads)) as looks:
        compared = progress.each(everything, "Comparing photos")
        for index, (photo, seen) in enumerate(zip(compared, looks, strict=True)):
            if isinstance(seen, ImageError):
                where = photo.where or photo.name
                report(Problem(where, f"{seen} The photo is left out.", "photo"))
            else:
                photos.append(photo)
                prints.append(seen)
                n_annotated += index < len(annotated)
    return photos, n_annotated, prints


def _choose(photos: list[AnnotatedPhoto], n_annotated: int, config: PrepareConfig) -> list[Place]:
    """Exactly as many places as rows are wanted, kind by kind."""
    finder = PlaceFinder(photos, n_annotated, config.min_face, config.seed)
    n_faces = min(max(round(config.count * config.face_share), 1), config.count - 1)
    places = list(islice(finder.places(FACE), n_faces))
    if not places:
        raise PatchesError(
            f"No face to cut: none of the {n_annotated} annotated photos has one that is "
            f"{config.min_face:g} pixels high or more and not marked to be ignored. Lower "
            "--min-face, or check --images and --category."
        )
    missing = config.count - len(places)
    sources = {kind: finder.places(kind) for kind in NEGATIVE_SHARES}
    while missing and sources:
        for kind, wanted in _shared_out(missing, list(sources)).items():
            found = list(islice(sources[kind], wanted))
            places += found
            missing -= len(found)
            if len(found) < wanted:  # nothing more to be had
                del sources[kind]
    if missing:
        raise PatchesError(
            f"Cannot cut {config.count} rows: {missing} that show no face are missing. The "
            f"{counted(len(photos), 'photo')} to cut from: too little room beside the faces. Add "
            "face-free "
            "photos with --negatives."
        )
    return places


def _shared_out(n: int, kinds: list[int]) -> dict[int, int]:
    """`n` rows shared out by `NEGATIVE_SHARES`, the rounding going to the first kinds."""
    total = sum(NEGATIVE_SHARES[kind] for kind in kinds)
    counts = {kind: int(n * NEGATIVE_SHARES[kind] / total) for kind in kinds}
    for kind in kinds[: n - sum(counts.values())]:
        counts[kind] += 1
    return counts


def _group_names(photos: list[AnnotatedPhoto], prints: list[Fingerprint]) -> list[str]:
    """For every photo the name that stands for its near duplicates: the first in order of names."""
    by_name = sorted(range(len(photos)), key=lambda index: photos[index].name)
    first = group_duplicates([prints[index] for index in by_name])
    names = [""] * len(photos)
    for rank, index in enumerate(by_name):
        names[index] = photos[by_name[first[rank]]].name
    return names


def _shuffled(places: list[Place], name: str, seed: int) -> list[Place]:
    order = generator(seed, "within", name).permutation(len(places))
    return [places[index] for index in order]


def _cut(photo: AnnotatedPhoto, places: list[Place]) -> npt.NDArray[np.uint8]:
    image = read_image(photo.path)
    patches = cut_squares(image, np.stack([place.square for place in places]))
    for patch, place in zip(patches, places, strict=True):
        if place.mirrored:
            patch[:] = patch[:, ::-1].copy()
    return patches


def _in_threads(
    function: Callable[[Item], Result], items: list[Item], threads: int
) -> Generator[Result]:
    """Results in the order of the items. Closing it drops what no thread has begun."""
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


def _raise(problem: Problem) -> None:
    raise AnnotationError(str(problem))


def _ignore(*_: object) -> None:
    """Called where nobody listens."""
