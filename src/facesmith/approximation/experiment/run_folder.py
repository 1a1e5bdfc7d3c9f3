"""What `facesmith approximate --out` leaves on disk, and reading it to go on."""

from __future__ import annotations

import csv
import io
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from facesmith._version import __version__
from facesmith.approximation.experiment.adam_checkpoint import (
    AdamCheckpoint,
    load_checkpoint,
    save_checkpoint,
)
from facesmith.approximation.experiment.report import Approximation, ApproximationReport
from facesmith.approximation.experiment.report_text import report_page
from facesmith.approximation.experiment.settings import ApproximationConfig
from facesmith.approximation.exports.source_code import (
    LANGUAGES,
    SUFFIXES,
    all_finite,
    function_code,
)
from facesmith.approximation.model.saving import save_function
from facesmith.errors import TrainingError
from facesmith.files import OutputFolder, finite_or_none, write_bytes, write_json
from facesmith.pictures.charts import plain_texts
from facesmith.printable import shortened_text
from facesmith.runs.event_file import EventFile
from facesmith.runs.settings import SettingsError
from facesmith.untrusted import ContentError, read_json

_CONFIG = "config.json"


def run_folder(path: str | Path) -> OutputFolder:
    """The folder of a run, to check and to lock before anything is computed."""
    return OutputFolder(path, "approximation")


def read_run_folder(path: str | Path) -> tuple[ApproximationConfig, dict[str, AdamCheckpoint]]:
    """Read what an earlier run left, to go on with it.

    Returns:
        Its settings, and the checkpoints of its trainings by Adam by their labels.

    Raises:
        TrainingError: If it is no run folder of `facesmith approximate`.
        WeightsError: If a checkpoint is damaged.
    """
    path = Path(path)
    try:
        content = read_json(path / _CONFIG)
        config = ApproximationConfig.from_dict(content["config"])
        rows = read_json(path / "metrics.json")["rows"]
        labels = [row["label"] for row in rows if row["settings"] is not None]
        files = [path / "checkpoints" / f"{label.replace(' ', '_')}.npz" for label in labels]
    except (
        ContentError,
        SettingsError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        reason = shortened_text(str(error))
        raise TrainingError(
            f"{path} is no run folder of `facesmith approximate` to go on with ({reason}). Pass "
            "the --out of an earlier run, or leave out --resume."
        ) from error
    return config, {label: load_checkpoint(file) for label, file in zip(labels, files, strict=True)}


def write_run_folder(
    report: ApproximationReport,
    path: str | Path,
    config: ApproximationConfig | None = None,
    *,
    force: bool = False,
    exports: Sequence[str] = (),
) -> None:
    """Write everything of a report.

    ```
    run/
      config.json       settings, version, checksum of the table, command line
      report.html       figures, verdicts, choice and pictures on one page
      report.md         the same with the learning curves in numbers, beside the pictures
      metrics.json      rows as `--json` prints them
      log.csv           errors of train and validation after each epoch or iteration
      models/*.npz      one function per fit, for `facesmith.approximation.load_function`
      models/*.onnx     with the export "onnx"; *.py with "python", *.c with "c"
      checkpoints/*.npz where each training by Adam stands, to go on from
      *.png             curve or surface (one or two inputs), predictions, learning curves
      tensorboard/      the log, for TensorBoard
    ```

    A run that is there is replaced once the new one is complete.

    Args:
        report: What to write.
        path: The folder.
        config: The settings, as `config.json` shows them.
        force: Whether an earlier run in it may be replaced.
        exports: Among "onnx", "python" and "c"; a net that diverged is not exported.

    Raises:
        WriteError: If a file cannot be written, or the folder holds something, see
            `OutputFolder.check`.

    Warns:
        UserWarning: If a net that diverged was to be exported.
    """
    folder = run_folder(path)
    folder.check(force=force)
    about = {
        "facesmith": __version__,
        "command": sys.argv,
        "config": config.to_dict() if config else {},
    }
    with folder.replaced() as new:
        (new / "models").mkdir()
        (new / "checkpoints").mkdir()
        write_json(new / _CONFIG, about)
        write_json(new / "metrics.json", {"rows": finite_or_none(report.rows())})
        write_bytes(new / "log.csv", _log(report).encode())
        for fit in report.approximations:
            save_function(fit.function, new / "models" / f"{fit.file_name}.npz")
            write_exports(fit, new / "models", exports)
            if fit.checkpoint is not None:
                save_checkpoint(fit.checkpoint, new / "checkpoints" / f"{fit.file_name}.npz")
            _write_tensorboard(fit, new / "tensorboard" / fit.file_name)
        pictures = _write_plots(report, new)
        write_bytes(new / "report.md", report_page(report, pictures).encode())
        # Imported here: what draws reports takes its time to load.
        from facesmith.approximation.experiment.report_html import html_page  # noqa: PLC0415

        html = html_page(report, pictures, new, folder.path, about, exported=bool(exports))
        write_bytes(new / "report.html", html.encode())


def write_exports(fit: Approximation, folder: Path, exports: Sequence[str]) -> None:
    """Write a function for the world outside, beside its `.npz`.

    Args:
        fit: Whose function.
        folder: An existing folder.
        exports: Among "onnx", "python" and "c".

    Warns:
        UserWarning: If the net diverged; nothing is written then.
    """
    if exports and not all_finite(fit.function):
        warnings.warn(f"{fit.label} diverged and is not exported.", UserWarning, stacklevel=2)
        return
    for export in exports:
        if export in LANGUAGES:
            code = function_code(fit.function, export)
            write_bytes(folder / f"{fit.file_name}{SUFFIXES[export]}", code.encode())
        else:
            # Imported here: ONNX belongs to an extra and takes its time to load.
            from facesmith.approximation.exports.onnx_file import (  # noqa: PLC0415
                export_function_onnx,
            )

            export_function_onnx(fit.function, folder / f"{fit.file_name}.onnx")


def _log(report: ApproximationReport) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "step", "train_mean_abs_error", "validation_mean_abs_error"])
    for fit in report.approximations:
        curves = zip(fit.history.train.tolist(), fit.history.validation.tolist(), strict=True)
        for step, (train, validation) in enumerate(curves, 1):
            writer.writerow([fit.label, step, f"{train:.6g}", f"{validation:.6g}"])
    return text.getvalue()


def _write_plots(report: ApproximationReport, path: Path) -> list[str]:
    """Draw everything; returns the file names in the order in which they are worth a look."""
    # Imported here: drawing takes longer to load than the ensemble to fit.
    from facesmith.approximation.experiment.plots import (  # noqa: PLC0415
        plot_comparison,
        plot_curve,
        plot_learning_curves,
        plot_predictions,
        plot_surface,
    )

    figures = {}
    shown = report
    if report.compares:
        figures["comparison"] = plot_comparison(report)
        shown = report.only(report.chosen)
    figures["learning-curves"] = plot_learning_curves(shown)
    figures["predictions"] = plot_predictions(shown)
    n_inputs = report.split.test.inputs.shape[1]
    for fit in shown.approximations:
        if n_inputs == 1:
            figures[f"curve-{fit.file_name}"] = plot_curve(report, fit.label)
        elif n_inputs == 2:
            figures[f"surface-{fit.file_name}"] = plot_surface(report, fit.label)
    names = []
    for name, figure in figures.items():
        names.append(f"{name}.png")
        plain_texts(figure)
        figure.savefig(path / names[-1], dpi=110)
    return names


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
