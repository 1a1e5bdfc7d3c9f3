"""A classifier's run folder that one can read: learning curves, the ROC curve, the worst errors."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.errors import PatchesError, TrainingError
from facesmith.evaluation.classifier_rows import rate_rows
from facesmith.evaluation.roc_report import RocReport, draw_roc, report
from facesmith.evaluation.run_pages import (
    capital,
    code_lines,
    curves,
    joined,
    made_section,
    page,
    picture,
    run_name,
    section,
    steps_section,
)
from facesmith.evaluation.run_pictures import draw_losses, draw_validation, read_log
from facesmith.evaluation.run_report import (
    PICTURES_NAME,
    STILL_BETTER,
    Step,
    read_run,
    write_pages,
)
from facesmith.files import make_folder
from facesmith.patches import load_patches
from facesmith.pictures.pages import stored
from facesmith.printable import counted, markdown_text
from facesmith.progress import duration

_SHOWN = 12  # of each kind of error
_ROC = "roc.png"
_LEARNING = {"loss.png": "loss by epoch", "validation.png": "accuracy and AUC by epoch"}

Pixels = npt.NDArray[np.uint8]


def write_classifier_report(run: str | Path, *, threads: int = 1) -> tuple[Path, Path]:
    """Write `report.html`, `report.md` and the pictures of the latter into a finished run folder.

    The test rows of the run's own patches are judged once more; without any, or without the file,
    the report has learning curves only. `threads` are CPU threads for scoring.

    Returns:
        The paths of both pages.

    Raises:
        WriteError: If a file cannot be written.
    """
    run = Path(run)
    folder = run / PICTURES_NAME
    make_folder(folder)
    metrics, settings, command = read_run(run)
    log, best = read_log(run / "log.csv"), int(metrics.get("best_epoch") or 0)
    drawn = [
        name
        for name, draw in zip(_LEARNING, (draw_losses, draw_validation), strict=True)
        if draw(log, best, folder / name)
    ]
    reported, errors = _judged(run, str(settings.get("data_path", "")), threads)
    if reported is not None:
        draw_roc([reported], folder / _ROC)
    title = f"A classifier: {metrics.get('network', '')}"
    lines = [_in_words(metrics), *([] if reported is None else [_test_in_words(reported)])]
    html = page(
        title,
        f"The training in {run_name(run)}.",
        lines[-1],
        _tiles(metrics, reported),
        [
            _roc_section(reported, errors, folder),
            section(
                "How it learned",
                f"<p>{escape(lines[0])}</p>",
                curves({folder / name: _LEARNING[name] for name in drawn}),
            ),
            steps_section(_steps(run)),
            made_section(command, settings),
        ],
    )
    markdown = [f"# {markdown_text(title)}", "", f"The training in {markdown_text(str(run))}.", ""]
    for line in lines:
        markdown += [markdown_text(line), ""]
    if reported is not None:
        markdown += [f"![ROC curve]({PICTURES_NAME}/{_ROC})", ""]
    markdown += [f"![{capital(_LEARNING[name])}]({PICTURES_NAME}/{name})\n" for name in drawn]
    for step in _steps(run):
        markdown += ["", step.why, "", *code_lines(step.command)]
    markdown += ["", "It was made by", "", *code_lines(command)] if command else []
    return write_pages(run, html, joined(markdown))


def _judged(
    run: Path, data_path: str, threads: int
) -> tuple[RocReport | None, list[tuple[Pixels, float, bool]]]:
    """The report on the test rows, and of the worst errors patch, score, and whether a face."""
    try:
        rated = rate_rows(run, threads=threads)
    except (PatchesError, TrainingError):  # no test rows, or the file lies elsewhere now
        return None, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a missing label: the figures show it
        reported = report(**vars(rated))
    patches = load_patches(data_path)
    images = patches.images[patches.rows_of("test")]
    faces = rated.labels == 1
    errors = []
    for wrong, sign in ((faces & (rated.scores < 0.5), 1), (~faces & (rated.scores >= 0.5), -1)):
        rows = np.flatnonzero(wrong)
        worst = rows[np.argsort(sign * rated.scores[rows], kind="stable")][:_SHOWN]
        errors += [(images[i], float(rated.scores[i]), sign > 0) for i in worst]
    return reported, errors


def _in_words(metrics: dict[str, Any]) -> str:
    epochs, best = metrics.get("epochs", 0), metrics.get("best_epoch", 0)
    return (
        f"{counted(metrics.get('parameters', 0), 'parameter')}; of {counted(epochs, 'epoch')} in "
        f"{duration(float(metrics.get('seconds') or 0))} the weights of epoch {best} were kept."
        f"{f' {STILL_BETTER}' if best == epochs else ''}"
    )


def _test_in_words(reported: RocReport) -> str:
    low, high = reported.intervals.accuracy
    n = reported.n_faces + reported.n_others
    return (
        f"It is right on {reported.accuracy:.1%} of {n:,} test patches "
        f"(95 %: {low:.1%} to {high:.1%})."
    )


def _tiles(metrics: dict[str, Any], reported: RocReport | None) -> Sequence[tuple[str, str]]:
    tiles = [(duration(float(metrics.get("seconds") or 0)), "of training")]
    if reported is None:
        return tiles
    low, high = reported.intervals.auc
    auc = reported.curve.auc
    if not np.isnan(auc):
        tiles.insert(0, (f"{auc:.4f}", f"AUC on test patches; 95 %: {low:.4f} to {high:.4f}"))
    return [(f"{reported.accuracy:.1%}", "of the test patches right, at a score of 0.5"), *tiles]


def _roc_section(
    reported: RocReport | None, errors: Sequence[tuple[Pixels, float, bool]], folder: Path
) -> str:
    if reported is None:
        return ""
    parts = [
        f'<figure><div class="plate curve">{picture(folder / _ROC, "ROC curve")}</div></figure>'
    ]
    for title, of_faces in (("Faces that it missed", True), ("What it took for faces", False)):
        shown = "".join(_error(patch, score) for patch, score, face in errors if face == of_faces)
        if shown:
            parts.append(f'<h3>{title}</h3><div class="mistakes">{shown}</div>')
    return section("How good is it?", *parts)


def _error(patch: Pixels, score: float) -> str:
    image = stored(Image.fromarray(np.ascontiguousarray(patch[..., ::-1])), "png")
    return f'<figure><img src="{image}" alt=""><figcaption>{score:.2f}</figcaption></figure>'


def _steps(run: Path) -> list[Step]:
    name = shlex.quote(run.as_posix())
    return [
        Step("Judge it on patches of other photos:", f"facesmith roc {name} --patches other.npz"),
        Step("Choose a threshold that keeps a promise:", f"facesmith roc {name} --target-fpr 0.01"),
    ]
