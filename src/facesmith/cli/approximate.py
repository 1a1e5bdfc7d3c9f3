"""`facesmith approximate`: fit a small net to a table of points."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from facesmith.approximation.experiment import ApproximationReport

_METHODS = ("linear", "tanh-adam", "default")
_PROGRESS_PARTS = 1000
_LINE_WIDTH = 100  # characters
# Validation rows; of fewer, a single odd one bends the curve.
_FEW_ROWS = 10


@click.command()
@click.argument(
    "points", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--monkey-saddle", is_flag=True, help="Fit the exercise's 600 points instead.")
@click.option("--target", metavar="COLUMN", help="Column of POINTS to predict.")
@click.option(
    "--inputs",
    metavar="A,B,...",
    help="Columns to predict it from, parted by commas.  [default: all others]",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(_METHODS),
    help="May be repeated. linear, tanh-adam: the exercise's nets, trained by Adam; default: a "
    "tanh net, fitted to second order.  [default: default; with --monkey-saddle all three]",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder for net, log and plots.")
@click.option("--force", is_flag=True, help="Replace an earlier run in --out.")
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Part of the rows of POINTS kept aside to measure the errors on.",
)
@click.option(
    "--validation-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Part of the other rows kept aside to watch for overfitting.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of weights, row order and split.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="No progress bar and no hints.")
def approximate(
    points: Path | None,
    *,
    monkey_saddle: bool,
    target: str | None,
    inputs: str | None,
    methods: tuple[str, ...],
    out: Path | None,
    force: bool,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit a small neural net to the table POINTS and say how far to trust it.

    POINTS is a CSV file with a header line and numeric columns. Some rows are kept aside: the
    errors are measured on them, and the command says in words whether a net overfits.

    \b
    Example:
      facesmith approximate --monkey-saddle --out runs/monkey-saddle
      facesmith approximate points.csv --target z --out runs/points
    """  # noqa: D301 - click wants the control character itself
    _check_usage(points, target, inputs, monkey_saddle=monkey_saddle)
    # Imported here, so that --help and wrong usage are answered at once.
    from facesmith.approximation.experiment import (  # noqa: PLC0415
        approximate_table,
        run_monkey_saddle,
    )
    from facesmith.approximation.run_folder import (  # noqa: PLC0415
        check_run_folder,
        write_run_folder,
    )
    from facesmith.files import checksum  # noqa: PLC0415

    chosen = tuple(dict.fromkeys(methods)) or (_METHODS if monkey_saddle else ("default",))
    names = tuple(dict.fromkeys(name.strip() for name in inputs.split(","))) if inputs else ()
    config: dict[str, Any] = {"methods": list(chosen), "seed": seed}
    if points is not None:
        config |= {
            "points": points.as_posix(),
            "points_sha256": checksum(points),
            "target": target,
            "inputs": list(names),
            "test_fraction": test_fraction,
            "validation_fraction": validation_fraction,
        }
    if out is not None:
        check_run_folder(out, force=force)
    with _Progress(chosen, hidden=quiet) as progress:
        if points is None:
            report = run_monkey_saddle(chosen, seed=seed, on_progress=progress.update)
        else:
            report = approximate_table(
                points,
                str(target),
                names,
                methods=chosen,
                test_fraction=test_fraction,
                validation_fraction=validation_fraction,
                seed=seed,
                on_progress=progress.update,
            )
    if out is not None:
        write_run_folder(report, out, config, force=force)
    click.echo(json.dumps({"rows": report.rows()}) if as_json else _table(report))
    if not quiet:
        hint = f"Wrote {out}/" if out else "Pass --out RUN to keep the nets, the log and the plots."
        click.echo(hint, err=True)


def _check_usage(
    points: Path | None, target: str | None, inputs: str | None, *, monkey_saddle: bool
) -> None:
    if monkey_saddle == (points is not None):
        raise click.UsageError("Pass either a file of POINTS or --monkey-saddle.")
    if points is not None and target is None:
        raise click.UsageError("Pass --target COLUMN: the column of POINTS to predict.")
    if monkey_saddle and (target is not None or inputs is not None):
        raise click.UsageError("--target and --inputs belong to a file of POINTS.")


def _table(report: ApproximationReport) -> str:
    """The figures, and below them each verdict in words."""
    from facesmith.approximation.experiment import format_error  # noqa: PLC0415

    split = report.split
    counts = (
        f"{len(split.train)} training, {len(split.validation)} validation, {len(split.test)} test"
    )
    lines = [
        f"{report.title}: {counts} rows",
        "",
        f"{'method':<10} {'L2 error':>10} {'mean abs. error':>16} {'RMSE':>10} {'seconds':>8}",
    ]
    for row in report.approximations:
        errors = [format_error(e) for e in (row.l2_error, row.mean_abs_error, row.rmse)]
        lines.append(
            f"{row.method:<10} {errors[0]:>10} {errors[1]:>16} {errors[2]:>10} {row.seconds:>8.1f}"
        )
    lines.append("")
    for row in report.approximations:
        verdict = f"{row.method}: {row.verdict.text}"
        lines += textwrap.wrap(verdict, _LINE_WIDTH, subsequent_indent="    ")
    if len(split.validation) < _FEW_ROWS:
        lines.append(
            f"With {len(split.validation)} validation rows these verdicts are hints at best; a "
            "larger\n--validation-fraction, or more rows, would make them surer."
        )
    return "\n".join(lines)


class _Progress:
    """One bar over all methods, on standard error where that is a terminal."""

    def __init__(self, methods: tuple[str, ...], *, hidden: bool) -> None:
        self._done: dict[str, int] = dict.fromkeys(methods, 0)
        self._bar: Any = click.progressbar(
            length=_PROGRESS_PARTS * len(methods),
            label="Fitting",
            file=sys.stderr,
            hidden=hidden or not sys.stderr.isatty(),
        )

    def __enter__(self) -> _Progress:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(*error)

    def update(self, method: str, done: float) -> None:
        """Move the bar to where this method is, `done` in [0, 1]."""
        parts = int(_PROGRESS_PARTS * done)
        self._bar.update(parts - self._done[method])
        self._done[method] = parts
