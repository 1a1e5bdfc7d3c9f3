"""`facesmith roc`: how good a trained classifier is, and which threshold to use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.numbers import WholeRange, counted
from facesmith.cli.options import images_anywhere_option
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FILE, FOLDER, NEW_FOLDER
from facesmith.cli.targets import read_target, target_options
from facesmith.cli.terminal import echo
from facesmith.cli.warned import warnings_in_words
from facesmith.files import OutputFolder

if TYPE_CHECKING:
    from facesmith.evaluation.roc_report import RocReport
    from facesmith.metrics.bootstrap import Interval


class _Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """Numbers between 0 and 1, separated by commas."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[float]:
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            numbers = []
        if not numbers or not all(0 <= number <= 1 for number in numbers):
            self.fail(f"{value!r}: expected numbers from 0 to 1, e.g. 0.1,0.5,0.9", param, ctx)
        return numbers


@click.command(cls=WritingCommand, rewrites=("run",))
@click.argument("run", type=EXISTING)
@click.option(
    "--patches",
    type=FILE,
    help="Patches to evaluate on.  [default: those that the run was trained on]",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train", "all"]),
    help="Which rows.  [default: test of the run's own patches, all of --patches]",
)
@click.option("--thresholds", type=_Numbers(), help="Evaluate at these only, e.g. 0.1,0.5,0.9.")
@click.option(
    "--exercise-thresholds",
    is_flag=True,
    help="Evaluate at 0.00, 0.01 ... 1.00 only, as the exercise's figure may have been drawn.",
)
@target_options
@click.option(
    "--annotations",
    type=EXISTING,
    help="Annotated photos to judge a detector on, in any format that `train` reads.",
)
@click.option("--images", type=FOLDER, help="Folder of these photos.")
@images_anywhere_option
@click.option(
    "--negatives",
    multiple=True,
    type=FOLDER,
    help="Folder of photos without any human face to judge a detector on; may be repeated.",
)
@click.option(
    "--out", type=NEW_FOLDER, help="Folder for roc.png and roc.json.  [default: the run folder]"
)
@click.option("--seed", type=WholeRange(0), default=0, show_default=True, help="Of the bootstrap.")
@click.option("--threads", type=WholeRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures and the curve as JSON.")
@click.option("--quiet", is_flag=True, help="Write the files only.")
def roc(
    run: Path,
    patches: Path | None,
    split: str | None,
    thresholds: list[float] | None,
    exercise_thresholds: bool,
    annotations: Path | None,
    images: Path | None,
    negatives: tuple[Path, ...],
    out: Path | None,
    seed: int,
    threads: int,
    as_json: bool,
    quiet: bool,
    **targets: float | None,
) -> None:
    """Draw a classifier's ROC curve and pick its threshold.

    RUN is the run folder of `facesmith train`, or a classifier's .onnx file with --patches. Writes
    roc.png and roc.json: the curve, the area under it, the point nearest to (0, 1), the accuracy
    at a score of 0.5 and at that point, with 95 % bootstrap intervals over photos.

    With a target, a threshold is chosen on the validation rows of the run's own patches, or on
    --patches, and stored with the weights. For a detector, whose score counts boxes in photos,
    RUN goes with --annotations and --images, and the curve is recall over false boxes a photo.

    \b
    Examples:
      facesmith roc runs/compact --patches other_patches.npz
      facesmith roc runs/compact --target-fpr 0.01
      facesmith roc runs/detector --annotations val.json --images val/ --target-precision 0.95
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.classifier_rows import (  # noqa: PLC0415 - heavy
        choose_classifier_threshold,
    )
    from facesmith.evaluation.roc_report import evaluate_run, write_report  # noqa: PLC0415 - heavy
    from facesmith.metrics.roc import EXERCISE_THRESHOLDS  # noqa: PLC0415

    if thresholds and exercise_thresholds:
        raise click.UsageError("Pass either --thresholds or --exercise-thresholds.")
    target_folder = out or (run.parent if run.is_file() else run)
    folder = OutputFolder(target_folder, "report")
    folder.add("roc.json", "roc.png")
    if out is None:  # the weights are told the new threshold
        folder.adopt("detector.onnx", "classifier.onnx", run.name)
    if annotations is not None or images is not None or negatives or _holds_detector(run):
        if annotations is None or images is None:
            raise click.UsageError(
                f"{run} holds a detector: pass --annotations and --images, photos that it was not "
                "trained on."
            )
        for name, given in (
            ("patches", patches),
            ("split", split),
            ("thresholds", thresholds),
            ("exercise-thresholds", exercise_thresholds),
        ):
            if given:
                raise click.UsageError(f"--{name} goes with a classifier, not with --annotations.")
        from facesmith.cli.roc_detector import roc_detector_command  # noqa: PLC0415 - heavy

        roc_detector_command(
            run,
            annotations,
            images,
            negatives,
            target=read_target(targets, detector=True),
            out=target_folder,
            seed=seed,
            threads=threads,
            as_json=as_json,
            quiet=quiet,
        )
        return
    target = read_target(targets, detector=False)
    with warnings_in_words():
        point = None
        if target is not None:
            point = choose_classifier_threshold(run, target, patches, threads=threads, seed=seed)
        reported = evaluate_run(
            run,
            patches,
            split=split,
            thresholds=EXERCISE_THRESHOLDS if exercise_thresholds else thresholds,
            operating_point=point,
            threads=threads,
            seed=seed,
        )
    picture, _ = write_report(reported, target_folder)
    if as_json:
        echo(json.dumps(reported.to_dict()))
    elif not quiet:
        _print(reported)
        echo(f"picture       {picture}")


def _holds_detector(run: Path) -> bool:
    return (run / "detector.onnx").is_file() or run.name == "detector.onnx"


def _print(reported: RocReport) -> None:
    best, intervals = reported.curve.best, reported.intervals
    photos = "" if reported.n_photos is None else f" from {counted(reported.n_photos, 'photo')}"
    echo(f"{reported.network}, {reported.rows}")
    echo(f"rows          {counted(reported.n_faces, 'face')}, {reported.n_others:,} others{photos}")
    echo(f"AUC           {_figure(reported.curve.auc, intervals.auc)}")
    echo(f"accuracy      {_figure(reported.accuracy, intervals.accuracy)}  at score 0.5")
    if best.threshold != best.threshold:  # NaN: no curve, so no point
        return
    echo(
        f"              {_figure(reported.accuracy_at_best, intervals.accuracy_at_best)}"
        f"  at score {best.threshold:.3f}, the point nearest to (0, 1):"
    )
    echo(f"  TPR         {_figure(best.tpr, intervals.tpr)}")
    echo(f"  FPR         {_figure(best.fpr, intervals.fpr)}")
    if reported.operating_point is not None and reported.at_threshold is not None:
        rates = reported.at_threshold
        echo(f"stored        {reported.operating_point}")
        echo(
            f"              on these rows: TPR {rates.tpr:.4f}, FPR {rates.fpr:.4f}, precision "
            f"{rates.precision:.4f}"
        )


def _figure(value: float, interval: Interval) -> str:
    if value != value:  # noqa: PLR0124 - NaN, without NumPy
        return "undefined: one of the two labels is missing"
    return f"{value:.4f}  (95 %: {interval[0]:.4f} to {interval[1]:.4f})"
