"""`facesmith detect`: the faces in photos, as lines, JSON, CSV, drawings, crops, aligned faces."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesmith.cli.detect_outputs import (
    PictureConfig,
    Pictures,
    Table,
    as_dict,
    as_line,
    is_table,
    warn_of_animations,
)
from facesmith.cli.detect_video import VideoTask, are_videos, detect_videos
from facesmith.cli.detector_options import (
    any_model_option,
    photo_memory_option,
    refuse_options,
    refuse_unused,
    rotations_option,
    window_config,
    window_options,
    workers_option,
)
from facesmith.cli.numbers import FiniteRange, WholeRange, counted
from facesmith.cli.outputs import WritingCommand
from facesmith.cli.paths import NEW_FILE, NEW_FILE_OR_FOLDER, NEW_FOLDER, refuse_existing
from facesmith.cli.progress import ShownProgress
from facesmith.cli.terminal import echo
from facesmith.errors import ImageError
from facesmith.files.marks import read_mark

if TYPE_CHECKING:
    from facesmith.detection.photos import PhotoFaces, PhotoSource


_OF_PHOTOS = (
    *("csv_path", "crops_dir", "landmarks", "aligned_dir", "aligned_size"),
    *("workers", "photo_memory"),
)
_OF_FILMS = ("every", "seconds", "frames")
STDIN = "-"


@click.command(cls=WritingCommand)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a photo.")
@click.option(
    "--csv", "csv_path", type=NEW_FILE, help="Write a table with one row a face to this file."
)
@click.option(
    "--draw",
    "draw_path",
    type=NEW_FILE_OR_FOLDER,
    help="Photos with boxes, to a folder; or a film.",
)
@click.option("--crops", "crops_dir", type=NEW_FOLDER, help="Write each face to this folder.")
@click.option(
    "--crop-margin",
    type=FiniteRange(0),
    default=0.2,
    show_default=True,
    help="Room around crops, in box sides.",
)
@click.option(
    "--landmarks",
    is_flag=True,
    help="Find five points of each face, too.",
)
@click.option(
    "--aligned",
    "aligned_dir",
    type=NEW_FOLDER,
    help="Write each face upright to this folder.",
)
@click.option(
    "--size",
    "aligned_size",
    type=WholeRange(1, 4096),
    default=112,
    show_default=True,
    metavar="PX",
    help="Their side.",
)
@click.option(
    "--min-score",
    type=FiniteRange(0, 1),
    help="Lowest score.  [default: of the weights]",
)
@click.option("--find-all", is_flag=True, help="Miss fewer faces, at one false box a photo.")
@click.option(
    "--min-face",
    type=FiniteRange(0, min_open=True),
    metavar="PX",
    help="Smallest face; larger is faster.  "
    "[default: 10, or 1/80 of the longer side; less below 640 pixels]",
)
@rotations_option
@click.option(
    "--every",
    type=WholeRange(1),
    metavar="N",
    help="Of a film: each Nth frame.  [default: 1]",
)
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    metavar="S",
    help="Of a film or camera: stop after.",
)
@click.option(
    "--frames",
    type=WholeRange(1),
    metavar="N",
    help="Of a film or camera: stop after.",
)
@workers_option
@photo_memory_option
@any_model_option
@window_options
@click.option("--force", is_flag=True, help="Replace files that this command did not write.")
@click.option("--quiet", is_flag=True, help="No line a photo, no progress bar; errors remain.")
@click.pass_context
def detect(
    ctx: click.Context,
    inputs: tuple[str, ...],
    as_json: bool,
    csv_path: Path | None,
    draw_path: Path | None,
    crops_dir: Path | None,
    crop_margin: float,
    landmarks: bool,
    aligned_dir: Path | None,
    aligned_size: int,
    min_score: float | None,
    find_all: bool,
    min_face: float | None,
    rotations: tuple[int, ...],
    every: int | None,
    seconds: float | None,
    frames: int | None,
    workers: int | None,
    photo_memory: int,
    model: Path | None,
    stride: int | None,
    scale_step: float | None,
    max_face: float | None,
    force: bool,
    quiet: bool,
) -> None:
    """Find the faces in photos, or in films and cameras.

    INPUT is a file, a folder with its sub-folders, a pattern in quotes, or - for standard input.
    A film, a camera (its number, /dev/video0) or a stream (rtsp://...) gives a JSON line a frame,
    with ids that stay; this needs facesmith[video]. A photo that cannot be read is reported, the
    others are done, and the exit code is 1.

    \b
    Example:
      facesmith detect holiday/ --json --draw seen/ > faces.jsonl
      facesmith detect clip.mp4 --draw seen.mp4 > faces.jsonl
    """  # noqa: D301 - click wants the control character itself
    from facesmith.detection.opening import open_detector  # noqa: PLC0415
    from facesmith.detection.photos import DetectionConfig, detect_photos  # noqa: PLC0415 - `--help` needs no ONNX Runtime
    from facesmith.detection.processes import default_workers, detect_in_workers  # noqa: PLC0415

    if find_all:
        min_score = _find_all_score(model, min_score)
    windows = window_config(stride, scale_step, max_face, min_face)
    if are_videos(inputs):
        refuse_options(ctx, _OF_PHOTOS, "films and cameras")
        task = VideoTask(
            inputs=inputs,
            draw=draw_path,
            model=model,
            windows=windows,
            min_score=min_score,
            min_face=min_face,
            rotations=rotations,
            every=every or 1,
            max_seconds=seconds,
            max_frames=frames,
            lines=as_json or not quiet,
            quiet=quiet,
            force=force,
        )
        ctx.exit(detect_videos(task))
    refuse_options(ctx, _OF_FILMS, "photos")
    draw_dir = draw_path
    if draw_dir is not None and draw_dir.is_file():
        raise click.UsageError(f"--draw {draw_dir} is a file; name a folder.")
    if csv_path is not None and csv_path.is_file() and not is_table(csv_path):
        refuse_existing([csv_path], force=force)
    wanted = PictureConfig(draw_dir, crops_dir, aligned_dir, crop_margin, aligned_size, force=force)
    sources = _sources(inputs, wanted.folders)
    if not sources:
        raise ImageError(
            "Nothing is left to look at: an earlier run wrote all images there. Choose another "
            "folder for what is written."
        )
    refuse_unused(ctx, aligned_dir, crops_dir)
    landmarks = landmarks or aligned_dir is not None
    pictures = Pictures(sources, wanted)
    config = DetectionConfig(
        min_score,
        min_face,
        pictures if wanted.folders else None,
        rotations,
        photo_memory * 2**20,
        landmarks,
    )
    n_workers = min(workers or default_workers(len(sources)), len(sources))
    n_faces = n_failed = 0
    with ExitStack() as stack:
        table = stack.enter_context(Table(csv_path, landmarks=landmarks))
        if n_workers == 1:
            detector = open_detector(model, windows=windows)
            results = detect_photos(detector, sources, config)
        else:
            results = detect_in_workers(
                model, sources, workers=n_workers, config=config, windows=windows
            )
        stack.callback(results.close)  # type: ignore[attr-defined]  # both are generators
        for found in _with_progress(results, len(sources), quiet):
            if found.error is not None:
                n_failed += 1
                _report(found.source.name, found.error, as_json)
                continue
            n_faces += len(found.faces)
            photo = as_dict(found, pictures.aligned_paths(found))
            table.write(photo)
            if as_json:
                echo(json.dumps(photo))
            elif not quiet:
                echo(as_line(found))
    warn_of_animations(() if quiet else sources)
    if len(sources) > 1 and not quiet:
        _summarise(n_faces, len(sources) - n_failed, n_failed)
    ctx.exit(1 if n_failed else 0)


def _find_all_score(model: Path | None, min_score: float | None) -> float:
    from facesmith.detection.opening import open_detector  # noqa: PLC0415 - see `detect`

    if min_score is not None:
        raise click.UsageError("--find-all and --min-score exclude each other. Leave one out.")
    score = open_detector(model).find_all_score
    if score is None:
        raise click.UsageError(
            "These weights store no score for --find-all. Give one, such as --min-score 0.1, or "
            "train them again."
        )
    return score


def _sources(inputs: Sequence[str], output_dirs: Sequence[Path]) -> list[PhotoSource]:
    """The photos in the order of the inputs, each once."""
    from facesmith.detection.photos import PhotoSource  # noqa: PLC0415 - see `detect`
    from facesmith.images import find_images  # noqa: PLC0415

    sources: dict[str, PhotoSource] = {}
    for given in inputs:
        if given == STDIN:
            if STDIN not in sources:
                sources[STDIN] = PhotoSource(STDIN, _standard_input())
            continue
        try:
            paths = find_images([given], lambda line: echo(line, err=True))
        except ImageError as error:
            sources[given] = PhotoSource(given, error)
            continue
        # What an earlier run has written among the photos is no photo. Where a folder holds nothing
        # else, as the one of the crops, what it holds is meant.
        folders = {path.parent for path in paths} | set(output_dirs)
        meant = {Path(given)} if Path(given).is_dir() else folders  # all that a pattern matches
        own = _unwritten(given, paths, folders)
        for path in own or _unwritten(given, paths, folders - (meant - set(output_dirs))):
            sources.setdefault(os.path.abspath(path), PhotoSource(path.as_posix(), path))  # noqa: PTH100
    return list(sources.values())


def _unwritten(given: str, paths: Sequence[Path], folders: Iterable[Path]) -> list[Path]:
    """The photos that no mark of these folders lists, and the one that is named itself."""
    written = {
        os.path.realpath(folder / name)
        for folder in folders
        if (mark := read_mark(folder)) is not None
        for name in mark.names
    }
    named = Path(given)
    return [path for path in paths if path == named or os.path.realpath(path) not in written]


def _standard_input() -> bytes | ImageError:
    from facesmith.files import read_up_to  # noqa: PLC0415 - see `detect`
    from facesmith.images import MAX_BYTES  # noqa: PLC0415

    try:
        content = read_up_to(sys.stdin.buffer, MAX_BYTES)
    except OSError as error:
        return ImageError(f"Standard input cannot be read: {error.strerror or error}.")
    return content or ImageError("Standard input is empty. Send it a photo, as in: < photo.jpg")


def _report(name: str, error: str, as_json: bool) -> None:
    if as_json:
        echo(json.dumps({"file": name, "error": error}))
    echo(f"Error: {error}", err=True)


def _with_progress(
    results: Iterator[PhotoFaces], n_photos: int, quiet: bool
) -> Iterator[PhotoFaces]:
    """A bar where nobody sees the lines themselves go by."""
    with ShownProgress(quiet=quiet or n_photos < 2 or sys.stdout.isatty()) as progress:
        for _, found in zip(progress.each(range(n_photos), "Photos"), results, strict=True):
            yield found


def _summarise(n_faces: int, n_read: int, n_failed: int) -> None:
    text = f"{counted(n_faces, 'face')} in {counted(n_read, 'photo')}"
    if n_failed:
        text += f"; {counted(n_failed, 'error')}"
    echo(f"{text}.", err=True)
