"""One Parquet file a shard: a row a face, and one for a photo without a face or with an error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facesmith._version import __version__
from facesmith.detection.photos import PhotoFaces
from facesmith.errors import BulkError
from facesmith.files import replacing

_NOTE = b"facesmith"
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),  # bytes
        ("width", pa.int32()),  # of the upright photo, pixels
        ("height", pa.int32()),
        ("box", pa.list_(pa.float32())),  # x_min, y_min, x_max, y_max
        ("score", pa.float32()),
        ("landmarks", pa.list_(pa.float32())),  # x and y of five points
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True)
class Counts:
    """How many there are of each."""

    photos: int = 0
    faces: int = 0
    without_face: int = 0  # photos, those with an error not counted
    errors: int = 0  # photos

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.photos + other.photos,
            self.faces + other.faces,
            self.without_face + other.without_face,
            self.errors + other.errors,
        )


Row = dict[str, Any]


def rows_of(found: PhotoFaces, size: int | None) -> list[Row]:
    """The rows of one photo, best face first."""
    row: Row = dict.fromkeys(SCHEMA.names)
    error = None if found.error is None else _as_text(found.error)
    row |= {"path": _as_text(found.source.name), "size": size, "error": error}
    if found.error is not None:
        return [row]
    row |= {"width": found.width, "height": found.height}
    faces = found.faces
    if not len(faces):
        return [row]
    points = None if faces.landmarks is None else faces.landmarks.reshape(-1, 10).tolist()
    return [
        row
        | {
            "box": faces.boxes[i].tolist(),
            "score": float(faces.scores[i]),
            "landmarks": None if points is None else points[i],
        }
        for i in range(len(faces))
    ]


def _as_text(name: str) -> str:
    r"""Names of files that are not UTF-8 have their bytes as `\xff`: Parquet holds UTF-8 only."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def count_photo(rows: list[Row]) -> Counts:
    """The counts of the rows of one photo."""
    error, face = rows[0]["error"] is not None, rows[0]["box"] is not None
    return Counts(1, len(rows) if face else 0, int(not face and not error), int(error))


def write_shard(path: Path, photos: list[list[Row]], job: str, identity: str) -> Counts:
    """Write a shard's file, whole or not at all, and count what is in it.

    Args:
        path: The file.
        photos: The rows of each photo.
        job: What the rows come from, kept in the file for readers.
        identity: What tells the shard from others, kept in the file for `read_counts`.

    Raises:
        WriteError: If it cannot be written.
    """
    counts = sum(map(count_photo, photos), Counts())
    note = {"version": __version__, "job": job, "shard": identity, "counts": vars(counts)}
    rows = [row for each in photos for row in each]
    table = pa.Table.from_pylist(rows, SCHEMA.with_metadata({_NOTE: json.dumps(note).encode()}))
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd")
    return counts


def read_counts(path: Path, identity: str) -> Counts:
    """The counts of a shard's file.

    Raises:
        BulkError: If it is damaged, not of ours, or another shard's than the one of `identity`.
    """
    try:
        with path.open("rb") as file:  # pyarrow takes no names that are not UTF-8
            note = json.loads((pq.read_schema(file).metadata or {})[_NOTE])
        counts, found = Counts(**note["counts"]), note["shard"]
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise BulkError(
            f"{path} is damaged or was not written by this run. Delete it and give the same "
            "command again."
        ) from error
    if found != identity:
        raise BulkError(
            f"{path} is of other photos or other settings than this run has there. Delete it and "
            "give the same command again."
        )
    return counts
