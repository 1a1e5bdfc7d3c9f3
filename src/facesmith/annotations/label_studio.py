"""Label Studio's JSON of tasks, read and written: one file, an object for each photo.

`x, y, width, height` are percent of the upright photo's width and height. Ignored regions are
rectangles with the label `unsure`. Tasks are written for this labelling interface:

    <View>
      <Image name="image" value="$image"/>
      <RectangleLabels name="label" toName="image">
        <Label value="face"/>
        <Label value="unsure"/>
      </RectangleLabels>
    </View>

Source:
    Label Studio's documentation, "Label Studio JSON format", "Import pre-annotated data" and
    "RectangleLabels": a `rotation` is in degrees, clockwise, about the top left corner of the
    rectangle; that of an ellipse about its centre.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from facesmith._version import __version__
from facesmith.annotations.categories import UNSURE, choose_categories
from facesmith.annotations.destinations import Destination
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import read_json, shortened
from facesmith.annotations.outlines import (
    Corners,
    around_ellipse,
    around_points,
    around_turned,
    numbers_of,
)
from facesmith.annotations.passed_over import (
    ANSWERS,
    OTHER_CATEGORIES,
    OUTLINES,
    PROPOSED,
    ROTATIONS,
    SCORES,
    SEVERAL,
)
from facesmith.annotations.photo_paths import is_file, known_name
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.values import number_of, stated_size
from facesmith.errors import AnnotationError, ImageError
from facesmith.images import IMAGE_SUFFIXES, read_size

_FILE = "file_name"  # where the tasks that are written here have the photo's name
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before names of uploads
_SHAPES = ("rectangle", "polygon", "ellipse")
_MOST_PERCENT = 200  # of what is a mistake, not a box across the border


@dataclass(frozen=True)
class _Result:
    where: str
    entry: PhotoEntry
    labels: tuple[str, ...]
    content: dict[str, Any]


def read_label_studio(
    path: Path, images_dir: Path, log: ProblemLog, categories: Sequence[str] | None
) -> list[PhotoEntry]:
    """Photos of a JSON file of tasks, in its order.

    Of several annotations of a task the one that is marked as ground truth counts, else the last. A
    task without any, or that was skipped, is left out, as nobody has judged its photo; but if the
    file has no annotation at all, the last prediction of each task counts. Of rotated rectangles,
    polygons and ellipses the upright rectangle around them is taken. Rectangles with the label
    `unsure` are ignored.

    Raises:
        AnnotationError: If the file as a whole cannot be used, or the label is not clear.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise AnnotationError(
            f"{path}: expected a list of Label Studio tasks, got {shortened(tasks)}. Export JSON."
        )
    entries: list[PhotoEntry] = []
    results: list[_Result] = []
    proposed = not any(map(_submitted, tasks))
    for position, task in enumerate(tasks):
        where = f"{path.name} task {position}"
        said = _said(where, task, log, proposed=proposed)
        if said is None:
            continue
        found = said[-1]["result"]
        name = _photo_name(task["data"], images_dir)
        if name is None:
            got = shortened(task["data"])
            log.add(where, f"expected a photo's address in `data`, got {got}.", "photo")
            continue
        entry = PhotoEntry(f"{where} ({name})", name)
        entry.passed_over |= {SEVERAL} if len(said) > 1 else set()
        entry.passed_over |= {PROPOSED} if proposed else set()
        if not _add_size(entry, found, images_dir, log):
            continue
        entries.append(entry)
        for place, each in enumerate(found):
            result = _result(f"{entry.where} result {place}", entry, each, log)
            if result is not None:
                results.append(result)
    names = {label: label for label in sorted({label for each in results for label in each.labels})}
    kept = choose_categories(path, names, categories) if results else {}
    for each in results:
        said = [kept[label] for label in each.labels if label in kept]
        if said:
            _read_result(each, log, ignored=any(said))
        else:
            each.entry.passed_over.add(OTHER_CATEGORIES)
    return entries


def _submitted(task: Any) -> list[dict[str, Any]]:
    """The annotations of a task that were not skipped."""
    given = task.get("annotations") if isinstance(task, dict) else None
    listed = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return [each for each in listed if each.get("was_cancelled") is not True]


