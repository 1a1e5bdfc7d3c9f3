"""What a bulk run would take: a sample of the photos is looked at, nothing is written."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from facesmith.bulk.items import Item, list_items
from facesmith.bulk.job import BulkJob
from facesmith.bulk.tables import Counts, count_photo
from facesmith.bulk.work import look_at_photo, look_at_photos

SAMPLE = 50  # photos


@dataclass(frozen=True)
class Estimate:
    """What a bulk run would take, from a sample.

    Attributes:
        n_photos: All photos.
        n_sampled: Photos that were looked at.
        counts: Of the sample.
        seconds_a_photo: Of one worker.
        bytes_read: Of all photos, estimated.
    """

    n_photos: int
    n_sampled: int
    counts: Counts
    seconds_a_photo: float
    bytes_read: float

    def hours(self, workers: int) -> float:
        """How long so many workers would take, if they do not hinder each other."""
        return self.n_photos * self.seconds_a_photo / workers / 3600


def estimate_bulk(job: BulkJob, sample: int = SAMPLE, seed: int = 0) -> Estimate:
    """Look at a random sample in this process; writes nothing.

    Args:
        job: With the checksums of its weights.
        sample: Photos to look at.
        seed: Of the choice.

    Raises:
        BulkError: If an input is missing.
    """
    chosen, n = _sampled(list_items(job.inputs, job.base), sample, random.Random(seed))  # noqa: S311
    look_at_photo(job, chosen[0])  # opens the detector, and warms it up
    started = time.monotonic()
    found = look_at_photos(job, chosen)
    seconds = (time.monotonic() - started) / len(chosen)
    sizes = [rows[0]["size"] for rows in found if rows[0]["size"] is not None]
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    counts = sum(map(count_photo, found), Counts())
    return Estimate(n, len(chosen), counts, seconds, mean * n)


def _sampled(items: Iterator[Item], size: int, chance: random.Random) -> tuple[list[str], int]:
    """Lines of a fair sample of a stream, in its order, and the stream's length."""
    kept: list[tuple[int, str]] = []
    n = 0
    for n, item in enumerate(items, start=1):
        if len(kept) < size:
            kept.append((n, item.to_line()))
        elif (at := chance.randrange(n)) < size:
            kept[at] = (n, item.to_line())
    return [line for _, line in sorted(kept)], n
