"""`facesmith benchmark failures`: where a detector fails, and which photos to add."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.benchmark.photos import (
    Given,
    iou_option,
    load_scored,
    output_options,
    photo_options,
)
from facesmith.cli.numbers import FiniteRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import open_report
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.printable import printable

if TYPE_CHECKING:
    from facesmith.evaluation.failure_bins import Breakdown
    from facesmith.evaluation.failure_report import Failures

# Boxes are looked for down to this score, so that a miss can be told from one that a lower
# threshold would find.
_LOWEST_SCORE = 0.05
_LABEL_WIDTH = 24


@click.command(cls=WritingCommand)
@photo_options
@click.option(
    "--min-score",
    type=FiniteRange(0, 1),
    help="Boxes count from this score on.  [default: the detector's threshold; with --detections "
    "all of them]",
)
@iou_option
@click.option(
    "--min-height",
    type=FiniteRange(0),
    default=0,
    metavar="PX",
    help="Ignore lower faces.  [default: 0, none]",
)
@output_options("failures.json, breakdown.png, misses.png and false_boxes.png")
def failures(
    given: Given,
    min_score: float | None,
    iou: float,
    min_height: float,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show where a detector fails, and so which photos to add.

    Recall by the faces' height, sharpness and brightness, by border and neighbours, and by what the
    annotations say of them (mask, ...); precision by height and score of the boxes. Bins whose
    95 % interval lies clearly below the whole are marked, with a word of advice.

    With --out also pictures: the breakdown, the misses that should have been found, and the false
    boxes with the highest scores.

    \b
    Example:
      facesmith benchmark failures --annotations val.json --images val/ --out failures/
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415 - slow
    from facesmith.evaluation.failures import find_failures, write_failures  # noqa: PLC0415

    lowest = None
    if given.detections is None:
        from facesmith.detection.opening import open_detector  # noqa: PLC0415 - slow

        threshold = (
            open_detector(given.model, given.threads).min_score if min_score is None else min_score
        )
        lowest = min(threshold, _LOWEST_SCORE)
    else:
        threshold = min_score or 0.0
    photos, found, name = load_scored(given, lowest, read_detections)
    if given.detections is not None and min_score is None and not quiet:
        lowest = min((float(faces.scores.min()) for faces in found if len(faces)), default=0.0)
        echo(
            f"All boxes of {given.detections.name} count, down to a score of {lowest:.2f}; "
            "--min-score judges the detector at a threshold.",
            err=True,
        )
    with ShownProgress(quiet=quiet) as progress:
        failed = find_failures(
            photos,
            found,
            name=name,
            min_score=threshold,
            iou_threshold=iou,
            min_height=min_height,
            progress=progress,
        )
    written = []
    if out is not None:
        open_report(out)
        written = write_failures(failed, out)
    if as_json:
        echo(json.dumps(failed.to_dict()))
    elif not quiet:
        _print(failed)
        if written:
            echo(f"\nwritten    {', '.join(map(str, written))}")
        elif failed.advice:
            echo("\n--out DIR writes these tables and the pictures of misses and false boxes.")


def _print(failed: Failures) -> None:
    from facesmith.evaluation.failure_bins import wilson_interval  # noqa: PLC0415 - slow

    n_false, n_right = len(failed.false_boxes), failed.n_boxes - len(failed.false_boxes)
    faces, boxes = counted(failed.n_faces, "face"), counted(failed.n_boxes, "box", "boxes")
    recall = _rate(failed.recall, wilson_interval(failed.n_found, failed.n_faces))
    precision = _rate(failed.precision, wilson_interval(n_right, failed.n_boxes))
    echo(f"scored     {failed.name}, boxes with a score of at least {failed.min_score:.2f}")
    echo(
        f"photos     {failed.n_photos:,} with {faces}; a match has an IoU of at least "
        f"{failed.iou_threshold:g}"
    )
    echo(f"recall     {recall}  {failed.n_found:,} of {faces} found")
    echo(f"precision  {precision}  {n_false:,} of {boxes} false")
    reasons = [miss.reason for miss in failed.misses]
    echo(f"misses     {_counts(reasons, ('not seen', 'badly placed', 'below the threshold'))}")
    kinds = [box.kind for box in failed.false_boxes]
    echo(f"false      {_counts(kinds, ('no face', 'badly placed', 'second box'))}")
    for part in failed.faces:
        _print_part(part, ("faces", "found", "recall"))
    for part in failed.boxes:
        _print_part(part, ("boxes", "right", "precision"))
    if failed.advice:
        echo("\nWhere it fails (marked <), what costs most first:")
    for piece in failed.advice:
        echo(f"  {piece}")


def _print_part(part: Breakdown, heads: tuple[str, str, str]) -> None:
    bins = [b for b in part.bins if b.n]
    if not bins:
        return
    n, n_good, rate = heads
    head = f"{part.name:<{_LABEL_WIDTH}}{n:>7}{n_good:>7}{rate:>11}  {'95 %':<14}{'mean score':>11}"
    echo()
    click.secho(head, bold=True)
    for b in bins:
        low, high = b.interval
        score = "-" if b.n_good == 0 else f"{b.mean_score:.2f}"
        line = (
            f"  {b.label:<{_LABEL_WIDTH - 2}}{b.n:>7,}{b.n_good:>7,}{b.rate:>11.3f}  "
            f"{f'{low:.3f}-{high:.3f}':<14}{score:>11}"
        )
        click.secho(printable(f"{line}  <" if b.weak else line), fg="red" if b.weak else None)


def _rate(value: float, interval: tuple[float, float]) -> str:
    if value != value:  # noqa: PLR0124 - NaN, without NumPy
        return "undefined"
    return f"{value:.3f}  (95 %: {interval[0]:.3f}-{interval[1]:.3f})"


def _counts(values: Sequence[str], names: tuple[str, ...]) -> str:
    """How often each value occurs, e.g. `3 not seen, 1 badly placed`."""
    return ", ".join(f"{values.count(name):,} {name}" for name in names)
