"""The end of `facesmith train` for a detector: is it better than the one before, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from facesmith.annotations import AnnotatedPhoto
from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.numbers import counted
from facesmith.cli.options import images_anywhere
from facesmith.cli.terminal import echo, in_columns
from facesmith.detection.detector import shipped_weights
from facesmith.evaluation.run_report import ANY_PHOTOS, next_steps, write_run_report
from facesmith.evaluation.verdict import SHIPPED, Judged, Verdict, judge, look, write_verdict
from facesmith.progress import Progress
from facesmith.runs.folder import RunFolder
from facesmith.runs.used_photos import held_out_names, n_shared
from facesmith.training.cross_validation import cross_validate, n_folds_for
from facesmith.training.detector_calibration import KEPT
from facesmith.training.detector_config import DetectorConfig
from facesmith.training.detector_photos import usable_photos
from facesmith.training.learned_photos import split_photos
from facesmith.training.loop_task import TIME_LIMIT
from facesmith.training.mined import MinedTraining


@dataclass(frozen=True)
class Trained:
    """A finished training: what it was given, and what it said."""

    photos: Sequence[AnnotatedPhoto]  # all photos of the run, those held out among them
    out: Path  # the run folder
    config: DetectorConfig
    mined: MinedTraining | None
    start: Path | None  # what it went on from
    teacher: Path | None
    metrics: dict[str, Any]
    learned_from: Sequence[str]  # `photos` as words of a command line, see `next_steps`

    @property
    def seconds(self) -> float:
        """How long its networks learned."""
        parts = (self.metrics.get(name, {}) for name in ("proposals", "refiner"))
        return float(sum(part.get("seconds", 0) for part in parts))

    @property
    def finished(self) -> bool:
        """Whether no time limit cut it off."""
        return bool(self.metrics.get("proposals", {}).get("stopped") != TIME_LIMIT)


def load_val(
    val: Path | None,
    val_images: Path | None,
    images: Path,
    training: Sequence[AnnotatedPhoto],
    *,
    quiet: bool,
) -> tuple[AnnotatedPhoto, ...] | None:
    """The photos of --val, read before the training begins; `None` without the option.

    Those that are trained on, too, are counted and told; if all are, the command ends.
    """
    if val is None:
        if val_images is not None:
            raise click.UsageError("--val-images is the folder of the photos of --val.")
        return None
    photos = load_photos(val, val_images or images, counted=not quiet, quiet=quiet).photos
    if not photos:
        raise click.UsageError(f"{val} has no photo that can be used.")
    shared = n_shared(photos, training)
    if shared == len(photos):
        raise click.UsageError(
            f"All {counted(shared, 'photo')} of --val {val} are trained on, too, so that no "
            "verdict can come of them. Pass photos that take no part in the training, or leave "
            "--val out: then photos are held out for the verdict."
        )
    if shared:
        echo(
            f"Warning: {shared:,} of {counted(len(photos), 'photo')} of --val {val} are trained "
            "on, too, so that the verdict will be too good. Take them out of one of the two.",
            err=True,
        )
    return photos


def reach_verdict(
    trained: Trained,
    val: Sequence[AnnotatedPhoto] | None,
    *,
    folds: bool,
    progress: Progress,
) -> Verdict:
    """Compare the new detector with the one before; writes `verdict.json` and the report.

    Args:
        trained: The training.
        val: Photos to judge on; `None`: those held out, or by cross-validation all.
        folds: Whether few photos are cross-validated.
        progress: Told what is done.
    """
    run = RunFolder(trained.out)
    with run.output.lock():
        run.output.add()
        verdict = _compare(trained, val, folds, progress)
        write_verdict(verdict, run.path)
        write_run_report(run.path, verdict, learned_from=trained.learned_from, progress=progress)
    return verdict


def _compare(
    trained: Trained, val: Sequence[AnnotatedPhoto] | None, folds: bool, progress: Progress
) -> Verdict:
    path = trained.out.as_posix()
    if val is not None:
        photos = usable_photos(val)
        before, after = (
            _before(trained, photos, progress),
            look(trained.out, photos, progress=progress),
        )
        return judge(before, after, photos, source="val")
    given = _judgeable(trained.photos)
    everything = usable_photos(given)
    names = held_out_names(trained.out)
    held_out = [photo for photo in everything if photo.name in names]
    n_folds = n_folds_for(everything, held_out) if folds else 0
    if n_folds and not trained.finished:
        progress.say(
            "The time limit ended the training, so it is not cross-validated. --resume with a "
            "longer --time-limit goes on."
        )
        n_folds = 0
    if not n_folds:
        before = _before(trained, held_out, progress)
        after = look(trained.out, held_out, progress=progress)
        method = trained.metrics.get("calibration", {}).get("method")
        return judge(before, after, held_out, source="held out", chosen_here=method != KEPT)
    minutes = trained.seconds * (n_folds - 1) / 60
    progress.say(
        f"Cross-validation: the detector is ready in {path}. Few photos are held out, so that "
        f"{n_folds} more are trained, each to be judged on other photos: about "
        f"{max(round(minutes), 1)} min. --no-cross-validation leaves it out; after Ctrl-C "
        "--resume goes on."
    )
    found = cross_validate(
        given, trained.out, trained.config, n_folds, mined=trained.mined,
        start=trained.start, teacher=trained.teacher, progress=progress,
    )  # fmt: skip
    threshold = float(trained.metrics["held_out"][trained.metrics["kept"]]["threshold"])
    before = _before(trained, everything, progress)
    return judge(
        before, Judged(path, threshold, found), everything, source="cross-validated",
        n_folds=n_folds,
    )  # fmt: skip


def told_of_folds(photos: Sequence[AnnotatedPhoto], config: DetectorConfig) -> list[str]:
    """What to say of a cross-validation before the training; nothing where there is none."""
    everything = usable_photos(_judgeable(photos))
    n_folds = n_folds_for(everything, split_photos(everything, config.proposals)[1])
    if not n_folds:
        return []
    line = (
        f"Cross-validation: {n_folds} more detectors are trained for the verdict, once this one is "
        f"ready. They take about {n_folds - 1} times as long as this one; --no-cross-validation "
        "leaves them out."
    )
    return [line]


def _judgeable(photos: Sequence[AnnotatedPhoto]) -> list[AnnotatedPhoto]:
    """As the training does: where all boxes of a photo were lost, it says nothing."""
    return [photo for photo in photos if photo.complete or len(photo.boxes)]


def _before(trained: Trained, photos: Sequence[AnnotatedPhoto], progress: Progress) -> Judged:
    """What the detector gone on from, or else the shipped one, finds."""
    start = trained.start
    shipped = start is None or start.resolve() == shipped_weights().resolve()
    judged = look(None if shipped else start, photos, progress=progress)
    return replace(judged, name=SHIPPED if shipped else judged.name)


def photos_as_words(data: Sequence[Path], images: Path) -> list[str]:
    """Annotated photos as words of a command line that takes one file or folder of annotations."""
    annotations = data[0].as_posix() if len(data) == 1 else ANY_PHOTOS[0]
    anywhere = ["--images-anywhere"] if images_anywhere() else []
    return [annotations, "--images", images.as_posix(), *anywhere]


def print_verdict(verdict: Verdict, trained: Trained) -> None:
    """The table, the verdict, the report and what to do next."""
    echo(f"\nOn {verdict.judged_on}; 95 % intervals of the difference over photos:")
    for line in in_columns(verdict.table()):
        echo(f"  {line}")
    if verdict.caveat:
        echo(verdict.caveat)
    echo(f"Verdict: {verdict.words()}")
    echo(f"Report: {trained.out / 'report.html'}")
    steps = next_steps(verdict, trained.out, learned_from=trained.learned_from)
    echo(f"Next: {steps[0].command}")
