"""A bulk run: list, cut into shards, have them looked at, and write down what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.bulk.engines import Died, Engine
from facesmith.bulk.job import (
    JOB_FILE,
    LISTING_FILE,
    MANIFEST_FILE,
    BulkJob,
    Listing,
    earlier_run,
    shard_name,
    write_job,
)
from facesmith.bulk.listing import list_once, read_shards
from facesmith.bulk.tables import Counts, Row, read_counts
from facesmith.bulk.work import (
    Shard,
    look_at_photo,
    look_at_shard,
    lost_rows,
    write_found,
)
from facesmith.errors import BulkError
from facesmith.files import OutputFolder, remove_unfinished, write_json
from facesmith.progress import NO_PROGRESS, Progress, duration

TASK = "bulk run"


@dataclass(frozen=True)
class BulkResult:
    """What a bulk run has come to.

    Attributes:
        counts: Of all photos.
        n_shards: Files.
        n_before: Shards that were there before this run.
        seconds: This run took.
        manifest: The file that says all this.
    """

    counts: Counts
    n_shards: int
    n_before: int
    seconds: float
    manifest: Path


def run_bulk(
    job: BulkJob, engine: Engine, *, force: bool = False, progress: Progress = NO_PROGRESS
) -> BulkResult:
    """Find the faces in all photos of a job; goes on where an earlier run of it was ended.

    Args:
        job: With the checksums of its weights.
        engine: Who does the work.
        force: Start anew over what an earlier run left.
        progress: Is told the photos done.

    Raises:
        BulkError: If an input is missing, the folder holds another job, or workers keep ending.
        WriteError: If the folder holds files of others, or is full.
        WeightsError: If the weights are missing on a worker.
    """
    started = time.monotonic()
    folder = Path(job.out)
    output = OutputFolder(folder, TASK)
    with output.lock():
        job, listing = _begin(job, output, progress, force=force)
        n_shards = -(-listing.photos // job.shard_size)
        output.add(*(shard_name(number) for number in range(n_shards)))
        shards = set(range(n_shards))
        todo = {n for n in shards if not job.shard_path(n).is_file()}
        _counted(job, shards - todo)  # what is wrong is said before the work, not after it
        _look(job, engine, todo, listing.photos, progress)
        counts = _counted(job, shards)
        seconds = time.monotonic() - started
        _write_manifest(job, engine, counts, n_shards, seconds)
    return BulkResult(counts, n_shards, n_shards - len(todo), seconds, folder / MANIFEST_FILE)


def _begin(
    job: BulkJob, output: OutputFolder, progress: Progress, *, force: bool
) -> tuple[BulkJob, Listing]:
    """The job and its list of photos: those of an earlier run, or written down now."""
    folder = output.path
    before = None if force else earlier_run(job, folder)
    if before is not None:
        job, known = before
        if known is None and any(folder.glob("part-*.parquet")):
            raise BulkError(
                f"{folder} holds a run of another version of facesmith. Pass another --out, or "
                "--force to start anew."
            )
        output.add()
        remove_unfinished(folder)
        listing = list_once(job, progress, known)
        if known is None:
            write_job(job, folder, listing)
        return job, listing
    output.start(force=force)
    try:
        write_job(job, folder)
        listing = list_once(job, progress)
        write_job(job, folder, listing)
    except BaseException:  # nothing has begun
        output.discard()
        raise
    return job, listing


def _look(job: BulkJob, engine: Engine, todo: set[int], n_photos: int, progress: Progress) -> None:
    if not todo:
        return
    done = n_photos - _n_in(job, todo, n_photos)
    before, started = done, time.monotonic()
    progress.report("Photos", done, n_photos, "starting")
    died: list[tuple[Shard, Died]] = []
    for shard, result in engine.results(look_at_shard, job, read_shards(job, todo)):
        if isinstance(result, Died):
            died.append((shard, result))
            continue
        done += result.photos
        rate = (done - before) / max(time.monotonic() - started, 1e-9)
        left = duration((n_photos - done) / rate) if rate else "?"
        progress.report("Photos", done, n_photos, f"{rate:.1f} photos/s, {left} left")
    for shard, reason in died:
        progress.say(
            f"Workers ended twice while looking at shard {shard.number} ({reason.how}): its photos "
            "are looked at one by one."
        )
        done += _look_one_by_one(job, engine, shard).photos
        progress.report("Photos", done, n_photos, "one by one")


def _look_one_by_one(job: BulkJob, engine: Engine, shard: Shard) -> Counts:
    """The same as `look_at_shard`, but only the photos that end workers are lost."""
    rows: dict[str, list[Row]] = {}
    suspected = []
    for line, found in engine.results(look_at_photo, job, dict.fromkeys(shard.lines)):
        if isinstance(found, Died):
            suspected.append(line)
        else:
            rows[line] = found
    # Dask takes what waited behind a harmful photo for harmful too; alone, nothing waits.
    for line in suspected:
        ((_, found),) = engine.results(look_at_photo, job, [line])
        rows[line] = lost_rows(line, found.how) if isinstance(found, Died) else found
    photos = [rows[line] for line in shard.lines]
    return write_found(job, shard, photos)


def _n_in(job: BulkJob, shards: set[int], n_photos: int) -> int:
    """Photos of these shards; only the last shard of all may have fewer."""
    last = (n_photos - 1) // job.shard_size
    missing = job.shard_size * (last + 1) - n_photos if last in shards else 0
    return len(shards) * job.shard_size - missing


def _counted(job: BulkJob, shards: Set[int]) -> Counts:
    """The counts of these shards' files, each of which must be what it says."""
    found = (
        read_counts(job.shard_path(shard.number), shard.identity(job))
        for shard in read_shards(job, shards)
    )
    return sum(found, Counts())


def _write_manifest(
    job: BulkJob, engine: Engine, counts: Counts, n_shards: int, seconds: float
) -> None:
    folder = Path(job.out)
    earlier: list[Any] = []
    with suppress(OSError, ValueError, KeyError, TypeError):
        earlier = list(json.loads((folder / MANIFEST_FILE).read_bytes())["runs"])
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    run = {"ended": now, "seconds": round(seconds, 1), "engine": engine.describe()}
    write_json(
        folder / MANIFEST_FILE,
        {
            "facesmith": __version__,
            "counts": vars(counts),
            "shards": n_shards,
            "weights": dict(job.weights),
            "settings": job.to_dict(),
            "listing": LISTING_FILE,
            "job": JOB_FILE,
            "runs": [*earlier, run],
        },
    )
