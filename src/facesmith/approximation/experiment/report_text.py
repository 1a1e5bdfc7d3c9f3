"""A report in words: the table that the command prints, and the page in the run folder."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facesmith.approximation.experiment.findings import answer
from facesmith.approximation.experiment.report import Approximation, ApproximationReport
from facesmith.approximation.experiment.summaries import format_error, format_r2
from facesmith.printable import markdown_text

_LINE_WIDTH = 100  # characters
# Columns of a learning curve in numbers.
_CURVE_STEPS = 7
# Characters of a column of figures, if not ten.
_WIDTHS = {"mean abs. error": 16, "R2": 9, "seconds": 8}


def report_text(report: ApproximationReport) -> str:
    """A report for the terminal: the figures, the learning curves, each verdict, the choice.

    Of compared settings the table says all but the chosen one's verdict in full; `report_page`
    has them all.
    """
    lines = [f"{report.title}: {row_counts(report)}", *_wrapped(answer(report)), ""]
    lines += [*figure_lines(report), ""]
    if not report.compares:
        lines += [*curve_lines(report.approximations), ""]
    for fit in (report.chosen,) if report.compares else report.approximations:
        lines += _wrapped(f"{fit.label}: {fit.verdict.text}", later="    ")
        lines += _wrapped(fit.summary, first="    ", later="    ")
    if chosen := choice(report):
        lines += ["", *_wrapped(chosen)]
    return "\n".join(lines)


def report_page(report: ApproximationReport, pictures: Sequence[str]) -> str:
    """A report as a Markdown page, with all figures, curves, verdicts and the pictures' files."""
    parts = [f"# {markdown_text(report.title)}", f"{row_counts(report)}."]
    parts += [markdown_text(answer(report))]
    parts += [f"Note: {markdown_text(note)}" for note in report.notes]
    parts += [markdown_text(said) for said in (choice(report),) if said]
    parts += [
        "## Errors on the test rows",
        "\n".join(["```", *figure_lines(report), "```"]),
        markdown_text(figures_explained(report)),
        "## Learning curves",
        "Mean absolute error of training and validation rows; `log.csv` has every step.",
        "\n".join(["```", *curve_lines(report.approximations), "```"]),
    ]
    for fit in report.approximations:
        text = f"{fit.verdict.text} {fit.summary}"
        parts.append(f"**{markdown_text(fit.label)}.** {markdown_text(text)}")
    parts += ["## Pictures", *(f"![{name}]({name})" for name in pictures)]
    return "\n\n".join(parts) + "\n"


def row_counts(report: ApproximationReport) -> str:
    """How many rows each part of the split has."""
    split = report.split
    train, validation, test = map(len, (split.train, split.validation, split.test))
    return f"{train} training, {validation} validation, {test} test rows"


def figure_rows(report: ApproximationReport) -> list[list[str]]:
    """The table of errors as cells, the names of the columns first."""
    rows = []
    for fit in report.approximations:
        row = {
            "method": fit.label,
            "L2 error": format_error(fit.l2_error),
            "mean abs. error": format_error(fit.mean_abs_error),
            "RMSE": format_error(fit.rmse),
            "R2": format_r2(fit.r2),
            "seconds": f"{fit.seconds:.1f}",
        }
        if report.compares:
            kind: str = fit.verdict.kind
            if kind == "overfit":
                kind += f" from {fit.verdict.best_step}"
            first = {"method": row.pop("method"), "validation": format_error(fit.validation_error)}
            row = {**first, **row, "verdict": kind}
        rows.append(row)
    return [list(rows[0]), *(list(row.values()) for row in rows)]


def figure_lines(report: ApproximationReport) -> list[str]:
    """The table of errors, a header line first."""
    rows = figure_rows(report)
    widths = {name: _WIDTHS.get(name, 10) for name in rows[0]}
    widths["method"] = max(10, *(len(fit.label) for fit in report.approximations))
    lines = []
    for first, *cells in rows:
        line = f"{first:<{widths['method']}}"
        for name, cell in zip(rows[0][1:], cells, strict=True):
            line += f"  {cell}" if name == "verdict" else f" {cell:>{widths[name]}}"
        lines.append(line)
    return lines


def figures_explained(report: ApproximationReport) -> str:
    """What the columns of the table of errors mean."""
    explained = (
        "The L2 error is norm(prediction - target) / rows; RMSE and the mean absolute error are "
        f"in the unit of {report.split.target_name or 'the target'}. R2 is the part of the "
        "targets' variance that is explained: 1 is perfect, 0 what their mean would do."
    )
    if len(report.approximations) > 1:
        explained += (
            " The validation error, the mean absolute error on the validation rows at the end, "
            "decides what is chosen."
        )
    return explained


def next_commands(run: Path, *, exported: bool) -> list[tuple[str, str]]:
    """What to do with a fit in a run folder: a title, and the command.

    Args:
        run: The folder.
        exported: Whether it has files for other programs.
    """
    name = shlex.quote(run.as_posix())
    commands = [("Next", f"facesmith approximate --predict NEW.csv --model {name}")]
    if not exported:
        again = f"facesmith approximate --resume --out {name} --onnx --code c"
        commands.append(("For other programs", again))
    return commands


def curve_lines(fits: Sequence[Approximation]) -> list[str]:
    """The learning curves at a few steps: errors of train and validation below each other."""
    width = max(10, *(len(fit.label) for fit in fits))
    lines = []
    head = ""
    for fit in fits:
        steps = curve_steps(len(fit.history.train))
        before, head = head, "".join(f" {step:>9,}" for step in steps)
        if head != before:
            lines.append(f"{'':<{width}} {fit.history.step_name:<10}{head}")
        for part, name in (("train", fit.label), ("validation", "")):
            curve = getattr(fit.history, part)
            numbers = "".join(f" {format_error(float(curve[step - 1])):>9}" for step in steps)
            lines.append(f"{name:<{width}} {part:<10}{numbers}")
    return lines


def curve_steps(n_steps: int) -> list[int]:
    """At most seven of the steps 1 to n, the first and the last among them, closer at first.

    Example:
        >>> curve_steps(500), curve_steps(3)
        ([1, 3, 8, 22, 63, 177, 500], [1, 2, 3])
    """
    if n_steps <= _CURVE_STEPS:
        return list(range(1, n_steps + 1))
    spread = (round(n_steps ** (i / (_CURVE_STEPS - 1))) for i in range(_CURVE_STEPS))
    return sorted(set(spread))


def choice(report: ApproximationReport) -> str:
    """Which fit is chosen, and why; empty where there is no other."""
    if len(report.approximations) == 1:
        return ""
    chosen = report.chosen
    others = [fit for fit in report.ranked if fit is not chosen]
    said = ", ".join(f"{format_error(fit.validation_error)} ({fit.label})" for fit in others[:3])
    if len(others) > 3:
        said += f" and {len(others) - 3} more"
    return (
        f"Chosen: {chosen.label}, for the smallest mean abs. error on the validation rows, "
        f"{format_error(chosen.validation_error)}, against {said}. The test rows had no say."
    )


def _wrapped(text: str, *, first: str = "", later: str = "") -> list[str]:
    """A paragraph in lines; names as learning-rate stay whole."""
    indents: Any = {"initial_indent": first, "subsequent_indent": later}
    return textwrap.wrap(text, _LINE_WIDTH, break_on_hyphens=False, **indents)
