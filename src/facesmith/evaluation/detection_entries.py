"""Entries of files of detections: from JSON to checked numbers, or a message with the place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from facesmith.annotations import AnnotatedPhoto
from facesmith.annotations.coco import Kind, kinds_of_categories, load_json
from facesmith.annotations.files import shortened
from facesmith.annotations.values import Ids, is_id, stated_size
from facesmith.errors import AnnotationError, DetectionsError
from facesmith.faces import N_LANDMARKS
from facesmith.printable import shortened_text
from facesmith.untrusted import ContentError, parsed_json

# Pixels; no photo is so large, and float32 still holds it: what lies beyond is a mistake.
_FARTHEST = 1e9
_LEFT_OUT = -1  # a photo whose annotations could not be used, which was said


def coco_results(
    path: Path,
    text: str,
    annotations_path: Path,
    photos: Sequence[AnnotatedPhoto],
    categories: Sequence[str] | None,
) -> Iterator[tuple[int, list[float], str, dict[str, Any]]]:
    """Of each detection of a face photo, `x_min, y_min, x_max, y_max, score`, place and entry."""
    entries = _json(f"{path}", text)
    photo_of_id, kinds = _coco_ids(path, annotations_path, photos, categories)
    for position, entry in enumerate(entries):
        where = f"{path.name} entry {position}"
        if not isinstance(entry, dict):
            raise DetectionsError(f"{where}: expected an object, got {shortened(entry)}.")
        image_id = entry.get("image_id")
        index = photo_of_id.get(image_id)
        if index is None:
            raise DetectionsError(
                f"{where}: its `image_id` {shortened(image_id)} stands for no photo of "
                f"{annotations_path}."
            )
        category_id = entry.get("category_id")
        # One category need not be named; annotations without a box or a category name none.
        if kinds and (category_id is not None or len(kinds) != 1):
            kind = kinds.get(category_id)
            if kind is None:
                known = shortened_text(", ".join(map(repr, kinds)))
                raise DetectionsError(
                    f"{where}: its `category_id` {shortened(category_id)} is none of "
                    f"{annotations_path}, which has {known}."
                )
            if kind != "face":
                continue
        x, y, width, height = _four(where, "bbox", entry.get("bbox"))
        if min(width, height) < 0:
            raise DetectionsError(
                f"{where}: expected a width and a height of at least 0, got {width:g} and "
                f"{height:g}."
            )
        score = _number(where, "score", entry.get("score"))
        if index != _LEFT_OUT:
            yield index, [x, y, x + width, y + height, score], where, entry


def _coco_ids(
    path: Path,
    annotations_path: Path,
    photos: Sequence[AnnotatedPhoto],
    wanted: Sequence[str] | None,
) -> tuple[Ids[int], Ids[Kind]]:
    """Id of an image -> its photo, or `_LEFT_OUT`; id of a category -> what its boxes are."""
    try:
        content = load_json(annotations_path)
    except AnnotationError:
        raise DetectionsError(
            f"{path} holds COCO results, whose image ids only COCO annotations explain; "
            f"{annotations_path} holds none. Pass the JSON lines that `facesmith detect --json` "
            "writes."
        ) from None
    index_of_name = {photo.name: index for index, photo in enumerate(photos)}
    photo_of_id: Ids[int] = Ids()
    for image in content["images"]:
        if isinstance(image, dict) and is_id(image.get("id")):
            name = PurePosixPath(str(image.get("file_name", "")).replace("\\", "/")).as_posix()
            photo_of_id.add(image["id"], index_of_name.get(name, _LEFT_OUT))
    return photo_of_id, kinds_of_categories(annotations_path, content, wanted)


def json_lines(
    path: Path, text: str
) -> Iterator[tuple[str, str, list[Any], tuple[float, float] | None]]:
    """Place, file, faces and the photo's width and height, if it states them, of each line."""
    # At line ends only: names may hold other characters that Python splits lines at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path.name} line {number}"
        content = _json(where, line)
        if not isinstance(content, dict) or not isinstance(content.get("file"), str):
            raise DetectionsError(
                f"{where}: expected a line of `facesmith detect --json`, an object with `file` "
                f"and `faces`, got {shortened(content)}."
            )
        if content.get("error") is not None:
            raise DetectionsError(
                f"{where}: {content['file']} could not be looked at: "
                f"{shortened_text(str(content['error']))} Mend or "
                "remove the photo, and detect again."
            )
        if not isinstance(content.get("faces"), list):
            raise DetectionsError(
                f"{where}: expected a list as `faces`, got {shortened(content.get('faces'))}."
            )
        try:
            size_wh = stated_size(content.get("width"), content.get("height"))
        except ValueError as error:
            raise DetectionsError(
                f"{where}: expected pixels as `width` and `height`, got {str(error)[:60]!r}."
            ) from None
        yield where, content["file"], content["faces"], size_wh


