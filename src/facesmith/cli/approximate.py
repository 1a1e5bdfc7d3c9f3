"""`facesmith approximate`: fit a smooth function to a table of points."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from facesmith.approximation.experiment.settings import METHODS, ApproximationConfig
from facesmith.cli.approximate_config import (
    config_of_options,
    config_to_resume,
    training_options,
)
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.outputs import OutputPath
from facesmith.cli.terminal import echo
from facesmith.cli.warned import warnings_in_words

if TYPE_CHECKING:
    from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
    from facesmith.approximation.experiment.report import ApproximationReport

_PROGRESS_PARTS = 1000


@click.command()
@click.argument(
    "points", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--monkey-saddle", is_flag=True, help="Fit the exercise's 600 points instead.")
@click.option("--target", metavar="COLUMN", help="Column of POINTS to predict.")
@click.option(
    "--inputs",
    metavar="A,B,...",
    help="Columns to predict it from.  [default: all others]",
)
@click.option(
    "--skip-bad-lines",
    is_flag=True,
    help="Leave out lines of POINTS that cannot be used.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    help="Repeatable. linear, tanh-adam: the exercise's nets, trained by Adam; default: tanh nets "
    "and a Gaussian process.  [default: default; with --monkey-saddle all; with settings of Adam "
    "tanh-adam]",
)
@training_options
@click.option("--out", type=OutputPath(), help="Run folder for nets, log and plots.")
@click.option("--force", is_flag=True, help="Replace an earlier run in --out.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --out to more --epochs or --max-iter.",
)
@click.option("--onnx", is_flag=True, help="Write each function as models/*.onnx in --out, too.")
@click.option(
    "--code",
    "codes",
    multiple=True,
    type=click.Choice(["python", "c"]),
    help="Write each function as source code in models/ of --out; without --out to standard "
    "output.",
)
@click.option(
    "--test-fraction",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    help="Part of the rows of POINTS to measure errors on.  [default: 0.2]",
)
@click.option(
    "--seed",
    type=WholeRange(0, 2**32 - 1),
    help="Of weights, row order and split.  [default: 0]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="No progress bar and no hints.")
@click.pass_context
def approximate(
    context: click.Context,
    /,
    *,
    out: Path | None,
    force: bool,
    resume: bool,
    onnx: bool,
    codes: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Fit a smooth function to the table POINTS and say how far to trust it.

    POINTS is a CSV file with a header line and numeric columns. Some rows are kept aside: the
    errors are measured on them, and the command says in words whether a net overfits, what was
    tried and what was chosen.

    \b
    Examples:
      facesmith approximate --monkey-saddle --out runs/monkey-saddle
      facesmith approximate points.csv --target z --out runs/points --onnx --code c
      facesmith approximate --monkey-saddle --compare batch-size=1,100 --out runs/batches
      facesmith approximate --resume --out runs/batches --epochs 1000
    """  # noqa: D301 - click wants the control character itself
    _check_usage(out, force=force, resume=resume, onnx=onnx, codes=codes, as_json=as_json)
    checkpoints: dict[str, AdamCheckpoint] = {}
    if resume:
        from facesmith.approximation.experiment.run_folder import read_run_folder  # noqa: PLC0415 - heavy

        saved, checkpoints = read_run_folder(str(out))
        given = {
            name: value
            for name, value in options.items()
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        }
        config = config_to_resume(saved, given)
    else:
        config = config_of_options(options)
        if codes and out is None and (len(config.methods) > 1 or config.compare):
            raise click.UsageError(
                "Several functions do not fit into one output; pass --out, or one --method."
            )
    # Imported here, so that --help and wrong usage are answered at once.
    from facesmith.approximation.experiment.report_text import report_text  # noqa: PLC0415
    from facesmith.approximation.experiment.run_folder import (  # noqa: PLC0415
        check_run_folder,
        write_run_folder,
    )
    from facesmith.files import finite_or_none  # noqa: PLC0415

    if out is not None:
        check_run_folder(out, force=force or resume)
    with warnings_in_words():
        report = _fit(config, checkpoints, quiet=quiet)
    for note in report.notes:
        echo(f"Note: {note}", err=True)
    if out is not None:
        exports = (*(("onnx",) if onnx else ()), *codes)
        with warnings_in_words():
            write_run_folder(report, out, config, force=force or resume, exports=exports)
    if as_json:
        content = {
            "rows": report.rows(),
            "chosen": report.chosen.label,
            "notes": list(report.notes),
        }
        echo(json.dumps(finite_or_none(content)))
    else:
        echo(report_text(report), err=bool(codes) and out is None)
    if codes and out is None:
        from facesmith.approximation.exports.source_code import function_code  # noqa: PLC0415

        click.echo(function_code(report.chosen.function, codes[0]), nl=False)
    elif not quiet:
        hint = f"Wrote {out}/" if out else "Pass --out RUN to keep the nets, the log and the plots."
        echo(hint, err=True)


def _check_usage(
    out: Path | None,
    *,
    force: bool,
    resume: bool,
    onnx: bool,
    codes: tuple[str, ...],
    as_json: bool,
) -> None:
    """What the options for the output ask of each other."""
    if out is None and (resume or onnx):
        raise click.UsageError(f"--{'resume' if resume else 'onnx'} needs --out RUN.")
    if resume and force:
        raise click.UsageError("--resume goes on with a run, --force replaces it; choose one.")
    if out is None and (len(codes) > 1 or (codes and as_json)):
        raise click.UsageError("Only one thing can be printed; pass --out RUN for the code.")


def _fit(
    config: ApproximationConfig, checkpoints: dict[str, AdamCheckpoint], *, quiet: bool
) -> ApproximationReport:
    """Do what the settings of a run say."""
    from facesmith.approximation.experiment.compare import run  # noqa: PLC0415

    labels = tuple(plan.label for plan in config.plans())
    with _Progress(labels, hidden=quiet) as progress:
        return run(config, checkpoints=checkpoints, on_progress=progress.update)


class _Progress:
    """One bar over all fits, on standard error where that is a terminal."""

    def __init__(self, labels: tuple[str, ...], *, hidden: bool) -> None:
        self._done: dict[str, int] = dict.fromkeys(labels, 0)
        self._bar: Any = click.progressbar(
            length=_PROGRESS_PARTS * len(labels),
            label="Fitting",
            file=sys.stderr,
            hidden=hidden or not sys.stderr.isatty(),
        )

    def __enter__(self) -> _Progress:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(*error)

    def update(self, label: str, done: float) -> None:
        """Move the bar to where this fit is, `done` in [0, 1]."""
        parts = int(_PROGRESS_PARTS * done)
        self._bar.update(parts - self._done[label])
        self._done[label] = parts
