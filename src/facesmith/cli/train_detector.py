"""The detector's half of `facesmith train`: annotated photos in, a run folder with weights out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.progress import ShownProgress
from facesmith.cli.targets import read_target
from facesmith.cli.terminal import echo
from facesmith.cli.train_verdict import Trained, load_val, print_verdict, reach_verdict
from facesmith.curation.hard_negatives import read_mined
from facesmith.detection.detector import shipped_weights
from facesmith.runs.folder import RunFolder
from facesmith.runs.settings import SettingsError, read_settings, with_changes
from facesmith.training.detector import train_detector
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.loop_config import LoopConfig
from facesmith.training.mined import MinedConfig, MinedTraining
from facesmith.training.recipe_files import read_recipe

_OF_PROPOSALS = ("epochs", "batch_size", "learning_rate", "time_limit")
SHIPPED = Path("shipped")  # what --from takes for the weights that come along


def train_detector_command(
    data: Path,
    out: Path,
    *,
    images: Path | None,
    negatives: tuple[Path, ...],
    mined: tuple[Path, ...],
    start: Path | None,
    teacher: Path | None,
    as_json: bool,
    quiet: bool,
    resume: bool,
    force: bool,
    val: Path | None,
    val_images: Path | None,
    single_split: bool,
    **options: Any,
) -> None:
    """Read the photos, train, and print how good the detector is, also beside the one before."""
    if images is None:
        raise click.UsageError(
            f"Annotated photos need --images, the folder of the photos of {data}."
        )
    RunFolder(out).check(resume=resume, force=force)
    target = read_target(options, detector=True)
    if options.pop("network") is not None:
        raise click.UsageError(f"--network goes with a patches file; {data} holds annotations.")
    settings = _settings(options.pop("config"), options.pop("recipe"), start, options["quick"])
    false_boxes = _read_mined(mined, settings.pop("mined", None))
    if start == SHIPPED:
        start = shipped_weights()
    given = {name: value for name, value in options.items() if value is not None}
    config = _config(settings, start=start, **given)
    if config.keep_proposals:
        _refuse_options_of_proposals({**options, "teacher": teacher})
    judged_on = load_val(val, val_images, images, quiet=quiet)
    photos = load_photos(data, images, negatives, counted=not quiet, quiet=quiet).photos
    with ShownProgress(quiet=quiet) as progress:
        metrics = train_detector(
            photos, out, config, target=target, mined=false_boxes, start=start, teacher=teacher,
            resume=resume, force=force, progress=progress,
        )  # fmt: skip
        folds = not (single_split or options["quick"])
        trained = Trained(photos, out, config, false_boxes, start, teacher, metrics)
        verdict = reach_verdict(trained, judged_on, folds=folds, progress=progress)
    if as_json:
        echo(json.dumps({**metrics, "verdict": verdict.to_dict()}))
    elif not quiet:
        _print(metrics)
        print_verdict(verdict, out)


def _settings(
    path: Path | None, recipe: str | None, start: Path | None, quick: bool
) -> dict[str, Any]:
    """Those of a file or of a recipe."""
    if recipe is None:
        return read_settings(path, "detector") if path is not None else {}
    for option, given in (("config", path), ("from", start), ("quick", quick or None)):
        if given is not None:
            raise click.UsageError(
                f"--recipe holds all settings of one training, so --{option} does not go with it."
            )
    return read_recipe(recipe)


def _read_mined(paths: tuple[Path, ...], settings: Any) -> MinedTraining | None:
    """The boxes of the files; the checksum in the settings of a run is no setting."""
    if not paths:
        if settings is not None:
            raise click.UsageError("The settings `mined` of --config go with --mined.")
        return None
    config = MinedConfig()
    if isinstance(settings, dict):
        changes = {name: value for name, value in settings.items() if name != "checksum"}
        config = with_changes(config, changes, "mined.")
    elif settings is not None:
        raise SettingsError(f"Setting 'mined' must be dict; got {settings!r}.")
    return MinedTraining.merged([read_mined(path) for path in paths], config)


def _refuse_options_of_proposals(options: dict[str, Any]) -> None:
    """Ends the command where it is to keep the proposals and yet told how to train them."""
    for name in ("teacher", *_OF_PROPOSALS):
        if options[name] is not None:
            raise click.UsageError(
                f"--{name.replace('_', '-')} is for the training of the proposals, which "
                "`keep_proposals` in --config leaves as they are. Leave one of the two out."
            )


def _config(
    settings: Mapping[str, Any],
    *,
    quick: bool = False,
    start: Path | None = None,
    single_look: bool = False,
    batch_size: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    **options: Any,
) -> DetectorConfig:
    """The defaults, changed by the file, changed by the options.

    Most options are those of the proposal network's training.
    """
    if quick and start is not None:
        raise click.UsageError(
            "--quick is for a training from the start; --from is short already, and --epochs says "
            "how short."
        )
    config = DetectorConfig.quick() if quick else DetectorConfig()
    if start is not None:
        config = DetectorConfig.continued(start)
    config = with_changes(config, settings)
    for part in (config.proposals, config.refiner):
        if part and not (part.batch_size > 0 and part.loop.epochs > 0 < part.loop.learning_rate):
            raise SettingsError(
                "Settings `batch_size`, `epochs` and `learning_rate` must be above 0; got "
                f"{part.batch_size}, {part.loop.epochs} and {part.loop.learning_rate:g}."
            )
    if single_look:
        config = dataclasses.replace(config, refiner=None)
    if config.keep_proposals and (start is None or config.refiner is None):
        raise click.UsageError(
            "`keep_proposals` in --config keeps the proposals of --from MODEL, and does not go "
            "with --no-refiner."
        )
    proposals = config.proposals
    if batch_size is not None:
        proposals = dataclasses.replace(proposals, batch_size=batch_size)
    proposals = dataclasses.replace(proposals, loop=dataclasses.replace(proposals.loop, **options))

    def shared(loop: LoopConfig) -> LoopConfig:
        return dataclasses.replace(
            loop,
            seed=loop.seed if seed is None else seed,
            threads=loop.threads if threads is None else threads,
        )

    return dataclasses.replace(config, proposals=proposals).with_loops(shared)


def _print(metrics: dict[str, Any]) -> None:
    echo(
        f"Trained on {metrics['photos'] - metrics['photos_held_out']} photos, judged on the "
        f"{metrics['photos_held_out']} held out (faces of 16 px and more):"
    )
    for way, figures in metrics["held_out"].items():
        mark = "  <- kept" if way == metrics["kept"] else ""
        echo(
            f"  {way:<17}  AP {_figure(figures['ap'])} at IoU 0.5, "
            f"{_figure(figures['ap_iou40'])} at 0.4   "
            f"recall at 0.1 false boxes a photo {_figure(figures['recall_at_0.1'])}{mark}"
        )
    figures = metrics["held_out"][metrics["kept"]]
    chosen = (
        "where a face is likelier than not" if "operating_point" not in metrics else "as asked for"
    )
    echo(
        f"From a score of {figures['threshold']:.3f} on, {chosen}: precision "
        f"{_figure(figures['precision'])}, recall {_figure(figures['recall'])}, "
        f"{_figure(figures['false_per_photo'])} false boxes a photo."
    )
    losses = metrics["calibration"]["log_losses"]
    if losses:
        compared = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        echo(
            f"Scores calibrated by the {metrics['calibration']['method']} method (cross-validated "
            f"log loss: {compared}); expected calibration error "
            f"{_figure(metrics['calibration_error'])}."
        )


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
