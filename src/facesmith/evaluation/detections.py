"""What a detector found in annotated photos: run it, or read what any detector wrote.

Two forms are read, told apart by their content:

- COCO results, a JSON list of `{"image_id", "category_id", "bbox": [x, y, width, height],
  "score"}`. The ids are those of the COCO annotations of the photos. A photo that no entry names
  has no detection.
- The JSON lines of `facesmith detect --json`, one photo a line:
  `{"file", "width", "height", "faces": [{"box": [x_min, y_min, x_max, y_max], "score"}]}`. Each
  annotated photo has its line, since a photo that nobody looked at is no photo without a face.

Boxes are kept as they are given, also where they leave the photo.

Source:
    The COCO results format, cocodataset.org, "Results Format", "Object Detection".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.categories import choose_categories
from facesmith.annotations.files import read_content, read_text
from facesmith.errors import AnnotationError, DetectionsError
from facesmith.faces import Faces
from facesmith.images import read_image

# Pixels; no photo is so large, and float32 still holds it: what lies beyond is a mistake.
_FARTHEST = 1e9


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes of one photo with the scores of any detector, in the order given.

    Unlike `Faces`, whose scores are probabilities, the scores are any real numbers, of which only
    the order means something.

    Attributes:
        boxes: float64 `(n, 4)` as `(x_min, y_min, x_max, y_max)`, pixels of the upright photo,
            continuous edges. Read-only.
        scores: float64 `(n,)`, finite. Read-only.

    Raises:
        ValueError: If a shape is wrong, a value is not finite, or a box has swapped edges.
    """

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        boxes = np.array(self.boxes, dtype=np.float64)
        scores = np.array(self.scores, dtype=np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != (len(boxes),):
            raise ValueError(
                "`boxes` must have shape (n, 4) and `scores` (n,); got "
                f"{boxes.shape} and {scores.shape}."
            )
        if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
            raise ValueError("`boxes` and `scores` must be finite.")
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise ValueError("`boxes` must have x_min <= x_max and y_min <= y_max.")
        boxes.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)

    def __len__(self) -> int:
        return len(self.scores)


def find_faces(
    detector: Callable[..., Faces],
    photos: Sequence[AnnotatedPhoto],
    *,
    min_score: float | None,
    progress: Callable[[], object] | None = None,
) -> list[Faces]:
    """Run a detector over annotated photos in their full size.

    Args:
        detector: Called as `detector(image, min_score=...)` with the image in BGR, as
            `facesmith.load_detector` returns it.
        photos: The photos.
        min_score: Leave out faces with a lower score; `None`: the detector's own threshold.
        progress: Called once for every photo.

    Returns:
        What was found in each photo, same order.

    Raises:
        ImageError: If a photo cannot be read.
    """
    found = []
    for photo in photos:
        found.append(detector(read_image(photo.path), min_score=min_score))
        if progress is not None:
            progress()
    return found


def read_detections(
    path: str | Path,
    annotations_path: str | Path,
    photos: Sequence[AnnotatedPhoto],
    *,
    allow_others: bool = False,
) -> list[Faces]:
    """Read what a detector found, where its scores are probabilities.

    Args:
        path: The file, in one of the forms above.
        annotations_path: The annotations of the photos; COCO results take their ids from it.
        photos: The photos, as `load_annotations` gives them.
        allow_others: Pass over the lines of files that are none of the photos, rather than
            raise; for photos that had to be left out. COCO ids must be in the annotations anyway.

    Returns:
        One `Faces` a photo, in the order of `photos`, boxes in the order of the file.

    Raises:
        DetectionsError: If the file or an entry of it cannot be used, or a score lies outside
            [0, 1].
    """
    found = read_any_scores(path, annotations_path, photos, allow_others=allow_others)
    return as_faces(found, photos, path)


