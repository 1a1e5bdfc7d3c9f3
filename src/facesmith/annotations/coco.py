"""COCO JSON, read and written; its boxes `[x, y, width, height]` become corners.

Source:
    The COCO data format, cocodataset.org, "Object Detection": coordinates are measured from the top
    left corner of the photo and count from 0, fractions are allowed, so the edges are continuous.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

from facesmith.annotations.categories import choose_categories
from facesmith.annotations.entries import BoxEntry, PhotoEntry, ProblemLog
from facesmith.annotations.files import read_content, shortened
from facesmith.annotations.photos import AnnotatedPhoto
from facesmith.errors import AnnotationError
from facesmith.files import write_bytes


def read_coco(path: Path, log: ProblemLog, categories: Sequence[str] | None) -> list[PhotoEntry]:
    """Photos of a COCO file, in the order of its `images`.

    `iscrowd`, and the key `ignore` that some tools add, make a box ignored. Of `attributes`, which
    CVAT and others write, words are kept, and true and false as `yes` and `no`; numbers are not.

    Raises:
        AnnotationError: If the file as a whole cannot be used.
    """
    content = load_json(path)
    faces = face_categories(path, content, categories)
    entries: dict[int | str, PhotoEntry] = {}
    for position, image in enumerate(content["images"]):
        where = f"{path.name} images[{position}]"
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
            log.add(where, f"expected an object with an `id`, got {shortened(image)}.", "photo")
            continue
        where = f"{path.name} image {image['id']}"
        if not isinstance(image.get("file_name"), str) or not image["file_name"]:
            got = shortened(image.get("file_name"))
            log.add(where, f"expected a text as `file_name`, got {got}.", "photo")
            continue
        if image["id"] in entries:
            taken = entries[image["id"]].name
            log.add(
                where,
                f"the id is taken: it stands for {taken} already, and now for "
                f"{image['file_name']}, which is left out.",
                "photo",
            )
            # Which of the two the boxes of this id belong to, nobody can tell.
            entries[image["id"]].complete = False
            continue
        entries[image["id"]] = PhotoEntry(
            where,
            image["file_name"],
            size_wh=_size(image.get("width"), image.get("height")),
            source=str(image.get("source") or ""),
        )
    for position, annotation in enumerate(content["annotations"]):
        where = f"{path.name} annotations[{position}]"
        _read_annotation(where, annotation, entries, faces, log)
    return list(entries.values())


def write_coco(path: str | Path, photos: Sequence[AnnotatedPhoto]) -> None:
    """Write annotated photos, in this order, as COCO JSON with the one category `face`.

    Ignored boxes get `iscrowd` 1. Reading the file again gives the same boxes.
    """
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
        for box, ignored, attributes in zip(
            photo.boxes.tolist(), photo.ignored.tolist(), photo.attributes, strict=True
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
                }
            )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face"}],
    }
    write_bytes(path, (json.dumps(content) + "\n").encode())


def load_json(path: Path) -> dict[str, Any]:
    """The content of COCO object detection JSON, or an `AnnotationError`."""
    try:
        content = json.loads(read_content(path))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise AnnotationError(f"{path}: expected a JSON object, got a {type(content).__name__}.")
    for key in ("images", "annotations"):
        if not isinstance(content.get(key), list):
            raise AnnotationError(
                f"{path}: expected a list under the key `{key}`, got "
                f"{shortened(content.get(key))}. Is it COCO object detection JSON?"
            )
    return content


def face_categories(
    path: Path, content: dict[str, Any], wanted: Sequence[str] | None
) -> dict[Any, bool]:
    """Category id -> whether it is a face."""
    names = {}
    listed = content.get("categories")
    for category in listed if isinstance(listed, list) else []:
        if isinstance(category, dict) and isinstance(category.get("id"), int | str):
            names[category["id"]] = str(category.get("name", category["id"]))
    if not names:
        found = {
            annotation["category_id"]
            for annotation in content["annotations"]
            if isinstance(annotation, dict) and isinstance(annotation.get("category_id"), int | str)
        }
        names = {key: str(key) for key in sorted(found, key=str)}
    chosen = choose_categories(path, names, wanted)
    return {key: key in chosen for key in names}


def _read_annotation(
    where: str,
    annotation: Any,
    entries: dict[int | str, PhotoEntry],
    faces: dict[Any, bool],
    log: ProblemLog,
) -> None:
    if not isinstance(annotation, dict):
        log.add(where, f"expected an object, got {shortened(annotation)}.", "box")
        return
    if "id" in annotation:
        where = f"{where.partition('annotations[')[0]}annotation {shortened(annotation['id'])}"
    image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
    entry = entries.get(image_id) if isinstance(image_id, int | str) else None
    if entry is None:
        log.add(
            where, f"its `image_id` {shortened(image_id)} stands for no photo of the file.", "box"
        )
        return
    where = f"{where} ({entry.name})"
    if not isinstance(category_id, int | str) or category_id not in faces:
        log.add(where, f"its `category_id` {shortened(category_id)} is none of the file's.", "box")
        entry.complete = False
        return
    if not faces[category_id]:
        return
    box = annotation.get("bbox")
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(type(number) in (int, float) for number in box)  # true and false are no numbers
    ):
        log.add(where, f"expected four numbers as `bbox`, got {shortened(box)}.", "box")
        entry.complete = False
        return
    try:
        x, y, width, height = (float(number) for number in box)
    except OverflowError:  # JSON allows whole numbers of any length
        x = y = width = height = inf
    ignored = bool(annotation.get("iscrowd")) or bool(annotation.get("ignore"))
    attributes = _words(annotation.get("attributes"))
    entry.boxes.append(BoxEntry(where, (x, y, x + width, y + height), ignored, attributes))


def _words(attributes: Any) -> dict[str, str]:
    """What `attributes` says in words."""
    if not isinstance(attributes, dict):
        return {}
    words: dict[str, str] = {}
    for name, value in attributes.items():
        if isinstance(value, bool):
            words[name] = "yes" if value else "no"
        elif isinstance(value, str) and value:
            words[name] = value
    return words


def _size(width: Any, height: Any) -> tuple[int, int] | None:
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None
