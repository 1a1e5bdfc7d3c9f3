"""`facesmith redraw`: the boxes of one source of photos drawn in the style of another."""

from __future__ import annotations

import json
from pathlib import Path

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.numbers import FiniteRange, counted
from facesmith.cli.options import format_options
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import (
    EXISTING,
    FOLDER,
    REPORT_FOLDER,
    open_report,
    refuse_resume_and_force,
)
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo

N_SHOWN = 80  # boxes that the contact sheet shows at most


@click.command(cls=WritingCommand)
@click.argument("annotations", type=EXISTING)
@click.option("--images", required=True, type=FOLDER, help="Folder of the photos.")
@click.option("--source", required=True, help="Source of the photos whose boxes are redrawn.")
@click.option(
    "--like", required=True, help="Source of the photos from which the style of drawing is learned."
)
@click.option(
    "--out",
    required=True,
    type=REPORT_FOLDER,
    help="Folder for redrawn.json, the contact sheet redrawn.png and the training's run folder.",
)
@click.option(
    "--strength",
    type=FiniteRange(0, 1),
    default=0.5,
    show_default=True,
    help="How far to go from the old boxes to the new ones; half-way fits both annotators.",
)
@click.option("--resume", is_flag=True, help="Go on with a training that was interrupted.")
@click.option("--force", is_flag=True, help="Train anew over what --out holds.")
@format_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No figures and no progress; errors remain.")
def redraw(
    annotations: Path,
    images: Path,
    source: str,
    like: str,
    out: Path,
    strength: float,
    resume: bool,
    force: bool,
    annotation_format: str | None,
    category: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Draw the boxes of one source of photos in the style of another.

    One annotator draws squares around the head, another follows the face from ear to ear. A
    detector that learns from both draws boxes that fit nobody. A small network learns from the
    photos of --like how boxes are drawn there, in about four minutes, and draws those of --source
    anew. Look at the contact sheet before you train with redrawn.json.

    Sources are the `source` of the images in COCO annotations.

    \b
    Example:
      facesmith redraw faces.json --images photos/ --source stock --like press --out redrawn/
    """  # noqa: D301 - click wants the control character itself
    from facesmith.annotations import write_coco  # noqa: PLC0415 - see `cli`
    from facesmith.curation.box_style.boxes import apply_style, check_sources  # noqa: PLC0415
    from facesmith.curation.box_style.learning import learn_style  # noqa: PLC0415
    from facesmith.curation.box_style.sheet import style_sheet  # noqa: PLC0415
    from facesmith.pictures.contact_sheet import write_sheet  # noqa: PLC0415

    refuse_resume_and_force(resume=resume, force=force)
    if source == like:
        raise click.UsageError("--source and --like name the same photos.")
    loaded = load_photos(
        annotations, images, annotation_format=annotation_format, category=category, quiet=quiet
    )
    check_sources(loaded.photos, source, like)
    open_report(out)
    with ShownProgress(quiet=quiet) as progress:
        learned = learn_style(
            [photo for photo in loaded.photos if photo.source == like],
            out / "run",
            resume=resume,
            force=force,
            progress=progress,
        )
        restyled = apply_style(loaded.photos, source, learned.style, strength, progress)
    written = [out / "redrawn.json", out / "redrawn.png"]
    write_coco(written[0], restyled.photos)
    write_sheet(written[1], style_sheet(loaded.photos, restyled, like, N_SHOWN))
    overlaps = restyled.overlaps
    figures = {
        "learned_from": learned.n_faces,
        "judged_on": learned.n_judged,
        "overlap_of_moved_squares": round(learned.given, 4),
        "overlap_of_drawn_boxes": round(learned.drawn, 4),
        "boxes": len(overlaps),
        "stayed": restyled.stayed,
        "lean": round(restyled.lean, 4),
        "overlap_with_old_boxes": round(float(overlaps.mean()), 4) if len(overlaps) else None,
    }
    if as_json:
        echo(json.dumps(figures))
    elif not quiet:
        drawn = len(overlaps) - restyled.stayed
        echo(f"learned     {learned.n_faces:,} boxes of {like}")
        echo(
            f"judged      {learned.n_judged:,} others: squares moved at random overlap them by "
            f"{learned.given:.2f}, drawn anew by {learned.drawn:.2f}"
        )
        echo(
            f"drawn       {drawn:,} of {counted(len(overlaps), 'box', 'boxes')} of {source}; the "
            "others are at a "
            "border, of another shape than most, or would have lost their face"
        )
        side = "left" if restyled.lean > 0 else "right"
        echo(f"lean        {100 * abs(restyled.lean):.0f} % of their width to the {side}, mended")
        echo(f"written     {', '.join(path.as_posix() for path in written)}")
