"""`facesmith approximate`: fit a smooth function to a table of points."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from facesmith.cli.approximate_config import (
    LEARNING_RATE,
    Comparison,
    Method,
    config_of_options,
    config_to_resume,
    names_without_blanks,
)
from facesmith.cli.approximate_predict import check_predict_options, predict_rows
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import (
    EXISTING,
    FILE,
    NEW_FILE_OR_FOLDER,
    refuse_file,
    refuse_resume_and_force,
)
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.cli.warned import warnings_in_words

if TYPE_CHECKING:
    from facesmith.approximation.experiment.adam_checkpoint import AdamCheckpoint
    from facesmith.approximation.experiment.settings import ApproximationConfig

_PARTS = 1000  # that the progress of a fit is told in


@click.command(
    cls=WritingCommand, way_on="Nothing was written; the same command starts at the beginning."
)
@click.argument("points", required=False, type=FILE)
@click.option("--monkey-saddle", is_flag=True, help="Fit the exercise's 600 points instead.")
@click.option(
    "--predict",
    type=FILE,
    metavar="CSV",
    help="Add predictions with intervals to the rows of this table, from the fit in --model.",
)
@click.option("--model", type=EXISTING, metavar="RUN", help="With --predict: --out of a fit.")
@click.option(
    "--level",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    help="With --predict: part of the targets to hold.  [default: 0.95]",
)
@click.option("--target", metavar="COLUMN", help="Column of POINTS to predict.")
@click.option(
    "--inputs",
    metavar="A,B,...",
    callback=names_without_blanks,
    help="Columns to predict it from.  [default: all others]",
)
@click.option(
    "--skip-bad-lines", is_flag=True, help="Leave out lines of a table that cannot be used."
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=Method(),
    metavar="NAME",
    help="linear, tanh-adam: the exercise's nets, trained by Adam; bayesian-ensemble: tanh nets "
    "and a Gaussian process. Repeatable.  [default: bayesian-ensemble; with --monkey-saddle all; "
    "with settings of Adam tanh-adam]",
)
@click.option(
    "--epochs",
    type=WholeRange(1),
    help="Passes over the rows, by Adam.  [default: 500]",
)
@click.option("--batch-size", type=WholeRange(1), help="Rows per step of Adam.  [default: 16]")
@click.option("--learning-rate", type=LEARNING_RATE, help="Of Adam; constant.  [default: 0.01]")
@click.option(
    "--max-iter",
    type=WholeRange(1),
    help="Most iterations of bayesian-ensemble.  [default: its own]",
)
@click.option(
    "--compare",
    type=Comparison(),
    multiple=True,
    metavar="NAME=A,B,...",
    help="Train with each value and compare. NAME: batch-size, learning-rate, depth or units. "
    "Repeatable: every combination, up to 24.",
)
@click.option(
    "--config",
    type=FILE,
    help="Settings in JSON or TOML, or a run's config.json; options here go before it.",
)
@click.option(
    "--out", type=NEW_FILE_OR_FOLDER, metavar="PATH", help="Run folder; with --predict a CSV file."
)
@click.option("--force", is_flag=True, help="Replace what is in --out.")
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --out to more --epochs or --max-iter."
)
@click.option(
    "--onnx",
    is_flag=True,
    help="Write each function as models/*.onnx in --out, too: without intervals or range check.",
)
@click.option(
    "--code",
    "codes",
    multiple=True,
    type=click.Choice(["python", "c"]),
    help="Write each function as source code in models/ of --out; without --out to standard "
    "output. No intervals, no range check.",
)
@click.option(
    "--test-fraction",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    help="Part of the rows to measure errors on.  [default: 0.2]",
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
    predict: Path | None,
    model: Path | None,
    level: float | None,
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
      facesmith approximate --predict new.csv --model runs/points --out predicted.csv
    """  # noqa: D301 - click wants the control character itself
    check_predict_options(context)
    if predict is not None and model is not None:
        shared = {name: options[name] for name in ("out", "force", "skip_bad_lines", "quiet")}
        predict_rows(predict, model, level=level, **shared)
        return
    _fit(context, **options)


def _fit(
    context: click.Context,
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
    """Fit, write the run folder, and print the report."""
    if out is not None:
        refuse_file(out)
    if out is None and (resume or onnx):
        raise click.UsageError(f"--{'resume' if resume else 'onnx'} needs --out RUN.")
    refuse_resume_and_force(resume=resume, force=force)
    if out is None and (len(codes) > 1 or (codes and as_json)):
        raise click.UsageError("Only one thing can be printed; pass --out RUN for the code.")
    config, checkpoints = _settings(context, options, out if resume else None)
    if codes and out is None and (len(config.methods) > 1 or config.compare):
        raise click.UsageError(
            "Several functions do not fit into one output; pass --out, or one --method."
        )
    # Imported here, so that --help and wrong usage are answered at once.
    from facesmith.approximation.experiment.compare import run  # noqa: PLC0415
    from facesmith.approximation.experiment.report_text import next_commands, report_text  # noqa: PLC0415
    from facesmith.approximation.experiment.run_folder import (  # noqa: PLC0415
        run_folder,
        write_run_folder,
    )
    from facesmith.files import finite_or_none  # noqa: PLC0415

    with ExitStack() as held:
        if out is not None:
            folder = run_folder(out)
            folder.check(force=force or resume, resume="--resume to go on with it, ")
            held.enter_context(folder.lock())
        held.enter_context(warnings_in_words())
        done = {plan.label: 0 for plan in config.plans()}
        with ShownProgress(quiet=quiet) as progress:

            def update(label: str, part: float) -> None:
                done[label] = int(_PARTS * part)
                progress.report("Fitting", sum(done.values()), _PARTS * len(done))

            report = run(config, checkpoints=checkpoints, on_progress=update)
        for note in report.notes:
            echo(f"Note: {note}", err=True)
        if out is not None:
            exports = ("onnx", *codes) if onnx else codes
            write_run_folder(report, out, config, force=force or resume, exports=exports)
    if as_json:
        content = {"rows": report.rows(), "chosen": report.chosen.label, "notes": report.notes}
        echo(json.dumps(finite_or_none(content)))
    else:
        echo(report_text(report), err=bool(codes) and out is None)
    if codes and out is None:
        from facesmith.approximation.exports.source_code import function_code  # noqa: PLC0415

        click.echo(function_code(report.chosen.function, codes[0]), nl=False)
    elif not quiet:
        kept = f"Wrote {out}/; its report is {out}/report.html"
        hint = "Pass --out RUN to keep the nets, the log and the plots."
        echo(kept if out else hint, err=True)
        if out is not None and not as_json:
            steps = next_commands(out, exported=onnx or bool(codes))
            echo("\n".join(f"{why}: {command}" for why, command in steps))


def _settings(
    context: click.Context, options: dict[str, Any], resumed: Path | None
) -> tuple[ApproximationConfig, dict[str, AdamCheckpoint]]:
    """The settings of a new run, or those of the resumed one with its checkpoints."""
    if resumed is None:
        return config_of_options(options), {}
    from facesmith.approximation.experiment.run_folder import read_run_folder  # noqa: PLC0415 - heavy

    saved, checkpoints = read_run_folder(str(resumed))
    given = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    return config_to_resume(saved, given), checkpoints
