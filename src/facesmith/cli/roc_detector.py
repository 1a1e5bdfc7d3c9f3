"""The detector's half of `facesmith roc`: recall over false boxes a photo, and its threshold."""

from __future__ import annotations

import json
import math
from pathlib import Path

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.numbers import counted
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.evaluation import MATCH_IOU, MIN_FACE_HEIGHT
from facesmith.evaluation.detector_report import (
    DetectorReport,
    evaluate_detector,
    write_detector_report,
)
from facesmith.metrics.operating_point import Target


def roc_detector_command(
    run: Path,
    annotations: Path,
    images: Path,
    negatives: tuple[Path, ...],
    *,
    target: Target | None,
    out: Path,
    seed: int,
    threads: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Judge a detector on photos, choose and store its threshold, and print how good it is."""
    photos = load_photos(annotations, images, negatives, counted=not quiet, quiet=quiet).photos
    with ShownProgress(quiet=quiet) as progress:
        reported = evaluate_detector(
            run, photos, target=target, threads=threads, seed=seed, progress=progress
        )
    warning = reported.seen.warning(run.as_posix())
    if warning:
        echo(f"Warning: {warning}", err=True)
    picture, _ = write_detector_report(reported, out)
    if as_json:
        echo(json.dumps(reported.to_dict()))
    elif not quiet:
        _print(reported)
        echo(f"picture      {picture}")


def _print(reported: DetectorReport) -> None:
    curve, at = reported.curve, reported.at_threshold()
    low, high = reported.expected_error_interval
    echo(
        f"{reported.detector}: {counted(curve.n_faces, 'face')} in "
        f"{counted(reported.n_photos, 'photo')}, IoU "
        f"{MATCH_IOU:g}, faces below {MIN_FACE_HEIGHT:g} px ignored"
    )
    echo(f"AP           {_figure(curve.average_precision)}")
    echo(
        f"recall       {_figure(curve.recall_at(0.1))} at 0.1 false boxes a photo, "
        f"{_figure(curve.recall_at(1.0))} at 1"
    )
    echo(
        f"scores       expected calibration error {_figure(reported.compared.expected_error)}  "
        f"(95 %: {_figure(low)} to {_figure(high)})"
    )
    if reported.operating_point is not None:
        echo(f"stored       {reported.operating_point}")
    echo(
        f"threshold    {reported.threshold:.3f}: precision {_figure(at['precision'])}, recall "
        f"{_figure(at['recall'])}, {at['false_per_photo']:.4f} false boxes a photo"
    )


def _figure(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4f}"