def as_faces(
    found: Sequence[Detections], photos: Sequence[AnnotatedPhoto], path: str | Path
) -> list[Faces]:
    """Detections whose scores are probabilities as `Faces`, float32.

    Args:
        found: The detections of each photo.
        photos: The photos, same order, to name one in a message.
        path: Where the detections come from, likewise.

    Raises:
        DetectionsError: If a score lies outside [0, 1].
    """
    for photo, detections in zip(photos, found, strict=True):
        outside = detections.scores[(detections.scores < 0) | (detections.scores > 1)]
        if len(outside):
            raise DetectionsError(
                f"{path}: expected scores that are probabilities, from 0 to 1, got {outside[0]:g} "
                f"in {photo.name}. Map the scores into this range, for example with a sigmoid; "
                "`facesmith benchmark coco` takes any scores as they are."
            )
    return [Faces(d.boxes.astype(np.float32), d.scores.astype(np.float32)) for d in found]


def read_any_scores(
    path: str | Path,
    annotations_path: str | Path,
    photos: Sequence[AnnotatedPhoto],
    *,
    allow_others: bool = False,
) -> list[Detections]:
    """Read what a detector found, whatever range its scores are in; see `read_detections`."""
    path = Path(path)
    try:
        text = read_text(path)
    except AnnotationError as error:
        raise DetectionsError(str(error)) from error
    rows: list[list[list[float]]] = [[] for _ in photos]
    if text.lstrip().startswith("["):
        for index, row in _coco_results(path, text, Path(annotations_path), photos):
            rows[index].append(row)
    else:
        finder = _PhotoFinder(photos)
        seen: dict[int, str] = {}
        for where, file, faces in _json_lines(path, text):
            found = finder.find(file)
            if found is None and allow_others:
                continue
            if found is None:
                raise DetectionsError(
                    f"{where}: {file} is none of the {len(photos)} annotated photos. Remove the "
                    "line, or annotate the photo."
                )
            if found in seen:
                raise DetectionsError(
                    f"{where}: {file} has a line already, {seen[found]}. Keep one of the two."
                )
            seen[found] = where
            rows[found] = [_face(f"{where}, faces[{i}]", face) for i, face in enumerate(faces)]
        missing = [photo.name for i, photo in enumerate(photos) if i not in seen]
        if missing:
            more = f" and of {len(missing) - 1} more" if len(missing) > 1 else ""
            raise DetectionsError(
                f"{path}: expected a line for each of the {len(photos)} annotated photos, the one "
                f"of {missing[0]}{more} is missing. Run the detector on all of them; a photo "
                'without a face has a line with "faces": [].'
            )
    tables = [np.array(table, np.float64).reshape(-1, 5) for table in rows]
    return [Detections(table[:, :4], table[:, 4]) for table in tables]


def _coco_results(
    path: Path, text: str, annotations_path: Path, photos: Sequence[AnnotatedPhoto]
) -> Iterator[tuple[int, list[float]]]:
    """Photo and row, `x_min, y_min, x_max, y_max, score`, of each detection of a face."""
    entries = _json(f"{path}", text)
    photo_of_id, faces = _coco_ids(path, annotations_path, photos)
    for position, entry in enumerate(entries):
        where = f"{path.name} entry {position}"
        if not isinstance(entry, dict):
            raise DetectionsError(f"{where}: expected an object, got {_short(entry)}.")
        image_id = entry.get("image_id")
        if not _is_id(image_id) or image_id not in photo_of_id:
            raise DetectionsError(
                f"{where}: its `image_id` {_short(image_id)} stands for no photo of "
                f"{annotations_path}."
            )
        category_id = entry.get("category_id")
        if category_id is not None or len(faces) != 1:  # one category need not be named
            if not _is_id(category_id) or category_id not in faces:
                known = ", ".join(map(repr, faces))
                raise DetectionsError(
                    f"{where}: its `category_id` {_short(category_id)} is none of "
                    f"{annotations_path}, which has {known}."
                )
            if not faces[category_id]:
                continue
        x, y, width, height = _four(where, "bbox", entry.get("bbox"))
        if min(width, height) < 0:
            raise DetectionsError(
                f"{where}: expected a width and a height of at least 0, got {width:g} and "
                f"{height:g}."
            )
        score = _number(where, "score", entry.get("score"))
        index = photo_of_id[image_id]
        if index is not None:  # else the annotations could not be used, which was said
            yield index, [x, y, x + width, y + height, score]


