"""What `facesmith approximate --out` leaves on disk."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facesmith._version import __version__
from facesmith.approximation.experiment import Approximation, ApproximationReport
from facesmith.errors import TrainingError
from facesmith.event_file import EventFile
from facesmith.files import write_bytes, write_json

_CONFIG = "config.json"


def check_run_folder(path: str | Path, *, force: bool) -> None:
    """Make sure that a run may be written here, before anything is computed.

    Args:
        path: The folder; it may be missing or empty.
        force: Whether an earlier run in it may be replaced.

    Raises:
        TrainingError: If it is a file, holds a run and `force` is not given, or holds something
            else.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise TrainingError(f"{path} is a file. Choose another --out.")
    if not path.exists() or not any(path.iterdir()):
        return
    if not force:
        raise TrainingError(
            f"The run folder {path} is not empty. Pass --force to replace it, or another --out."
        )
    if not (path / _CONFIG).exists():
        raise TrainingError(
            f"{path} holds no {_CONFIG}, so it is no run folder and --force leaves it alone. "
            "Choose another --out."
        )


def write_run_folder(
    report: ApproximationReport,
    path: str | Path,
    config: dict[str, Any] | None = None,
    *,
    force: bool = False,
) -> None:
    """Write everything of a report.

    ```
    run/
      config.json       settings, version, checksum of the table, command line
      metrics.json      rows as `--json` prints them
      log.csv           errors of train and validation after each epoch or iteration
      models/*.npz      one net per method, for `facesmith.approximation.load_net`
      *.png             curve or surface (one or two inputs), predictions, learning curves
      tensorboard/      the log, for TensorBoard
    ```

    Args:
        report: What to write.
        path: The folder.
        config: The settings, as `config.json` shows them.
        force: Whether an earlier run in it may be replaced.

    Raises:
        TrainingError: If a file cannot be written, or the folder holds something, see
            `check_run_folder`.
    """
    path = Path(path)
    check_run_folder(path, force=force)
    about = {"facesmith": __version__, "command": sys.argv, "config": config or {}}
    try:
        if path.exists():
            shutil.rmtree(path)
        (path / "models").mkdir(parents=True)
        write_json(path / _CONFIG, about)
        write_json(path / "metrics.json", {"rows": report.rows()})
        write_bytes(path / "log.csv", _log(report).encode())
        for approximation in report.approximations:
            approximation.net.save(path / "models" / f"{approximation.method}.npz")
            _write_tensorboard(approximation, path / "tensorboard" / approximation.method)
        _write_plots(report, path)
    except OSError as error:
        raise TrainingError(f"Cannot write the run folder {path}: {error.strerror}.") from error


def _log(report: ApproximationReport) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "step", "train_mean_abs_error", "validation_mean_abs_error"])
    for approximation in report.approximations:
        for step, train, validation in _steps(approximation):
            writer.writerow([approximation.method, step, f"{train:.6g}", f"{validation:.6g}"])
    return text.getvalue()


def _steps(approximation: Approximation) -> Iterator[tuple[int, float, float]]:
    """Step, counted from 1, with the errors of train and validation."""
    history = approximation.history
    for index, (train, validation) in enumerate(
        zip(history.train.tolist(), history.validation.tolist(), strict=True)
    ):
        yield index + 1, train, validation


def _write_plots(report: ApproximationReport, path: Path) -> None:
    # Imported here: drawing takes longer to load than the default method to fit.
    from facesmith.approximation.plots import (  # noqa: PLC0415
        plot_curve,
        plot_learning_curves,
        plot_predictions,
        plot_surface,
    )

    figures = {
        "learning-curves": plot_learning_curves(report),
        "predictions": plot_predictions(report),
    }
    n_inputs = report.split.test.inputs.shape[1]
    for method in (approximation.method for approximation in report.approximations):
        if n_inputs == 1:
            figures[f"curve-{method}"] = plot_curve(report, method)
        elif n_inputs == 2:
            figures[f"surface-{method}"] = plot_surface(report, method)
    for name, figure in figures.items():
        figure.savefig(path / f"{name}.png", dpi=110)


def _write_tensorboard(approximation: Approximation, path: Path) -> None:
    """Runs `train` and `validation` with the scalar `epoch_mae` (or `iteration_mae`), as Keras."""
    tag = f"{approximation.history.step_name}_mae"
    for part, curve in (
        ("train", approximation.history.train),
        ("validation", approximation.history.validation),
    ):
        events = EventFile(path / part)
        for index, value in enumerate(curve.tolist()):
            events.write(index + 1, {tag: value})
        events.close()
