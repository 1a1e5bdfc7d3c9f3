"""One training of a search, stopped early where its figures on the held-out photos lag behind."""

from __future__ import annotations

import csv
import dataclasses
import warnings
from collections.abc import Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import TrainingError
from facesmith.progress import Progress
from facesmith.runs.folder import RunFolder
from facesmith.training.detector import train_detector
from facesmith.training.detector_config import DetectorConfig
from facesmith.untrusted import ContentError, read_json

_COLUMN = "validation_ap"


class Pruned(Exception):  # noqa: N818 - no error
    """The trial was stopped early."""

    def __init__(self, figure: float) -> None:
        super().__init__(f"stopped at {figure:.4f}")
        self.figure = figure


def run_trial(
    photos: Sequence[AnnotatedPhoto],
    folder: Path,
    config: DetectorConfig,
    trial: Any,
    *,
    start: str | Path | None,
    progress: Progress,
) -> float:
    """Train in a folder, or go on there; the average precision on the photos held out.

    Args:
        photos: As `train_detector` takes them.
        folder: Of the run.
        config: Settings.
        trial: Optuna's, which is told each figure and asked whether to stop; `None`: never.
        start: As `train_detector` takes it.
        progress: Told how far the training is.

    Raises:
        Pruned: If it was stopped early.
        TrainingError: As `train_detector`, or if there is no figure.
    """
    run = RunFolder(folder)
    resume = run.config_path.is_file()
    # A search deletes checkpoints when a trial has ended; its last line of the journal may be lost.
    proposals = RunFolder(folder / "proposals")
    ended = proposals.config_path.is_file() and not proposals.last_checkpoint.parent.is_dir()
    if ended and run.metrics_path.is_file():
        return figure_of(_read_metrics(run.metrics_path), folder)
    if resume:  # on a machine with more or fewer idle cores, perhaps
        threads = _threads_of(run)
        config = config.with_loops(lambda loop: dataclasses.replace(loop, threads=threads))
    watched = _Watched(folder, config, trial, progress)
    try:
        metrics = train_detector(
            photos, folder, config, start=start, resume=resume and not ended, force=ended,
            progress=watched,
        )  # fmt: skip
    except ValueError as error:  # settings that only a part of the training finds wrong
        raise TrainingError(f"{folder}: these settings cannot be used: {error}") from error
    return figure_of(metrics, folder)


def figure_of(metrics: dict[str, Any], folder: Path) -> float:
    """The average precision on the photos held out of a training's figures."""
    try:
        figure = metrics["held_out"][metrics["kept"]]["ap"]
    except (KeyError, TypeError):
        figure = None
    if not isinstance(figure, int | float):
        raise TrainingError(
            f"{folder}: no average precision can be had from the photos held out. Give more photos."
        )
    return float(figure)


def _threads_of(run: RunFolder) -> int:
    try:
        threads = run.read_config()["proposals"]["loop"]["threads"]
    except (KeyError, TypeError):
        threads = None
    if type(threads) is not int:
        raise TrainingError(f"{run.config_path} is damaged: it lacks `proposals.loop.threads`.")
    return threads


def _read_metrics(path: Path) -> Any:
    try:
        return read_json(path)
    except ContentError as error:
        raise TrainingError(str(error)) from error


class _Watched(Progress):
    """Passes progress on, and tells a trial, if any, each figure that the log gains."""

    def __init__(
        self, folder: Path, config: DetectorConfig, trial: Any, progress: Progress
    ) -> None:
        self._log = RunFolder(folder / "proposals").log_path
        self._epochs, self._trial, self._progress = config.proposals.loop.epochs, trial, progress
        self._size = 0
        self._told: set[int] = set()

    def report(self, label: str, done: int, total: int, note: str = "") -> None:
        """Pass it on; raises `Pruned` where the trial is to stop."""
        self._progress.report(label, done, total, note)
        if self._trial is None:
            return
        with suppress(OSError):
            size = self._log.stat().st_size
            if size != self._size:
                self._size = size
                self._tell()

    def say(self, text: str) -> None:
        """Nothing: a search says one line a training."""

    def _tell(self) -> None:
        for epoch, figure in read_figures(self._log):
            # In percent of the training: trials differ in their epochs.
            step = round(100 * (epoch + 1) / self._epochs)
            if step in self._told:
                continue
            self._told.add(step)
            with warnings.catch_warnings():  # a trial that goes on tells its first passes again
                warnings.simplefilter("ignore", UserWarning)
                self._trial.report(figure, step)
            if step < 100 and self._trial.should_prune():
                raise Pruned(figure)


def read_figures(log: Path) -> list[tuple[int, float]]:
    """Epoch, from 0, and average precision of each validation of a log."""
    found = []
    with log.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            with suppress(TypeError, ValueError, KeyError):
                epoch, figure = int(row["epoch"]), float(row[_COLUMN])
                if isfinite(figure):
                    found.append((epoch, figure))
    return found
