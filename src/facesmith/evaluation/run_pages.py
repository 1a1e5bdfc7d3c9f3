"""The pages of a run's report: HTML from the template beside this file, and Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from facesmith._version import __version__
from facesmith.evaluation.failure_pictures import false_cells, miss_cells
from facesmith.evaluation.verdict import plain
from facesmith.images import read_image
from facesmith.pictures.contact_sheet import Cell, cut_cell
from facesmith.pictures.pages import page_style, png_file, stored
from facesmith.printable import counted, markdown_text, printable
from facesmith.progress import duration

if TYPE_CHECKING:
    from facesmith.evaluation.run_report import RunReport, Step

_CURVES = "precision_recall.png"
_TITLES = {
    "better": "The new detector is better",
    "worse": "The new detector is worse",
    "alike": "The new detector is as good as the one before",
    "unknown": "No difference can be told yet",
}
_HOW = (
    "AP, average precision, is one figure for all thresholds: the area under the curve of "
    "precision over recall. A box is right when it overlaps a face by the IoU named, 0.4 where "
    "none is; faces of 16 px and more count. The interval holds the difference on other photos "
    "of the same kind with 95 %; where it holds 0, the difference may be chance."
)

_FALSE_NOTE = (
    "Orange: false, the highest score first. Green: annotated faces. A false box may be a face "
    "that nobody has annotated."
)


def html_page(report: RunReport, folder: Path, n_shown: int) -> str:
    """The report as one HTML file; `folder` has the pictures, `n_shown` is of misses and boxes."""
    verdict = report.verdict
    return page(
        _TITLES[verdict.kind],
        f"The training in {run_name(report.run)}, judged on {escape(verdict.judged_on)}.",
        f"{capital(verdict.words())}.",
        _tiles(report),
        [
            _judged(report, folder),
            _wrong(report, n_shown),
            _learned(report, folder),
            steps_section(report.steps),
            _made(report),
        ],
    )


def page(
    title: str,
    lead: str,
    headline: str,
    tiles: Sequence[tuple[str, str]],
    sections: Sequence[str],
) -> str:
    """A report's page; `lead` and `sections` are HTML, the others text."""
    template = Template((files("facesmith.evaluation") / "run_report.html").read_text("utf-8"))
    return template.substitute(
        style=page_style(),
        title=escape(printable(title)),
        lead=lead,
        verdict=f'<p class="verdict">{escape(printable(headline))}</p>',
        tiles="".join(_tile(*each) for each in tiles),
        sections="\n".join(sections),
        version=escape(__version__),
        date=now(),
    )


def run_name(run: Path) -> str:
    """A run folder as HTML."""
    return f"<code>{escape(printable(run.as_posix()))}</code>"


def capital(words: str) -> str:
    """The words with a capital at their beginning."""
    return words[:1].upper() + words[1:]


def _tiles(report: RunReport) -> list[tuple[str, str]]:
    """The main figures, each with what it is."""
    old, changes = report.verdict.old.name, report.verdict.changes
    tiles = []
    for name, what in (
        ("ap", "AP at IoU 0.5"),
        ("recall", "of the faces found, at its threshold"),
        ("false_per_photo", "false boxes a photo, at its threshold"),
    ):
        change = changes[name]
        tiles.append((plain(change.new), f"{what}; {old}: {plain(change.old)}"))
    trained = sum(part.seconds for part in report.parts)
    return [*tiles, (duration(trained), "of training, without the reading of the photos")]


def _tile(number: str, what: str) -> str:
    return (
        f'<div class="tile"><span class="number">{escape(number)}</span>'
        f'<span class="what">{escape(printable(what))}</span></div>'
    )


def _judged(report: RunReport, folder: Path) -> str:
    verdict = report.verdict
    head, *rows = verdict.table()
    drawn = ""
    if report.has_curves:
        words = "Precision against recall of both detectors"
        drawn = (
            f'<figure><div class="plate curve">{picture(folder / _CURVES, words)}</div></figure>'
        )
    return section(
        "Is it better?",
        table(head, rows),
        f'<p class="faint">{escape(_HOW)} {escape(verdict.caveat)}</p>',
        drawn,
    )


