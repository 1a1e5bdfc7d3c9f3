"""`facesmith mine`: what a detector takes for faces where there are none, for the next training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.detector_options import model_option, workers_option
from facesmith.cli.numbers import FiniteRange, counted
from facesmith.cli.options import images_anywhere_option
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FOLDER, NEW_FILE_WITH_PICTURE, refuse_existing
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo

if TYPE_CHECKING:
    from facesmith.curation.hard_negatives import Mining

N_SHOWN = 40  # boxes that the contact sheet shows at most
# From this share of face-free photos with a box of this score on they are likely photos of people.
_MANY_PHOTOS, _SURE_SCORE = 0.25, 0.9


@click.command(cls=WritingCommand)
@click.option(
    "--negatives",
    multiple=True,
    type=FOLDER,
    help="Folder of photos without any human face; may be repeated.",
)
@click.option(
    "--annotations",
    type=EXISTING,
    help="Annotated photos, in any format that `facesmith train` reads: their background is "
    "searched.",
)
@click.option("--images", type=FOLDER, help="Folder of the annotated photos.")
@images_anywhere_option
@model_option()
@click.option(
    "--out",
    type=NEW_FILE_WITH_PICTURE,
    required=True,
    help="JSON file to write; a contact sheet of the same name ending in .png goes beside it.",
)
@click.option(
    "--min-score",
    type=FiniteRange(0, 1),
    default=0.2,
    show_default=True,
    help="Keep false boxes from this score on.",
)
@click.option(
    "--max-background-score",
    type=FiniteRange(0, 1),
    default=0.5,
    show_default=True,
    help="In annotated photos leave out boxes with a higher score: many of these are faces that "
    "have no box.",
)
@click.option(
    "--max-overlap",
    type=FiniteRange(0, 1),
    default=0.1,
    show_default=True,
    help="Background is what overlaps no annotated box by more than this.",
)
@workers_option
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.option("--quiet", is_flag=True, help="No counts and no progress bar; errors remain.")
def mine(
    negatives: tuple[Path, ...],
    annotations: Path | None,
    images: Path | None,
    model: Path | None,
    out: Path,
    min_score: float,
    max_background_score: float,
    max_overlap: float,
    workers: int | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find what a detector takes for faces where there are none.

    The false boxes in photos without faces, and in the background of annotated ones, are written
    to a file from which `facesmith train --mined FILE` learns more often. Look at the contact
    sheet first: a real face on it means a photo that is not without faces.

    \b
    Example:
      facesmith mine --negatives pets --model runs/detector --out mined.json
    """  # noqa: D301 - click wants the control character itself
    from facesmith.curation.hard_negatives import MiningConfig, write_mined  # noqa: PLC0415
    from facesmith.curation.hard_negatives import mine as search  # noqa: PLC0415
    from facesmith.curation.hard_negatives.sheet import mined_sheet  # noqa: PLC0415
    from facesmith.detection.processes import default_workers  # noqa: PLC0415
    from facesmith.pictures.contact_sheet import write_sheet  # noqa: PLC0415 - see `cli`

    sheet_path = _check_paths(negatives, annotations, images, out, force)
    photos = load_photos(annotations, images, negatives, decoded=False, quiet=quiet).photos
    with ShownProgress(quiet=quiet) as progress:
        found = search(
            photos,
            model,
            MiningConfig(min_score, max_background_score, max_overlap),
            workers=workers or default_workers(len(photos)),
            progress=progress,
        )
    for problem in found.problems:
        echo(f"Left out: {problem}", err=True)
    if not quiet:
        _warn_of_people(found)
    write_mined(out, found.boxes)
    name = "the weights that come along" if model is None else model.as_posix()
    write_sheet(sheet_path, mined_sheet(found, name, N_SHOWN))
    if as_json:
        echo(json.dumps(_counts(found)))
    elif not quiet:
        _print(found, min_score, max_background_score)
        echo(f"written     {out}, {sheet_path}")


def _check_paths(
    negatives: tuple[Path, ...],
    annotations: Path | None,
    images: Path | None,
    out: Path,
    force: bool,
) -> Path:
    """The path of the contact sheet, if the command line makes sense."""
    if (annotations is None) != (images is None):
        raise click.UsageError("--annotations and --images go together.")
    if annotations is None and not negatives:
        raise click.UsageError(
            "Nothing to search: pass --negatives DIR, or --annotations FILE with --images DIR."
        )
    sheet_path = out.with_suffix(".png")
    if sheet_path == out:
        raise click.UsageError(f"--out is the JSON file, {out} would be its contact sheet.")
    refuse_existing((out, sheet_path), force=force)
    return sheet_path


def _counts(found: Mining) -> dict[str, Any]:
    from facesmith.annotations.mined import KINDS  # noqa: PLC0415 - see `cli`

    return {
        "photos": {kind: found.n_photos(kind) for kind in KINDS},
        "boxes": {kind: len(found.of_kind(kind)) for kind in KINDS},
        "likely_faces_left_out": len(found.likely_faces),
        "incomplete_photos_left_out": len(found.incomplete),
        "unreadable_photos_left_out": len(found.problems),
        "boxes_written": len(found.boxes),
    }


def _warn_of_people(found: Mining) -> None:
    """Say so where the face-free photos seem to be photos of people."""
    n_photos = found.n_photos("face-free")
    sure = {box.file for box in found.of_kind("face-free") if box.score >= _SURE_SCORE}
    if sure and len(sure) >= _MANY_PHOTOS * n_photos:
        echo(
            f"Warning: {len(sure):,} of {counted(n_photos, 'photo')} of --negatives with a box of "
            f"a score of at least {_SURE_SCORE:g}. Do they show people? A training with these "
            "boxes learns to miss faces.",
            err=True,
        )


def _print(found: Mining, min_score: float, max_background_score: float) -> None:
    from facesmith.annotations.mined import KINDS  # noqa: PLC0415 - see `cli`

    for kind in KINDS:
        n_photos, boxes = found.n_photos(kind), found.of_kind(kind)
        if n_photos:
            with_boxes = len({box.file for box in boxes})
            echo(
                f"{kind:<10}  {counted(len(boxes), 'false box', 'false boxes')} with a "
                f"score of at least {min_score:.2f}, in {with_boxes:,} of "
                f"{counted(n_photos, 'photo')}"
            )
    if found.likely_faces:
        n = len(found.likely_faces)
        echo(
            f"left out    {counted(n, 'box', 'boxes')} above {max_background_score:.2f} in the "
            "background: likely faces without a box. `facesmith audit` shows them"
        )
    if found.incomplete:
        n = len(found.incomplete)
        echo(
            f"left out    {counted(n, 'photo')} of which a box could not be used: a "
            "face may be anywhere there"
        )
