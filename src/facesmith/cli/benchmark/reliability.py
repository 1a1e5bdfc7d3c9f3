"""`facesmith benchmark reliability`: whether a detector's scores mean what they say."""

from __future__ import annotations

import json
from pathlib import Path

import click

from facesmith.cli.benchmark.photos import load_scored, photo_options
from facesmith.cli.numbers import IOU, FiniteRange, WholeRange
from facesmith.cli.outputs import OutputPath
from facesmith.cli.terminal import echo
from facesmith.files import finite_or_none, make_folder, write_json


@click.command()
@photo_options
@click.option(
    "--iou",
    type=IOU,
    default=0.4,
    show_default=True,
    help="A box is right when it overlaps a face at least this much.",
)
@click.option(
    "--min-height",
    type=FiniteRange(0),
    metavar="PX",
    default=16,
    show_default=True,
    help="Ignore faces lower than this, and the boxes on them.",
)
@click.option(
    "--min-score",
    type=FiniteRange(0, 1),
    default=0,
    show_default=True,
    help="Leave out boxes with a lower score.",
)
@click.option("--seed", type=WholeRange(0), default=0, show_default=True, help="Of the bootstrap.")
@click.option(
    "--out",
    type=OutputPath(file_okay=False),
    help="Folder for reliability.json and reliability.png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No table and no progress bar; errors remain.")
def reliability(
    annotations: Path,
    images: Path,
    annotation_format: str | None,
    category: tuple[str, ...],
    detections: Path | None,
    model: Path | None,
    threads: int,
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
    from facesmith.metrics.average_precision import (  # noqa: PLC0415 - `--help` is quick
        AnnotatedFaces,
    )
    from facesmith.metrics.reliability import expected_error_interval  # noqa: PLC0415
    from facesmith.metrics.reliability import reliability as compare  # noqa: PLC0415
    from facesmith.metrics.scored_rows import match_scores  # noqa: PLC0415

    photos, found, scored = load_scored(
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
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    boxes = match_scores(truths, found, iou_threshold=iou, min_height=min_height)
    compared = compare(boxes.scores, boxes.right)
    low, high = expected_error_interval(boxes, seed=seed)
    result = finite_or_none(
        {
            "scored": scored,
            "iou": iou,
            "min_height": min_height,
            "min_score": min_score,
            "n_photos": boxes.n_photos,
            "n_boxes": len(boxes.scores),
            "expected_calibration_error": compared.expected_error,
            "interval": [low, high],
            "largest_error": compared.largest_error,
            "bins": [
                {
                    "from": i / len(compared.counts),
                    "boxes": int(compared.counts[i]),
                    "mean_score": float(compared.mean_scores[i]),
                    "share_right": float(compared.shares_right[i]),
                }
                for i in range(len(compared.counts))
            ],
        }
    )
    if out is not None:
        from facesmith.evaluation.plots import write_diagram  # noqa: PLC0415 - heavy

        make_folder(out)
        write_json(out / "reliability.json", result)
        write_diagram(compared, out / "reliability.png")
    if as_json:
        echo(json.dumps(result))
    elif not quiet:
        _print(result)
        if out is not None:
            echo(f"written  {out / 'reliability.json'}, {out / 'reliability.png'}")


def _print(result: dict[str, object]) -> None:
    echo(f"{result['scored']}: {result['n_boxes']:,} boxes in {result['n_photos']:,} photos")
    echo("score          boxes  mean score  share right")
    bins = result["bins"]
    assert isinstance(bins, list)
    for each in bins:
        if each["boxes"]:
            echo(
                f"{each['from']:.1f} to {each['from'] + 0.1:.1f}  {each['boxes']:8,}  "
                f"{each['mean_score']:10.3f}  {each['share_right']:11.3f}"
            )
    error, interval = result["expected_calibration_error"], result["interval"]
    assert isinstance(interval, list)
    if error is None:
        echo("No boxes: the expected calibration error is undefined.")
    else:
        echo(
            f"expected calibration error {error:.4f}  (95 %: {interval[0]:.4f} to "
            f"{interval[1]:.4f})"
        )