def _said(where: str, task: Any, log: ProblemLog, *, proposed: bool) -> list[Any] | None:
    """The annotations, or proposals, of a task, the one that counts last."""
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        message = f"expected a task with `data`, got {shortened(task)}. Export JSON, not JSON-MIN."
        log.add(where, message, "photo")
        return None
    found = _submitted({"annotations": task.get("predictions")} if proposed else task)
    found.sort(key=lambda each: each.get("ground_truth") is True)
    if not found or not isinstance(found[-1].get("result"), list):
        log.add(
            where,
            f"expected `{'predictions' if proposed else 'annotations'}` with a list as `result`, "
            "got none: nobody has judged its photo. The photo is left out.",
            "photo",
            kind="not annotated",
            photo=where,
        )
        return None
    return found


def _photo_name(data: dict[str, Any], images_dir: Path) -> str | None:
    """The photo that a task shows, below the folder of the photos where it can be found there."""
    named = data.get(_FILE)
    if isinstance(named, str) and named:
        return known_name(named, images_dir)
    texts = [value for value in (data.get("image"), *data.values()) if isinstance(value, str)]
    for text in texts:
        try:
            address = urlsplit(text)
        except ValueError:  # an odd host
            continue
        local = parse_qs(address.query).get("d")
        path = local[0] if local else unquote(address.path)
        if not path.lower().endswith(IMAGE_SUFFIXES):
            continue
        name = known_name(path.replace("\\", "/").lstrip("/"), images_dir)
        last = name.rpartition("/")[2]
        for candidate in (name, last, _UPLOADED.sub("", last, count=1)):
            if is_file(images_dir / candidate):
                return candidate
        return name
    return None


def _add_size(entry: PhotoEntry, found: list[Any], images_dir: Path, log: ProblemLog) -> bool:
    """Give an entry the size that its results state, else that of the photo; whether it worked."""
    stated = [each for each in found if isinstance(each, dict) and "original_width" in each]
    try:
        for each in stated:
            size_wh = stated_size(each["original_width"], each.get("original_height"))
            if size_wh is not None and all(size_wh):
                entry.size_wh = size_wh
                return True
        entry.size_wh = read_size(images_dir / entry.name)
    except ValueError as error:
        got = str(error)[:60]
        message = f"expected numbers as `original_width` and `original_height`, got {got!r}."
        log.add(entry.where, f"{message} The photo is left out.", "photo")
        return False
    except ImageError as error:
        kind = "damaged" if is_file(images_dir / entry.name) else "missing"
        message = f"{error} The photo is left out."
        log.add(entry.where, message, "photo", kind=kind, photo=entry.name)
        return False
    return True


def _result(where: str, entry: PhotoEntry, content: Any, log: ProblemLog) -> _Result | None:
    """A result that outlines something, with its labels."""
    kind = content.get("type") if isinstance(content, dict) else None
    value = content.get("value") if isinstance(content, dict) else None
    if not isinstance(kind, str) or not isinstance(value, dict):
        if kind == "relation":
            return None
        log.lose_box(entry, where, f"expected a `type` and a `value`, got {shortened(content)}.")
        return None
    labels = value.get(kind)
    listed = labels if isinstance(labels, list) else []
    texts = tuple(label for label in listed if isinstance(label, str))
    if kind.endswith("labels") and texts and len(texts) == len(listed):
        return _Result(where, entry, texts, content)
    if kind in _SHAPES:  # an interface without labels: everything that is drawn is a face
        return _Result(where, entry, ("",), content)
    if kind.endswith("labels"):
        log.lose_box(entry, where, f"expected words as `{kind}`, got {shortened(labels)}.")
    else:
        entry.passed_over.add(ANSWERS)
    return None


def _read_result(result: _Result, log: ProblemLog, *, ignored: bool) -> None:
    entry, content = result.entry, result.content
    if entry.size_wh is None:
        return
    try:
        corners = _corners(content, entry, entry.size_wh)
    except ValueError as error:
        log.lose_box(entry, result.where, str(error))
        return
    if content.get("score") is not None:
        entry.passed_over.add(SCORES)
    entry.boxes.append(BoxEntry(result.where, corners, ignored, _attributes(content.get("meta"))))


