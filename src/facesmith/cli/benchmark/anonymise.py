"""`facesmith benchmark anonymise`: the leak rate of programs that cover faces in films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.anonymise_options import ColourType
from facesmith.cli.detector_options import model_option
from facesmith.cli.numbers import FiniteRange, WholeRange, counted
from facesmith.cli.options import format_options
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FOLDER, NEW_FOLDER
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo, in_columns
from facesmith.errors import EvaluationError
from facesmith.files import OutputFolder, make_folder, write_json

if TYPE_CHECKING:
    from facesmith.evaluation.leaks.measuring import ProgramResult
    from facesmith.evaluation.leaks.programs import Program
    from facesmith.evaluation.leaks.truth import TrueFilm

TASK = "benchmark of anonymise"
RESULT_NAME, FILMS_NAME = "anonymise.json", "films"


@click.command(cls=WritingCommand)
@click.option(
    "--annotations",
    type=EXISTING,
    help="The annotated photos: COCO JSON, VOC XML, YOLO, WIDER FACE or FDDB lists.",
)
@click.option("--images", type=FOLDER, help="Folder of the photos.")
@format_options
@click.option(
    "--made", type=FOLDER, help="Films of an earlier run, OUT/films, instead of annotated photos."
)
@click.option(
    "--program",
    "programs",
    multiple=True,
    metavar="NAME=COMMAND",
    help="Another program, may be repeated. In COMMAND stand {input}, the film, and {output}, the "
    "file to write, or {folder}, where to write one of the same name; {colour} is #rrggbb, "
    "{picture} a file of only that colour.",
)
@click.option("--films", type=WholeRange(1, 200), default=4, show_default=True, metavar="N",
              help="How many films.")  # fmt: skip
@click.option("--seconds", type=FiniteRange(0.2, 120), default=6.0, metavar="S",
              help="Length of each.  [default: 6]")  # fmt: skip
@click.option("--seed", type=WholeRange(0), default=0, show_default=True, metavar="N",
              help="The same seed and photos give the same films.")  # fmt: skip
@click.option("--min-height", type=FiniteRange(1), default=16.0, metavar="PX",
              help="Faces lower than this in the frame do not count.  [default: 16]")  # fmt: skip
@click.option("--colour", type=ColourType(), default="#00ff00", show_default=True,
              help="What faces are covered with.")  # fmt: skip
@model_option("Measure")
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder for films and anonymise.json.")
@click.option("--keep", is_flag=True, help="Keep the covered films, OUT/covered.")
@click.option("--force", is_flag=True, help="Replace an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No table and no progress bar; errors remain.")
def anonymise(
    annotations: Path | None,
    images: Path | None,
    annotation_format: str | None,
    category: tuple[str, ...],
    made: Path | None,
    programs: tuple[str, ...],
    films: int,
    seconds: float,
    seed: int,
    min_height: float,
    colour: tuple[int, int, int],
    model: Path | None,
    out: Path,
    keep: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """How many faces programs that cover faces leave in films: the leak rate.

    Films are made from annotated photos, so that each face is known in each frame: a camera pans,
    zooms, turns and shakes over them, 1280x720, 25 frames a second, H.264 at CRF 30. facesmith and
    each --program cover their faces with a solid colour, and what is left is counted from pixels.

    \b
    Example:
      facesmith benchmark anonymise --annotations val.json --images val/ --out leaks \\
        --program 'deface=deface {input} -o {output} --replacewith img --replaceimg {picture}'
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.leaks.config import FilmsConfig  # noqa: PLC0415 - see `cli`
    from facesmith.evaluation.leaks.making import make_films  # noqa: PLC0415
    from facesmith.evaluation.leaks.measuring import measure  # noqa: PLC0415
    from facesmith.video.libav import import_av  # noqa: PLC0415

    import_av()
    if (made is None) == (annotations is None or images is None):
        raise click.UsageError("Pass either --annotations and --images, or --made.")
    measured = _programs(model, programs)
    for program in measured:
        program.check()
    config = FilmsConfig(films, seconds, seed, min_height=min_height)
    folder = OutputFolder(out, TASK)
    folder.start(force=force)
    with ShownProgress(quiet=quiet) as progress:
        if made is not None:
            shown = _earlier(made)
        else:
            loaded = load_photos(
                annotations,
                images,
                annotation_format=annotation_format,
                category=category,
                counted=not quiet,
                decoded=False,
                quiet=quiet,
            )
            make_folder(out / FILMS_NAME)
            shown = make_films(loaded.photos, out / FILMS_NAME, config, progress)
        results = measure(shown, measured, out, colour=colour, keep=keep, progress=progress)
    if keep:
        folder.adopt(*(f"covered/{p.name}/{f.path.name}" for p in measured for f in shown))
    told = {
        "films": None if made is not None else config.to_dict(),
        "colour": list(colour),
        "programs": {program.name: list(program.words) for program in measured},
        "results": {name: result.to_dict() for name, result in results.items()},
    }
    write_json(out / RESULT_NAME, told)
    if as_json:
        echo(json.dumps(told))
    elif not quiet:
        _print(results, out)


