"""What the benchmarks on annotated photos share: their options, the photos, what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.numbers import WholeRange
from facesmith.cli.options import FORMAT_OPTIONS, Command, with_options
from facesmith.cli.progress import progress_bar

if TYPE_CHECKING:
    from facesmith.annotations import AnnotatedPhoto, Annotations
    from facesmith.evaluation.detections import Detections
    from facesmith.faces import Faces

_ANNOTATION_OPTIONS = (
    click.option(
        "--annotations",
        required=True,
        type=click.Path(exists=True, path_type=Path),
        help="The annotated photos: COCO JSON, VOC XML, YOLO, WIDER FACE or FDDB lists.",
    ),
    click.option(
        "--images",
        required=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the photos.",
    ),
)

_DETECTION_OPTIONS = (
    click.option(
        "--detections",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="What any detector found in these photos: COCO results, or the lines of "
        "`facesmith detect --json`.  [default: run --model]",
    ),
    click.option(
        "--model",
        metavar="FILE_OR_RUN",
        type=click.Path(exists=True, path_type=Path),
        help="A detector.onnx or the run folder of a training.  "
        "[default: the weights that come along]",
    ),
    click.option(
        "--threads",
        type=WholeRange(1),
        default=1,
        show_default=True,
        help="CPU threads of the detector.",
    ),
)


def annotation_options(command: Command) -> Command:
    """The options `--annotations --images --format --category` of a command."""
    return with_options(with_options(command, FORMAT_OPTIONS), _ANNOTATION_OPTIONS)


def photo_options(command: Command) -> Command:
    """Those of `annotation_options`, and `--detections --model --threads`."""
    return annotation_options(with_options(command, _DETECTION_OPTIONS))


def load_scored(
    annotations: Path,
    images: Path,
    *,
    annotation_format: str | None,
    category: tuple[str, ...],
    detections: Path | None,
    model: Path | None,
    min_score: float | None,
    threads: int,
    quiet: bool,
) -> tuple[tuple[AnnotatedPhoto, ...], list[Faces], str]:
    """Annotated photos, and the faces found in them with scores that are probabilities.

    What the annotations cannot use is named on standard error.

    Args:
        annotations: The annotations.
        images: Folder of the photos.
        annotation_format: Format of the annotations; `None`: told from their content.
        category: Categories that are faces; empty: the only one, or the one called face.
        detections: What a detector found; `None`: run one.
        model: Weights of the detector to run; `None`: those that come along.
        min_score: Leave out faces with a lower score. `None`: none of `detections`, and those of
            the detector below its own threshold.
        threads: CPU threads of the detector.
        quiet: No progress bar.

    Returns:
        The photos, the faces of each, and a name for what was scored.

    Raises:
        FacesmithError: If a file cannot be used, or scores are not in [0, 1].
        click.UsageError: If both `detections` and `model` are given.
    """
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415 - see `cli`

    _check_one(detections, model)
    found = load_photos(
        annotations,
        images,
        annotation_format=annotation_format,
        category=category,
        counted=not quiet,
    )
    if detections is None:
        return found.photos, *_run(found.photos, model, min_score, threads, quiet)
    faces = read_detections(
        detections,
        annotations,
        found.photos,
        allow_others=_left_out_photos(found),
        categories=category or None,
    )
    if min_score is not None:
        faces = [each[each.scores >= min_score] for each in faces]
    return found.photos, faces, detections.name


def load_any_scores(
    annotations: Path,
    images: Path,
    *,
    annotation_format: str | None,
    category: tuple[str, ...],
    detections: Path | None,
    model: Path | None,
    min_score: float | None,
    threads: int,
    quiet: bool,
) -> tuple[tuple[AnnotatedPhoto, ...], Sequence[Faces | Detections], str]:
    """As `load_scored`, but the scores of `detections` may be any numbers."""
    from facesmith.evaluation.detections import (  # noqa: PLC0415 - see `cli`
        Detections,
        read_any_scores,
    )

    _check_one(detections, model)
    found = load_photos(
        annotations,
        images,
        annotation_format=annotation_format,
        category=category,
        counted=not quiet,
    )
    if detections is None:
        return found.photos, *_run(found.photos, model, min_score, threads, quiet)
    scored = read_any_scores(
        detections,
        annotations,
        found.photos,
        allow_others=_left_out_photos(found),
        categories=category or None,
    )
    if min_score is not None:
        kept = [each.scores >= min_score for each in scored]
        scored = [
            Detections(each.boxes[keep], each.scores[keep])
            for each, keep in zip(scored, kept, strict=True)
        ]
    return found.photos, scored, detections.name


def _check_one(detections: Path | None, model: Path | None) -> None:
    if detections is not None and model is not None:
        raise click.UsageError(
            "Pass either --detections, what a detector has found, or --model, a detector to run."
        )


def _left_out_photos(found: Annotations) -> bool:
    return any(problem.skipped == "photo" for problem in found.problems)


def _run(
    photos: tuple[AnnotatedPhoto, ...],
    model: Path | None,
    min_score: float | None,
    threads: int,
    quiet: bool,
) -> tuple[list[Faces], str]:
    from facesmith.detection.detector import load_detector  # noqa: PLC0415 - see `cli`
    from facesmith.evaluation.detections import find_faces  # noqa: PLC0415

    detector = load_detector(model, threads)
    with progress_bar(len(photos), quiet) as step:
        faces = find_faces(detector, photos, min_score=min_score, progress=step)
    return faces, "facesmith" if model is None else f"facesmith, {model.as_posix()}"