def _corners(content: dict[str, Any], entry: PhotoEntry, size_wh: tuple[float, float]) -> Corners:
    """The upright rectangle of a result in pixels, or a `ValueError`."""
    kind = content["type"].removesuffix("labels")
    value: dict[str, Any] = content["value"]
    if content.get("image_rotation") not in (None, 0):
        raise ValueError(
            f"expected an upright photo, got the `image_rotation` "
            f"{shortened(content['image_rotation'])}. Turn the photo's file instead."
        )
    x_scale, y_scale = (side / 100 for side in size_wh)
    rotation = numbers_of({"rotation": 0, **value}, ("rotation",))[0]
    if kind == "rectangle":
        x, y, width, height = _percents(value, ("x", "y", "width", "height"))
        x_min, y_min = x * x_scale, y * y_scale
        corners = (x_min, y_min, x_min + width * x_scale, y_min + height * y_scale)
        if rotation == 0 or min(width, height) <= 0:
            return corners
        entry.passed_over.add(ROTATIONS)
        return around_turned(corners, rotation, (x_min, y_min))
    if kind == "ellipse":
        x, y, radius_x, radius_y = _percents(value, ("x", "y", "radiusX", "radiusY"))
        entry.passed_over.add(OUTLINES)
        half_axes = (radius_x * x_scale, radius_y * y_scale)
        return around_ellipse(x * x_scale, y * y_scale, half_axes, radians(rotation))
    points = value.get("points")
    if kind == "polygon" and isinstance(points, list) and points:
        found = []
        for point in points:
            pair = point if isinstance(point, list) else []
            x, y = _percents(dict(enumerate(pair)), (0, 1))
            found.append((x * x_scale, y * y_scale))
        entry.passed_over.add(OUTLINES)
        return around_points(found)
    raise ValueError(f"expected a rectangle, got {content['type'][:60]!r}. Draw it as one.")


def _percents(value: Mapping[Any, Any], names: Sequence[Any]) -> list[float]:
    found = numbers_of(value, names)
    largest = max(found, key=abs)
    if abs(largest) > _MOST_PERCENT:
        raise ValueError(
            "expected percent of the photo's width and height, from 0 to 100, got "
            f"{largest:g}. Are these pixels?"
        )
    return found


def _attributes(meta: Any) -> dict[str, str]:
    """The notes of a region that read `name: words`."""
    notes = meta.get("text") if isinstance(meta, dict) else None
    texts = [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
    pairs = [note.partition(": ") for note in texts]
    return {name: said for name, _, said in pairs if name and said}


def label_studio_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The one file of tasks, photos in their order; with predictions where boxes are proposals.

    Photos are named as Label Studio serves them from a local folder of which the folder of the
    photos is a part. Attributes become notes of the regions. The score of a proposal is 1 minus
    its doubt; that of a photo, the least of its boxes.
    """
    folder = destination.images_dir.resolve().name
    tasks = []
    for photo in photos:
        results = [_written(photo, place, destination) for place in range(len(photo.boxes))]
        said: dict[str, Any] = {"result": results}
        if destination.doubt:
            score = min((result["score"] for result in results), default=1.0)
            said |= {"model_version": f"facesmith {__version__}", "score": score}
        address = quote(f"{folder}/{photo.name}", errors="surrogateescape")
        tasks.append(
            {
                "data": {"image": f"/data/local-files/?d={address}", _FILE: photo.name},
                "predictions" if destination.doubt else "annotations": [said],
            }
        )
    yield "tasks.json", (json.dumps(tasks, indent=1) + "\n").encode()


def _written(photo: AnnotatedPhoto, place: int, destination: Destination) -> dict[str, Any]:
    """The result of a box."""
    x_min, y_min, x_max, y_max = photo.boxes[place].tolist()
    result: dict[str, Any] = {
        "id": str(place + 1),
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": photo.width,
        "original_height": photo.height,
        "image_rotation": 0,
        "value": {
            "x": 100 * x_min / photo.width,
            "y": 100 * y_min / photo.height,
            "width": 100 * (x_max - x_min) / photo.width,
            "height": 100 * (y_max - y_min) / photo.height,
            "rotation": 0,
            "rectanglelabels": [UNSURE if photo.ignored[place] else "face"],
        },
    }
    attributes = photo.attributes[place]
    if attributes:
        result["meta"] = {"text": [f"{name}: {said}" for name, said in attributes.items()]}
    if destination.doubt:
        result["score"] = round(1 - (number_of(attributes.get(destination.doubt)) or 0.0), 4)
    return result
