"""The detector's half of `facesmith train`: annotated photos in, a run folder with weights out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from facesmith.annotations import AnnotatedPhoto
from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.numbers import counted
from facesmith.cli.progress import ShownProgress
from facesmith.cli.public_sets import annotated
from facesmith.cli.targets import read_target
from facesmith.cli.terminal import echo
from facesmith.cli.train_settings import Basis, basis_for_all, find_basis, with_options
from facesmith.cli.train_start import decoded_photos, tell_resumed, threads_by_load
from facesmith.cli.train_verdict import (
    Trained,
    load_val,
    photos_as_words,
    print_verdict,
    reach_verdict,
    told_of_folds,
)
from facesmith.curation.hard_negatives import read_mined
from facesmith.detection.detector import Detector
from facesmith.runs.folder import RunFolder
from facesmith.runs.settings import SettingsError, with_changes
from facesmith.training.detector import train_detector
from facesmith.training.detector_calibration import KEPT
from facesmith.training.detector_config import DetectorConfig, weights_of, with_threads
from facesmith.training.fabric import make_fabric
from facesmith.training.mined import MinedConfig, MinedTraining
from facesmith.training.plan import Plan, plan_training, warning_anew
from facesmith.training.proposals import refuse_few, split_photos
from facesmith.training.sharing import World, current_world
from facesmith.training.teacher import Teacher

_OF_PROPOSALS = ("epochs", "batch_size", "learning_rate", "time_limit")


def train_detector_command(
    data: tuple[Path, ...],
    out: Path,
    *,
    images: Path | None,
    negatives: tuple[Path, ...],
    mined: tuple[Path, ...],
    start: Path | None,
    teacher: Path | None,
    forget: bool,
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
    data, images = annotated(data, images)
    if options.pop("network") is not None:
        raise click.UsageError(f"--network goes with a patches file; {data[0]} holds annotations.")
    run, quick = RunFolder(out), options.pop("quick")
    world = current_world()
    if world.is_first:
        run.check(resume=resume, force=force)
        tell_resumed(run, resume=resume, quiet=quiet)
    target = read_target(options, detector=True)
    config_path, recipe = options.pop("config"), options.pop("recipe")
    # Those of a run to resume are known to the first process only.
    basis = basis_for_all(
        world,
        lambda: find_basis(
            run, start=start, config=config_path, recipe=recipe, quick=quick, resume=resume
        ),
    )
    false_boxes = _read_mined(mined, basis.settings.pop("mined", None))
    start = basis.start
    if forget and start is None:
        raise click.UsageError("--forget is for going on from trained weights, as --from does.")
    _open(start, teacher)
    loaded = load_photos(data, images, negatives, counted=not quiet, decoded=False, quiet=quiet)
    listed, plan = loaded.photos, None
    if basis.planned and start is not None:
        plan = plan_training(max(len(listed), 1), loaded.n_faces, options["epochs"])
    given = {name: value for name, value in options.items() if value is not None}
    config = with_options(basis.config(plan, quick=quick), start, **given)
    if forget:
        config = config.forgetting()
    if config != with_threads(config):
        threads = threads_by_load(run, resume=resume, quiet=quiet)
        config = with_threads(config, threads)
    if config.keep_proposals:
        _refuse_options_of_proposals({**options, "teacher": teacher})
    _refuse_early(listed, config, world)
    _tell(_told(basis, plan, config, listed) if basis.planned or quick else [], quiet)
    judged_on = load_val(val, val_images, images, listed, quiet=quiet)
    photos = decoded_photos(listed, quiet=quiet)
    folds = not (single_split or quick)
    _tell(told_of_folds(photos, config) if folds and judged_on is None else [], quiet)
    with ShownProgress(quiet=quiet) as progress:
        metrics = train_detector(
            photos, world.folder(out), config, target=target, mined=false_boxes, start=start,
            teacher=teacher, resume=resume, force=force, progress=progress,
        )  # fmt: skip
        world.leave()
        if not world.is_first:
            return
        words = photos_as_words(data, images)
        trained = Trained(photos, out, config, false_boxes, start, teacher, metrics, words)
        verdict = reach_verdict(trained, judged_on, folds=folds, progress=progress)
    if as_json:
        echo(json.dumps({**metrics, "verdict": verdict.to_dict()}))
    elif not quiet:
        _print(metrics)
        print_verdict(verdict, trained)


def _open(start: Path | None, teacher: Path | None) -> None:
    """Open the weights files that are read once the photos are decoded: a damaged one ends here."""
    if start is not None:
        Detector(start)
    first = weights_of(teacher)[0]
    if first is not None:
        Teacher(first)


def _refuse_early(photos: Sequence[AnnotatedPhoto], config: DetectorConfig, world: World) -> None:
    """Refuse too few photos, and what the machine or the processes lack, before decoding."""
    for loop in config.loops:
        make_fabric(loop, world)
    if config.own_mining is not None and world.size > 1:
        raise click.UsageError("A recipe that mines in between is trained in one process.")
    if not config.keep_proposals:
        refuse_few(*split_photos(photos, config.proposals), config.proposals)


def _told(
    basis: Basis, plan: Plan | None, config: DetectorConfig, photos: Sequence[AnnotatedPhoto]
) -> list[str]:
    """What to say of the training before it starts."""
    proposals = config.proposals
    n_learned = len(split_photos(photos, proposals)[0])
    n_steps = n_learned * proposals.rounds // proposals.batch_size * proposals.loop.epochs
    if basis.start is None:
        return [line for line in (basis.why, warning_anew(n_steps, n_learned)) if line]
    if plan is None:
        return []
    rate, of_plan = proposals.loop.learning_rate, dict(plan.reasons)
    asked = (proposals.batch_size, rate, proposals.loop.epochs)
    if asked != (plan.batch_size, plan.learning_rate, plan.epochs):
        of_plan["steps"] = (
            f"{counted(n_steps, 'step')} of {counted(proposals.batch_size, 'crop')} at a learning "
            "rate of up to "
            f"{rate:.2g}, as asked for."
        )
    if not proposals.retention:
        for name in ("retention", "frozen", "refiner"):
            of_plan.pop(name, None)
    return [basis.why, *(f"  {reason}" for reason in of_plan.values())]


def _tell(lines: Sequence[str], quiet: bool) -> None:
    for line in [] if quiet else lines:
        echo(line, err=True)


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


def _print(metrics: dict[str, Any]) -> None:
    echo(
        f"Trained on {counted(metrics['photos'] - metrics['photos_held_out'], 'photo')}, judged on "
        "the "
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
    kept = metrics["calibration"]["method"] == KEPT
    if "operating_point" in metrics:
        chosen = "as asked for"
    else:
        chosen = "as before" if kept else "where a face is likelier than not"
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
