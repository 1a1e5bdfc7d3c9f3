"""The judges that `audit` and `label` are given: their options, and what they find."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.opened_detectors import open_detectors
from facesmith.cli.options import Command, with_options
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.annotations import Annotations
    from facesmith.curation.committee import Judge
    from facesmith.evaluation.baselines import Baseline, DetectorName
    from facesmith.faces import Faces
    from facesmith.progress import Progress

# A file's lowest score above this is worth a warning, see `read_found`.
_LOW = 0.2


def _pairs(
    _context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str]:
    """Label -> what is said of it, of options given as LABEL=WORD."""
    said: dict[str, str] = {}
    for text in texts:
        label, equals, word = text.partition("=")
        if not (label and equals and word) or label in said:
            raise click.BadParameter(
                f"{text!r}: expected {option.metavar}, each label once.", param=option
            )
        said[label] = word
    return said


def _scores(
    context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Label -> lowest and sure score, of options given as LABEL=LOWEST,SURE."""
    scores = {}
    for label, words in _pairs(context, option, texts).items():
        try:
            lowest, sure = map(float, words.split(","))
        except ValueError:
            lowest = sure = math.nan
        if not (math.isfinite(lowest) and math.isfinite(sure)):
            raise click.BadParameter(
                f"{label}={words!r}: expected two numbers, {option.metavar}.", param=option
            )
        scores[label] = (lowest, sure)
    return scores


def judge_options(default: str) -> Callable[[Command], Command]:
    """The options `--judge` (`judges`), `--vote` (`votes`) and `--scores` of a command."""
    return lambda command: with_options(
        command,
        (
            click.option(
                "--judge",
                "judges",
                multiple=True,
                metavar="[LABEL=]KIND[:PATH]",
                help="A detector as in `benchmark compare`, or detections:FILE; several are a "
                f"committee.  [default: {default}]",
            ),
            click.option(
                "--vote",
                "votes",
                multiple=True,
                callback=_pairs,
                metavar="LABEL=VOTE",
                help="Judges with the same VOTE count once.  [default: one vote a family, one a "
                "file of detections]",
            ),
            click.option(
                "--scores",
                multiple=True,
                callback=_scores,
                metavar="LABEL=LOWEST,SURE",
                help="A judge's boxes count from the first score on and are surely faces from the "
                "second.  [default: by kind]",
            ),
        ),
    )


@dataclass(frozen=True, eq=False)
class Panel:
    """The judges of a command, opened."""

    names: tuple[DetectorName, ...]
    judges: tuple[Judge, ...]  # same order
    detectors: dict[str, Baseline]  # label -> detector; a file of detections has none

    def find(
        self,
        photos: Annotations,
        annotations: Path,
        category: Sequence[str],
        min_score: float,
        progress: Progress,
    ) -> list[list[Faces]]:
        """What each judge finds in each photo, from a score on.

        `annotations` explains the ids of COCO results. Files of detections are read first: what is
        wrong with them is said before the long work.
        """
        from facesmith.curation.judges import look_at  # noqa: PLC0415 - see `cli`

        read = {
            name.label: read_found(name.path, annotations, photos, tuple(category))
            for name in self.names
            if name.label not in self.detectors and name.path is not None
        }
        seen = look_at(
            photos.photos,
            list(self.detectors.values()),
            [min_score] * len(self.detectors),
            progress,
        )
        found = read | dict(zip(self.detectors, seen, strict=True))
        return [found[name.label] for name in self.names]


def read_judges(texts: Sequence[str]) -> list[DetectorName]:
    """The judges that a user names, or a `BadParameter` error."""
    from facesmith.curation.judges import DETECTIONS  # noqa: PLC0415 - see `cli`
    from facesmith.evaluation.baselines import BaselineError, parse_names  # noqa: PLC0415

    try:
        return parse_names(texts, (DETECTIONS,))
    except BaselineError as error:
        raise click.BadParameter(str(error), param_hint="'--judge'") from error


def open_judges(
    names: Sequence[DetectorName],
    votes: dict[str, str],
    scores: dict[str, tuple[float, float]],
    threads: int,
) -> Panel:
    """The judges, ready to look at photos.

    Raises:
        BaselineError: If a detector cannot be used.
        EvaluationError: If a file is missing, or `votes` or `scores` do not fit the judges.
    """
    from facesmith.curation.judges import DETECTIONS, name_judges  # noqa: PLC0415 - see `cli`
    from facesmith.errors import EvaluationError  # noqa: PLC0415

    files = [name for name in names if name.kind == DETECTIONS]
    for name in files:
        if name.path is not None and not name.path.is_file():
            raise EvaluationError(f"{name.path}: no such file of detections. Check the path.")
    detectors, _ = open_detectors([name for name in names if name not in files], threads)
    there = tuple(name for name in names if name in files or name.label in detectors)
    return Panel(there, name_judges(there, votes, scores), detectors)


def read_found(
    detections: Path, annotations: Path, loaded: Annotations, category: tuple[str, ...]
) -> list[Faces]:
    """What the detections file says of each photo; a warning where low scores are missing."""
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415 - slow

    found = read_detections(
        detections,
        annotations,
        loaded.photos,
        allow_others=any(problem.skipped == "photo" for problem in loaded.problems),
        categories=category or None,
    )
    lowest = min((float(faces.scores.min()) for faces in found if len(faces)), default=0.0)
    if lowest > _LOW:
        echo(
            f"Warning: the lowest score in {detections.name} is {lowest:.2f}. A face with a lower "
            "one looks like none here: detect again with --min-score 0.01.",
            err=True,
        )
    return found


def judges_in_words(judges: Sequence[Judge]) -> list[str]:
    """A line a judge: its name, what its scores mean, and with several judges its vote."""

    def words(judge: Judge) -> str:
        sure, lowest = f"{judge.sure_score:.2g}", f"{judge.min_score:.2g}"
        unsure = f"from {lowest} on unsure, " if lowest != sure else ""
        vote = f"; vote {judge.vote}" if len(judges) > 1 else ""
        return f"{judge.name}: from score {sure} on sure of a face, {unsure}less is no face{vote}"

    return list(map(words, judges))
