"""The list of a run's photos: written once, known again by every later run, cut into shards."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Set
from hashlib import sha256
from pathlib import Path

from facesmith.bulk.items import list_items
from facesmith.bulk.job import LISTING_FILE, BulkJob, Listing
from facesmith.bulk.work import Shard
from facesmith.errors import BulkError
from facesmith.files import checksum, replacing
from facesmith.progress import Progress


def list_once(job: BulkJob, progress: Progress, known: Listing | None = None) -> Listing:
    """List the photos, once for all runs of a job.

    Args:
        job: The job.
        progress: Is told how many there are so far.
        known: The list that an earlier run of the job made, whose file may be missing now.

    Raises:
        BulkError: If an input is missing, or the photos are others than the known ones.
    """
    path = Path(job.out) / LISTING_FILE
    if known is not None and path.is_file():
        if checksum(path) != known.sha256:
            raise BulkError(
                f"{path} is not as the run wrote it: it was changed or cut off. Put the old file, "
                f"which lists {known.photos:,} photos, back, or pass --force to start anew."
            )
        return known
    n, digest = 0, sha256()
    with replacing(path) as file:
        for item in list_items(job.inputs, job.base):
            line = item.to_line().encode() + b"\n"
            digest.update(line)
            file.write(line)
            n += 1
            if n % 100_000 == 0:
                progress.say(f"{n:,} photos listed.")
        listing = Listing(n, digest.hexdigest())
        if known not in (None, listing):
            raise BulkError(
                f"{path} is missing, and the inputs hold other photos now than when the run began. "
                f"Put the old file, which lists {known.photos:,} photos, back, or pass --force to "
                "start anew."
            )
    return listing


def read_shards(job: BulkJob, wanted: Set[int]) -> Iterator[Shard]:
    """The wanted shards, in their order, read as they are asked for."""
    with (Path(job.out) / LISTING_FILE).open(encoding="ascii", errors="replace") as file:
        for number in itertools.count():
            lines = list(itertools.islice(file, job.shard_size))
            if not lines:
                return
            if number in wanted:
                yield Shard(number, tuple(line.rstrip("\n") for line in lines))
