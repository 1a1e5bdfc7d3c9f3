"""`facesmith convert`: annotations of one format in another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from facesmith.annotations import (
    Annotations,
    annotation_folder,
    not_carried_over,
    write_annotations,
)
from facesmith.annotations.formats import FORMATS, find_format
from facesmith.cli.annotated_photos import load_photos, say_not_carried_over
from facesmith.cli.numbers import counted
from facesmith.cli.options import format_options
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FOLDER, NEW_FILE_OR_FOLDER, refuse_existing
from facesmith.cli.terminal import echo
from facesmith.errors import AnnotationError


@click.command(cls=WritingCommand)
@click.argument("annotations", metavar="IN", type=EXISTING)
@click.argument("out", metavar="OUT", type=NEW_FILE_OR_FOLDER)
@click.option(
    "--to", "target", required=True, type=click.Choice(FORMATS), help="The format to write."
)
@click.option("--images", required=True, type=FOLDER, help="Folder of the photos.")
@click.option("--force", is_flag=True, help="Replace OUT.")
@format_options
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.option("--quiet", is_flag=True, help="No summary and no progress; errors remain.")
def convert(
    annotations: Path,
    out: Path,
    target: str,
    images: Path,
    force: bool,
    annotation_format: str | None,
    category: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the annotations IN in another format.

    OUT is a file for coco, cvat, label-studio, wider, fddb and retinaface, and a folder for
    labelme, voc, yolo and yolo-pose. What the format cannot carry over is counted on standard
    error.

    \b
    Examples:
      facesmith convert faces.json annotations.xml --to cvat --images photos/
      facesmith convert annotations.xml yolo/ --to yolo --images photos/
      facesmith convert export.json labels.json --to coco --images photos/
    """  # noqa: D301 - click wants the control character itself
    one_file = bool(find_format(target).file)
    _check_kind(annotations, out, target, one_file=one_file)
    if one_file:
        refuse_existing([out], force=force)
    else:
        annotation_folder(out).check(force=force)
    loaded = load_photos(
        annotations,
        images,
        annotation_format=annotation_format,
        category=category,
        decoded=False,
        quiet=quiet,
    )
    if not loaded.photos:
        raise AnnotationError(
            f"{annotations}: none of its photos can be used, so {out} is not written. Mend what is "
            "named above."
        )
    write_annotations(out, loaded.photos, images, format=target, force=force)
    lost = not_carried_over(loaded.photos, target, loaded.passed_over)
    say_not_carried_over(lost)
    counts = _counts(loaded, target, lost)
    if as_json:
        echo(json.dumps(counts))
    elif not quiet:
        echo(
            f"{counted(counts['photos'], 'photo')} with {counted(counts['faces'], 'face')} and "
            f"{counted(counts['ignored'], 'ignored region')} written as {target} to "
            f"{out.as_posix()}"
        )


def _check_kind(annotations: Path, out: Path, target: str, *, one_file: bool) -> None:
    """Refuse a folder for a file, a file for a folder, and a place where IN would be read again."""
    if one_file and out.is_dir():
        raise click.UsageError(
            f"OUT {out} is a folder; {target} is one file. Name it, for example "
            f"{out / find_format(target).file}."
        )
    if not one_file and out.is_file():
        raise click.UsageError(f"OUT {out} is a file; {target} is a folder of files. Name one.")
    if annotations.is_dir() and out.resolve().is_relative_to(annotations.resolve()):
        raise click.UsageError(
            f"OUT {out} lies in IN {annotations}, and would be read with it the next time. Choose "
            "another OUT."
        )


def _counts(loaded: Annotations, target: str, lost: dict[str, int]) -> dict[str, Any]:
    return {
        "format": target,
        "photos": len(loaded.photos),
        "faces": loaded.n_faces,
        "ignored": sum(int(photo.ignored.sum()) for photo in loaded.photos),
        "left_out": len(loaded.problems),
        "not_carried_over": lost,
    }
