"""A report as one HTML page that needs no other file."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from facesmith.approximation.experiment.findings import answer
from facesmith.approximation.experiment.report import Approximation, ApproximationReport
from facesmith.approximation.experiment.report_text import (
    choice,
    figure_rows,
    figures_explained,
    next_commands,
    row_counts,
)
from facesmith.approximation.experiment.summaries import format_error, format_r2
from facesmith.evaluation.run_pages import (
    made_section,
    page,
    picture,
    section,
    steps_section,
    table,
)
from facesmith.evaluation.run_report import Step, flat
from facesmith.printable import printable

_MOST_INPUTS = 12  # that are named
_STEPS = {  # title of a command, see `next_commands` -> what the page says of it
    "Next": "Predict the rows of another table:",
    "For other programs": "Write it for other programs, as ONNX and C:",
}
# Pictures of learning; the others show the function and its errors.
_OF_LEARNING = ("comparison.png", "learning-curves.png")


def html_page(
    report: ApproximationReport,
    pictures: Sequence[str],
    folder: Path,
    run: Path,
    about: Mapping[str, Any],
    *,
    exported: bool,
) -> str:
    """A report as HTML with its pictures in it, the answer first.

    Args:
        report: What to show.
        pictures: Their file names, in the order in which they are worth a look.
        folder: Where they lie.
        run: The run folder, as the commands on the page name it.
        about: What `config.json` holds.
        exported: Whether the run has files for other programs.
    """
    split, fit = report.split, report.chosen
    head, *rows = figure_rows(report)
    names = ", ".join(split.input_names[:_MOST_INPUTS]) or "its inputs"
    if len(split.input_names) > _MOST_INPUTS:
        names += f" and {len(split.input_names) - _MOST_INPUTS} more"
    lead = f"{split.target_name or 'The target'} as a function of {names}: {row_counts(report)}."
    learned = [name for name in pictures if name in _OF_LEARNING]
    steps = [
        Step(_STEPS[title], command) for title, command in next_commands(run, exported=exported)
    ]
    return page(
        f"A fit: {report.title}",
        _text(lead),
        answer(report),
        [
            (format_r2(fit.r2), "R2 on the test rows: 1 is perfect, 0 what their mean would do"),
            (_in_a_tile(fit.rmse), f"typical error (RMSE), in the unit of {_target(report)}"),
            *_noise(report),
        ],
        [
            section("What to know first", *map(_paragraph, report.notes)) if report.notes else "",
            section(
                "How good is it?",
                table(head, rows),
                f'<p class="faint">{_text(figures_explained(report))}</p>',
                *_pictures(folder, [name for name in pictures if name not in learned]),
            ),
            section(
                "How it learned",
                _paragraph(choice(report)),
                *_pictures(folder, learned),
                *(f"<h3>{_text(each.label)}</h3>{_said(each)}" for each in report.approximations),
            ),
            steps_section(steps),
            made_section(
                shlex.join(["facesmith", *map(str, about["command"][1:])]), flat(about["config"])
            ),
        ],
    )


def _noise(report: ApproximationReport) -> list[tuple[str, str]]:
    noise = report.chosen.noise
    if noise is None or not math.isfinite(noise):
        return []
    return [(_in_a_tile(noise), f"estimated noise of {_target(report)}")]


def _in_a_tile(value: float) -> str:
    """An error in few characters, so that a tile of a phone holds it."""
    if 1000 <= value < 1e5:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1e5 else format_error(value)


def _target(report: ApproximationReport) -> str:
    return report.split.target_name or "the target"


def _pictures(folder: Path, names: Sequence[str]) -> list[str]:
    """The pictures, each as wide as the page."""
    return [
        f'<figure><div class="plate">{picture(folder / name, _shown(name))}</div></figure>'
        for name in names
    ]


def _shown(name: str) -> str:
    """What a picture shows, in words, from the name of its file."""
    kind = Path(name).stem
    return {
        "comparison": "Learning curves of all settings that were compared",
        "learning-curves": "Errors of training and validation rows while it learned",
        "predictions": "Predicted against true targets of the test rows, and the errors",
    }.get(kind, f"The fitted {kind.partition('-')[0]} of {kind.partition('-')[2]}, and the points")


def _said(fit: Approximation) -> str:
    return _paragraph(f"{fit.verdict.text} {fit.summary}")


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>" if text else ""


def _text(text: str) -> str:
    return escape(printable(text))
