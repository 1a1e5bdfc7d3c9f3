"""`facesmith tune`: searches for the settings of a detector training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.options import format_options
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FILE, FOLDER, NEW_FOLDER
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.training.detector_config import DetectorConfig
    from facesmith.training.search import SearchResult


@click.command(cls=WritingCommand, way_on="The same command goes on where it stopped.")
@click.argument("data", nargs=-1, required=True, type=EXISTING)
@click.option("--images", type=FOLDER, help="Folder of the photos.")
@click.option(
    "--negatives",
    multiple=True,
    type=FOLDER,
    help="Folder of photos without any human face; may be repeated.",
)
@click.option(
    "--out", type=NEW_FOLDER, required=True, help="Folder of the search; processes may share it."
)
@click.option(
    "--trials",
    type=WholeRange(1),
    default=20,
    show_default=True,
    help="Trainings in all, those of other processes and earlier runs counted.",
)
@click.option(
    "--confirm",
    type=WholeRange(0),
    default=3,
    show_default=True,
    help="Pairs of trainings with other seeds, defaults beside best, for the verdict; 0: none.",
)
@click.option(
    "--space",
    type=FILE,
    help="What to change, in JSON or TOML: setting -> low, high, log, or choices.  [default: "
    "rate, epochs, augmentation, sizes, gate]",
)
@click.option(
    "--held-out",
    type=FiniteRange(0, 0.5, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of the photos that trials are judged on.",
)
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path),
    help="Run or detector.onnx to go on from, or `scratch`.  [default: shipped]",
)
@click.option("--config", type=FILE, help="Settings that trials start from, in JSON or TOML.")
@click.option("--epochs", type=WholeRange(1), help="Of the defaults.  [default: by photos]")
@click.option("--seed", type=WholeRange(0), default=0, show_default=True, help="Of everything.")
@click.option("--threads", type=WholeRange(1), help="CPU threads.  [default: idle cores]")
@format_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def tune(
    data: tuple[Path, ...],
    images: Path | None,
    negatives: tuple[Path, ...],
    out: Path,
    trials: int,
    confirm: int,
    space: Path | None,
    held_out: float,
    start: Path | None,
    config: Path | None,
    epochs: int | None,
    seed: int,
    threads: int | None,
    annotation_format: str | None,
    category: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Search for the settings of a detector training on your photos.

    Trains again and again with other settings, stops early what lags behind, and says whether the
    best settings are better than the defaults. Start the same command several times, on machines
    that share the folder, to have them search together. A search that was killed goes on when the
    command is given again. Needs facesmith[tune].

    \b
    Example:
      facesmith tune faces.json --images photos --trials 20 --out tune/
      facesmith train faces.json --images photos --config tune/best.json --out runs/tuned
    """  # noqa: D301 - click wants the control character itself
    import optuna  # noqa: F401, PLC0415 - an extra: said before photos are read

    from facesmith.cli.annotated_photos import load_photos  # noqa: PLC0415 - heavy
    from facesmith.cli.progress import ShownProgress  # noqa: PLC0415
    from facesmith.cli.public_sets import annotated  # noqa: PLC0415
    from facesmith.cli.train_start import decoded_photos  # noqa: PLC0415
    from facesmith.training.search import (  # noqa: PLC0415
        SearchConfig,
        default_space,
        read_space,
        search,
    )
    from facesmith.training.signals import termination_interrupts  # noqa: PLC0415

    data, images = annotated(data, images)
    with termination_interrupts():
        listed = load_photos(
            data, images, negatives, annotation_format=annotation_format, category=category,
            counted=not quiet, decoded=False, quiet=quiet,
        )  # fmt: skip
        base, basis_start = _base(
            out, len(listed.photos), listed.n_faces, start, config, epochs, seed, threads
        )
        ranges = (
            read_space(space, base)
            if space is not None
            else default_space(base, len(listed.photos))
        )
        photos = decoded_photos(listed.photos, quiet=quiet)
        with ShownProgress(quiet=quiet) as progress:
            result = search(
                photos, out, base, ranges, SearchConfig(trials, seed, held_out, confirm),
                start=basis_start, progress=progress,
            )  # fmt: skip
    if result is None:
        echo(
            "Other processes are still at trials; the last one to end writes the report.", err=True
        )
        return
    _finish(result, out, start, as_json=as_json, quiet=quiet)


def _base(
    out: Path,
    n_photos: int,
    n_faces: int,
    start: Path | None,
    config: Path | None,
    epochs: int | None,
    seed: int,
    threads: int | None,
) -> tuple[DetectorConfig, Path | None]:
    """The default settings, as `facesmith train` has them for as many photos, and the start."""
    from facesmith.cli.train_settings import find_basis  # noqa: PLC0415 - heavy
    from facesmith.runs.folder import RunFolder  # noqa: PLC0415
    from facesmith.training.plan import plan_training  # noqa: PLC0415
    from facesmith.training.resources import idle_threads  # noqa: PLC0415

    basis = find_basis(
        RunFolder(out), start=start, config=config, recipe=None, quick=False, resume=False
    )
    plan = None
    if basis.planned and basis.start is not None:
        plan = plan_training(max(n_photos, 1), n_faces, epochs)
    base = basis.config(plan)
    n_threads = threads or idle_threads()[0]
    base = base.with_loops(
        lambda loop: dataclasses.replace(loop, seed=seed, threads=loop.threads or n_threads)
    )
    if epochs is not None:
        loop = dataclasses.replace(base.proposals.loop, epochs=epochs)
        base = dataclasses.replace(base, proposals=dataclasses.replace(base.proposals, loop=loop))
    return base, basis.start


def _finish(
    result: SearchResult, out: Path, start: Path | None, *, as_json: bool, quiet: bool
) -> None:
    from facesmith.training.search.report import TRIALS_FILE, write_report  # noqa: PLC0415
    from facesmith.training.search.result import BEST_FILE, summary  # noqa: PLC0415

    if not result.complete:
        raise click.ClickException(
            f"{summary(result)} None is complete, so there is no best one. Pass more --trials, or "
            "mend what made them fail and pass another --out."
        )
    write_report(result, out)
    if as_json:
        echo(json.dumps(json.loads((out / TRIALS_FILE).read_text(encoding="utf-8"))))
        return
    if quiet:
        return
    best = result.complete[0]
    echo(summary(result))
    echo(f"Best trial: {best.number}, AP {best.figure:.4f} on the photos that it was chosen by.")
    if result.default is not None and result.default.figure is not None:
        echo(f"Defaults:   AP {result.default.figure:.4f} on the same photos.")
    echo(result.verdict())
    echo(f"Report: {out / 'report.html'}")
    confirmation = result.confirmation
    if not result.defaults_are_best and (confirmation is None or confirmation.better):
        going_on = "" if start is None else f" --from {start}"
        echo(f"Next: facesmith train ...{going_on} --config {out / BEST_FILE}")
