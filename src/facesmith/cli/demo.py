"""`facesmith demo`: everything once, on data that comes along or is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.numbers import WholeRange
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import NEW_FOLDER
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.files import OutputFolder

if TYPE_CHECKING:
    from facesmith.demo.results import Demo


@click.command(cls=WritingCommand, way_on="The same command with --force starts anew.")
@click.option(
    "--out", type=NEW_FOLDER, required=True, help="Folder for the report and all that it tells of."
)
@click.option("--force", is_flag=True, help="Replace an earlier demo in --out.")
@click.option(
    "--rows",
    type=WholeRange(400),
    help="Patches to draw; fewer are faster and teach less.  [default: 11038]",
)
@click.option(
    "--seed", type=WholeRange(0, 2**32 - 1), default=0, show_default=True, help="Of everything."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def demo(out: Path, force: bool, rows: int | None, seed: int, quiet: bool) -> None:
    """Run everything on data that comes along, and write one HTML report.

    Finds faces in the photos that come with scikit-image, fits the exercise's surface with three
    methods, draws 11,038 patches of people and things, and trains two classifiers on them. Takes
    under five minutes on two CPU cores and opens nothing on the network.

    \b
    Example:
      facesmith demo --out demo-out
    """  # noqa: D301 - click wants the control character itself
    OutputFolder(out, "demo").check(force=force)
    from facesmith.demo.results import REPORT_NAME, DemoConfig  # noqa: PLC0415 - heavy
    from facesmith.demo.run import run_demo  # noqa: PLC0415

    config = DemoConfig(seed=seed) if rows is None else DemoConfig(rows=rows, seed=seed)
    with ShownProgress(quiet=quiet) as progress:
        done = run_demo(out, config, force=force, progress=progress)
    for line in _summary(done):
        echo(line)
    echo(f"report          {out / REPORT_NAME}")


def _summary(done: Demo) -> list[str]:
    """The main figures, a line each."""
    from facesmith.demo.words import counted, duration, figure, scores  # noqa: PLC0415 - after the work

    face = done.photos[0]
    others = [photo for photo in done.photos if not photo.expected]
    boxes = sum(len(photo.faces) for photo in others)
    found = counted(len(face.faces), "face") + scores(face.faces.scores)
    lines = [
        f"real photos     {face.name}: {found}, {face.latency_ms:.0f} ms",
        f"{'':16}{counted(len(others), 'face-free photo')}: {counted(boxes, 'box', 'boxes')}",
    ]
    lines += [
        f"drawn patches   {c.network}: AUC {c.report.curve.auc:.4f}, "
        f"accuracy {c.report.accuracy:.4f} (says nothing of photos)"
        for c in done.classifiers
    ]
    lines += [
        f"monkey saddle   {fit.method}: L2 error {figure(fit.l2_error)}, {duration(fit.seconds)}"
        for fit in done.approximation.approximations
    ]
    return [*lines, f"took            {duration(sum(done.seconds.values()))}"]