def _coco_ids(
    path: Path, annotations_path: Path, photos: Sequence[AnnotatedPhoto]
) -> tuple[dict[Any, int | None], dict[Any, bool]]:
    """Id of an image -> its photo, `None` if it was left out; id of a category -> is it a face."""
    try:
        content = json.loads(read_content(annotations_path))
        images, categories = content["images"], content.get("categories") or []
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DetectionsError(
            f"{path} holds COCO results, whose image ids only COCO annotations explain; "
            f"{annotations_path} holds none. Pass the JSON lines that `facesmith detect --json` "
            "writes."
        ) from None
    index_of_name = {photo.name: index for index, photo in enumerate(photos)}
    photo_of_id: dict[Any, int | None] = {}
    for image in images:
        if isinstance(image, dict) and _is_id(image.get("id")):
            name = PurePosixPath(str(image.get("file_name", "")).replace("\\", "/")).as_posix()
            photo_of_id.setdefault(image["id"], index_of_name.get(name))
    names = {
        category["id"]: str(category.get("name", category["id"]))
        for category in categories
        if isinstance(category, dict) and _is_id(category.get("id"))
    } or {
        annotation["category_id"]: str(annotation["category_id"])
        for annotation in content.get("annotations") or []
        if isinstance(annotation, dict) and _is_id(annotation.get("category_id"))
    }
    chosen = choose_categories(annotations_path, names, None)
    return photo_of_id, {key: key in chosen for key in names}


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, str, list[Any]]]:
    """Place, file and faces of each line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path.name} line {number}"
        content = _json(where, line)
        if not isinstance(content, dict) or not isinstance(content.get("file"), str):
            raise DetectionsError(
                f"{where}: expected a line of `facesmith detect --json`, an object with `file` "
                f"and `faces`, got {_short(content)}."
            )
        if "error" in content:
            raise DetectionsError(
                f"{where}: {content['file']} could not be looked at: {content['error']} Mend or "
                "remove the photo, and detect again."
            )
        if not isinstance(content.get("faces"), list):
            raise DetectionsError(
                f"{where}: expected a list as `faces`, got {_short(content.get('faces'))}."
            )
        yield where, content["file"], content["faces"]


class _PhotoFinder:
    """Finds the photo that a file's path means: the same file, else the same name at its end."""

    def __init__(self, photos: Sequence[AnnotatedPhoto]) -> None:
        self._paths = {photo.path.resolve(): index for index, photo in enumerate(photos)}
        self._names = {photo.name: index for index, photo in enumerate(photos)}

    def find(self, file: str) -> int | None:
        same = self._paths.get(Path(file).resolve())
        if same is not None:
            return same
        parts = PurePosixPath(file.replace("\\", "/")).parts
        # The longest name is the surest: a/1.jpg before 1.jpg.
        names = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((self._names[name] for name in names if name in self._names), None)


def _face(where: str, face: Any) -> list[float]:
    if not isinstance(face, dict):
        raise DetectionsError(f"{where}: expected an object, got {_short(face)}.")
    box = _four(where, "box", face.get("box"))
    if box[2] < box[0] or box[3] < box[1]:
        shown = ", ".join(f"{edge:g}" for edge in box)
        raise DetectionsError(
            f"{where}: expected x_min, y_min, x_max, y_max, of which the last two are not below "
            f"the first two, got {shown}."
        )
    return [*box, _number(where, "score", face.get("score"))]


def _four(where: str, key: str, value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) != 4:
        raise DetectionsError(f"{where}: expected four numbers as `{key}`, got {_short(value)}.")
    numbers = [_number(where, key, number) for number in value]
    if max(map(abs, numbers)) > _FARTHEST:
        raise DetectionsError(f"{where}: expected pixels as `{key}`, got {_short(value)}.")
    return numbers


def _number(where: str, key: str, value: Any) -> float:
    if type(value) not in (int, float):  # true and false are no numbers
        raise DetectionsError(f"{where}: expected a number as `{key}`, got {_short(value)}.")
    try:
        number = float(value)
    except OverflowError:  # JSON allows whole numbers of any length
        number = inf
    if not isfinite(number):
        raise DetectionsError(f"{where}: expected a finite number as `{key}`, got {number}.")
    return number


def _is_id(value: Any) -> bool:
    return type(value) in (int, str)


def _json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DetectionsError(f"{where}: not valid JSON: {error}.") from error


def _short(value: Any) -> str:
    """A value as JSON, cut to what fits into a message."""
    if value is None:
        return "nothing"
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
