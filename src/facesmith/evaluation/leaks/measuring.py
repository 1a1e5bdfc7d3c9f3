"""Several programs on the same films: `measure`."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from facesmith.evaluation.leaks.covered import Colour, film_coverage
from facesmith.evaluation.leaks.figures import Leak, LeakFigures, Measured, leak_figures
from facesmith.evaluation.leaks.programs import Program, Ran, run
from facesmith.evaluation.leaks.truth import TrueFilm
from facesmith.files import finite_or_none, make_folder
from facesmith.progress import Progress

GREEN: Colour = (0, 255, 0)  # far from skin, hair and masks


@dataclass(frozen=True)
class ProgramResult:
    """How well a program did, and what it took.

    Attributes:
        figures: Of all films.
        leaks: Where faces were not covered, the longest first.
        cpu_seconds: User and system time a frame, its start included; `None` on Windows.
        seconds: By the clock, a frame.
    """

    figures: LeakFigures
    leaks: Sequence[Leak]
    cpu_seconds: float | None
    seconds: float

    def to_dict(self, n_leaks: int | None = None) -> dict[str, Any]:
        """Plain values for JSON, with so many leaks at most; `None` where there is no figure."""
        told = {
            **self.figures.to_dict(),
            "cpu_seconds_a_frame": self.cpu_seconds,
            "seconds_a_frame": self.seconds,
            "leaks": [vars(leak) for leak in self.leaks[:n_leaks]],
        }
        plain: dict[str, Any] = finite_or_none(told)
        return plain


def measure(
    films: Sequence[TrueFilm],
    programs: Sequence[Program],
    folder: Path,
    *,
    colour: Colour = GREEN,
    keep: bool = False,
    progress: Progress | None = None,
    on_film: Callable[[dict[str, ProgramResult]], None] | None = None,
) -> dict[str, ProgramResult]:
    """Have each program cover the faces of each film, and see what it left.

    Programs take turns film by film, so that what else the machine does meets all alike.

    Args:
        films: The films and their faces.
        programs: The programs; their names differ.
        folder: An existing folder to work in.
        colour: What the programs cover faces with.
        keep: Keep the covered films, as `covered/NAME/film-00.mp4`.
        progress: Gets runs done.
        on_film: Called after each film with the results of those so far.

    Raises:
        EvaluationError: If a program fails, or its films cannot be compared.
        VideoError: If a film cannot be read.
    """
    progress = progress or Progress()
    step = progress.counter("Films covered", len(films) * len(programs))
    runs: dict[str, list[_Run]] = {program.name: [] for program in programs}
    results: dict[str, ProgramResult] = {}
    with _work_folder(folder) as work:
        picture = work / "colour.png"
        Image.new("RGB", (64, 64), colour).save(picture)
        for film in films:
            for program in programs:
                own = work / program.name / film.path.stem
                make_folder(own)
                covered, ran = run(program, film.path, own, colour, picture)
                coverage, times = film_coverage(film, covered, colour)
                runs[program.name].append(_Run(Measured(film, coverage, times), ran))
                if keep:
                    kept = folder / "covered" / program.name
                    make_folder(kept)
                    shutil.move(covered, kept / covered.name)
                shutil.rmtree(own, ignore_errors=True)
                step()
            results = {name: _result(some) for name, some in runs.items()}
            if on_film is not None:
                on_film(results)
    return results


@dataclass(frozen=True, eq=False)
class _Run:
    """A program on one film."""

    measured: Measured
    ran: Ran


def _result(runs: Sequence[_Run]) -> ProgramResult:
    figures, leaks = leak_figures([each.measured for each in runs])
    cpu = [each.ran.cpu_seconds for each in runs if each.ran.cpu_seconds is not None]
    return ProgramResult(
        figures,
        leaks,
        sum(cpu) / figures.frames if len(cpu) == len(runs) else None,
        sum(each.ran.seconds for each in runs) / figures.frames,
    )


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A folder that is deleted at the end; `remove_unfinished` knows one that a kill left."""
    work = folder / f".run.{secrets.token_hex(4)}.tmp"
    make_folder(work)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
