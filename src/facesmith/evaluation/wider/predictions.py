"""What a detector found in the images of WIDER FACE: a folder an event, a text file an image.

The file `0--Parade/0_Parade_marchingband_1_20.txt`: the image's name, with or without suffix or
folder; how many boxes follow; and a line `x y width height score` for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from facesmith.annotations.photo_paths import is_file
from facesmith.errors import AnnotationError, DetectionsError
from facesmith.evaluation.fddb.lists import read_entries
from facesmith.evaluation.wider.truth import WiderImage
from facesmith.faces import Faces
from facesmith.files import make_folder, write_bytes

Table = npt.NDArray[np.float64]


def read_predictions(folder: str | Path, images: Sequence[WiderImage]) -> list[Table]:
    """Read the predictions for all images.

    Returns:
        For each image float64 `(n, 5)`: x, y, width, height in pixels and score, in the order of
        the file.

    Raises:
        DetectionsError: If an image has no file, a file or folder belongs to no image, or one
            cannot be used.
    """
    folder = Path(folder)
    paths = [_path(folder, image) for image in images]
    missing = [path for path in paths if not is_file(path)]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DetectionsError(
            f"{missing[0]} is missing{more}: expected a file for each of the "
            f"{len(images)} images. For an image without a box write its name and 0."
        )
    # What belongs to no image may be a misspelt name, or the output for another set.
    known, events = set(paths), {path.parent for path in paths}
    for event in sorted(folder.iterdir()):
        if event.name.startswith(".") or (event not in events and not event.is_dir()):
            continue  # hidden, or a note or a log beside the folders
        if event not in events:
            raise DetectionsError(f"{event} is the folder of no event of the ground truth.")
        for path in sorted(event.iterdir()):
            if path not in known and not path.name.startswith("."):
                raise DetectionsError(f"{path} belongs to no image of the ground truth. Remove it.")
    return [_read(path) for path in paths]


def write_predictions(
    folder: str | Path, images: Sequence[WiderImage], found: Sequence[Faces]
) -> None:
    """Write the faces found in each image, pixels of the full image, in the official form.

    Raises:
        WriteError: If a file cannot be written.
    """
    folder = Path(folder)
    for image, faces in zip(images, found, strict=True):
        path = _path(folder, image)
        make_folder(path.parent)
        lines = [f"{image.name}.jpg", str(len(faces))]
        pairs = zip(faces.boxes.tolist(), faces.scores.tolist(), strict=True)
        for (x, y, right, bottom), score in pairs:
            lines.append(f"{x:.2f} {y:.2f} {right - x:.2f} {bottom - y:.2f} {score:.6f}")
        write_bytes(path, ("\n".join(lines) + "\n").encode())


def _path(folder: Path, image: WiderImage) -> Path:
    return folder / image.event / f"{image.name}.txt"


def _read(path: Path) -> Table:
    place = f"{path.parent.name}/{path.name}"
    try:
        entries = list(read_entries(path, [5], "x y width height score", {}))
    except AnnotationError as error:
        raise DetectionsError(str(error)) from error
    if not entries:
        raise DetectionsError(f"{place} is empty. Expected a name and a count at least.")
    name = PurePosixPath(entries[0].name).name
    if name != path.stem or len(entries) > 1:
        name = name if name != path.stem else entries[1].name
        raise DetectionsError(
            f"{place}: expected the name of the image, {path.stem}, and its boxes, got "
            f"{name[:80]!r}. Are the files mixed up?"
        )
    return entries[0].rows.reshape(-1, 5)
