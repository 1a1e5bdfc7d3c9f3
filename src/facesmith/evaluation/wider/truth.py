"""The ground truth of WIDER FACE's validation set: the four official `.mat` files.

`wider_face_val.mat` holds three nested cells with one row an event: `event_list` (its name),
`file_list` (names of its images, without .jpg) and `face_bbx_list` (for each image `(n, 4)`, x, y,
width, height in pixels). `wider_easy_val.mat` and so on each hold `gt_list`: for each image the
numbers, from 1, of the faces that count in that setting. All others are ignored there.

Source:
    S. Yang, P. Luo, C. C. Loy, X. Tang, "WIDER FACE: A Face Detection Benchmark", 2016, and the
    folder `ground_truth` of its evaluation tools, `eval_tools`.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.errors import AnnotationError
from facesmith.untrusted import ContentError, read_bytes

SETTINGS = ("easy", "medium", "hard")
FACES_FILE = "wider_face_val.mat"
_TEXT_FILE = "wider_face_val_bbx_gt.txt"
_MAX_BYTES = 2**28  # of a file, packed or unpacked; the largest has a few million
_FARTHEST = 1e9  # pixels; see facesmith.evaluation.detections


@dataclass(frozen=True, eq=False)
class WiderImage:
    """One image and its faces."""

    event: str  # name of its folder, such as `0--Parade`
    name: str  # name of the file without suffix
    boxes: npt.NDArray[np.float64]  # float64 `(n, 4)` as in the file: x, y, width, height, pixels
    counted: dict[str, npt.NDArray[np.intp]]  # setting -> positions in `boxes` of faces that count


def read_ground_truth(folder: str | Path) -> tuple[WiderImage, ...]:
    """The images of a folder of the four files, in the order of the files.

    Raises:
        AnnotationError: If a file is missing, damaged, or says something else than expected.
    """
    folder = Path(folder)
    names = (FACES_FILE, *(f"wider_{setting}_val.mat" for setting in SETTINGS))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        text = f" {_TEXT_FILE} does not say which faces are easy, medium or hard."
        text = text if (folder / _TEXT_FILE).is_file() else ""
        raise AnnotationError(
            f"{folder}: {', '.join(missing)} missing. Expected {', '.join(names)}, which lie in "
            f"eval_tools/ground_truth of WIDER FACE's evaluation tools.{text}"
        )
    faces = folder / FACES_FILE
    content = _load(faces, "event_list", "file_list", "face_bbx_list")
    place = f"{faces.name}, event_list"

    def rows(value: Any, where: str, n: int | None = None) -> list[tuple[str, Any]]:
        """The place and the content of each event's row."""
        return [(f"{where}, row {i}", row) for i, row in enumerate(_cell(value, where, n), 1)]

    events = [_text(name, where) for where, name in rows(content["event_list"], place)]
    lists = [(f"{name}, gt_list", _load(folder / name, "gt_list")["gt_list"]) for name in names[1:]]
    images: list[WiderImage] = []
    tables = [(f"{faces.name}, {key}", content[key]) for key in ("file_list", "face_bbx_list")]
    columns = [rows(value, where, len(events)) for where, value in [*tables, *lists]]
    seen: set[tuple[str, str]] = set()
    for event, (where, files), *others in zip(events, *columns, strict=True):
        names_of_event = _cell(files, where)
        parts = [(place, _cell(value, place, len(names_of_event))) for place, value in others]
        for j, name in enumerate(names_of_event):
            image = _image(event, _text(name, f"{where}, image {j + 1}"), j, parts)
            if (image.event, image.name) in seen:
                raise AnnotationError(f"{where}: {image.event}/{image.name} is listed twice.")
            seen.add((image.event, image.name))
            images.append(image)
    if not images:
        raise AnnotationError(f"{faces}: lists no image.")
    return tuple(images)


def _image(event: str, name: str, j: int, parts: list[tuple[str, list[Any]]]) -> WiderImage:
    (boxes_place, all_boxes), *counted_parts = parts
    where = f"{boxes_place} ({event}/{name})"
    boxes = _numbers(all_boxes[j], where)
    if boxes.size == 0:
        boxes = np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise AnnotationError(f"{where}: expected rows of 4 numbers, got the shape {boxes.shape}.")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < 0).any() or (abs(boxes) > _FARTHEST).any():
        raise AnnotationError(
            f"{where}: expected x, y, width, height in pixels, got other numbers."
        )
    counted = {}
    for setting, (place, lists) in zip(SETTINGS, counted_parts, strict=True):
        numbers = _numbers(lists[j], f"{place} ({event}/{name})").ravel()
        wrong = numbers[~((numbers >= 1) & (numbers <= len(boxes)) & (numbers == numbers.round()))]
        if len(wrong):
            raise AnnotationError(
                f"{place} ({event}/{name}): expected numbers of faces from 1 to {len(boxes)}, got "
                f"{wrong[0]:g}. Do the files belong together?"
            )
        counted[setting] = numbers.astype(np.intp) - 1
    return WiderImage(event, name, boxes, counted)


def _load(path: Path, *keys: str) -> dict[str, Any]:
    from scipy.io import loadmat  # noqa: PLC0415 - only here, and not in the base install
    from scipy.io.matlab import MatReadError, MatReadWarning  # noqa: PLC0415

    try:
        data = read_bytes(path, _MAX_BYTES)
    except ContentError as error:
        raise AnnotationError(str(error)) from error
    try:
        _check_unpacked(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error", MatReadWarning)
            content: dict[str, Any] = loadmat(io.BytesIO(data), variable_names=list(keys))
    except (
        MatReadError, MatReadWarning, NotImplementedError, OSError, EOFError, MemoryError,
        TypeError, ValueError, KeyError, IndexError, OverflowError, struct.error, zlib.error,
    ) as error:  # fmt: skip
        raise AnnotationError(
            f"{path}: expected a MATLAB file of version 5, as the evaluation tools of WIDER FACE "
            f"have it: {error}."
        ) from error
    absent = [key for key in keys if key not in content]
    if absent:
        raise AnnotationError(f"{path}: there is no {absent[0]} in it. Expected {', '.join(keys)}.")
    return content


def _check_unpacked(data: bytes) -> None:
    """Raise a `ValueError` if what is packed in a file is more than memory should be taken for."""
    order = ">" if data[126:128] == b"MI" else "<"
    at, left = 128, _MAX_BYTES
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind == 15:  # a packed element
            unpacking, packed = zlib.decompressobj(), memoryview(data)[at + 8 : at + 8 + size]
            while left > 0 and len(packed) and not unpacking.eof:
                left -= len(unpacking.decompress(packed, 2**20))
                packed = memoryview(unpacking.unconsumed_tail)
        if left <= 0:
            raise ValueError(f"unpacked it has more than {_MAX_BYTES // 2**20} MB")
        at += 8 + size


def _cell(value: Any, where: str, n: int | None = None) -> list[Any]:
    """The entries of a cell with one row or one column."""
    if not isinstance(value, np.ndarray) or (value.dtype != object and value.size):
        raise AnnotationError(f"{where}: expected a cell, got {type(value).__name__} of another.")
    entries = list(value.ravel())
    if n is not None and len(entries) != n:
        raise AnnotationError(
            f"{where}: expected {n} entries, got {len(entries)}. Do the files belong together?"
        )
    return entries


def _text(value: Any, where: str) -> str:
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1:
        return str(value.item())
    raise AnnotationError(f"{where}: expected a name.")


def _numbers(value: Any, where: str) -> npt.NDArray[np.float64]:
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        return value.astype(np.float64)
    raise AnnotationError(f"{where}: expected numbers.")