def _programs(model: Path | None, texts: tuple[str, ...]) -> list[Program]:
    from facesmith.evaluation.leaks.programs import ours, parse_program  # noqa: PLC0415 - see `cli`

    try:
        programs = [ours(model), *map(parse_program, texts)]
    except EvaluationError as error:
        raise click.BadParameter(str(error), param_hint="'--program'") from error
    names = [program.name for program in programs]
    if len(set(names)) < len(names):
        raise click.UsageError(f"Each --program needs a name of its own; got {', '.join(names)}.")
    return programs


def _earlier(folder: Path) -> list[TrueFilm]:
    from facesmith.evaluation.leaks.truth import read_truth  # noqa: PLC0415 - see `cli`

    paths = sorted(folder.glob("film-*.json"))
    if not paths:
        raise EvaluationError(
            f"--made {folder} holds no film-*.json. Name the folder `films` in an earlier --out."
        )
    return [read_truth(path) for path in paths]


def _print(results: dict[str, ProgramResult], out: Path) -> None:
    first = next(iter(results.values())).figures
    echo(
        f"{counted(first.films, 'film')}, {counted(first.frames, 'frame')}, "
        f"{counted(first.tracks, 'face')} in {counted(first.face_frames, 'face-frame')}\n"
    )
    for line in in_columns(_rows(results)):
        echo(line)
    echo(f"\nwritten  {out / RESULT_NAME}")


def _rows(results: dict[str, ProgramResult]) -> list[list[str]]:
    rows: list[list[str]] = [["", *results]]

    def add(name: str, told: Any) -> None:
        rows.append([name, *(told(result) for result in results.values())])

    add("face-frames covered", lambda r: _percent(r.figures.covered))
    add("faces with a frame uncovered", lambda r: f"{r.figures.tracks_uncovered:,}")
    add("longest run uncovered, frames", lambda r: f"{r.figures.longest:,}")
    add("  seconds", lambda r: f"{r.figures.longest_seconds:.2f}")
    add("flicker", lambda r: _percent(r.figures.flicker))
    add("in vain, of what is covered", lambda r: _percent(r.figures.vain_of_covered))
    add("  of the picture", lambda r: _percent(r.figures.vain_of_picture))
    add("CPU seconds a frame", lambda r: "-" if r.cpu_seconds is None else f"{r.cpu_seconds:.4f}")
    add("frames missing", lambda r: f"{r.figures.missing:,}")
    add("films with all times kept", lambda r: f"{r.figures.times_kept} of {r.figures.films}")
    rows.append(["covered, by kind (face-frames)", *([""] * len(results))])
    for kind, (n, _) in next(iter(results.values())).figures.by_kind.items():
        add(f"  {kind} ({n:,})", lambda r, kind=kind: _percent(r.figures.by_kind[kind][1]))
    return rows


def _percent(share: float) -> str:
    return "-" if share != share else f"{100 * share:.2f} %"  # noqa: PLR0124 - NaN
