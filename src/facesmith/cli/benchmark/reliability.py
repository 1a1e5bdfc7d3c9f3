"""`facesmith benchmark reliability`: whether a detector's scores mean what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from facesmith.cli.benchmark.photos import (
    Given,
    iou_option,
    load_scored,
    min_height_option,
    output_options,
    photo_options,
)
from facesmith.cli.numbers import FiniteRange, WholeRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import open_report
from facesmith.cli.terminal import echo
from facesmith.files import finite_or_none, write_json


@click.command(cls=WritingCommand)
@photo_options
@iou_option
@min_height_option
@click.option(
    "--min-score",
    type=FiniteRange(0, 1),
    default=0,
    show_default=True,
    help="Leave out boxes with a lower score.",
)
@click.option("--seed", type=WholeRange(0), default=0, show_default=True, help="Of the bootstrap.")
@output_options("reliability.json and reliability.png")
def reliability(
    given: Given,
    iou: float,
    min_height: float,
    min_score: float,
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Do scores mean what they say? Of the boxes with a score of 0.8, eight in ten should be faces.

    Prints the share of right boxes in ten bins of the score, and the expected calibration error,
    the mean gap between the two over all boxes, with a 95 % bootstrap interval over photos.

    \b
    Example:
      facesmith benchmark reliability --annotations val.json --images val/ --out reliability/
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415 - `--help` is quick
    from facesmith.metrics import reliability as metric  # noqa: PLC0415
    from facesmith.metrics.average_precision import AnnotatedFaces  # noqa: PLC0415
    from facesmith.metrics.scored_rows import match_scores  # noqa: PLC0415

    photos, found, scored = load_scored(given, min_score, read_detections)
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    boxes = match_scores(truths, found, iou_threshold=iou, min_height=min_height)
    compared = metric.reliability(boxes.scores, boxes.right)
    n_bins = len(compared.counts)
    result = finite_or_none(
        {
            "scored": scored,
            "iou": iou,
            "min_height": min_height,
            "min_score": min_score,
            "n_photos": boxes.n_photos,
            "n_boxes": len(boxes.scores),
            "expected_calibration_error": compared.expected_error,
            "interval": list(metric.expected_error_interval(boxes, seed=seed)),
            "largest_error": compared.largest_error,
            "bins": [
                {
                    "from": i / n_bins,
                    "boxes": int(compared.counts[i]),
                    "mean_score": float(compared.mean_scores[i]),
                    "share_right": float(compared.shares_right[i]),
                }
                for i in range(n_bins)
            ],
        }
    )
    if out is not None:
        from facesmith.evaluation.plots import write_diagram  # noqa: PLC0415 - heavy

        open_report(out)
        write_json(out / "reliability.json", result)
        write_diagram(compared, out / "reliability.png")
    if as_json:
        echo(json.dumps(result))
    elif not quiet:
        _print(result)
        if out is not None:
            echo(f"written  {out / 'reliability.json'}, {out / 'reliability.png'}")


def _print(result: dict[str, Any]) -> None:
    echo(
        f"{result['scored']}: {counted(result['n_boxes'], 'box', 'boxes')} in "
        f"{counted(result['n_photos'], 'photo')}"
    )
    echo("score          boxes  mean score  share right")
    for each in result["bins"]:
        if each["boxes"]:
            echo(
                f"{each['from']:.1f} to {each['from'] + 0.1:.1f}  {each['boxes']:8,}  "
                f"{each['mean_score']:10.3f}  {each['share_right']:11.3f}"
            )
    error, (low, high) = result["expected_calibration_error"], result["interval"]
    if error is None:
        echo("No boxes: the expected calibration error is undefined.")
    else:
        echo(f"expected calibration error {error:.4f}  (95 %: {low:.4f} to {high:.4f})")
