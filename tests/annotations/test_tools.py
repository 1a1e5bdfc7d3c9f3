"""Files of CVAT and Label Studio as the tools write them, and with odd content."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from annotation_files import boxes_of, told, write
from facesmith.annotations import Annotations, load_annotations
from facesmith.annotations.formats import detect_format
from facesmith.errors import AnnotationError

META = "<meta><task><labels>{}</labels></task><dumped>2026-01-01</dumped></meta>"  # as exported


def cvat(*elements: str, labels: tuple[str, ...] = ("face", "unsure"), name: str = "a.jpg") -> str:
    listed = "".join(f"<label><name>{label}</name><attributes/></label>" for label in labels)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f'{META.format(listed)}<image id="0" name="{name}" width="200" height="100">'
        f"{''.join(elements)}</image></annotations>"
    )


def box(*edges: object, label: str = "face", more: str = "", inner: str = "") -> str:
    said = " ".join(
        f'{name}="{edge}"' for name, edge in zip(("xtl", "ytl", "xbr", "ybr"), edges, strict=True)
    )
    return f'<box label="{label}" source="manual" occluded="0" {said} {more}>{inner}</box>'


def read_cvat(tmp_path: Path, images: Path, *elements: str, **more: Any) -> Annotations:
    return load_annotations(write(tmp_path / "c.xml", cvat(*elements, **more)), images)


def region(kind: str = "rectanglelabels", label: str = "face", **value: Any) -> dict[str, Any]:
    return {
        "id": "x", "type": kind, "from_name": "label", "to_name": "image",
        "original_width": 200, "original_height": 100, "image_rotation": 0,
        "value": {"rotation": 0, kind: [label], **value},
    }  # fmt: skip


RECTANGLE = {"x": 5, "y": 20, "width": 15, "height": 40}  # 10, 20, 40, 60 in pixels


def task(*results: Any, image: str = "/data/upload/1/1a2b3c4d-a.jpg", **more: Any) -> Any:
    annotations = [{"id": 1, "result": list(results), "was_cancelled": False}]
    return {"id": 7, "data": {"image": image}, "annotations": annotations, **more}


def read_tasks(tmp_path: Path, images: Path, *tasks: Any, **more: Any) -> Annotations:
    path = write(tmp_path / "t.json", json.dumps(list(tasks)))
    return load_annotations(path, images, **more)


def only(found: Annotations) -> list[list[float]]:
    (photo,) = found.photos
    return [[round(edge, 3) for edge in each] for each in photo.boxes.tolist()]


def test_formats_are_told_from_their_content(tmp_path: Path, images: Path) -> None:
    write(tmp_path / "c.txt", cvat())
    write(tmp_path / "t", json.dumps([task()]))
    write(tmp_path / "l/deep/a.json", '{"version": "5.5.0", "flags": {}, "shapes": []}')
    write(tmp_path / "l/other.json", '{"images": [], "shapes": []}')
    long = task(*[region(**RECTANGLE)] * 300)
    write(tmp_path / "long", json.dumps([{"annotations": long["annotations"], **long}]))
    write(tmp_path / "found.json", '[{"image_id": 1, "bbox": [1, 2, 3, 4]}]')
    names = ("c.txt", "t", "long", "l", "l/deep/a.json", "found.json")
    assert [detect_format(tmp_path / name) for name in names] == [
        "cvat", "label-studio", "label-studio", "labelme", "labelme", "coco",
    ]  # fmt: skip
    write(tmp_path / "export/annotations.xml", cvat())
    with pytest.raises(AnnotationError, match="cvat annotations are one file"):
        load_annotations(tmp_path / "export", images)


def test_cvat_boxes_attributes_and_unsure(tmp_path: Path, images: Path) -> None:
    said = '<attribute name="mask">on</attribute><attribute name="blurred">false</attribute>'
    found = read_cvat(
        tmp_path,
        images,
        box(10.25, 20, 40, 60, inner=said, more='z_order="1"').replace('ded="0"', 'ded="1"'),
        box(50, 10, 60, 20, label="unsure"),
        "<tag label='outdoor' source='manual'/>",
    )
    assert only(found) == [[10.25, 20, 40, 60], [50, 10, 60, 20]]
    (photo,) = found.photos
    assert photo.ignored.tolist() == [False, True]
    assert photo.attributes[0] == {"occluded": "yes", "mask": "on", "blurred": "no"}
    assert found.passed_over == {"answers that are no boxes": 1}


def test_cvat_names_from_further_up_are_found(tmp_path: Path, images: Path) -> None:
    found = read_cvat(tmp_path, images, box(1, 2, 30, 40), name="photos/sub/b.png")
    assert [photo.name for photo in found.photos] == ["sub/b.png"]


# A square of 20 turned by 45 degrees reaches sqrt(200) to each side of its centre; a box of 40x20
# turned by 90 degrees about its centre is 20x40.
ROTATED = [
    (box(40, 40, 60, 60, more='rotation="45"'), 50 - sqrt(200), 50 - sqrt(200), 50 + sqrt(200)),
    (box(30, 40, 70, 60, more='rotation="90.0"'), 40, 30, 60),
]


@pytest.mark.parametrize(("element", "x_min", "y_min", "x_max"), ROTATED)
def test_cvat_rotated_boxes_become_upright(
    tmp_path: Path, images: Path, element: str, x_min: float, y_min: float, x_max: float
) -> None:
    found = read_cvat(tmp_path, images, element)
    assert found.photos[0].boxes[0] == pytest.approx([x_min, y_min, x_max, 100 - y_min], abs=1e-4)
    assert list(found.passed_over) == [
        "rotations of boxes; the upright rectangles around them remain"
    ]


def test_cvat_polygons_ellipses_and_others(tmp_path: Path, images: Path) -> None:
    found = read_cvat(
        tmp_path,
        images,
        '<polygon label="face" points="10,20;40.5,30;25,60"/>',
        '<ellipse label="face" cx="100" cy="50" rx="20" ry="10" rotation="90"/>',
        '<points label="face" points="1,2"/>',
        box(1, 2, 3, 4, label="car"),
        labels=("face", "car"),
    )
    assert only(found) == [[10, 20, 40.5, 60], [90, 30, 110, 70]]
    assert not found.photos[0].complete
    (problem,) = found.problems
    assert "expected a box, got <points>. Draw it as a rectangle" in problem.message
    assert found.passed_over == {
        "polygons and ellipses; the upright rectangles around them remain": 1,
        "boxes of other categories": 1,
    }


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (box("nan", 2, 3, 4), 'expected a number as `xtl`, got "nan"'),
        (box(1, 2, "", 4), 'expected a number as `xbr`, got ""'),
        (box(30, 2, 10, 40), "expected a width and a height above 0, got -20 and 38"),
        (box(30, 2, 10, 40, more='rotation="30"'), "expected a width and a height above 0"),
        (box(1, 2, 30, 40, more='rotation="x"'), 'expected a number as `rotation`, got "x"'),
        (box(500, 2, 530, 40), "at least 50% of its area inside"),
        (box(1, 2, 3, 4, label=""), "expected a `label`, got nothing"),
        ('<polygon label="face" points="1,2;3"/>', "expected `points` as x,y;x,y"),
        ('<ellipse label="face" cx="9" cy="9" rx="-2" ry="3"/>', "expected half axes above 0"),
        ('<mask label="face" rle="1" left="1" top="1"/>', "expected a box, got <mask>"),
    ],
)
def test_odd_cvat_shapes_are_left_out_and_named(
    tmp_path: Path, images: Path, element: str, message: str
) -> None:
    found = read_cvat(tmp_path, images, element, box(10, 20, 40, 60))
    assert only(found) == [[10, 20, 40, 60]]
    assert not found.photos[0].complete
    assert message in found.problems[0].message
    assert "c.xml image 0" in found.problems[0].where


def test_cvat_files_that_cannot_be_used_say_why(tmp_path: Path, images: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><annotations>&b;</annotations>'
    track = '<annotations><track id="0" label="face"/></annotations>'
    for text, message in (
        (bomb, "without a document type"),
        (track, "got the tracks of a video"),
        ("<annotations><image>", "not valid XML"),
        ("<annotations/>", "lists no photo"),
        (cvat(box(1, 2, 3, 4, label="cat"), labels=("cat", "dog")), "which category is the face"),
    ):
        path = write(tmp_path / "bad.xml", text)
        with pytest.raises(AnnotationError, match=message) as error:
            load_annotations(path, images, format="cvat")
        assert "bad.xml" in str(error.value)


def test_cvat_photos_with_odd_sizes_or_no_name_are_left_out(tmp_path: Path, images: Path) -> None:
    for odd, message in (
        ('width="-3"', "expected numbers as `width`"),
        ('width="100"', "the photo, upright, has 200x100"),
    ):
        text = cvat(box(1, 2, 30, 40)).replace('width="200"', odd)
        text = text.replace("</annotations>", '<image id="1" name="c.jpg"/></annotations>')
        found = load_annotations(write(tmp_path / "c.xml", text), images)
        assert boxes_of(found) == {"c.jpg": []}
        assert message in found.problems[0].message
    with pytest.raises(AnnotationError, match="expected the photo's `name`"):
        read_cvat(tmp_path, images, name="")


def test_label_studio_exports(tmp_path: Path, images: Path) -> None:
    """Uploads have eight digits before their names; local files are named from further up."""
    noted = region(**RECTANGLE) | {"meta": {"text": ["mask: with_mask", "a note"]}}
    found = read_tasks(
        tmp_path,
        images,
        task(noted, region(label="unsure", x=50, y=50, width=5, height=10)),
        task(region(**RECTANGLE), image="/data/local-files/?d=my/photos/sub/b%2Epng"),
        task({"type": "choices", "value": {"choices": ["ok"]}}, image="s3://bucket/photos/c.jpg"),
    )
    assert boxes_of(found) == {
        "a.jpg": [[10, 20, 40, 60], [100, 50, 110, 60]],
        "sub/b.png": [[10, 20, 40, 60]],
        "c.jpg": [],
    }
    assert found.photos[0].ignored.tolist() == [False, True]
    assert found.photos[0].attributes == ({"mask": "with_mask"}, {})
    assert found.passed_over == {"answers that are no boxes": 1}


def said(x: float, **more: Any) -> Any:
    return {"result": [region(**RECTANGLE | {"x": x})], **more}


def tasks_of(*parts: Any) -> list[Any]:
    addresses = ("a.jpg", "sub/b.png", "c.jpg", "d.jpg")
    return [
        {"data": {"image": address}, **each}
        for address, each in zip(addresses, parts, strict=False)
    ]


def test_label_studio_takes_the_annotation_that_counts(tmp_path: Path, images: Path) -> None:
    """Ground truth before others, and the last of them; what nobody has judged is left out."""
    several = {"annotations": [said(1, ground_truth=True), said(2), said(3, was_cancelled=True)]}
    last = {"annotations": [said(1), said(2), said(3, was_cancelled=True)]}
    skipped = {"annotations": [said(1, was_cancelled=True)], "predictions": [said(4)]}
    open_ones = {"annotations": [], "predictions": [said(4, score=0.5)]}
    found = read_tasks(tmp_path, images, *tasks_of(several, last, skipped, open_ones))
    assert {name: each[0][0] for name, each in boxes_of(found).items()} == {
        "a.jpg": 2, "sub/b.png": 4,
    }  # fmt: skip
    assert found.passed_over == {"all but one of several annotations of a photo": 2}
    assert told(found) == [("t.json task 2", "photo"), ("t.json task 3", "photo")]
    assert found.problems[0].kind == "not annotated"


def test_label_studio_predictions_count_where_nobody_has_annotated(
    tmp_path: Path, images: Path
) -> None:
    proposed = {"predictions": [said(1), said(4, score=0.5)], "annotations": []}
    empty = {"predictions": [{"result": []}]}
    found = read_tasks(tmp_path, images, *tasks_of(proposed, empty, {"predictions": []}))
    assert boxes_of(found) == {"a.jpg": [[8, 20, 38, 60]], "sub/b.png": []}
    assert told(found) == [("t.json task 2", "photo")]


def test_label_studio_outlines_become_upright_rectangles(tmp_path: Path, images: Path) -> None:
    """A rectangle turns about its top left corner, an ellipse about its centre."""
    found = read_tasks(
        tmp_path,
        images,
        task(
            region(x=50, y=20, width=20, height=10, rotation=90),  # 100, 20; 40x10 px
            region("ellipselabels", x=20, y=50, radiusX=10, radiusY=10, rotation=0),
            region("polygonlabels", points=[[80, 10], [90, 20], [85, 60]]),
            region("brushlabels", format="rle", rle=[1, 2]),
        ),
    )
    assert only(found) == [[90, 20, 100, 60], [20, 40, 60, 60], [160, 10, 180, 60]]
    assert "expected a rectangle, got 'brushlabels'" in found.problems[0].message
    assert len(found.passed_over) == 2


def test_label_studio_sizes_that_are_not_stated_are_those_of_the_photo(
    tmp_path: Path, images: Path
) -> None:
    bare = {"type": "rectangle", "value": {**RECTANGLE}}  # an interface without labels
    assert only(read_tasks(tmp_path, images, task(bare))) == [[10, 20, 40, 60]]
    gone = read_tasks(tmp_path, images, task(bare), task(bare, image="gone.jpg"))
    assert gone.problems[0].kind == "missing"


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (region(**RECTANGLE | {"x": float("nan")}), "expected a number as `x`, got NaN"),
        (region(**RECTANGLE | {"width": -5}), "expected a width and a height above 0"),
        (region(**RECTANGLE | {"x": 640}), "from 0 to 100, got 640. Are these pixels?"),
        (region(**RECTANGLE | {"x": 120}), "at least 50% of its area inside"),
        (region(**RECTANGLE | {"y": "x"}), "expected a number as `y`"),
        (region(**RECTANGLE) | {"image_rotation": 90}, "expected an upright photo"),
        (region("polygonlabels", points=[[1], 2]), "expected a number as `1`, got nothing"),
        (region(label=None, **RECTANGLE), "expected words as `rectanglelabels`"),  # type: ignore[arg-type]
        ("face", "expected a `type` and a `value`"),
    ],
)
def test_odd_regions_are_left_out_and_named(
    tmp_path: Path, images: Path, odd: Any, message: str
) -> None:
    found = read_tasks(tmp_path, images, task(region(**RECTANGLE), odd))
    assert only(found) == [[10, 20, 40, 60]]
    assert not found.photos[0].complete
    assert message in found.problems[0].message
    with pytest.raises(AnnotationError, match=r"t\.json task 0"):
        read_tasks(tmp_path, images, task(region(**RECTANGLE), odd), strict=True)


def test_odd_tasks_are_left_out_and_named(tmp_path: Path, images: Path) -> None:
    size = region(**RECTANGLE) | {"original_width": "wide"}
    odd = [
        {"image": "a.jpg", "label": []}, task(size), {"data": {"text": "Hello"}, "annotations": []},
        task(image="no photo"), {"data": {"image": "a.jpg"}, "annotations": 5},
    ]  # fmt: skip
    found = read_tasks(tmp_path, images, *odd, task(image="c.jpg"), format="label-studio")
    assert boxes_of(found) == {"c.jpg": []}
    assert [where for where, _ in told(found)] == [
        "t.json task 0", "t.json task 1 (a.jpg)", "t.json task 2", "t.json task 3", "t.json task 4",
    ]  # fmt: skip
    with pytest.raises(AnnotationError, match="expected a list of Label Studio tasks"):
        load_annotations(write(tmp_path / "o.json", "{}"), images, format="label-studio")
