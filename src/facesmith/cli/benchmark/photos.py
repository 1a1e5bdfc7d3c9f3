"""What the benchmarks share: their options, the annotated photos, what was found in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.detector_options import any_model_option, threads_option
from facesmith.cli.numbers import IOU, FiniteRange
from facesmith.cli.options import FORMAT_OPTIONS, Command, with_options
from facesmith.cli.paths import EXISTING, FILE, FOLDER, REPORT_FOLDER
from facesmith.cli.progress import ShownProgress
from facesmith.evaluation import IOU_THRESHOLDS, MATCH_IOU, MIN_FACE_HEIGHT

if TYPE_CHECKING:
    from facesmith.annotations import AnnotatedPhoto
    from facesmith.evaluation.detections import Detections
    from facesmith.faces import Faces

    Scored = TypeVar("Scored", Faces, Detections)

iou_option = click.option(
    "--iou",
    type=IOU,
    default=MATCH_IOU,
    show_default=True,
    help="A box is right when it overlaps a face at least this much.",
)
ious_option = click.option(
    "--iou",
    "ious",
    type=IOU,
    multiple=True,
    default=IOU_THRESHOLDS,
    help="A match needs at least this overlap. Repeat it for several.  [default: "
    + " and ".join(f"{iou:g}" for iou in IOU_THRESHOLDS)
    + "]",
)
min_height_option = click.option(
    "--min-height",
    type=FiniteRange(0),
    metavar="PX",
    default=MIN_FACE_HEIGHT,
    help="Ignore faces lower than this: neither found nor missed. 0: none.  "
    f"[default: {MIN_FACE_HEIGHT:g}]",
)


def output_options(files: str, *, required: bool = False) -> Callable[[Command], Command]:
    """The options `--out`, a folder for these files, `--json` (`as_json`) and `--quiet`."""
    options = (
        click.option(
            "--out",
            type=REPORT_FOLDER,
            required=required,
            help=f"Folder for {files}.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON."),
        click.option("--quiet", is_flag=True, help="No table and no progress bar; errors remain."),
    )
    return lambda command: with_options(command, options)


_annotations_option = click.option(
    "--annotations",
    required=True,
    type=EXISTING,
    help="The annotated photos: COCO JSON, VOC XML, YOLO, WIDER FACE or FDDB lists.",
)
_images_option = click.option("--images", required=True, type=FOLDER, help="Folder of the photos.")
_detections_option = click.option(
    "--detections",
    type=FILE,
    help="What any detector found in these photos: COCO results, or the lines of "
    "`facesmith detect --json`.  [default: run --model]",
)


def annotation_options(command: Command) -> Command:
    """The options `--annotations --images`, and those of annotations, of a command."""
    return with_options(command, (_annotations_option, _images_option, *FORMAT_OPTIONS))


@dataclass(frozen=True)
class Given:
    """The values of `photo_options`, and whether `--quiet` is given."""

    annotations: Path
    images: Path
    annotation_format: str | None  # `None`: told from the content
    category: tuple[str, ...]  # categories that are faces; empty: the only one, or that called face
    detections: Path | None  # what a detector found; `None`: run one
    model: Path | None  # weights of the detector to run; `None`: those that come along
    threads: int
    quiet: bool


def photo_options(command: Callable[..., None]) -> Callable[..., None]:
    """Those of `annotation_options`, and `--detections --model --threads`.

    Together with `--quiet`, an option of its own, they are the command's first argument, `Given`.
    """

    @wraps(command)
    def gathered(**values: Any) -> None:
        given = Given(**{field.name: values.pop(field.name) for field in fields(Given)})
        if given.detections is not None and given.model is not None:
            raise click.UsageError(
                "Pass either --detections, what a detector has found, or --model, a detector to "
                "run."
            )
        command(given, quiet=given.quiet, **values)

    options = (_detections_option, any_model_option, threads_option)
    return annotation_options(with_options(gathered, options))


def load_scored(
    given: Given, min_score: float | None, read: Callable[..., Sequence[Scored]]
) -> tuple[tuple[AnnotatedPhoto, ...], Sequence[Scored | Faces], str]:
    """Annotated photos, the faces found in each, and a name for what was scored.

    What the annotations cannot use is named on standard error. Faces with a score below `min_score`
    are left out; `None`: none of the detections given, and those of the detector below its own
    threshold. `read` is `read_detections` or `read_any_scores`.

    Raises:
        FacesmithError: If a file cannot be used.
    """
    from facesmith.detection.opening import open_detector  # noqa: PLC0415 - see `cli`
    from facesmith.evaluation.detections import find_faces  # noqa: PLC0415

    loaded = load_photos(
        given.annotations,
        given.images,
        annotation_format=given.annotation_format,
        category=given.category,
        counted=not given.quiet,
        quiet=given.quiet,
    )
    photos = loaded.photos
    if given.detections is None:
        detector = open_detector(given.model, given.threads)
        with ShownProgress(quiet=given.quiet) as progress:
            faces = find_faces(detector, photos, min_score=min_score, progress=progress)
        name = "facesmith" if given.model is None else f"facesmith, {given.model.as_posix()}"
        return photos, faces, name
    found = read(
        given.detections,
        given.annotations,
        photos,
        allow_others=any(problem.skipped == "photo" for problem in loaded.problems),
        categories=given.category or None,
    )
    if min_score is not None:
        found = [each[each.scores >= min_score] for each in found]
    return photos, found, given.detections.name
