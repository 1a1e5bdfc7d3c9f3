"""COCO JSON, read and written; its boxes `[x, y, width, height]` become corners.

Source:
    The COCO data format, cocodataset.org, "Object Detection": coordinates are measured from the top
    left corner of the photo and count from 0, fractions are allowed, so the edges are continuous.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any, Literal

from facesmith.annotations.categories import choose_categories
from facesmith.annotations.coco_points import keypoints, names_of_points, read_points
from facesmith.annotations.destinations import Destination
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import read_json, shortened
from facesmith.annotations.keypoints import points_of_arrays
from facesmith.annotations.passed_over import (
    ATTRIBUTES,
    DETAILS,
    OTHER_CATEGORIES,
    SCORES,
    STATED_ROTATIONS,
)
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.annotations.values import Ids, flag, is_id, plain_id, stated_size, words_of
from facesmith.errors import AnnotationError
from facesmith.faces import LANDMARK_NAMES
from facesmith.files import write_bytes

# Keys of an image under which other formats have its boxes.
_BOX_KEYS = ("annotations", "annotation", "objects", "bbox", "bboxes", "boxes", "faces")
Kind = Literal["face", "ignored", "other"]  # of the boxes of a category


def read_coco(path: Path, log: ProblemLog, categories: Sequence[str] | None) -> list[PhotoEntry]:
    """Photos of a COCO file, in the order of its `images`.

    Ids are compared as numbers: 7, 7.0 and "7" are one. Boxes of an id that stands for no photo
    make those photos incomplete to which they may belong.

    `iscrowd`, the key `ignore` that some tools add, and the category `unsure` make a box ignored.
    Of `attributes`, which CVAT and others write, words are kept, and true and false as `yes` and
    `no`; numbers are not. `keypoints` are told by the names that the category gives them; points
    other than the five of a face are passed over.

    Raises:
        AnnotationError: If the file as a whole cannot be used.
    """
    content = load_json(path)
    kinds = kinds_of_categories(path, content, categories)
    names = names_of_points(content)
    ids: Ids[PhotoEntry] = Ids()
    entries: list[PhotoEntry] = []
    left_out: Ids[str] = Ids()  # ids of photos that are no entries
    for position, image in enumerate(content["images"]):
        entry = _read_image(f"{path.name} images[{position}]", image, path, log)
        if entry is None:
            if isinstance(image, dict) and is_id(image.get("id")):
                left_out.add(image["id"], "")
            continue
        if any(image.get(key) and isinstance(image[key], list | dict) for key in _BOX_KEYS):
            log.lose_box(
                entry,
                entry.where,
                "expected its boxes in the list `annotations`, got some in the image.",
            )
        first = ids.add(image["id"], entry)
        if first is None:
            entries.append(entry)
            continue
        log.add(
            entry.where,
            f"the id is taken: it stands for {first.name} already, and now for {entry.name}, "
            "which is left out.",
            "photo",
        )
        # Which of the two the boxes of this id belong to, nobody can tell.
        first.complete = False
    unclear = lost = False
    for position, annotation in enumerate(content["annotations"]):
        where = f"{path.name} annotations[{position}]"
        if not isinstance(annotation, dict):
            log.add(where, f"expected an object, got {shortened(annotation)}.", "box")
            unclear = True
            continue
        if "id" in annotation:
            where = f"{path.name} annotation {shortened(annotation['id'])}"
        image_id = annotation.get("image_id")
        found = ids.get(image_id)
        if found is not None:
            _read_annotation(f"{where} ({found.name})", annotation, found, kinds, names, log)
            continue
        log.add(
            where, f"its `image_id` {shortened(image_id)} stands for no photo of the file.", "box"
        )
        if left_out.get(image_id) is None:
            unclear |= not ids.is_another(image_id)
            lost = True
    for entry in entries:
        if unclear or (lost and not entry.boxes):
            entry.complete = False  # the boxes that belong to no photo may be its own
    return entries


def _read_image(where: str, image: Any, path: Path, log: ProblemLog) -> PhotoEntry | None:
    if not isinstance(image, dict) or not is_id(image.get("id")):
        log.add(where, f"expected an object with an `id`, got {shortened(image)}.", "photo")
        return None
    where = f"{path.name} image {image['id']}"
    if not isinstance(image.get("file_name"), str) or not image["file_name"]:
        got = shortened(image.get("file_name"))
        log.add(where, f"expected a text as `file_name`, got {got}.", "photo")
        return None
    try:
        size_wh = stated_size(image.get("width"), image.get("height"))
    except ValueError:
        shown = f"{shortened(image.get('width'))} and {shortened(image.get('height'))}"
        log.add(
            where,
            f"expected numbers as `width` and `height`, got {shown}: whether its boxes fit the "
            "photo cannot be told. The photo is left out.",
            "photo",
        )
        return None
    return PhotoEntry(
        where, image["file_name"], size_wh=size_wh, source=str(image.get("source") or "")
    )


def write_coco(path: str | Path, photos: Sequence[AnnotatedPhoto]) -> None:
    """Write annotated photos, in this order, as COCO JSON with the one category `face`.

    Ignored boxes get `iscrowd` 1; boxes without points have no `keypoints`. Reading the file again
    gives the same boxes and points.
    """
    write_bytes(path, _content(photos))


def coco_files(
    photos: Sequence[AnnotatedPhoto], destination: Destination
) -> Iterator[tuple[str, bytes]]:
    """The one file of COCO annotations, see `write_coco`."""
    del destination  # the names begin below the folder of the photos, wherever it is
    yield "labels.json", _content(photos)


def _content(photos: Sequence[AnnotatedPhoto]) -> bytes:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, photo in enumerate(photos, start=1):
        images.append(
            {
                "id": image_id,
                "file_name": photo.name,
                "width": photo.width,
                "height": photo.height,
                **({"source": photo.source} if photo.source else {}),
            }
        )
        for box, ignored, attributes, points in zip(
            photo.boxes.tolist(),
            photo.ignored.tolist(),
            photo.attributes,
            points_of_arrays(photo.landmarks, photo.landmark_visibility),
            strict=True,
        ):
            x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(ignored),
                    **({"attributes": dict(attributes)} if attributes else {}),
                    **({} if points is None else keypoints(points)),
                }
            )
    category: dict[str, Any] = {"id": 1, "name": "face"}
    if any(photo.has_points.any() for photo in photos):
        category["keypoints"] = list(LANDMARK_NAMES)
    content = {"images": images, "annotations": annotations, "categories": [category]}
    return (json.dumps(content) + "\n").encode()


def load_json(path: Path) -> dict[str, Any]:
    """The content of COCO object detection JSON, or an `AnnotationError`."""
    content = read_json(path)
    if isinstance(content, list):
        raise AnnotationError(
            f"{path}: expected a JSON object, got a list. Are these a detector's results, or a "
            "part of a COCO file?"
        )
    if not isinstance(content, dict):
        raise AnnotationError(f"{path}: expected a JSON object, got {shortened(content)}.")
    for key in ("images", "annotations"):
        if not isinstance(content.get(key), list):
            raise AnnotationError(
                f"{path}: expected a list under the key `{key}`, got "
                f"{shortened(content.get(key))}. Is it COCO object detection JSON?"
            )
    return content


def kinds_of_categories(
    path: Path, content: dict[str, Any], wanted: Sequence[str] | None
) -> Ids[Kind]:
    """Category id -> what its boxes are."""
    listed = content.get("categories") or []
    if not isinstance(listed, list):
        raise AnnotationError(
            f"{path}: expected a list under the key `categories`, got {shortened(listed)}."
        )
    names: dict[int | str, str] = {}
    for category in listed:
        key = plain_id(category.get("id")) if isinstance(category, dict) else None
        if key is None:
            raise AnnotationError(
                f"{path}: expected an object with an `id` as a category, got "
                f"{shortened(category)}: which boxes are faces cannot be told. Mend it."
            )
        name = category.get("name")
        name = str(key) if name is None else str(name)
        if names.setdefault(key, name).strip().lower() != name.strip().lower():
            raise AnnotationError(
                f"{path}: the category id {shortened(key)} stands for {shortened(names[key])} and "
                f"for {shortened(name)}: which boxes are faces cannot be told. Mend it."
            )
    if not names:
        found = {
            plain_id(annotation.get("category_id"))
            for annotation in content["annotations"]
            if isinstance(annotation, dict)
        }
        names = {key: str(key) for key in sorted(found - {None}, key=str) if key is not None}
    chosen = choose_categories(path, names, wanted)
    kinds: Ids[Kind] = Ids()
    for key in names:
        kinds.add(key, "other" if key not in chosen else "ignored" if chosen[key] else "face")
    return kinds


def _read_annotation(
    where: str,
    annotation: dict[str, Any],
    entry: PhotoEntry,
    kinds: Ids[Kind],
    names: Ids[Any],
    log: ProblemLog,
) -> None:
    category_id = annotation.get("category_id")
    kind = kinds.get(category_id)
    if kind is None:
        log.lose_box(
            entry, where, f"its `category_id` {shortened(category_id)} is none of the file's."
        )
        return
    if kind == "other":
        entry.passed_over.add(OTHER_CATEGORIES)
        return
    box = annotation.get("bbox")
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(type(number) in (int, float) for number in box)  # true and false are no numbers
    ):
        log.lose_box(entry, where, f"expected four numbers as `bbox`, got {shortened(box)}.")
        return
    try:
        x, y, width, height = (float(number) for number in box)
    except OverflowError:  # JSON allows whole numbers of any length
        x = y = width = height = inf
    ignored = kind == "ignored"
    for key in ("iscrowd", "ignore"):
        said = flag(annotation.get(key))
        if said is None:
            log.lose_box(
                entry, where, f"expected 0 or 1 as `{key}`, got {shortened(annotation[key])}."
            )
            return
        ignored |= said
    attributes = words_of(annotation.get("attributes"))
    entry.passed_over |= _not_kept(annotation)
    points = read_points(where, annotation, names.get(category_id), entry, log)
    corners = (x, y, x + width, y + height)
    entry.boxes.append(BoxEntry(where, corners, ignored, attributes, points))


def _not_kept(annotation: dict[str, Any]) -> set[str]:
    """What an annotation says besides its box and words."""
    found = set()
    if annotation.get("segmentation"):
        found.add(DETAILS)
    if annotation.get("score") is not None:
        found.add(SCORES)
    attributes = annotation.get("attributes")
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        if not isinstance(value, bool | str) and value:
            found.add(STATED_ROTATIONS if name == "rotation" else ATTRIBUTES)
    return found
