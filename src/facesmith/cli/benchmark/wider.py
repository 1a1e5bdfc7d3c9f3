"""`facesmith benchmark wider`: average precision on WIDER FACE, easy, medium and hard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.benchmark.photos import output_options
from facesmith.cli.detector_options import model_option, threads_option
from facesmith.cli.numbers import FiniteRange, counted, figure
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import FOLDER, NEW_FOLDER, open_report
from facesmith.cli.progress import ShownProgress
from facesmith.cli.public_sets import scored_set
from facesmith.cli.terminal import echo
from facesmith.cli.warned import warnings_in_words
from facesmith.errors import ImageError
from facesmith.evaluation import MIN_SCORE
from facesmith.files import make_folder

if TYPE_CHECKING:
    from facesmith.evaluation.wider import WiderImage, WiderScores


@click.command(cls=WritingCommand)
@click.option(
    "--ground-truth",
    required=True,
    type=FOLDER,
    help="Folder of wider_face_val.mat and wider_easy_val.mat, _medium_, _hard_; or what "
    "`facesmith fetch wider` filled.",
)
@click.option(
    "--predictions",
    type=NEW_FOLDER,
    help="What a detector found: a folder an event, a text file an image. With --images, the "
    "folder to write.  [default: predictions in --out]",
)
@click.option(
    "--images",
    type=FOLDER,
    help="Folder of the images, WIDER_val/images: run facesmith's detector on them first.",
)
@model_option("With --images: a")
@click.option(
    "--min-face",
    type=FiniteRange(0, min_open=True),
    metavar="PX",
    help="With --images: height of the smallest face to look for; this sets the image scale.  "
    "[default: as `facesmith detect`]",
)
@threads_option
@click.option(
    "--protocol",
    type=click.Choice(["common", "strict"]),
    default="common",
    show_default=True,
    help="common: the figures that everybody quotes. strict: without that program's quirks.",
)
@output_options("wider.json, with the curves, and precision_recall.png")
def wider(
    ground_truth: Path,
    predictions: Path | None,
    images: Path | None,
    model: Path | None,
    min_face: float | None,
    threads: int,
    protocol: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Average precision on WIDER FACE: easy, medium and hard.

    Scores the predictions of any detector on the validation set, in the official form, as the
    program does that published figures come from. With --images, facesmith's own detector is run
    and its predictions are written first.

    \b
    Example:
      facesmith benchmark wider --ground-truth ground_truth/ --predictions predictions/
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.wider import (  # noqa: PLC0415 - `--help` is quick
        evaluate_wider,
        read_ground_truth,
        read_predictions,
    )

    fetched = scored_set(ground_truth, "wider")
    if fetched is not None:
        ground_truth = fetched.truth
        if images is None and predictions is None:
            images = fetched.scored_images
    if images is None:
        for name, value in (("model", model), ("min-face", min_face)):
            if value is not None:
                raise click.UsageError(f"--{name} goes with --images, on which a detector is run.")
        if predictions is None:
            raise click.UsageError(
                "Pass --predictions, what a detector found, or --images to run one."
            )
        if not predictions.is_dir():
            raise click.UsageError(f"--predictions: the folder {predictions} does not exist.")
    truth = read_ground_truth(ground_truth)
    if out is not None:
        open_report(out)
    image_scale = None
    if images is not None:
        predictions = _folder_to_write(predictions, out)
        image_scale = _detect(truth, images, predictions, model, min_face, threads, quiet=quiet)
    assert predictions is not None
    with warnings_in_words():
        scores = evaluate_wider(
            truth,
            read_predictions(predictions, truth),
            "strict" if protocol == "strict" else "common",
        )
    values = {
        "scored": predictions.as_posix(),
        **scores.to_dict(),
        "image_scale": image_scale and {"min": image_scale[0], "max": image_scale[1]},
    }
    if out is not None:
        _write(scores, values, out)
    if as_json:
        echo(json.dumps(values))
    elif not quiet:
        _print(scores, predictions, image_scale)


def _folder_to_write(predictions: Path | None, out: Path | None) -> Path:
    """A new or empty folder: what lies there from another run would be mixed in."""
    folder = predictions or (out / "predictions" if out is not None else None)
    if folder is None:
        raise click.UsageError("--images needs --predictions or --out, the folder to write to.")
    if folder.is_dir() and any(folder.iterdir()):
        raise click.UsageError(
            f"{folder} is not empty. Leave out --images to score the predictions in it, or name "
            "another folder."
        )
    return folder


def _detect(
    truth: Sequence[WiderImage],
    images: Path,
    folder: Path,
    model: Path | None,
    min_face: float | None,
    threads: int,
    *,
    quiet: bool,
) -> tuple[float, float]:
    """Run the detector, write its predictions, and return the smallest and largest image scale."""
    from facesmith.detection.opening import open_detector  # noqa: PLC0415
    from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos  # noqa: PLC0415 - see `wider`
    from facesmith.evaluation.wider import write_predictions  # noqa: PLC0415

    paths = [images / image.event / f"{image.name}.jpg" for image in truth]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ImageError(
            f"{missing[0]} is missing{more}: expected the {len(paths)} images of the ground truth. "
            "Pass --images WIDER_val/images."
        )
    detector = open_detector(model, threads)
    faces, scales = [], []
    make_folder(folder)
    sources = [PhotoSource(path.as_posix(), path) for path in paths]
    results = detect_photos(detector, sources, DetectionConfig(MIN_SCORE, min_face))
    with ShownProgress(quiet=quiet) as progress:
        for _, found in zip(progress.each(paths, "Photos"), results, strict=True):
            if found.error is not None:
                raise ImageError(found.error)
            faces.append(found.faces)
            scales.append(detector.pyramid.plan(found.width, found.height, min_face).scale)
    write_predictions(folder, truth, faces)
    return min(scales), max(scales)


def _print(scores: WiderScores, predictions: Path, scale: tuple[float, float] | None) -> None:
    echo(f"scored       {predictions}")
    echo(
        f"images       {scores.n_images:,} with {counted(scores.n_detections, 'box', 'boxes')} "
        "predicted"
    )
    echo(f"image scale  {_scale(scale)}")
    echo(f"protocol     {scores.protocol}, IoU 0.5")
    echo("setting      AP      faces")
    for name, setting in scores.settings.items():
        echo(f"{name:<11}  {figure(setting.average_precision):<6}  {setting.n_faces:,}")


def _scale(scale: tuple[float, float] | None) -> str:
    if scale is None:
        return "not known here; state it with the figures"
    low, high = (f"{value:.3g}" for value in scale)
    return low if low == high else f"{low} to {high}, smaller for larger images"


def _write(scores: WiderScores, values: dict[str, object], out: Path) -> None:
    import numpy as np  # noqa: PLC0415 - see `wider`

    from facesmith.evaluation.plots import draw_precision_recall  # noqa: PLC0415 - heavy
    from facesmith.files import write_json  # noqa: PLC0415

    curves = {}
    for name, setting in scores.settings.items():
        drawn = np.isfinite(setting.precision) & np.isfinite(setting.recall)
        curves[name] = {
            "precision": setting.precision[drawn].tolist(),
            "recall": setting.recall[drawn].tolist(),
        }
    write_json(out / "wider.json", {**values, "curves": curves})
    labels = {
        f"{name}: AP {figure(setting.average_precision)}, {counted(setting.n_faces, 'face')}": (
            setting.recall,
            setting.precision,
        )
        for name, setting in scores.settings.items()
    }
    draw_precision_recall(
        labels,
        out / "precision_recall.png",
        f"WIDER FACE, {counted(scores.n_images, 'image')}\n{scores.protocol} protocol, IoU 0.5",
    )
