"""A bulk run: list, cut into shards, have them looked at, and write down what came of it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.bulk.engines import Died, Engine
from facesmith.bulk.items import list_items
from facesmith.bulk.job import (
    JOB_FILE,
    LISTING_FILE,
    MANIFEST_FILE,
    BulkJob,
    check_same_job,
    shard_name,
    write_job,
)
from facesmith.bulk.tables import Counts, Row, read_counts, write_shard
from facesmith.bulk.work import (
    Shard,
    job_note,
    look_at_photo,
    look_at_shard,
    lost_rows,
)
from facesmith.errors import BulkError, FacesmithError
from facesmith.files import OutputFolder, remove_unfinished, replacing, write_json
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
        if force or not check_same_job(job, folder):
            output.start(force=force)
            write_job(job, folder)
        output.add()
        remove_unfinished(folder)
        try:
            n_photos = _write_listing(job, folder, progress)
        except FacesmithError:
            (folder / JOB_FILE).unlink(missing_ok=True)  # nothing has begun
            raise
        n_shards = -(-n_photos // job.shard_size)
        output.add(*(shard_name(number) for number in range(n_shards)))
        todo = {n for n in range(n_shards) if not job.shard_path(n).is_file()}
        _look(job, engine, todo, n_photos, progress)
        counts = _collect(job, n_shards, n_photos)
        seconds = time.monotonic() - started
        _write_manifest(job, engine, counts, n_shards, seconds)
    return BulkResult(counts, n_shards, n_shards - len(todo), seconds, folder / MANIFEST_FILE)


def _write_listing(job: BulkJob, folder: Path, progress: Progress) -> int:
    """List the photos, once for all runs of the job; how many there are."""
    path = folder / LISTING_FILE
    if path.is_file():
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    n = 0
    with replacing(path) as file:
        for item in list_items(job.inputs, job.base):
            file.write(item.to_line().encode() + b"\n")
            n += 1
            if n % 100_000 == 0:
                progress.say(f"{n:,} photos listed.")
    return n


def _shards(job: BulkJob, wanted: set[int]) -> Iterator[Shard]:
    """The wanted shards, read as they are asked for."""
    with (Path(job.out) / LISTING_FILE).open(encoding="ascii", errors="replace") as file:
        for number in itertools.count():
            lines = list(itertools.islice(file, job.shard_size))
            if not lines:
                return
            if number in wanted:
                yield Shard(number, tuple(line.rstrip("\n") for line in lines))


def _look(job: BulkJob, engine: Engine, todo: set[int], n_photos: int, progress: Progress) -> None:
    if not todo:
        return
    done = n_photos - _n_in(job, todo, n_photos)
    before, started = done, time.monotonic()
    progress.report("Photos", done, n_photos, "starting")
    died: list[tuple[Shard, Died]] = []
    for shard, result in engine.results(look_at_shard, job, _shards(job, todo)):
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
    return write_shard(job.shard_path(shard.number), photos, job_note(job))


def _n_in(job: BulkJob, shards: set[int], n_photos: int) -> int:
    """Photos of these shards; only the last shard of all may have fewer."""
    last = (n_photos - 1) // job.shard_size
    short = len(shards) * job.shard_size
    return short - (job.shard_size * (last + 1) - n_photos if last in shards else 0)


def _collect(job: BulkJob, n_shards: int, n_photos: int) -> Counts:
    """The counts of all files, which must make up the listing."""
    total = sum((read_counts(job.shard_path(n)) for n in range(n_shards)), Counts())
    if total.photos != n_photos:
        raise BulkError(
            f"{job.out}: its files are of {total.photos:,} photos, the listing has {n_photos:,}. A "
            "file was exchanged; pass --force to start anew."
        )
    return total


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
