"""FDDB's images: their sizes, and what our detector finds in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.annotations.photo_paths import is_file
from facesmith.detection.photo_detector import PhotoDetector
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos
from facesmith.errors import AnnotationError, ImageError
from facesmith.evaluation.fddb.detections import FddbDetections
from facesmith.evaluation.fddb.folds import Fold
from facesmith.evaluation.fddb.lists import bare_name, text_lines
from facesmith.evaluation.fddb.spans import MAX_PX
from facesmith.images import IMAGE_SUFFIXES, read_size
from facesmith.progress import NO_PROGRESS, Progress


def read_sizes(
    names: Iterable[str], table: str | Path | None, images_dir: str | Path | None = None
) -> npt.NDArray[np.int64]:
    """Width and height of images, pixels `(n, 2)`, from their files or else from a table.

    The files are looked for in `images_dir`; the table is a CSV file `image,width,height`.

    Raises:
        AnnotationError: If the table cannot be used or an image's size stands nowhere.
        ImageError: If an image cannot be read.
    """
    listed = {} if table is None else _read_size_table(Path(table))
    sizes = []
    for name in names:
        path = None if images_dir is None else find_image(name, images_dir)
        size = listed.get(name) if path is None else read_size(path)
        if size is None:
            places = [f"no file {Path(images_dir) / name}.jpg"] if images_dir is not None else []
            places += [f"no line in {table}"] if table is not None else []
            raise AnnotationError(
                f"The size of the image {name} is unknown: there is "
                f"{' and '.join(places) or 'neither a table of sizes nor a folder of images'}."
            )
        if max(size) > MAX_PX:
            raise ImageError(f"{path}: expected at most {MAX_PX} pixels a side, got {max(size)}.")
        sizes.append(size)
    return np.array(sizes, np.int64).reshape(-1, 2)


def find_image(name: str, images_dir: str | Path) -> Path | None:
    """The file of an image, `.jpg` before other suffixes, or `None`."""
    paths = (Path(images_dir) / f"{name}{suffix}" for suffix in (".jpg", *IMAGE_SUFFIXES))
    return next((path for path in paths if is_file(path)), None)


def _read_size_table(path: Path) -> dict[str, tuple[int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    lines: dict[str, int] = {}
    rows = [(number, _cells(f"{path} line {number}", line)) for number, line in text_lines(path)]
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if header != ["image", "width", "height"]:
        raise AnnotationError(
            f"{path} line 1: expected the header image,width,height, got {','.join(header)[:60]!r}."
        )
    for number, row in rows[1:]:
        where = f"{path} line {number}"
        values = [cell.strip() for cell in row]
        if len(values) != 3 or not all(
            v.isascii() and v.isdigit() and len(v) < 10 for v in values[1:]
        ):
            raise AnnotationError(
                f"{where}: expected a name, a width and a height, got {','.join(row)[:60]!r}."
            )
        name, width, height = bare_name(values[0]), int(values[1]), int(values[2])
        if not (1 <= width <= MAX_PX and 1 <= height <= MAX_PX):
            raise AnnotationError(
                f"{where}: expected a width and a height from 1 to {MAX_PX}, got {width}x{height}."
            )
        if name in sizes:
            raise AnnotationError(f"{where}: {name} stands already in line {lines[name]}.")
        sizes[name], lines[name] = (width, height), number
    return sizes


def _cells(where: str, line: str) -> list[str]:
    try:
        return next(csv.reader([line]))
    except csv.Error as error:
        raise AnnotationError(f"{where}: expected a line of CSV: {error}.") from None


# Far below any useful threshold: the curves show what the detector could still find.
MIN_SCORE = 0.01


def detect_fddb(
    detector: PhotoDetector,
    folds: Sequence[Fold],
    images_dir: str | Path,
    *,
    progress: Progress = NO_PROGRESS,
) -> FddbDetections:
    """Find the faces in the images of some folds, `images_dir` being where their names start from.

    Raises:
        AnnotationError: If an image is missing.
        ImageError: If one cannot be read: an evaluation leaves none out.
    """
    sources = []
    for fold in folds:
        for name in fold.names:
            path = find_image(name, images_dir)
            if path is None:
                raise AnnotationError(
                    f"The image {name} of fold {fold.number} is missing: there is no file "
                    f"{Path(images_dir) / name}.jpg."
                )
            sources.append(PhotoSource(name, path))
    regions, scores = {}, {}
    results = detect_photos(detector, sources, DetectionConfig(MIN_SCORE))
    for _, found in zip(progress.each(sources, "Images"), results, strict=True):
        if found.error is not None:
            raise ImageError(found.error)
        corners = found.faces.boxes.astype(np.float64)
        name = found.source.name
        regions[name] = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        scores[name] = found.faces.scores.astype(np.float64)
    return FddbDetections("rectangle", regions, scores)
