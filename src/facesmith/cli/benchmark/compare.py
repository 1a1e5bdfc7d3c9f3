"""`facesmith benchmark compare`: face detectors side by side on the same photos."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.benchmark.photos import (
    annotation_options,
    ious_option,
    min_height_option,
    output_options,
)
from facesmith.cli.detector_options import threads_option
from facesmith.cli.numbers import figure
from facesmith.cli.opened_detectors import open_detectors
from facesmith.cli.options import images_anywhere
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import FOLDER, open_report
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo, in_columns

if TYPE_CHECKING:
    from facesmith.evaluation.baselines import Baseline, DetectorName
    from facesmith.evaluation.compare_report import Comparison
    from facesmith.metrics.paired import Change

# Detectors that compute with more than this many times the threads asked for are named.
_TOO_MANY_THREADS = 1.3


def _sizes(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """Widths and heights, written as 640x480, each once."""
    matches = [re.fullmatch(r"(\d{1,5})x(\d{1,5})", text) for text in texts]
    for text, match in zip(texts, matches, strict=True):
        if match is None or "0" in match.groups():
            raise click.BadParameter(f"{text!r}: expected width and height in pixels, e.g. 640x480")
    return tuple(dict.fromkeys((int(match[1]), int(match[2])) for match in matches if match))


@click.command(cls=WritingCommand)
@annotation_options
@click.option(
    "--face-free",
    multiple=True,
    type=FOLDER,
    help="Folder of photos without any human face; may be repeated.",
)
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    metavar="[LABEL=]KIND[:PATH]",
    help="A detector, may be repeated: facesmith, facesmith:RUN_OR_ONNX, facesmith-proposals, "
    "classifier:RUN_OR_ONNX, yunet:ONNX, opencv-yunet:ONNX, scrfd:ONNX, opencv-haar, mtcnn, "
    "mediapipe, mediapipe:TFLITE, mediapipe-mesh[:TASK], dlib, or all: facesmith and those that "
    "are installed and need no file.  [default: all]",
)
@ious_option
@min_height_option
@click.option(
    "--size",
    "sizes",
    callback=_sizes,
    multiple=True,
    default=("640x480",),
    show_default="640x480",
    metavar="WxH",
    help="Stretch photos to this size for the timing. Repeat it for several.",
)
@threads_option
@output_options("compare.json, precision_recall.png and accuracy_time.png")
def compare(
    annotations: Path,
    images: Path,
    annotation_format: str | None,
    category: tuple[str, ...],
    face_free: tuple[Path, ...],
    detectors: tuple[str, ...],
    ious: tuple[float, ...],
    min_height: float,
    sizes: tuple[tuple[int, int], ...],
    threads: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Face detectors side by side on the same photos.

    For each photo all detectors take turns, in one process. A detector that is named and absent is
    an error before anything runs, and says what to install. Differences are to the first detector,
    with 95 % intervals over photos. Pictures show the first --iou and --size.

    \b
    Example:
      facesmith benchmark compare --annotations val.json --images val/ --face-free pets/ \\
        --detector facesmith --detector yunet:yunet_n.onnx --out comparison
    """  # noqa: D301 - click wants the control character itself
    from facesmith.annotations import load_annotations, load_face_free  # noqa: PLC0415 - see `cli`
    from facesmith.evaluation.compare import CompareConfig  # noqa: PLC0415
    from facesmith.evaluation.compare import compare as run_compare  # noqa: PLC0415
    from facesmith.evaluation.compare_report import (  # noqa: PLC0415
        Comparison,
        with_footprints,
        write_comparison,
    )

    if out is not None:
        import matplotlib  # noqa: F401, ICN001, PLC0415 - missing, it is to be said now

    names, baselines, left_out = _open(detectors, threads)
    # A photo or a box that cannot be used is an error here: left out, it would change the figures.
    loaded = load_annotations(
        annotations,
        images,
        format=annotation_format,
        strict=True,
        categories=category or None,
        images_anywhere=images_anywhere(),
        decoded=True,
    )
    photos = loaded.photos
    without = load_face_free(face_free, strict=True, decoded=True).photos if face_free else ()
    config = CompareConfig(
        iou_thresholds=tuple(dict.fromkeys(ious)),
        min_height=min_height,
        sizes_wh=sizes,
        threads=threads,
    )
    if out is not None:
        open_report(out)
    with ShownProgress(quiet=quiet) as progress:
        measured = run_compare(baselines, photos, without, config, progress=progress)
    compared = Comparison(
        config,
        tuple(names),
        with_footprints(measured, names, photos, config),
        left_out,
        len(without),
        {
            "annotated": annotations.name,
            "face_free": [folder.resolve().name for folder in face_free],
        },
    )
    _warn(compared)
    written = write_comparison(compared, out) if out is not None else ()
    if as_json:
        echo(json.dumps(compared.to_dict()))
    elif not quiet:
        _print(compared)
        for path in written:
            echo(f"written  {path}")


