"""`facesmith approximate --predict`: the targets of new rows, from an earlier run."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from facesmith.cli.paths import refuse_existing
from facesmith.cli.terminal import echo

_DEFAULT_LEVEL = 0.95
_OPTIONS = ("predict", "model", "level", "out", "force", "skip_bad_lines", "quiet")


def check_predict_options(context: click.Context) -> None:
    """UsageError where options of predicting and of fitting are mixed, or one is missing."""
    given = [
        param
        for param in context.command.params
        if context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    ]
    names = {param.name for param in given}
    if "predict" not in names:
        for name in ("model", "level"):
            if name in names:
                raise click.UsageError(f"--{name} belongs to --predict CSV.")
        return
    for param in given:
        if param.name not in _OPTIONS:
            raise click.UsageError(
                f"{param.opts[0] if isinstance(param, click.Option) else 'POINTS'} belongs to a "
                "fit, --predict to an earlier one. Leave one of them out."
            )
    if "model" not in names:
        raise click.UsageError(
            "--predict needs --model RUN: the --out of an earlier fit, or one of its models/*.npz."
        )


def predict_rows(
    table: Path,
    model: Path,
    *,
    level: float | None,
    out: Path | None,
    force: bool,
    skip_bad_lines: bool,
    quiet: bool,
) -> None:
    """Write the rows of a table with their predictions to a file or to standard output."""
    if out is not None:
        if out.is_dir():
            raise click.UsageError(f"--out {out} is a folder; with --predict name a CSV file.")
        if model.is_dir() and out.resolve().is_relative_to(model.resolve()):
            raise click.UsageError(f"--out {out} lies in the run folder {model}. Choose another.")
        refuse_existing([out], force=force)
    # Imported here, so that --help and wrong usage are answered at once.
    from facesmith.approximation.experiment.predictions import (  # noqa: PLC0415
        cautions,
        interval_text,
        load_chosen,
        predict_table,
        predicted_lines,
    )
    from facesmith.files import replacing  # noqa: PLC0415

    label, function = load_chosen(model)
    predicted = predict_table(
        function, table, level=level or _DEFAULT_LEVEL, skip_bad_lines=skip_bad_lines
    )
    if out is None:
        for text in predicted_lines(predicted):
            echo(text.removesuffix("\n"))
    else:
        with replacing(out) as file:
            for text in predicted_lines(predicted):
                file.write(text.encode())
    if not quiet:
        echo(interval_text(predicted, label), err=True)
    for caution in cautions(predicted):
        echo(f"Warning: {caution}", err=True)
    if out is not None and not quiet:
        rows = len(predicted.lines)
        echo(f"Wrote {out} ({rows:,} {'row' if rows == 1 else 'rows'})", err=True)