def _wrong(report: RunReport, n_shown: int) -> str:
    failures = report.failures
    advice = "".join(f"<li>{escape(printable(line))}</li>" for line in failures.advice)
    parts = [f"<p>{escape(_wrong_in_words(report))}</p>", f"<ul>{advice}</ul>" if advice else ""]
    for title, note, cells in (
        ("The worst misses", "Orange: missed, the largest and sharpest first. Green: found.",
         miss_cells(failures, n_shown)),
        ("False boxes", _FALSE_NOTE, false_cells(failures, n_shown)),
    ):  # fmt: skip
        if cells:
            shown = "".join(map(_cell, cells))
            parts.append(
                f'<h3>{title}</h3><p class="faint">{note}</p><div class="cells">{shown}</div>'
            )
    return section("What it gets wrong", *parts)


def _wrong_in_words(report: RunReport) -> str:
    failures = report.failures
    n_missed, n_false = len(failures.misses), len(failures.false_boxes)
    return (
        f"From a score of {failures.min_score:.2f} on, it misses {n_missed:,} of "
        f"{counted(failures.n_faces, 'face')} in these photos, and {n_false:,} of its "
        f"{counted(failures.n_boxes, 'box', 'boxes')} {'belongs' if n_false == 1 else 'belong'} to "
        "no face."
    )


def _cell(cell: Cell) -> str:
    image = stored(cut_cell(read_image(cell.photo.path), cell.box, cell.others), "jpeg")
    name, line = (escape(printable(text)) for text in cell.lines)
    return (
        f'<figure><img src="{image}" alt=""><figcaption><span class="name">{name}</span>{line}'
        "</figcaption></figure>"
    )


def _learned(report: RunReport, folder: Path) -> str:
    parts = []
    for part in report.parts:
        parts.append(f"<h3>{escape(capital(part.words))}</h3>")
        parts.append(f"<p>{escape(part.told)}</p>")
        parts.append(curves({folder / name: alternative(name) for name in part.pictures}))
    return section("How it learned", *parts) if parts else ""


def alternative(name: str) -> str:
    """What a picture of learning shows, in words, from the name of its file."""
    part, _, kind = Path(name).stem.partition("-")
    return f"{part}: {kind} by epoch"


def curves(pictures: Mapping[Path, str]) -> str:
    """Curves of learning beside each other; PNG file -> what it shows."""
    images = "".join(
        f'<figure><div class="plate">{picture(path, words)}</div></figure>'
        for path, words in pictures.items()
    )
    return f'<div class="columns">{images}</div>'


def steps_section(steps: Sequence[Step]) -> str:
    """What to do next."""
    shown = (f"<p>{escape(step.why)}</p>{command_block(step.command)}" for step in steps)
    return section("What next", *shown)


def command_block(command: str) -> str:
    """A command in a box; narrow windows break it between words, and not after their hyphens."""
    words = (f"<span>{escape(word)}</span>" for word in printable(command).split(" "))
    return f"<pre><code>{' '.join(words)}</code></pre>"


def _made(report: RunReport) -> str:
    rows = [[words, duration(seconds)] for words, seconds in report.seconds.items()]
    return made_section(
        report.command,
        dict(sorted(report.settings.items())),
        f"<p>{escape(_photos_in_words(report))}</p>",
        table(["learning", "time"], rows),
    )


def made_section(command: str, settings: Mapping[str, Any], *parts: str) -> str:
    """The command that began a run, parts of HTML, and its settings, dotted name -> value."""
    rows = [[name, _setting(value)] for name, value in settings.items()]
    return section(
        "How it was made",
        command_block(command) if command else "",
        *parts,
        f"<details><summary>All {counted(len(rows), 'setting')}</summary>"
        f"{table(['setting', 'value'], rows)}</details>" if rows else "",
    )  # fmt: skip


