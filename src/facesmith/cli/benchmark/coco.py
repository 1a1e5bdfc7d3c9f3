"""`facesmith benchmark coco`: average precision and recall on annotated photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.benchmark.photos import load_any_scores, photo_options
from facesmith.cli.numbers import IOU, FiniteRange
from facesmith.cli.outputs import OutputPath
from facesmith.cli.terminal import echo
from facesmith.files import make_folder

if TYPE_CHECKING:
    from facesmith.evaluation.coco import PhotoScores

# What the curve of our own detector begins with: far below any threshold that one would use.
LEAST_SCORE = 0.001


@click.command()
@photo_options
@click.option(
    "--iou",
    "ious",
    type=IOU,
    multiple=True,
    default=(0.5, 0.4),
    help="A match needs at least this overlap. Repeat it for several.  [default: 0.5 and 0.4]",
)
@click.option(
    "--min-height",
    type=FiniteRange(0),
    metavar="PX",
    default=0,
    show_default=True,
    help="Ignore faces lower than this: neither found nor missed.",
)
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
    help=f"Leave out boxes with a lower score.  [default: {LEAST_SCORE} where the detector is run, "
    "none of --detections]",
)
@click.option(
    "--out",
    type=OutputPath(file_okay=False),
    help="Folder for coco.json, with the curves, and precision_recall.png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No table and no progress bar; errors remain.")
def coco(
    annotations: Path,
    images: Path,
    detections: Path | None,
    model: Path | None,
    threads: int,
    annotation_format: str | None,
    category: tuple[str, ...],
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
      facesmith benchmark coco --annotations val.json --images val/ --min-height 16
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.coco import score_photos  # noqa: PLC0415 - `--help` is quick

    if detections is None:
        if min_score is None:
            min_score = LEAST_SCORE
        elif not 0 <= min_score <= 1:
            raise click.UsageError(f"--min-score {min_score:g}: our scores are from 0 to 1.")
    photos, found, scored = load_any_scores(
        annotations,
        images,
        annotation_format=annotation_format,
        category=category,
        detections=detections,
        model=model,
        min_score=min_score,
        threads=threads,
        quiet=quiet,
    )
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
        f"photos     {report.n_photos:,} with {report.n_faces:,} faces; {report.n_ignored:,} "
        "ignored"
    )
    echo(f"rule       {_rule(report)}")
    echo("IoU        AP      recall  recall at 0.1 / 1 false boxes a photo")
    for iou, curve in report.curves.items():
        low, high = (_figure(curve.recall_at(allowed)) for allowed in (0.1, 1.0))
        echo(
            f"{iou:<9g}  {_figure(report.average_precision[iou])}  {_figure(report.recall(iou))}  "
            f"{low} / {high}"
        )


def _rule(report: PhotoScores) -> str:
    height = f", faces lower than {report.min_height:g} px ignored" if report.min_height else ""
    most = f", best {report.max_detections} boxes a photo" if report.max_detections else ""
    words = {"voc": "VOC 2010, every point of the curve", "coco": "COCO, 101 recalls"}
    return words[report.rule] + most + height


def _figure(value: float) -> str:
    return "-     " if value != value else f"{value:.4f}"  # noqa: PLR0124 - NaN, without NumPy


def _write(report: PhotoScores, out: Path) -> None:
    from facesmith.evaluation.plots import (  # noqa: PLC0415 - heavy
        draw_precision_recall,
    )
    from facesmith.files import write_json  # noqa: PLC0415

    make_folder(out)
    curves = {
        str(iou): {
            "score": curve.scores.tolist(),
            "precision": curve.precision.tolist(),
            "recall": curve.recall.tolist() if curve.n_faces else [],
            "false_per_photo": curve.false_per_photo.tolist(),
        }
        for iou, curve in report.curves.items()
    }
    write_json(out / "coco.json", {**report.to_dict(), "curves": curves})
    draw_precision_recall(
        {
            f"IoU {iou:g}: AP {_figure(report.average_precision[iou]).strip()}": (
                curve.recall,
                curve.precision,
            )
            for iou, curve in report.curves.items()
        },
        out / "precision_recall.png",
        f"{report.scored}\n{report.n_faces:,} faces in {report.n_photos:,} photos; {_rule(report)}",
    )
