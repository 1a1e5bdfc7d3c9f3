"""`facesmith benchmark coco`: average precision and recall on annotated photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.benchmark.photos import (
    Given,
    ious_option,
    load_scored,
    min_height_option,
    output_options,
    photo_options,
)
from facesmith.cli.numbers import FiniteRange, counted, figure
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import open_report
from facesmith.cli.terminal import echo
from facesmith.evaluation import MIN_SCORE

if TYPE_CHECKING:
    from facesmith.evaluation.coco import PhotoScores


@click.command(cls=WritingCommand)
@photo_options
@ious_option
@min_height_option
@click.option(
    "--rule",
    type=click.Choice(["voc", "coco"]),
    default="voc",
    show_default=True,
    help="voc: every point of the curve counts. coco: 101 recalls, 100 boxes a photo, as "
    "pycocotools.",
)
@click.option(
    "--min-score",
    type=FiniteRange(),
    help=f"Leave out boxes with a lower score.  [default: {MIN_SCORE} where the detector is run, "
    "none of --detections]",
)
@output_options("coco.json, with the curves, and precision_recall.png")
def coco(
    given: Given,
    ious: tuple[float, ...],
    min_height: float,
    rule: str,
    min_score: float | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Average precision and recall on annotated photos.

    Scores facesmith's detector, or with --detections any other, in whatever range its scores are.
    Annotations may be in any format that `facesmith train` reads; boxes marked iscrowd, ignore,
    invalid or difficult are ignored.

    \b
    Example:
      facesmith benchmark coco --annotations val.json --images val/
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.coco import score_photos  # noqa: PLC0415 - `--help` is quick
    from facesmith.evaluation.detections import read_any_scores  # noqa: PLC0415

    if given.detections is None:
        if min_score is None:
            min_score = MIN_SCORE
        elif not 0 <= min_score <= 1:
            raise click.UsageError(f"--min-score {min_score:g}: our scores are from 0 to 1.")
    photos, found, scored = load_scored(given, min_score, read_any_scores)
    report = score_photos(
        photos,
        found,
        scored,
        iou_thresholds=tuple(dict.fromkeys(ious)),
        min_height=min_height,
        rule="coco" if rule == "coco" else "voc",
    )
    if out is not None:
        _write(report, out)
    if as_json:
        echo(json.dumps(report.to_dict()))
    elif not quiet:
        _print(report)
        if out is not None:
            echo(f"written    {out / 'coco.json'}, {out / 'precision_recall.png'}")


def _print(report: PhotoScores) -> None:
    echo(f"scored     {report.scored}")
    echo(
        f"photos     {report.n_photos:,} with {counted(report.n_faces, 'face')}; "
        f"{report.n_ignored:,} ignored"
    )
    echo(f"rule       {_rule(report)}")
    echo("IoU        AP      recall  recall at 0.1 / 1 false boxes a photo")
    for iou, curve in report.curves.items():
        ap, recall = figure(report.average_precision[iou]), figure(report.recall(iou))
        low, high = (f"{figure(curve.recall_at(allowed)):<6}" for allowed in (0.1, 1.0))
        echo(f"{iou:<9g}  {ap:<6}  {recall:<6}  {low} / {high}")


def _rule(report: PhotoScores) -> str:
    height = f", faces lower than {report.min_height:g} px ignored" if report.min_height else ""
    best = f", best {report.max_detections} boxes a photo" if report.max_detections else ""
    words = {"voc": "VOC 2010, every point of the curve", "coco": "COCO, 101 recalls"}
    return words[report.rule] + best + height


def _write(report: PhotoScores, out: Path) -> None:
    from facesmith.evaluation.plots import draw_precision_recall  # noqa: PLC0415 - heavy
    from facesmith.files import write_json  # noqa: PLC0415

    open_report(out)
    curves = {
        str(iou): {
            "score": curve.scores.tolist(),
            **curve.points(),
            **({} if curve.n_faces else {"recall": []}),
        }
        for iou, curve in report.curves.items()
    }
    write_json(out / "coco.json", {**report.to_dict(), "curves": curves})
    labels = {
        f"IoU {iou:g}: AP {figure(report.average_precision[iou])}": (curve.recall, curve.precision)
        for iou, curve in report.curves.items()
    }
    draw_precision_recall(
        labels,
        out / "precision_recall.png",
        f"{report.scored}\n{counted(report.n_faces, 'face')} in "
        f"{counted(report.n_photos, 'photo')}; {_rule(report)}",
    )
