"""The leak rate of `facesmith anonymise` and of other programs, in one run.

    python benchmarks/anonymise.py --photos PHOTOS --work FOLDER \
        --program 'deface=deface {input} -o {output} --replacewith img --replaceimg {picture}' \
        --program 'yunet=PYTHON benchmarks/cover_with_yunet.py WEIGHTS {input} {output} {colour}'

Films are made from `val_other_domain`, `val_same_domain` and `val_people`; what looking at the
photos showed to be wrong with their boxes is ignored, see `looked_at.py`. With `--held-out` they
are made from the photos that training holds out, on which settings may be chosen.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from about import about
from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.leaks.config import FilmsConfig
from facesmith.evaluation.leaks.making import make_films
from facesmith.evaluation.leaks.measuring import ProgramResult, measure
from facesmith.evaluation.leaks.programs import ours, parse_program
from facesmith.evaluation.leaks.truth import read_truth
from facesmith.progress import Progress
from looked_at import looked_at
from photo_options import held_out_photos, photo_options, photos_of_set, read_options

SETS = ("val_other_domain", "val_same_domain", "val_people")
N_LEAKS = 40  # that the results name, of each program


class Printed(Progress):
    """Says how far the work is, a line a step."""

    def report(self, label: str, done: int, total: int, note: str = "") -> None:
        """Print it."""
        print(f"{label}: {done} of {total} {note}".rstrip(), flush=True)


def main() -> None:
    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "anonymise.json")
    parser.add_argument("--program", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="films to choose settings on")
    parser.add_argument("--work", type=Path, help="keep the films in this folder")
    parser.add_argument("--made", type=Path, help="films of an earlier run with these options")
    parser.add_argument("--option", action="append", default=[], help="of facesmith anonymise")
    parser.add_argument("--not-ours", action="store_true", help="other programs only")
    arguments = read_options(parser)
    # Of the code as it starts; each program takes as many threads as it likes.
    made = about(("av", "numpy", "onnxruntime", "pillow"), threads=os.cpu_count() or 1)
    programs = [] if arguments.not_ours else [ours(arguments.model, arguments.option)]
    programs += [parse_program(text) for text in arguments.program]
    config = FilmsConfig(arguments.films, arguments.seconds, arguments.seed)
    told: dict[str, Any] = {"about": made, "films": config.to_dict()}
    told["programs"] = [program.name for program in programs]
    told["photos"] = ["held out of train"] if arguments.held_out else list(SETS)

    def write(results: dict[str, ProgramResult]) -> None:
        told["results"] = {name: result.to_dict(N_LEAKS) for name, result in results.items()}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(told, indent=2) + "\n")

    keep = arguments.work is not None
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        if arguments.made:
            films = [read_truth(path) for path in sorted(arguments.made.glob("film-*.json"))]
        else:
            shutil.rmtree(work / "films", ignore_errors=True)
            (work / "films").mkdir(parents=True)
            films = make_films(photos(arguments), work / "films", config, Printed())
        # Written after each film, so that a run that is stopped tells of those before.
        measure(films, programs, work, keep=keep, progress=Printed(), on_film=write)


def photos(arguments: Any) -> list[AnnotatedPhoto]:
    """The photos to make films of."""
    if arguments.held_out:
        return held_out_photos(arguments.photos)[: arguments.limit]
    return [
        photo
        for name in SETS
        for photo in looked_at(name, photos_of_set(arguments.photos, name, arguments.limit))
    ]


if __name__ == "__main__":
    main()