def _photos_in_words(report: RunReport) -> str:
    n, held_out = report.metrics.get("photos"), report.metrics.get("photos_held_out")
    if not isinstance(n, int) or not isinstance(held_out, int):
        return ""
    calibration = report.metrics.get("calibration")
    kept = isinstance(calibration, dict) and calibration.get("method") == "kept"
    use = ", too few to choose" if kept else " to choose weights,"
    return (
        f"{counted(n - held_out, 'photo')} to learn from, {held_out:,} held out{use} "
        f"calibration and threshold{' by' * kept}. "
        f"The threshold is {report.verdict.new.threshold:.3f}."
    )


def _setting(value: Any) -> str:
    """A setting's value, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:60]}..."


def section(title: str, *parts: str) -> str:
    """A section of HTML under its title; empty parts are left out."""
    return f"<section>\n<h2>{title}</h2>\n" + "\n".join(filter(None, parts)) + "\n</section>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of HTML that scrolls where it is too wide."""

    def row(cells: Sequence[str], tag: str) -> str:
        inner = "".join(f"<{tag}>{escape(printable(cell))}</{tag}>" for cell in cells)
        return f"<tr>{inner}</tr>"

    body = "\n".join(row(cells, "td") for cells in rows)
    return f'<div class="scroll"><table>\n{row(head, "th")}\n{body}\n</table></div>'


def picture(path: Path, words: str) -> str:
    """A PNG file as HTML that holds it."""
    return f'<img src="{png_file(path)}" alt="{escape(words, quote=True)}">'


def now() -> str:
    """Date and time in words."""
    return f"{datetime.now().astimezone():%d %B %Y, %H:%M}"


def markdown_page(report: RunReport, pictures: str) -> str:
    """The report as Markdown; `pictures` is the folder of the pictures, beside the page."""
    verdict, failures = report.verdict, report.failures
    lines = [f"# {_TITLES[verdict.kind]}", ""]
    run = markdown_text(report.run.as_posix())
    lines += [f"The training in {run}, judged on {markdown_text(verdict.judged_on)}.", ""]
    lines += [f"**{markdown_text(capital(verdict.words()))}.**", "", "## Is it better?", ""]
    lines += [*_markdown_table(verdict.table()), "", f"{_HOW} {verdict.caveat}".rstrip(), ""]
    if report.has_curves:
        lines += [f"![Precision against recall of both detectors]({pictures}/{_CURVES})", ""]
    lines += ["## What it gets wrong", "", _wrong_in_words(report), ""]
    lines += [*(f"- {markdown_text(line)}" for line in failures.advice), ""]
    lines += [f"![The worst misses]({pictures}/misses.png)", ""] if failures.misses else []
    lines += [f"![False boxes]({pictures}/false_boxes.png)", ""] if failures.false_boxes else []
    if report.parts:
        lines += ["## How it learned", ""]
    for part in report.parts:
        lines += [f"### {capital(part.words)}", "", part.told, ""]
        lines += [f"![{alternative(name)}]({pictures}/{name})" for name in part.pictures]
        lines.append("")
    lines += ["## What next", ""]
    for step in report.steps:
        lines += [step.why, "", *code_lines(step.command), ""]
    lines += ["## How it was made", ""]
    lines += [*code_lines(report.command), ""] if report.command else []
    lines += [_photos_in_words(report), ""]
    times = [[words, duration(seconds)] for words, seconds in report.seconds.items()]
    lines += [*_markdown_table([["learning", "time"], *times]), ""]
    lines += ["All settings are in `config.json`.", ""]
    lines.append(f"Written by facesmith {__version__} on {now()}.")
    return joined(lines)


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    shown = [f"| {' | '.join(map(markdown_text, row))} |" for row in rows]
    return [shown[0], f"|{'---|' * len(rows[0])}", *shown[1:]]


def code_lines(text: str) -> list[str]:
    """A block of code; indented, so that no text can end it."""
    return [f"    {line}" for line in printable(text).split("\n")]


def joined(lines: Sequence[str]) -> str:
    """The lines of a page, never two empty ones in a row."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).rstrip() + "\n"
