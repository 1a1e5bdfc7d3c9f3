"""A run folder that one can read: what a detector learned, whether it is better, and what next.

`report.html` is one file that needs nothing else; `report.md` has the same beside its pictures.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesmith.evaluation import MATCH_IOU, MIN_FACE_HEIGHT
from facesmith.evaluation.failure_pictures import false_boxes_sheet, misses_sheet
from facesmith.evaluation.failure_report import Failures
from facesmith.evaluation.failures import find_failures
from facesmith.evaluation.run_pages import html_page, markdown_page
from facesmith.evaluation.run_pictures import (
    FIGURES,
    draw_losses,
    draw_old_and_new,
    draw_validation,
    read_log,
)
from facesmith.evaluation.verdict import Verdict
from facesmith.files import make_folder, write_bytes
from facesmith.pictures.contact_sheet import write_sheet
from facesmith.printable import counted
from facesmith.progress import NO_PROGRESS, Progress
from facesmith.untrusted import ContentError, read_json

HTML_NAME, MARKDOWN_NAME = "report.html", "report.md"
PICTURES_NAME = "report"  # the folder of the pictures of report.md
STILL_BETTER = "It was still getting better at the end: more --epochs may help."
ANY_PHOTOS = ("ANNOTATIONS", "--images", "PHOTOS")
N_SHOWN = 24  # misses, and false boxes
# Part of a run -> what it is, in words.
_PARTS = {"proposals": "the proposals", "refiner": "the refiner"}


@dataclass(frozen=True)
class Step:
    """Something to do next."""

    why: str  # a sentence
    command: str  # one line for a shell


@dataclass(frozen=True)
class Part:
    """How one of the networks learned."""

    name: str  # of its folder
    words: str  # what it is
    best_epoch: int  # whose weights were kept, from 1 on; 0: unknown
    epochs: int
    seconds: float
    pictures: tuple[str, ...]  # names of the files in the folder of the pictures
    out_of_time: bool  # whether a time limit ended it
    n_validations: int  # how often it was evaluated on the held-out photos

    @property
    def told(self) -> str:
        """How it went, in a sentence."""
        if not self.epochs:
            return ""
        kept = (
            f"Of {counted(self.epochs, 'epoch')} the weights of epoch {self.best_epoch} were kept."
        )
        if self.out_of_time:
            return f"{kept} The time limit ended the training there: --resume goes on."
        if self.best_epoch < self.epochs or self.n_validations < 2:
            return kept
        return f"{kept} {STILL_BETTER}"


@dataclass(frozen=True, eq=False)
class RunReport:
    """What the pages say."""

    run: Path  # the run folder
    verdict: Verdict
    failures: Failures  # of the new detector, at its threshold
    parts: tuple[Part, ...]
    seconds: Mapping[str, float]  # what took how long
    command: str  # that began the run
    settings: Mapping[str, Any]  # dotted name -> value
    metrics: Mapping[str, Any]  # of `metrics.json`
    has_curves: bool  # whether precision and recall are drawn
    learned_from: Sequence[str]  # see `next_steps`

    @property
    def steps(self) -> list[Step]:
        """What to do next, the first being the most useful."""
        return next_steps(self.verdict, self.run, self.failures, self.learned_from)


def next_steps(
    verdict: Verdict,
    run: str | Path,
    failures: Failures | None = None,
    learned_from: Sequence[str] = ANY_PHOTOS,
) -> list[Step]:
    """What to do after a training, the most useful first.

    Args:
        verdict: Of the training.
        run: Its folder.
        failures: Of the new detector.
        learned_from: The annotated photos of the training, as words of a command line; words in
            capitals stand for what the reader has to put there.
    """
    model = shlex.quote(Path(run).as_posix())
    audited = shlex.quote(f"{Path(run).as_posix()}-audit")
    use = Step("Find the faces in your own photos:", f"facesmith detect PHOTOS --model {model}")
    more = Step(
        "Annotate more photos of your kind: let it propose the boxes, correct them, train again:",
        f"facesmith label PHOTOS --judge facesmith:{model} --out labels/",
    )
    audit = Step(
        "Look for annotations that are wrong; with few photos a few of them decide:",
        f"facesmith audit {shlex.join(learned_from)} --model {model} --out {audited}",
    )
    mine = Step(
        "Teach it what it takes for faces, with photos that show none:",
        f"facesmith mine --negatives PHOTOS --model {model} --out mined.json",
    )
    judge = Step(
        "See where it fails on other annotated photos:",
        f"facesmith benchmark failures --annotations ANNOTATIONS --images PHOTOS --model {model} "
        "--out failures/",
    )
    others = [audit, judge]
    if failures is not None and len(failures.false_boxes) > 0.1 * max(failures.n_photos, 1):
        others.insert(0, mine)
    if verdict.kind == "worse":
        keep = f" --model {shlex.quote(verdict.old.name)}" if verdict.old.name != "shipped" else ""
        old = Step("Keep the detector from before:", f"facesmith detect PHOTOS{keep}")
        return [old, audit, more, *(each for each in others if each is not audit)]
    if verdict.kind == "unknown":
        return [more, use, *others]
    return [use, *others, more]


def write_run_report(
    run: str | Path,
    verdict: Verdict,
    *,
    learned_from: Sequence[str] = ANY_PHOTOS,
    progress: Progress = NO_PROGRESS,
) -> tuple[Path, Path]:
    """Write `report.html`, `report.md` and the pictures of the latter into a run folder.

    Args:
        run: The folder of a finished training.
        verdict: Its verdict, whose photos are read again to show what the detector gets wrong.
        learned_from: The annotated photos of the training, see `next_steps`.
        progress: Told how many photos are done.

    Returns:
        The paths of both pages.

    Raises:
        ImageError: If a photo cannot be read.
        WriteError: If a file cannot be written.
    """
    run = Path(run)
    folder = run / PICTURES_NAME
    make_folder(folder)
    failures = find_failures(
        verdict.photos, verdict.new.found, name="new", min_score=verdict.new.threshold,
        iou_threshold=MATCH_IOU, min_height=MIN_FACE_HEIGHT, progress=progress,
    )  # fmt: skip
    metrics, settings, command = read_run(run)
    parts = tuple(
        part
        for name, words in _PARTS.items()
        if (part := _part(run, name, words, metrics.get(name), folder)) is not None
    )
    report = RunReport(
        run=run,
        verdict=verdict,
        failures=failures,
        parts=parts,
        seconds=_seconds(run, parts, verdict.n_folds),
        command=command,
        settings=settings,
        metrics=metrics,
        has_curves=draw_old_and_new(verdict, folder / "precision_recall.png"),
        learned_from=learned_from,
    )
    write_sheet(folder / "misses.png", misses_sheet(failures, N_SHOWN))
    write_sheet(folder / "false_boxes.png", false_boxes_sheet(failures, N_SHOWN))
    return write_pages(
        run, html_page(report, folder, N_SHOWN), markdown_page(report, PICTURES_NAME)
    )


def write_pages(run: Path, html: str, markdown: str) -> tuple[Path, Path]:
    """Write both pages into a run folder; returns their paths."""
    pages = run / HTML_NAME, run / MARKDOWN_NAME
    for path, text in zip(pages, (html, markdown), strict=True):
        write_bytes(path, text.encode())
    return pages


def _part(run: Path, name: str, words: str, said: Any, folder: Path) -> Part | None:
    """How a part learned, its pictures drawn; `None` where there is no log."""
    log = read_log(run / name / "log.csv")
    if not log:
        return None
    said = said if isinstance(said, dict) else {}
    best = int(said.get("best_epoch") or 0)
    drawn = []
    for kind, draw in (("loss", draw_losses), ("validation", draw_validation)):
        picture = f"{name}-{kind}.png"
        if draw(log, best, folder / picture):
            drawn.append(picture)
    epochs, seconds = int(said.get("epochs") or 0), float(said.get("seconds") or 0)
    validations = [len(curve.epochs) for name, curve in log.items() if name in FIGURES]
    return Part(
        name, words, best, epochs, seconds, tuple(drawn),
        out_of_time=said.get("stopped") == "time limit", n_validations=max(validations, default=0),
    )  # fmt: skip


def _seconds(run: Path, parts: tuple[Part, ...], n_folds: int) -> dict[str, float]:
    """How long the networks learned, and those of the folds."""
    seconds = {part.words: part.seconds for part in parts}
    for number in range(1, n_folds + 1):
        metrics = _read_object(run / "folds" / str(number) / "metrics.json")
        learned = [metrics.get(name) for name in _PARTS]
        told = [float(each.get("seconds") or 0) for each in learned if isinstance(each, dict)]
        seconds[f"fold {number}"] = sum(told)
    return seconds


def read_run(run: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A run's metrics, its settings by dotted names, and its command; empty where unknown."""
    about = _read_object(run / "config.json")
    words = about.get("command")
    typed = (
        shlex.join(["facesmith", *map(str, words[1:])]) if words and isinstance(words, list) else ""
    )
    return _read_object(run / "metrics.json"), flat(about.get("config")), typed


def _read_object(path: Path) -> dict[str, Any]:
    """A JSON object of a file; empty where there is none."""
    try:
        content = read_json(path)
    except ContentError:
        return {}
    return content if isinstance(content, dict) else {}


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    if not isinstance(settings, dict):
        return {prefix.removesuffix("."): settings} if prefix else {}
    return {
        name: value
        for key, inner in settings.items()
        for name, value in flat(inner, f"{prefix}{key}.").items()
    }