def _open(
    detectors: tuple[str, ...], threads: int
) -> tuple[list[DetectorName], dict[str, Baseline], dict[str, str]]:
    """The detectors that run, opened, and why others do not."""
    from facesmith.evaluation.baselines import BaselineError, parse_names  # noqa: PLC0415 - see `cli`

    try:
        names = parse_names(detectors or ("all",))
    except BaselineError as error:
        raise click.BadParameter(str(error), param_hint="'--detector'") from error
    baselines, left_out = open_detectors(names, threads)
    return [name for name in names if name.label in baselines], baselines, left_out


def _warn(compared: Comparison) -> None:
    threads = compared.config.threads
    for label, each in compared.measured.items():
        share = max(timing.cpu_share for timing in each.timings.values())
        if share > _TOO_MANY_THREADS * threads:
            echo(
                f"Warning: {label} computed with {share:.1f} threads, not {threads}: compare its "
                "times with care.",
                err=True,
            )


def _print(compared: Comparison) -> None:
    free = f"; {compared.n_face_free:,} face-free photos" if compared.n_face_free else ""
    echo(f"{compared.title}{free}; false: boxes a photo\n")
    tables = [_accuracy_rows(compared), _difference_rows(compared), _cost_rows(compared)]
    for line in "\n\n".join("\n".join(in_columns(rows)) for rows in tables if rows).split("\n"):
        echo(line)


def _accuracy_rows(compared: Comparison) -> list[list[str]]:
    """Recalls are at the first overlap; head in the first two rows."""
    config = compared.config
    ious = config.iou_thresholds
    heads = [["", "detector"]]
    heads += [["AP at IoU" if i == 0 else "", f"{iou:g}"] for i, iou in enumerate(ious)]
    heads += [["recall at", "0.1 false"], ["recall at", "1 false"]]
    heads += [["own", "threshold"], ["precision,", "recall there"]]
    if compared.n_face_free:
        heads += [
            ["false, face-free:", "own threshold"],
            ["the same at", f"recall {config.common_recall:g}"],
        ]
    rows = [[head[i] for head in heads] for i in (0, 1)]
    for label, each in compared.measured.items():
        first = each.curves[ious[0]]
        own = each.at_own_threshold(ious[0])
        row = [label, *(figure(each.curves[iou].average_precision, 3) for iou in ious)]
        row += [figure(first.recall_at(0.1), 3), figure(first.recall_at(1.0), 3)]
        row += [f"{own.threshold:.2f}", f"{figure(own.precision, 3)}, {figure(own.recall, 3)}"]
        face_free = (each.face_free_own, each.face_free_common)
        row += [figure(at.false_per_photo, 3) for at in face_free if at is not None]
        rows.append(row)
    return rows


def _difference_rows(compared: Comparison) -> list[list[str]]:
    """Each detector less the first one, with its interval; nothing where there is but one."""
    ious = compared.config.iou_thresholds
    first, *others = compared.measured
    heads = [[f"less {first},", "95 %; *: told"]]
    heads += [["AP at IoU" if i == 0 else "", f"{iou:g}"] for i, iou in enumerate(ious)]
    heads += [["recall at", "0.1 false"], ["recall, own", "threshold"], ["false", "there"]]
    rows = [[head[i] for head in heads] for i in (0, 1)]
    for label in others:
        changes = compared.measured[label].against_first
        enough = compared.measured[label].differences_told
        shown = [changes[iou]["ap"] for iou in ious]
        at_first = changes[ious[0]]
        shown += [at_first[name] for name in ("recall_at_0.1", "recall", "false_per_photo")]
        rows.append([label, *(_change(each, enough) for each in shown)])
    return rows if others else []


def _change(change: Change, enough: bool) -> str:
    """The difference and its interval, `+0.012 (+0.003, +0.027)*`; the star: it excludes 0."""
    if math.isnan(change.interval[0]):
        return "-"
    low, high = change.interval
    star = "*" if change.told and enough else " "
    return f"{change.difference:+.3f} ({low:+.3f}, {high:+.3f}){star}"


def _cost_rows(compared: Comparison) -> list[list[str]]:
    threads = compared.config.threads
    first = next(iter(compared.measured.values()))
    unit = f"ms, {threads} thread{'s' * (threads != 1)}: median / p95"
    rows = [
        ["", unit, *("" for _ in list(first.timings)[1:]), "peak", "", ""],
        ["detector", *first.timings, "memory", "install", "weights"],
    ]
    for label, each in compared.measured.items():
        times = [f"{t.median_ms:.1f} / {t.p95_ms:.1f}" for t in each.timings.values()]
        sizes = each.footprint
        bytes_of = (sizes.peak_memory, sizes.install, sizes.weights) if sizes else (None,) * 3
        rows.append([label, *times, *map(_megabytes, bytes_of)])
    return rows


def _megabytes(n_bytes: int | None) -> str:
    if n_bytes is None:
        return "-"
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 10e6 else f"{n_bytes / 1e6:,.0f} MB"
