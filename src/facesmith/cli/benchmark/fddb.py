"""`facesmith benchmark fddb`: the official FDDB curves for the output of any detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.benchmark.photos import output_options
from facesmith.cli.detector_options import model_option, threads_option
from facesmith.cli.numbers import WholeRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import FOLDER, open_report
from facesmith.cli.progress import ShownProgress
from facesmith.cli.public_sets import scored_set
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.evaluation.fddb import FddbDetections, FddbResult, Fold

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DETECTIONS_NAME = "detections.txt"
_CURVE_NAMES = ("DiscROC.txt", "ContROC.txt")
_PICTURE_NAME = "roc.png"


@click.command(cls=WritingCommand)
@click.option(
    "--folds",
    "folds_dir",
    type=FOLDER,
    required=True,
    help="Folder of the annotations: FDDB-fold-01-ellipseList.txt, FDDB-fold-01.txt and so on; or "
    "what `facesmith fetch fddb` filled.",
)
@click.option(
    "--detections",
    type=_FILE,
    multiple=True,
    help="Detections in the official form; repeat it for one file a fold.  [default: those of "
    "facesmith's own detector in --images]",
)
@click.option(
    "--image-sizes", type=_FILE, help="CSV file image,width,height, where there are no images."
)
@click.option("--images", "images_dir", type=FOLDER, help="Folder that the names start from.")
@click.option(
    "--fold",
    "fold_numbers",
    type=WholeRange(1),
    multiple=True,
    help="Evaluate this fold only; may be repeated.  [default: all]",
)
@click.option("--each-fold", is_flag=True, help="Write the curves of each fold alone, too.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["auto", "rectangle", "ellipse"]),
    default="auto",
    show_default=True,
    help="What a line of detections is; auto: a rectangle if it has 5 numbers, an ellipse if 6.",
)
@click.option(
    "--fit-ellipse",
    is_flag=True,
    help="Fit an ellipse to each box, 1.2 times as high and 1.1 times as wide: raises the "
    "continuous score. Say so with the figure.",
)
@model_option("Without --detections: a")
@threads_option
@click.option("--plot", is_flag=True, help="Draw both curves into roc.png, too.")
@output_options("DiscROC.txt and ContROC.txt", required=True)
def fddb(
    folds_dir: Path,
    detections: tuple[Path, ...],
    image_sizes: Path | None,
    images_dir: Path | None,
    out: Path,
    fold_numbers: tuple[int, ...],
    each_fold: bool,
    shape: str,
    fit_ellipse: bool,
    model: Path | None,
    threads: int,
    plot: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Draw FDDB's official ROC curves for any detector.

    Evaluates as the official C++ program does, without OpenCV, and writes the same files:
    DiscROC.txt (true positive rate, false positives, threshold) and ContROC.txt.

    Detections: an image's name, their number, and so many lines `left top width height score`, or
    `major minor angle x y score` for ellipses. All images of the folds, in any order.

    \b
    Example:
      facesmith benchmark fddb --folds FDDB-folds --detections found.txt --images originalPics \\
        --out fddb
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.fddb import (  # noqa: PLC0415 - `--help` needs no NumPy
        choose_folds,
        evaluate,
        fit_ellipses,
        read_fddb_detections,
        read_folds,
    )

    fetched = scored_set(folds_dir, "fddb")
    if fetched is not None:
        folds_dir = fetched.truth
        if image_sizes is None and images_dir is None:
            images_dir = fetched.scored_images
    if image_sizes is None and images_dir is None:
        raise click.UsageError(
            "The sizes of the images are needed: pass --images DIR or --image-sizes CSV."
        )
    if not detections and images_dir is None:
        raise click.UsageError("Pass --detections FILE, or --images DIR to run the detector on.")
    if detections and model is not None:
        raise click.UsageError("Pass either --detections or --model.")
    every_fold = read_folds(folds_dir)
    folds = choose_folds(every_fold, fold_numbers)
    open_report(out)
    if detections:
        given: Any = None if shape == "auto" else shape
        found = read_fddb_detections(detections, every_fold, shape=given, wanted=folds)
    else:
        assert images_dir is not None
        found = _detect(folds, images_dir, model, threads, out, quiet)
    if fit_ellipse:
        found = fit_ellipses(found)
    result = evaluate(folds, found, image_sizes=image_sizes, images_dir=images_dir)
    _write(result, out, each_fold, plot)
    if as_json:
        echo(json.dumps(_as_dict(result, folds, each_fold)))
    elif not quiet:
        written = [*_CURVE_NAMES, *[_DETECTIONS_NAME] * (not detections), *[_PICTURE_NAME] * plot]
        _print(result, out, written, each_fold)


def _detect(
    folds: list[Fold], images_dir: Path, model: Path | None, threads: int, out: Path, quiet: bool
) -> FddbDetections:
    from facesmith.detection.opening import open_detector  # noqa: PLC0415 - ONNX Runtime
    from facesmith.evaluation.fddb import write_fddb_detections  # noqa: PLC0415 - see `fddb`
    from facesmith.evaluation.fddb.images import detect_fddb  # noqa: PLC0415

    detector = open_detector(model, threads)
    names = [name for fold in folds for name in fold.names]
    with ShownProgress(quiet=quiet) as progress:
        found = detect_fddb(detector, folds, images_dir, progress=progress)
    write_fddb_detections(found, names, out / _DETECTIONS_NAME)
    return found


def _write(result: FddbResult, out: Path, each_fold: bool, plot: bool) -> None:
    result.curves.write(out)
    if each_fold:
        for number, curves in result.by_fold.items():
            curves.write(out, f"fold-{number:02d}-")
    if plot:
        from facesmith.evaluation.plots import draw_fddb  # noqa: PLC0415 - Matplotlib

        folds = ", ".join(map(str, result.by_fold))
        title = "FDDB" if len(result.by_fold) == 10 else f"FDDB, fold {folds}"
        draw_fddb(result.curves, out / _PICTURE_NAME, title)


def _as_dict(result: FddbResult, folds: list[Fold], each_fold: bool) -> dict[str, Any]:
    from facesmith.evaluation.fddb import FOLD_FALSE_POSITIVES  # noqa: PLC0415 - see `fddb`

    numbers = [fold.number for fold in folds]
    values = {"folds": numbers, "shape": result.shape, **result.curves.to_dict()}
    if each_fold:
        values["by_fold"] = [
            {"fold": number, **curves.to_dict(FOLD_FALSE_POSITIVES)}
            for number, curves in result.by_fold.items()
        ]
    return values


def _print(result: FddbResult, out: Path, written: list[str], each_fold: bool) -> None:
    from facesmith.evaluation.fddb import FALSE_POSITIVES, FOLD_FALSE_POSITIVES  # noqa: PLC0415

    curves = result.curves
    echo(
        f"{counted(curves.n_faces, 'face')} in {counted(curves.n_images, 'image')}, "
        f"{curves.n_detections:,} "
        f"detections ({result.shape}s)"
    )
    echo("false positives    discrete TPR  faces found  continuous TPR  at score")
    ended = False
    for number in FALSE_POSITIVES:
        point = curves.at(number)
        ended |= point.beyond_end
        mark = "*" if point.beyond_end else " "
        score = "-" if point.threshold is None else f"{point.threshold:.6g}"
        echo(
            f"{number:>15,}{mark}   {point.discrete_tpr:12.4f}  {point.n_found:>11,}  "
            f"{point.continuous_tpr:14.4f}  {score}"
        )
    if ended:
        last = int(curves.false_positives.max(initial=0))
        echo(f"* the curves end at {last:,} false positives: there are no more detections")
    if each_fold:
        heads = "".join(f"{number:>9}" for number in FOLD_FALSE_POSITIVES)
        echo(f"discrete TPR at{heads}  false positives")
        for number, alone in result.by_fold.items():
            rates = "".join(f"{alone.at(n).discrete_tpr:9.4f}" for n in FOLD_FALSE_POSITIVES)
            echo(f"fold {number:>2}        {rates}")
    points = len(curves.thresholds)
    echo(f"written to {out}: {', '.join(written)}; {counted(points, 'point')}")
