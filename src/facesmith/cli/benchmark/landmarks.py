"""`facesmith benchmark landmarks`: how well detectors find the five points of faces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.annotated_photos import load_photos
from facesmith.cli.benchmark.photos import annotation_options, iou_option, output_options
from facesmith.cli.detector_options import threads_option
from facesmith.cli.numbers import FiniteRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import EXISTING, FILE, open_report
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo, in_columns
from facesmith.errors import AnnotationError, DetectionsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facesmith.annotations import Annotations
    from facesmith.evaluation.baselines import DetectorName
    from facesmith.evaluation.landmark_report import LandmarkComparison, LandmarkFigures
    from facesmith.evaluation.landmarks import PointedFaces

_FROM_FILE = "detections"  # a kind of detector: what one has found


@click.command(cls=WritingCommand)
@annotation_options
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    metavar="[LABEL=]KIND[:PATH]",
    help="A detector, may be repeated: facesmith, facesmith:RUN_OR_ONNX, yunet:ONNX, scrfd:ONNX, "
    "mediapipe-mesh, mediapipe-mesh:TASK, or detections:FILE, what any other has found.  "
    "[default: facesmith]",
)
@click.option(
    "--model",
    type=EXISTING,
    metavar="FILE_OR_RUN",
    help="The same as --detector facesmith:FILE_OR_RUN.",
)
@click.option(
    "--detections",
    type=FILE,
    help="The same as --detector detections:FILE: COCO results with `keypoints`, or the lines of "
    "`facesmith detect --json` with `landmarks`.",
)
@click.option(
    "--boxes",
    type=click.Choice(("own", "annotated")),
    default="own",
    show_default=True,
    help="Whose boxes the points are found in. In annotated boxes only facesmith's detectors find "
    "points.",
)
@iou_option
@click.option(
    "--min-score",
    type=FiniteRange(0, 1),
    help="Faces count from this score on.  [default: each detector's threshold; of detections all]",
)
@click.option(
    "--border",
    type=FiniteRange(0, 2),
    default=0.0,
    metavar="PART",
    help="Put a grey border around each photo for all detectors, this part of its longer side "
    "wide.  [default: 0, none]",
)
@threads_option
@output_options("landmarks.json and cumulative_error.png")
def landmarks(
    annotations: Path,
    images: Path,
    annotation_format: str | None,
    category: tuple[str, ...],
    detectors: tuple[str, ...],
    model: Path | None,
    detections: Path | None,
    boxes: str,
    iou: float,
    min_score: float | None,
    border: float,
    threads: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """How well detectors find the five points of faces: eyes, nose, corners of the mouth.

    The error of a face is the mean distance of its points as a part of the square root of its
    annotated box's area (NME), and for frontal faces of the distance of the eyes. Faces that are
    not found have no error and are counted; several detectors are compared on the faces that all
    found, too. Faces without annotated points do not count.

    \b
    Example:
      facesmith benchmark landmarks --annotations val.json --images val/ \\
        --detector facesmith --detector yunet:yunet_n.onnx --out landmarks
    """  # noqa: D301 - click wants the control character itself
    from facesmith.evaluation.landmark_report import compare_landmarks, write_landmarks  # noqa: PLC0415 - slow
    from facesmith.evaluation.landmarks import pointed_faces  # noqa: PLC0415

    if out is not None:
        import matplotlib  # noqa: F401, ICN001, PLC0415 - missing, it is to be said now

    names = _names(detectors, model, detections)
    if boxes == "annotated" and (border or min_score is not None):
        raise click.UsageError("--border and --min-score do not go with --boxes annotated.")
    loaded = load_photos(
        annotations,
        images,
        annotation_format=annotation_format,
        category=category,
        quiet=quiet,
    )
    faces = pointed_faces(loaded.photos)
    if not len(faces):
        raise AnnotationError(
            f"{annotations}: none of its {loaded.n_faces:,} faces has points. COCO keypoints, YOLO "
            "pose labels and RetinaFace's label.txt may have them."
        )
    task = _Task(annotations, category, boxes, iou, min_score, border, threads, quiet)
    found = {name.label: _points(name, loaded, faces, task) for name in names}
    protocol = {"boxes": boxes, "iou": iou, "min_score": min_score, "border": border}
    compared = compare_landmarks(faces, found, protocol)
    written: tuple[Path, ...] = ()
    if out is not None:
        open_report(out)
        written = write_landmarks(compared, out)
    if as_json:
        echo(json.dumps(compared.to_dict()))
    elif not quiet:
        _print(compared)
        if written:
            echo(f"\nwritten  {', '.join(map(str, written))}")


@dataclass(frozen=True)
class _Task:
    """How the points are to be found, as the options say."""

    annotations: Path
    category: tuple[str, ...]
    boxes: str  # whose, "own" or "annotated"
    iou: float
    min_score: float | None
    border: float
    threads: int
    quiet: bool


def _names(
    detectors: tuple[str, ...], model: Path | None, detections: Path | None
) -> list[DetectorName]:
    from facesmith.evaluation.baselines import BaselineError, parse_names  # noqa: PLC0415 - see `cli`

    texts = [*detectors]
    texts += [] if model is None else [f"facesmith:{model}"]
    texts += [] if detections is None else [f"{_FROM_FILE}:{detections}"]
    try:
        return parse_names(texts or ["facesmith"], (_FROM_FILE,))
    except BaselineError as error:
        raise click.BadParameter(str(error), param_hint="'--detector'") from error


def _points(
    name: DetectorName, loaded: Annotations, faces: PointedFaces, task: _Task
) -> npt.NDArray[np.float32]:
    """The points of each face by one detector, NaN where it was not found."""
    from facesmith.evaluation.baselines import PointsInBoxes, open_landmark_baseline  # noqa: PLC0415 - slow
    from facesmith.evaluation.detections import read_detections  # noqa: PLC0415
    from facesmith.evaluation.landmarks import (  # noqa: PLC0415
        find_with_border,
        match_points,
        points_in_annotated_boxes,
    )

    photos = loaded.photos
    if name.kind == _FROM_FILE and name.path is not None:
        if task.boxes == "annotated":
            raise click.UsageError(f"--boxes annotated: {name.label} brings boxes of its own.")
        found = read_detections(
            name.path,
            task.annotations,
            photos,
            allow_others=any(problem.skipped == "photo" for problem in loaded.problems),
            categories=task.category or None,
            landmarks=True,
        )
        if not any(map(len, found)):
            raise DetectionsError(
                f"{name.path} lists no face of these photos: there are no points to measure. Pass "
                "what a detector has found in them, with `landmarks` or `keypoints`."
            )
        if task.min_score is not None:
            found = [each[each.scores >= task.min_score] for each in found]
        return match_points(photos, faces, found, task.iou)
    detector = open_landmark_baseline(name, task.threads)
    with ShownProgress(quiet=task.quiet) as progress:
        if task.boxes == "annotated":
            if not isinstance(detector, PointsInBoxes):
                raise click.UsageError(
                    f"--boxes annotated: {name.label} finds points in boxes of its own only."
                )
            return points_in_annotated_boxes(detector, photos, faces, progress)
        found = find_with_border(
            detector, photos, min_score=task.min_score, border=task.border, progress=progress
        )
    return match_points(photos, faces, found, task.iou)


def _print(compared: LandmarkComparison) -> None:
    echo(f"{compared.title}; error: by the square root of the box's area\n")
    tables = [_error_rows(compared), _yaw_rows(compared), _point_rows(compared)]
    if len(compared.measured) > 1:
        tables.insert(1, _common_rows(compared))
    for line in "\n\n".join("\n".join(in_columns(rows)) for rows in tables).split("\n"):
        echo(line)


def _error_rows(compared: LandmarkComparison) -> list[list[str]]:
    rows = [
        ["", "", "not", "", "by eyes,", "failures", "", "roll,", "nine in"],
        ["detector", "found", "found", "error", "frontal", "> 8 %", "> 10 %", "degrees", "ten"],
    ]
    for label, each in compared.measured.items():
        rows.append([label, f"{each.figures.n_found:,}", f"{each.figures.n_not_found:,}"])
        rows[-1] += _figures(each.figures)
    return rows


def _figures(figures: LandmarkFigures) -> list[str]:
    shares = [figures.nme, figures.nme_eyes, *figures.failures.values()]
    return [*map(_percent, shares), f"{figures.roll:.1f}", f"{figures.roll_90:.1f}"]


def _common_rows(compared: LandmarkComparison) -> list[list[str]]:
    first = next(iter(compared.measured))
    rows = [
        [f"the {compared.n_common:,} faces", "", "by eyes,", "failures", "", "roll,", "nine in",
         f"error less {first},"],
        ["that all found", "error", "frontal", "> 8 %", "> 10 %", "degrees", "ten",
         "95 %; *: told"],
    ]  # fmt: skip
    for label, each in compared.measured.items():
        change = each.against_first
        told = ""
        if change is not None:
            low, high = (100 * bound for bound in change.interval)
            told = f"{100 * change.difference:+.2f} ({low:+.2f}, {high:+.2f})"
            told += "*" if change.told else ""
        rows.append([label, *_figures(each.common), told])
    return rows


def _yaw_rows(compared: LandmarkComparison) -> list[list[str]]:
    """Error by yaw, and the faces not found there."""
    first = next(iter(compared.measured.values()))
    bins = list(first.by_yaw)
    rows = [
        ["error by yaw,", *bins],
        ["degrees (not found)", *(counted(first.by_yaw[name].n_faces, "face") for name in bins)],
    ]
    for label, each in compared.measured.items():
        cells = [each.by_yaw[name] for name in bins]
        rows.append([label, *(f"{_percent(c.nme)} ({c.n_not_found:,})" for c in cells)])
    return rows


def _point_rows(compared: LandmarkComparison) -> list[list[str]]:
    first = next(iter(compared.measured.values()))
    rows = [["error by point", *(name.replace("_", " ") for name in first.figures.points)]]
    for label, each in compared.measured.items():
        rows.append([label, *map(_percent, each.figures.points.values())])
    return rows


def _percent(value: float) -> str:
    return "-" if value != value else f"{100 * value:.2f} %"  # noqa: PLR0124 - NaN
