"""`facesmith detect`: the faces in photos, as lines, JSON, CSV, drawings and crops."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from facesmith.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facesmith.detection import PhotoFaces, PhotoSource

_STDIN = "-"
_CSV_HEADER = ("file", "width", "height", "face", "x_min", "y_min", "x_max", "y_max", "score")
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a photo.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a table with one row a face to this file.",
)
@click.option("--draw", "draw_dir", type=_FOLDER, help="Write photos with boxes to this folder.")
@click.option("--crops", "crops_dir", type=_FOLDER, help="Write each face to this folder.")
@click.option(
    "--crop-margin",
    type=click.FloatRange(0),
    default=0.2,
    show_default=True,
    help="What crops show around the box, as a part of its sides.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    help="Leave out faces with a lower score.  [default: as the weights say]",
)
@click.option(
    "--min-face",
    type=click.FloatRange(0, min_open=True),
    metavar="PX",
    help="Height of the smallest face to look for; larger is faster.  "
    "[default: 10, or 1/128 of the photo's longer side if that is more]",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="CPU threads of the detector; decoding has two of its own.",
)
@click.option(
    "--model",
    metavar="FILE_OR_RUN",
    type=click.Path(exists=True, path_type=Path),
    help="A detector.onnx or the run folder of a training.  [default: the weights that come along]",
)
@click.option("--quiet", is_flag=True, help="No line a photo and no progress bar; errors remain.")
@click.pass_context
def detect(
    ctx: click.Context,
    inputs: tuple[str, ...],
    as_json: bool,
    csv_path: Path | None,
    draw_dir: Path | None,
    crops_dir: Path | None,
    crop_margin: float,
    min_score: float | None,
    min_face: float | None,
    threads: int,
    model: Path | None,
    quiet: bool,
) -> None:
    """Find the faces in photos.

    INPUT is a file, a folder (searched with its sub-folders), a pattern in quotes, or - for one
    photo on standard input. Boxes are in pixels of the upright photo.

    A photo that cannot be read is reported, the others are done, and the exit code is 1.

    \b
    Example:
      facesmith detect holiday/ --json --draw seen/ > faces.jsonl
    """  # noqa: D301 - click wants the control character itself
    from facesmith.detection import detect_photos  # noqa: PLC0415 - `--help` needs no ONNX Runtime
    from facesmith.detector import load_detector  # noqa: PLC0415

    detector = load_detector(model, threads)
    sources = _sources(inputs, [folder for folder in (draw_dir, crops_dir) if folder])
    n_faces = n_failed = 0
    with ExitStack() as stack:
        outputs = _Outputs(sources, csv_path, draw_dir, crops_dir, crop_margin, stack)
        results = detect_photos(detector, sources, min_score=min_score, min_face=min_face)
        for found in _with_progress(results, len(sources), quiet):
            name = found.source.name
            try:
                if found.error is not None:
                    raise ImageError(found.error)
                outputs.write(found)
            except ImageError as error:
                n_failed += 1
                _report(name, str(error), as_json)
                continue
            n_faces += len(found.faces)
            if as_json:
                click.echo(json.dumps(_as_dict(found)))
            elif not quiet:
                click.echo(_as_line(found))
    if len(sources) > 1 and not quiet:
        _summarise(n_faces, len(sources) - n_failed, n_failed)
    ctx.exit(1 if n_failed else 0)


def _sources(inputs: Sequence[str], output_dirs: Sequence[Path]) -> list[PhotoSource]:
    """The photos in the order of the inputs, each once."""
    from facesmith.detection import PhotoSource  # noqa: PLC0415 - see `detect`
    from facesmith.images import find_images  # noqa: PLC0415

    sources: dict[str, PhotoSource] = {}
    for given in inputs:
        if given == _STDIN:
            if _STDIN not in sources:
                sources[_STDIN] = PhotoSource(_STDIN, sys.stdin.buffer.read())
            continue
        try:
            paths = find_images([given])
        except ImageError as error:
            sources[given] = PhotoSource(given, error)
            continue
        for path in paths:
            # What an earlier run has written below the folder of the photos is no photo.
            written = any(_is_inside(path, folder) for folder in output_dirs)
            if not written or str(path) == str(Path(given)):
                sources.setdefault(os.path.abspath(path), PhotoSource(path.as_posix(), path))  # noqa: PTH100
    return list(sources.values())


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))  # noqa: PTH100


class _Outputs:
    """The files that a run writes beside its lines."""

    def __init__(
        self,
        sources: Sequence[PhotoSource],
        csv_path: Path | None,
        draw_dir: Path | None,
        crops_dir: Path | None,
        crop_margin: float,
        stack: ExitStack,
    ) -> None:
        self._draw_dir, self._crops_dir, self._margin = draw_dir, crops_dir, crop_margin
        # Photos are never written over, even where a folder of drawings is looked at again.
        self._photos = {os.path.abspath(source.name) for source in sources}  # noqa: PTH100
        self._stems = dict(zip(sources, unique_stems([s.name for s in sources]), strict=True))
        try:
            for folder in (draw_dir, crops_dir):
                if folder is not None:
                    folder.mkdir(parents=True, exist_ok=True)
            self._rows = None
            if csv_path is not None:
                file: TextIO = stack.enter_context(
                    csv_path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
                )
                self._rows = csv.writer(file)
                self._rows.writerow(_CSV_HEADER)
        except OSError as error:
            raise ImageError(f"Cannot write {error.filename}: {error.strerror}.") from error

    def write(self, found: PhotoFaces) -> None:
        from facesmith.drawing import crop_faces, draw_faces  # noqa: PLC0415 - see `detect`

        stem = self._stems[found.source]
        if self._draw_dir is not None:
            drawing = draw_faces(found.image(), found.faces)
            self._write_image(self._draw_dir / f"{stem}_faces.jpg", drawing)
        if self._crops_dir is not None and len(found.faces):
            crops = crop_faces(found.image(), found.faces, margin=self._margin)
            for number, crop in enumerate(crops, start=1):
                self._write_image(self._crops_dir / f"{stem}_face_{number}.jpg", crop)
        if self._rows is not None:
            photo = _as_dict(found)
            self._rows.writerows(
                (
                    photo["file"],
                    photo["width"],
                    photo["height"],
                    number,
                    *face["box"],
                    face["score"],
                )
                for number, face in enumerate(photo["faces"], start=1)
            )

    def _write_image(self, path: Path, image: npt.NDArray[np.uint8]) -> None:
        from facesmith.images import write_image  # noqa: PLC0415 - see `detect`

        if os.path.abspath(path) in self._photos:  # noqa: PTH100
            raise ImageError(
                f"Cannot write {path}: it is one of the photos to look at. Choose another folder."
            )
        write_image(path, image)


def unique_stems(names: Sequence[str]) -> list[str]:
    """Names for what is written about each photo, no two the same even where case is ignored.

    A photo's own name without suffix; where others have it too, folders are put before it until it
    is unique, then the suffix is added, and last a number.

    Example:
        >>> unique_stems(["2023/a.jpg", "2024/a.jpg", "2024/b.jpg", "2024/b.png"])
        ['2023_a', '2024_a', '2024_b_jpg', '2024_b_png']
    """
    choices = [_stems(name) for name in names]
    depths = [0] * len(names)
    while True:
        stems = [c[min(depth, len(c) - 1)] for c, depth in zip(choices, depths, strict=True)]
        count: dict[str, int] = {}
        for stem in stems:
            count[stem.casefold()] = count.get(stem.casefold(), 0) + 1
        clash = [
            i
            for i, stem in enumerate(stems)
            if count[stem.casefold()] > 1 and depths[i] < len(choices[i]) - 1
        ]
        if not clash:
            break
        for i in clash:
            depths[i] += 1
    taken: set[str] = set()
    for i, stem in enumerate(stems):
        number = 1
        while stems[i].casefold() in taken:
            number += 1
            stems[i] = f"{stem}-{number}"
        taken.add(stems[i].casefold())
    return stems


def _stems(name: str) -> list[str]:
    """From the shortest name of a photo to the longest."""
    if name == _STDIN:
        return ["stdin"]
    path = Path(name)
    folders = [part for part in path.parent.parts if part not in (path.anchor, "..")]
    stems = ["_".join([*folders[len(folders) - n :], path.stem]) for n in range(len(folders) + 1)]
    return [*stems, f"{stems[-1]}_{path.suffix.lstrip('.')}"]


def _as_dict(found: PhotoFaces) -> dict[str, Any]:
    boxes, scores = found.faces.boxes.astype(float), found.faces.scores.astype(float)
    return {
        "file": found.source.name,
        "width": found.width,
        "height": found.height,
        "faces": [
            {"box": [round(edge, 1) for edge in box], "score": round(score, 4)}
            for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ],
    }


def _as_line(found: PhotoFaces) -> str:
    faces = [
        f"{score:.2f} [{', '.join(f'{edge:.0f}' for edge in box)}]"
        for box, score in zip(found.faces.boxes, found.faces.scores, strict=True)
    ]
    number = f"{_number(len(faces), 'face')}:" if faces else "no face"
    name = click.format_filename(found.source.name)
    return "  ".join([name, f"{found.width}x{found.height}", number, *faces])


def _report(name: str, error: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": name, "error": error}))
    click.echo(f"Error: {error}", err=True)


def _with_progress(
    results: Iterator[PhotoFaces], n_photos: int, quiet: bool
) -> Iterator[PhotoFaces]:
    """A bar where nobody sees the lines themselves go by."""
    if quiet or n_photos < 2 or sys.stdout.isatty() or not sys.stderr.isatty():
        yield from results
        return
    with click.progressbar(results, length=n_photos, label="Photos", file=sys.stderr) as bar:
        yield from bar


def _summarise(n_faces: int, n_read: int, n_failed: int) -> None:
    text = f"{_number(n_faces, 'face')} in {_number(n_read, 'photo')}"
    if n_failed:
        text += f"; {_number(n_failed, 'error')}"
    click.echo(f"{text}.", err=True)


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
