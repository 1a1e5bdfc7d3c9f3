"""Small annotation files and photos, written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from facesmith.annotations import Annotations

WIDER_FLAGS = "0 0 0 0 0 0"


def save(path: Path, size_wh: tuple[int, int] = (200, 100), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, (90, 120, 150)).save(path, **options)
    return path


def save_turned(path: Path, size_wh: tuple[int, int], orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(path, size_wh, exif=exif)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def coco(
    path: Path,
    boxes: dict[str, list[Any]],
    *,
    categories: Sequence[str] = ("face",),
    **more: Any,
) -> Path:
    """A COCO file: photo -> its bboxes, or whole annotations as dictionaries."""
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, start=1)],
        **more,
    }
    for image_id, (name, found) in enumerate(boxes.items(), start=1):
        content["images"].append({"id": image_id, "file_name": name})
        for box in found:
            annotation = box if isinstance(box, dict) else {"bbox": box}
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    **annotation,
                }
            )
    return write(path, json.dumps(content))


def voc_xml(
    *boxes: Sequence[object],
    filename: str | None = None,
    name: str = "face",
    size: tuple[int, int] | None = None,
    more: str = "",
) -> str:
    objects = "".join(
        f"<object><name>{name}</name>{more}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for x1, y1, x2, y2 in boxes
    )
    file = f"<filename>{filename}</filename>" if filename else ""
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<annotation>{file}{stated}{objects}</annotation>"


def boxes_of(annotations: Annotations) -> dict[str, list[list[float]]]:
    return {photo.name: photo.boxes.tolist() for photo in annotations.photos}


def told(annotations: Annotations) -> list[tuple[str, str]]:
    """Where each problem lies, and what it made leave out."""
    return [(problem.where, problem.skipped) for problem in annotations.problems]


WIDER_BOX = f"10 20 30 40 {WIDER_FLAGS}\n"