def check_size(where: str, photo: AnnotatedPhoto, size_wh: tuple[float, float] | None) -> None:
    """Refuse boxes in pixels of a photo of another size.

    Raises:
        DetectionsError: If a side is stated, not 0, and not the photo's.
    """
    for stated, found in zip(size_wh or (), (photo.width, photo.height), strict=False):
        if stated not in (0, found):
            raise DetectionsError(
                f"{where}: it states {' x '.join(f'{side:g}' for side in size_wh or ())} pixels "
                f"for {photo.name}, which has {photo.width} x {photo.height}, upright: its boxes "
                "would miss the faces. Detect in the photo itself, or scale `width`, `height` and "
                "the boxes."
            )


def face_row(where: str, face: Any) -> list[float]:
    """`x_min, y_min, x_max, y_max, score` of one entry of `faces`."""
    if not isinstance(face, dict):
        raise DetectionsError(f"{where}: expected an object, got {shortened(face)}.")
    box = _four(where, "box", face.get("box"))
    if box[2] < box[0] or box[3] < box[1]:
        shown = ", ".join(f"{edge:g}" for edge in box)
        raise DetectionsError(
            f"{where}: expected x_min, y_min, x_max, y_max, of which the last two are not below "
            f"the first two, got {shown}."
        )
    return [*box, _number(where, "score", face.get("score"))]


def points_of(where: str, entry: dict[str, Any]) -> list[list[float]]:
    """The five points `[x, y]` of an entry: `landmarks`, or `keypoints` of COCO results."""
    given = entry.get("landmarks")
    flat = entry.get("keypoints")
    if given is None and isinstance(flat, list) and len(flat) == 3 * N_LANDMARKS:
        given = [flat[start : start + 2] for start in range(0, len(flat), 3)]
    if (
        not isinstance(given, list)
        or len(given) != N_LANDMARKS
        or not all(isinstance(point, list) and len(point) == 2 for point in given)
    ):
        raise DetectionsError(
            f"{where}: expected five points [x, y] as `landmarks`, or five times x, y and a score "
            f"as `keypoints`, got {shortened(flat if given is None else given)}."
        )
    return [_pixels(where, "landmarks", point) for point in given]


def _pixels(where: str, key: str, value: Any) -> list[float]:
    numbers = [_number(where, key, number) for number in value]
    if max(map(abs, numbers)) > _FARTHEST:
        raise DetectionsError(f"{where}: expected pixels as `{key}`, got {shortened(value)}.")
    return numbers


def _four(where: str, key: str, value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) != 4:
        raise DetectionsError(f"{where}: expected four numbers as `{key}`, got {shortened(value)}.")
    return _pixels(where, key, value)


def _number(where: str, key: str, value: Any) -> float:
    if type(value) not in (int, float):  # true and false are no numbers
        raise DetectionsError(f"{where}: expected a number as `{key}`, got {shortened(value)}.")
    try:
        number = float(value)
    except OverflowError:  # JSON allows whole numbers of any length
        number = inf
    if not isfinite(number):
        raise DetectionsError(f"{where}: expected a finite number as `{key}`, got {number}.")
    return number


def _json(where: str, text: str) -> Any:
    try:
        return parsed_json(text, where)
    except ContentError as error:
        raise DetectionsError(str(error)) from error
