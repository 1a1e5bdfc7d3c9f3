"""`facesmith demo`: everything once, on data that comes along or is drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.numbers import WholeRange
from facesmith.cli.outputs import OutputPath
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.demo.results import Demo

_PARTS = 1000  # of a progress bar


@click.command()
@click.option(
    "--out",
    type=OutputPath(file_okay=False),
    required=True,
    help="Folder for the report and all that it tells of.",
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
    from facesmith.demo.results import REPORT_NAME, DemoConfig  # noqa: PLC0415 - heavy
    from facesmith.demo.run import run_demo  # noqa: PLC0415

    config = DemoConfig(seed=seed) if rows is None else DemoConfig(rows=rows, seed=seed)
    with _Progress(hidden=quiet) as progress:
        done = run_demo(
            out,
            config,
            force=force,
            quiet=quiet,
            on_step=progress.begin,
            on_progress=progress.update,
        )
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


class _Progress:
    """The name of each step, and a bar for those that say how far they are, on standard error."""

    def __init__(self, *, hidden: bool) -> None:
        self._hidden = hidden
        self._bar: Any = None
        self._name = ""
        self._parts = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def begin(self, name: str) -> None:
        """A step begins; its bar comes with its first sign of progress."""
        self._close()
        self._name = name
        if not self._hidden:
            echo(name, err=True)

    def update(self, done: float) -> None:
        """Move the bar to where the step is, `done` in [0, 1]."""
        if self._bar is None:
            self._bar = click.progressbar(length=_PARTS, file=sys.stderr, hidden=self._hidden)
            self._bar.__enter__()
        parts = int(_PARTS * done)
        self._bar.update(parts - self._parts)
        self._parts = parts

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar, self._parts = None, 0
