"""`facesmith train --only landmarks`: five points for a detector that is there."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.progress import ShownProgress
from facesmith.cli.public_sets import annotated
from facesmith.cli.terminal import echo
from facesmith.cli.train_settings import SCRATCH, SHIPPED
from facesmith.cli.train_start import tell_resumed, threads_by_load
from facesmith.detection.detector import Detector
from facesmith.runs.folder import RunFolder
from facesmith.runs.settings import read_settings, with_changes
from facesmith.training.landmark_config import LandmarkConfig
from facesmith.training.landmark_training import train_landmarks
from facesmith.training.recipe_files import read_recipe

_OF_LOOP = ("epochs", "learning_rate", "seed", "time_limit", "threads")
# Settings that nothing is lost with: they are off, or say how to print.
_ALSO = ("batch_size", "images", "start", "config", "recipe", "as_json", "quiet")


def train_landmarks_command(
    data: tuple[Path, ...], out: Path, *, resume: bool, force: bool, **options: Any
) -> None:
    """Read the photos, learn landmarks, and print how far they are off on held-out photos."""
    for name, value in options.items():
        if value not in (None, False, ()) and name not in (*_OF_LOOP, *_ALSO):
            raise click.UsageError(
                f"--{name.replace('_', '-')} does not go with --only landmarks, which takes "
                "--images, --from, --config, --recipe, --epochs, --batch-size, --learning-rate, "
                "--seed, --time-limit and --threads."
            )
    images, quiet = options["images"], options["quiet"]
    data, images = annotated(data, images)
    if options["start"] == SCRATCH:
        raise click.UsageError(
            "--only landmarks is for a detector that finds the faces: --from takes one, or "
            "`shipped`."
        )
    run = RunFolder(out)
    run.check(resume=resume, force=force)
    tell_resumed(run, resume=resume, quiet=quiet)
    start = None if options["start"] in (None, SHIPPED) else options["start"]
    Detector(start) if start is not None else None
    config = _config(options)
    if not config.loop.threads:
        threads = threads_by_load(run, resume=resume, quiet=quiet)
        config = dataclasses.replace(config, loop=dataclasses.replace(config.loop, threads=threads))
    photos = load_photos(data, images, counted=not quiet, quiet=quiet).photos
    with ShownProgress(quiet=quiet) as progress:
        metrics = train_landmarks(
            photos, out, config, start=start, resume=resume, force=force, progress=progress
        )
    if options["as_json"]:
        echo(json.dumps(metrics))
    elif not quiet:
        found = metrics["landmarks"]
        echo(
            f"Learned from {found['faces']} faces. On {found['faces_held_out']} held out, points "
            f"are off by {found['nme'][found['kept']]:.1%} of the size of the box on average "
            f"({found['kept']})."
        )
        echo(f"Next: facesmith detect PHOTOS --landmarks --model {out.as_posix()}")


def _config(options: dict[str, Any]) -> LandmarkConfig:
    """The default settings, changed by a recipe or a file, changed by the options given."""
    path, recipe = options["config"], options["recipe"]
    if path is not None and recipe is not None:
        raise click.UsageError("--recipe holds all settings, so --config does not go with it.")
    settings: dict[str, Any] = {}
    if recipe is not None:
        settings = read_recipe(recipe, "landmarks")
    elif path is not None:
        settings = read_settings(path, "landmarks")
        settings = settings.get("landmarks", settings)  # a run's settings are under its name
    config = with_changes(LandmarkConfig(), settings)
    given = {name: options[name] for name in _OF_LOOP if options[name] is not None}
    if options["batch_size"] is not None:
        config = dataclasses.replace(config, batch_size=options["batch_size"])
    return dataclasses.replace(config, loop=dataclasses.replace(config.loop, **given))
