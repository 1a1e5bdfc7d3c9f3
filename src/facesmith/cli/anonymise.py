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
)
from facesmith.cli.anonymise_photos import PhotosTask, cover_photos
from facesmith.cli.detector_options import model_option, rotations_option, workers_option
from facesmith.cli.numbers import FiniteRange, WholeRange
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import FILE, NEW_FOLDER, refuse_resume_and_force
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.anonymisation.records import BoxFile


@click.command(cls=WritingCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder for what is written.")
@click.option(
    "--fill",
    type=click.Choice(("solid", "mosaic", "blur", "image")),
    default="solid",
    show_default=True,
    help="What covers faces; blur can be undone.",
)
@click.option("--colour", type=ColourType(), default="black", help="Of solid.  [default: black]")
@click.option("--image", "picture", type=FILE, help="The picture that covers them; sets --fill.")
@click.option("--shape", type=click.Choice(("box", "ellipse")), default="box", show_default=True)
@click.option(
    "--margin",
    type=FiniteRange(0, 2),
    default=0.2,
    show_default=True,
    help="How much more is covered on each side, as a part of the face.",
)
@click.option(
    "--min-score", type=FiniteRange(0, 1), help="Cover from this score on.  [default: --find-all]"
)
@click.option("--only", type=PlaceType(), multiple=True, help="Cover faces there only.")
@click.option("--except", "spared", type=PlaceType(), multiple=True, help="Cover none there.")
@click.option("--boxes", type=FILE, help="Cover what this file lists, an edited boxes.jsonl.")
@click.option("--json", "as_json", is_flag=True, help="Print what was covered, a line each.")
@click.option("--verify/--no-verify", default=None, help="Look at results again.")
@click.option("--verify-score", type=FiniteRange(0, 1), help="List faces from this score on.")
@click.option("--keep-metadata", is_flag=True, help="Keep time, camera and author; never places.")
@rotations_option
@workers_option
@click.option("--photo-memory", type=WholeRange(1), default=1024, metavar="MB", hidden=True)
@model_option()
@click.option("--resume", is_flag=True, help="Go on; skip what is done with these settings.")
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote to --out.")
@click.option("--quiet", is_flag=True, help="No lines, no progress bar; errors remain.")
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
    verify_score: float | None,
    keep_metadata: bool,
    rotations: tuple[int, ...],
    workers: int | None,
    photo_memory: int,
    model: Path | None,
    resume: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Cover the faces in photos.

    INPUT is a file, a folder or a pattern in quotes; --out gets the same tree of files. All outside
    the masks stays as it was; metadata goes. No original is ever written over. What was covered
    stands in boxes.jsonl in --out: edit it, and pass it as --boxes.

    It supports anonymisation; look at the output. Exit code 1: a file could not be done, or
    --verify found what may still be a face.

    --only and --except take X_MIN,Y_MIN,X_MAX,Y_MAX in pixels, or lines of `detect --json`.

    \b
    Example:
      facesmith anonymise street/ --out covered/
    """  # noqa: D301 - click wants the control character itself
    from facesmith.anonymisation.choosing import Choice  # noqa: PLC0415
    from facesmith.anonymisation.config import UNDONE  # noqa: PLC0415 - `--help` needs no NumPy

    refuse_resume_and_force(resume=resume, force=force)
    given = ctx.get_parameter_source("fill") == click.core.ParameterSource.COMMANDLINE
    cover = cover_config(fill, colour, picture, shape, margin, fill_given=given)
    if cover.fill == "blur":
        echo(f"Warning: {UNDONE}", err=True)
    task = PhotosTask(
        inputs=inputs,
        out=out,
        cover=cover,
        choice=Choice(opened_places(only), opened_places(spared)),
        boxes=_box_file(boxes),
        min_score=min_score,
        rotations=rotations,
        keep_metadata=keep_metadata,
        verify=verify is not False,
        verify_score=verify_score,
        workers=workers,
        max_memory=photo_memory * 2**20,
        model=model,
        as_json=as_json,
        resume=resume,
        force=force,
        quiet=quiet,
    )
    ctx.exit(cover_photos(task))


def _box_file(path: Path | None) -> BoxFile | None:
    from facesmith.anonymisation.records import BoxFile  # noqa: PLC0415 - see `anonymise`

    return None if path is None else BoxFile(path)
