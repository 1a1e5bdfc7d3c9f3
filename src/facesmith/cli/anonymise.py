"""`facesmith anonymise`: covers the faces in photos and films, and looks at the result again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.anonymise_options import (
    ColourType,
    PlaceType,
    cover_config,
    opened_places,
    warn_of_fill,
)
from facesmith.cli.anonymise_run import cover_all
from facesmith.cli.anonymise_task import LEFT_SCORE, AnonymiseTask
from facesmith.cli.detector_options import model_option, rotations_option, workers_option
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import FILE, NEW_FOLDER, refuse_resume_and_force
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.anonymisation.records import BoxFile


_SHARE = FiniteRange(0, 1)


@click.command(cls=WritingCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder for what is written.")
@click.option(
    "--fill",
    type=click.Choice(("solid", "mosaic", "blur", "image")),
    metavar="FILL",
    default="solid",
    show_default=True,
    help="solid, mosaic, image, or blur, which can be undone.",
)
@click.option("--colour", type=ColourType(), default="black", help="Of solid: black, '#1e90ff'.")
@click.option("--image", "picture", type=FILE, help="The picture that covers faces.")
@click.option(
    "--shape",
    type=click.Choice(("box", "ellipse")),
    default="box",
    show_default=True,
    help="Of the cover.",
)
@click.option(
    "--margin",
    type=FiniteRange(0, 2),
    metavar="SHARE",
    default=0.2,
    show_default=True,
    help="Of the face, on each side.",
)
@click.option(
    "--min-score",
    type=_SHARE,
    metavar="SCORE",
    help="Of faces.  [default: photos as detect --find-all, films a third of the threshold]",
)
@click.option("--only", type=PlaceType(), multiple=True, help="Cover these faces only.")
@click.option("--except", "spared", type=PlaceType(), multiple=True, help="Cover all but these.")
@click.option("--boxes", type=FILE, help="Cover what an edited boxes.jsonl lists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Look at all of the results again.  [default: at parts]",
)
@click.option(
    "--verify-score",
    type=_SHARE,
    metavar="SCORE",
    default=LEFT_SCORE,
    show_default=True,
    help="What it lists.",
)
@click.option(
    "--crf",
    type=WholeRange(0, 51),
    metavar="N",
    default=20,
    show_default=True,
    help="Of films: quality, less is better.",
)
@click.option(
    "--every",
    type=WholeRange(1, 5),
    metavar="N",
    help="Of films: look at 1 in N frames.  [default: fewer if calm]",
)
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    metavar="S",
    help="Of a camera: stop after.",
)
@click.option("--frames", type=WholeRange(1), metavar="N", help="Of a camera: stop after.")
@click.option("--keep-metadata", is_flag=True, help="Keep time, camera, author; no places.")
@rotations_option
@workers_option
@click.option(
    "--photo-memory", type=WholeRange(1), default=1024, metavar="MB", help="As of detect."
)
@model_option()
@click.option("--resume", is_flag=True, help="Go on; leave what is done as it is.")
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote.")
@click.option("--quiet", is_flag=True, help="Errors only.")
@click.pass_context
def anonymise(
    ctx: click.Context,
    inputs: tuple[str, ...],
    out: Path,
    fill: str,
    colour: tuple[int, int, int],
    picture: Path | None,
    shape: str,
    margin: float,
    min_score: float | None,
    only: tuple[Any, ...],
    spared: tuple[Any, ...],
    boxes: Path | None,
    as_json: bool,
    verify: bool | None,
    verify_score: float,
    crf: int,
    every: int | None,
    seconds: float | None,
    frames: int | None,
    keep_metadata: bool,
    rotations: tuple[int, ...],
    workers: int | None,
    photo_memory: int,
    model: Path | None,
    resume: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Cover the faces in photos, films and what a camera shows.

    INPUT is a file, a folder or a pattern in quotes; --out gets the same tree of files; or a camera
    (0, rtsp://...). What is not covered stays as it was, but metadata goes. --out gets a
    report.html too, and boxes.jsonl, what was covered: edit that, and pass it as --boxes. Films
    need facesmith[video].

    It supports anonymisation; look at the output. Exit code 1: a file could not be done, or the
    second look found what may still be a face.

    A PLACE is X_MIN,Y_MIN,X_MAX,Y_MAX in pixels of every photo, or, of single photos, a file of
    lines as `detect --json` prints.
    Example: facesmith anonymise street/ --out covered/
    """
    from facesmith.anonymisation.choosing import Choice  # noqa: PLC0415
    from facesmith.anonymisation.config import UNDONE  # noqa: PLC0415 - `--help` needs no NumPy

    refuse_resume_and_force(resume=resume, force=force)
    given = ctx.get_parameter_source("fill") == click.core.ParameterSource.COMMANDLINE
    cover = cover_config(fill, colour, picture, shape, margin, fill_given=given)
    if boxes is not None and not given and picture is None:
        warn_of_fill(boxes, out)
    if cover.fill == "blur":
        echo(f"Warning: {UNDONE}", err=True)
    task = AnonymiseTask(
        inputs=inputs,
        out=out,
        cover=cover,
        choice=Choice(opened_places(only), opened_places(spared)),
        boxes=_box_file(boxes),
        min_score=min_score,
        rotations=rotations,
        keep_metadata=keep_metadata,
        verify=verify,
        crf=crf,
        every=every,
        given=_given(ctx, ("--seconds", "--frames", "--every", "--crf", "--resume", "--boxes")),
        max_seconds=seconds,
        max_frames=frames,
        verify_score=verify_score,
        workers=workers,
        max_memory=photo_memory * 2**20,
        model=model,
        as_json=as_json,
        resume=resume,
        force=force,
        quiet=quiet,
    )
    ctx.exit(cover_all(task))


def _given(ctx: click.Context, options: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the options that stand on the command line."""
    source = click.core.ParameterSource.COMMANDLINE
    return tuple(
        each for each in options if ctx.get_parameter_source(each.removeprefix("--")) == source
    )


def _box_file(path: Path | None) -> BoxFile | None:
    from facesmith.anonymisation.records import BoxFile  # noqa: PLC0415 - see `anonymise`

    return None if path is None else BoxFile(path)
