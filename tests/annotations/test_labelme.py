"""Files of labelme as it writes them, and with odd content."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from annotation_files import boxes_of, save, told, write
from facesmith.annotations import Annotations, load_annotations
from facesmith.errors import AnnotationError


def labelme(*shapes: Any, **more: Any) -> str:
    content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg",
               "imageData": None, "imageHeight": 100, "imageWidth": 200}  # fmt: skip
    return json.dumps({**content, **more})


def shape(points: Any, label: Any = "face", kind: Any = "rectangle", **more: Any) -> Any:
    return {"label": label, "points": points, "group_id": None, "description": "",
            "shape_type": kind, "flags": {}, "mask": None, **more}  # fmt: skip


def read_labelme(tmp_path: Path, images: Path, *shapes: Any, **more: Any) -> Annotations:
    write(tmp_path / "labels/a.json", labelme(*shapes, **more))
    return load_annotations(tmp_path / "labels", images)


def only(found: Annotations) -> list[list[float]]:
    (photo,) = found.photos
    return [[round(edge, 3) for edge in each] for each in photo.boxes.tolist()]


def test_rectangles_have_two_opposite_corners(tmp_path: Path, images: Path) -> None:
    """In any order, or, by X-AnyLabeling, all four."""
    found = read_labelme(
        tmp_path,
        images,
        shape([[40.5, 20], [10, 60]], flags={"blurred": True, "turned": False}),
        shape([[50, 10], [70, 10], [70, 20], [50, 20]], attributes={"mask": "on"}, score=0.5),
        shape([[100, 50], [110, 60]], label="Unsure"),
    )
    assert only(found) == [[10, 20, 40.5, 60], [50, 10, 70, 20], [100, 50, 110, 60]]
    (photo,) = found.photos
    assert photo.ignored.tolist() == [False, False, True]
    assert photo.attributes == ({"blurred": "yes", "turned": "no"}, {"mask": "on"}, {})
    assert found.passed_over == {"scores": 1}


def test_files_beside_their_photos_and_apart_from_them(tmp_path: Path, images: Path) -> None:
    """`imagePath` counts from the file; moved files find the photo in the folder of their path."""
    one = shape([[10, 20], [40, 60]])
    write(images / "a.json", labelme(one))
    write(images / "other.json", '{"images": []}')
    assert boxes_of(load_annotations(images, images)) == {"a.jpg": [[10, 20, 40, 60]]}
    labels = tmp_path / "apart"
    write(labels / "x.json", labelme(one, imagePath="..\\photos\\a.jpg"))
    write(labels / "sub/b.json", labelme(imagePath="b.png"))
    write(labels / "c.json", labelme(one, imagePath="/home/me/photos/c.jpg"))
    found = load_annotations(labels, images)
    assert [photo.name for photo in found.photos] == ["c.jpg", "sub/b.png", "a.jpg"]
    single = load_annotations(labels / "x.json", images)
    assert boxes_of(single) == {"a.jpg": [[10, 20, 40, 60]]}


def test_a_linked_folder_of_photos_is_found(tmp_path: Path, images: Path) -> None:
    os.symlink(images, tmp_path / "link")  # noqa: PTH211
    save(images / "e.jpg")
    write(tmp_path / "labels/e.json", labelme(imagePath="../link/e.jpg"))
    write(tmp_path / "labels/a.json", labelme(imagePath="../photos/a.jpg"))
    for folder in (images, tmp_path / "link"):
        found = load_annotations(tmp_path / "labels", folder)
        assert [photo.name for photo in found.photos] == ["a.jpg", "e.jpg"]


def test_other_outlines(tmp_path: Path, images: Path) -> None:
    found = read_labelme(
        tmp_path,
        images,
        shape([[10, 20], [40.5, 30], [25, 60]], kind="polygon"),
        shape([[100, 50], [103, 54]], kind="circle"),  # a radius of 5
        shape([[150, 10], [160, 20], [150, 30], [140, 20]], kind="oriented_rectangle"),
        shape([[5, 5]], kind="point"),
        shape([[5, 5], [9, 9]], label="car"),
    )
    assert only(found) == [[10, 20, 40.5, 60], [95, 45, 105, 55], [140, 10, 160, 30]]
    assert 'got "point" of 1. Draw it as a rectangle' in found.problems[0].message
    assert len(found.passed_over) == 3
    assert not found.photos[0].complete


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (shape([[1, 2], [3]]), "expected `points` as"),
        (shape([[1, 2], [float("nan"), 9]]), "expected `points` as"),
        (shape([[1, 2], ["3", True]]), "expected `points` as"),
        (shape("points"), "expected `points` as"),
        (shape([]), "expected `points` as"),
        (shape([[10, 20], [10, 60]]), "expected a width and a height above 0"),
        (shape([[300, 20], [340, 60]]), "at least 50% of its area inside"),
        (shape([[10, 20], [40, 60]], kind=["rectangle"]), "expected a rectangle of two points"),
        (shape([[10, 20], [40, 60]], label=5), "expected a shape with a `label`"),
        ("face", "expected a shape with a `label`"),
    ],
)
def test_odd_shapes_are_left_out_and_named(
    tmp_path: Path, images: Path, odd: Any, message: str
) -> None:
    found = read_labelme(tmp_path, images, shape([[10, 20], [40, 60]]), odd)
    assert only(found) == [[10, 20, 40, 60]]
    assert not found.photos[0].complete
    assert message in found.problems[0].message
    assert found.problems[0].where == "a.json shape 2"


def test_odd_files_are_left_out_and_named(tmp_path: Path, images: Path) -> None:
    labels = tmp_path / "labels"
    write(labels / "a.json", labelme(shape([[10, 20], [40, 60]])))
    write(labels / "b1.json", labelme(imagePath=5))
    write(labels / "b2.json", labelme(shapes={}))
    write(labels / "b3.json", labelme(imageWidth="wide"))
    write(labels / "b4.json", labelme()[:-5])
    write(labels / "b5.json", labelme(imagePath="c.jpg", imageHeight=50))
    found = load_annotations(labels, images)
    assert boxes_of(found) == {"a.jpg": [[10, 20, 40, 60]]}
    assert told(found) == [(f"b{number}.json", "photo") for number in range(1, 6)]
    with pytest.raises(AnnotationError, match=r"other\.json: expected a JSON object with `shapes`"):
        load_annotations(write(tmp_path / "other.json", "{}"), images, format="labelme")
