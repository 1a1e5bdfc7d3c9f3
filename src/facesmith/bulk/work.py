"""What a worker does: the faces in one shard, or in one photo alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256

from facesmith.bulk.items import Item
from facesmith.bulk.job import BulkJob, weights_files
from facesmith.bulk.loading import Loaded, load_items
from facesmith.bulk.tables import Counts, Row, read_counts, rows_of, write_shard
from facesmith.detection.opening import open_detector
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.photos import PhotoFaces, PhotoSource, detect_photos
from facesmith.errors import BulkError
from facesmith.files import checksum


@dataclass(frozen=True)
class Shard:
    """A piece of the listing."""

    number: int  # from 0
    lines: tuple[str, ...]  # of the listing

    def items(self) -> list[Item]:
        """Its photos."""
        return [Item.from_line(line) for line in self.lines]

    def identity(self, job: BulkJob) -> str:
        """SHA-256 of all that decides its rows, but for the content of the photos."""
        settings = asdict(job)
        for name in ("inputs", "out", "model"):  # the lines and the weights stand for them
            del settings[name]
        about = json.dumps([settings, self.number, self.lines], sort_keys=True)
        return sha256(about.encode()).hexdigest()


def look_at_shard(job: BulkJob, shard: Shard) -> Counts:
    """Find the faces in a shard's photos and write its file; what is there is not looked at again.

    Raises:
        WeightsError: If the weights are missing here.
        BulkError: If they are others than the job's.
        WriteError: If the file cannot be written.
    """
    path = job.shard_path(shard.number)
    if path.is_file():
        return read_counts(path, shard.identity(job))
    return write_found(job, shard, _rows(job, shard.items()))


def write_found(job: BulkJob, shard: Shard, photos: list[list[Row]]) -> Counts:
    """Write a shard's file from the rows of each of its photos."""
    note = json.dumps({"inputs": list(job.inputs), "weights": dict(job.weights)})
    return write_shard(job.shard_path(shard.number), photos, note, shard.identity(job))


def look_at_photo(job: BulkJob, line: str) -> list[Row]:
    """The rows of one photo of the listing."""
    (rows,) = look_at_photos(job, [line])
    return rows


def look_at_photos(job: BulkJob, lines: Sequence[str]) -> list[list[Row]]:
    """The rows of some photos of the listing, each photo's in a list."""
    return _rows(job, [Item.from_line(line) for line in lines])


def lost_rows(line: str, reason: str) -> list[Row]:
    """The row of a photo with which workers end."""
    item = Item.from_line(line)
    error = (
        f"{item.name}: each process that looked at it ended ({reason}). The file may be harmful to "
        "its decoder, or memory has run out."
    )
    return rows_of(PhotoFaces.failed(PhotoSource(item.name, b""), error), None)


def _rows(job: BulkJob, items: list[Item]) -> list[list[Row]]:
    detector = _detector(job.model, job.weights, landmarks=job.landmarks)
    loaded: list[Loaded] = []

    def sources() -> Iterator[PhotoSource]:
        for each in load_items(items, job.base):
            loaded.append(each)
            yield each.source

    rows = []
    for i, found in enumerate(detect_photos(detector, sources(), job.detection())):
        rows.append(rows_of(found, loaded[i].size))
        loaded[i] = Loaded(PhotoSource("", b""), None)  # its bytes may be megabytes
    return rows


@lru_cache(maxsize=1)
def _detector(
    model: str | None, weights: tuple[tuple[str, str], ...], *, landmarks: bool
) -> PhotoDetector:
    """The job's detector, opened once a process."""
    here = tuple((path.name, checksum(path)) for path in weights_files(model))
    if here != weights:
        raise BulkError(
            f"The weights {model or 'that come along'} on this machine are others than those that "
            "the run began with. Install the same version of facesmith and the same files on all "
            "machines."
        )
    detector = open_detector(model)
    if landmarks:
        detector.landmark_finder()
    return detector
