"""`facesmith bulk`: the faces in very many photos, into Parquet files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.detector_options import any_model_option, photo_memory_option, rotations_option
from facesmith.cli.numbers import FiniteRange, WholeRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import NEW_FOLDER
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.progress import duration

if TYPE_CHECKING:
    from facesmith.bulk import BulkJob, BulkResult, Engine, Estimate

_SHARD_SIZE = 250  # `facesmith.bulk.SHARD_SIZE`, which loads pyarrow; a test compares them


def _way_on(given: Sequence[str]) -> str:
    """What to do after Ctrl-C."""
    if "--dry-run" in given:
        return "Nothing was written."
    how = " without --force" if "--force" in given else ""
    return f"The same command{how} goes on where it stopped."


@click.command(cls=WritingCommand, way_on=_way_on)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder of the result.")
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="local: processes of this machine. dask: a Dask cluster.",
)
@click.option("--workers", type=WholeRange(1), metavar="N", help="Processes.  [default: cores]")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    default="",
    help="With --engine dask: a cluster that runs, tcp://10.0.0.1:8786.  [default: one is made on "
    "this machine]",
)
@click.option(
    "--shard-size",
    type=WholeRange(1),
    default=_SHARD_SIZE,
    show_default=True,
    metavar="N",
    help="Photos a task and a Parquet file; what a kill costs at most.",
)
@click.option("--landmarks", is_flag=True, help="Find five points of each face, too.")
@click.option(
    "--min-score", type=FiniteRange(0, 1), help="Lowest score.  [default: of the weights]"
)
@click.option(
    "--min-face",
    type=FiniteRange(0, min_open=True),
    metavar="PX",
    help="Smallest face.  [default: as `facesmith detect`]",
)
@rotations_option
@photo_memory_option
@any_model_option
@click.option(
    "--dry-run", is_flag=True, help="Estimate time and cost from 50 photos; write nothing."
)
@click.option(
    "--price",
    type=FiniteRange(0, 1e9),
    metavar="X",
    help="With --dry-run: what an hour of one worker costs.",
)
@click.option("--force", is_flag=True, help="Start anew over an earlier bulk run.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def bulk(
    inputs: tuple[str, ...],
    out: Path,
    engine: str,
    workers: int | None,
    scheduler: str,
    shard_size: int,
    landmarks: bool,
    min_score: float | None,
    min_face: float | None,
    rotations: tuple[int, ...],
    photo_memory: int,
    model: Path | None,
    dry_run: bool,
    price: float | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the faces in very many photos, on many processes or machines.

    INPUT is a folder, a pattern, a photo, an address (s3://, gs://), a tar file or WebDataset
    shards, or a list of paths (.txt, .parquet). The result is one Parquet file a shard: a row a
    face, and one a photo without a face or with an error. A run that was killed goes on when the
    same command is given again, and looks at nothing twice. Needs facesmith[bulk].

    \b
    Example:
      facesmith bulk photos/ --out faces/
      facesmith bulk s3://bucket/photos --out faces/ --engine dask --scheduler tcp://head:8786
    """  # noqa: D301 - click wants the control character itself
    from facesmith.bulk import BulkJob, estimate_bulk, run_bulk  # noqa: PLC0415 - `--help` is quick
    from facesmith.detection.sessions import available_cores  # noqa: PLC0415
    from facesmith.training.signals import termination_interrupts  # noqa: PLC0415

    if scheduler and engine != "dask":
        raise click.UsageError("--scheduler goes with --engine dask.")
    if engine == "dask" and any(map(_is_memory, inputs)):
        raise click.UsageError("--engine dask: its processes do not see memory:// of this one.")
    if price is not None and not dry_run:
        raise click.UsageError("--price goes with --dry-run.")
    job = BulkJob(
        inputs=inputs,
        base=str(Path.cwd()),
        out=str(out.absolute()),
        shard_size=shard_size,
        model=str(model.absolute()) if model else None,
        min_score=min_score,
        min_face=min_face,
        rotations=rotations,
        landmarks=landmarks,
        max_memory=photo_memory * 2**20,
    ).with_weights()
    n_workers = workers or available_cores()
    if dry_run:
        with termination_interrupts():
            estimate = estimate_bulk(job)
        values = _estimated(estimate, n_workers, price)
        echo(json.dumps(values)) if as_json else _print_estimate(estimate, n_workers, price)
        return
    with (
        termination_interrupts(),
        ShownProgress(quiet=quiet) as progress,
        _engine(engine, n_workers, scheduler, job) as opened,
    ):
        result = run_bulk(job, opened, force=force, progress=progress)
    if as_json:
        echo(json.dumps(_as_dict(result)))
    elif not quiet:
        _print(result, out)
    if result.counts.errors:
        click.get_current_context().exit(1)


def _engine(
    engine: str, workers: int, scheduler: str, job: BulkJob
) -> AbstractContextManager[Engine]:
    from facesmith.bulk import HereEngine, LocalEngine  # noqa: PLC0415 - see `bulk`

    if engine == "dask":
        from facesmith.bulk.dask_engine import DaskEngine  # noqa: PLC0415

        return DaskEngine(workers, scheduler)
    if any(map(_is_memory, job.inputs)):
        return nullcontext(HereEngine())  # other processes do not see this one's memory
    return nullcontext(LocalEngine(workers))


def _is_memory(given: str) -> bool:
    return given.startswith("memory://")


def _estimated(estimate: Estimate, workers: int, price: float | None) -> dict[str, object]:
    hours = estimate.hours(workers)
    return {
        "photos": estimate.n_photos,
        "sampled": estimate.n_sampled,
        "faces_a_photo": estimate.counts.faces / estimate.n_sampled,
        "errors_in_sample": estimate.counts.errors,
        "seconds_a_photo": estimate.seconds_a_photo,
        "bytes_read": round(estimate.bytes_read),
        "workers": workers,
        "hours": hours,
        "cost": None if price is None else price * hours * workers,
    }


def _print_estimate(estimate: Estimate, workers: int, price: float | None) -> None:
    n = estimate.n_sampled
    echo(f"{counted(estimate.n_photos, 'photo')}, {estimate.bytes_read / 1e9:.2f} GB to read.")
    echo(
        f"{counted(n, 'photo')} looked at: {estimate.seconds_a_photo * 1000:.1f} ms a photo and "
        f"worker, {counted(estimate.counts.faces, 'face')}, "
        f"{counted(estimate.counts.errors, 'error')}."
    )
    hours = estimate.hours(workers)
    cost = "" if price is None else f", {price * hours * workers:.2f} at {price:g} a worker's hour"
    echo(f"With {counted(workers, 'worker')}: {duration(hours * 3600)}{cost}.")


def _print(result: BulkResult, out: Path) -> None:
    counts = result.counts
    echo(
        f"{counted(counts.faces, 'face')} in {counted(counts.photos, 'photo')}; "
        f"{counts.without_face:,} without a face, {counted(counts.errors, 'error')}."
    )
    new = result.n_shards - result.n_before
    before = f", {result.n_before:,} there before" if result.n_before else ""
    echo(
        f"{out}: {counted(result.n_shards, 'shard')}, {new:,} new{before}; {result.manifest.name}."
    )


def _as_dict(result: BulkResult) -> dict[str, object]:
    return {
        **vars(result.counts), "shards": result.n_shards, "shards_before": result.n_before,
        "seconds": result.seconds, "manifest": result.manifest.as_posix(),
    }  # fmt: skip
