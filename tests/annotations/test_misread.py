"""What could be taken for other labels than those that somebody drew: read rightly, or named."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from annotation_files import boxes_of, coco, save, write
from facesmith.annotations import load_annotations
from facesmith.errors import AnnotationError

BOX = "<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>"
OTHER_BOX = "<bndbox><xmin>60</xmin><ymin>21</ymin><xmax>90</xmax><ymax>60</ymax></bndbox>"
CORNERS = [10, 20, 40, 60]


SPACED = f'<annotation xmlns="urn:voc"><object><name>face</name>{BOX}</object></annotation>'
PREFIXED = SPACED.replace("xmlns", "xmlns:v").replace("object>", "v:object>")
CAPITALS = (
    SPACED.replace(' xmlns="urn:voc"', "")
    .replace("annotation", "Annotation")
    .replace("object", "OBJECT")
    .replace("bndbox", "BndBox")
)


@pytest.mark.parametrize("text", [SPACED, PREFIXED, CAPITALS])
def test_tags_of_voc_count_without_case_and_name_space(
    tmp_path: Path, images: Path, text: str
) -> None:
    write(tmp_path / "voc/a.xml", text)
    found = load_annotations(tmp_path / "voc", images)
    assert boxes_of(found) == {"a.jpg": [CORNERS]}
    assert not found.problems


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"<object><name>face</name>{BOX}{OTHER_BOX}</object>", "expected one <bndbox>, got 2"),
        (f"<item><name>face</name>{BOX}</item>", "expected each <bndbox> in an <object>"),
        (f"{BOX}", "expected each <bndbox> in an <object>"),
    ],
)
def test_a_box_of_voc_that_no_object_owns_alone_leaves_no_background(
    tmp_path: Path, images: Path, content: str, message: str
) -> None:
    write(tmp_path / "voc/a.xml", f"<annotation>{content}</annotation>")
    write(tmp_path / "voc/c.xml", "<annotation/>")
    found = load_annotations(tmp_path / "voc", images)
    assert boxes_of(found) == {"c.jpg": []}
    assert message in " ".join(map(str, found.problems))


def test_a_part_of_an_object_may_have_a_box(tmp_path: Path, images: Path) -> None:
    part = f"<part><name>nose</name>{OTHER_BOX}</part>"
    text = f"<annotation><object><name>face</name>{BOX}{part}</object></annotation>"
    write(tmp_path / "voc/a.xml", text)
    found = load_annotations(tmp_path / "voc", images)
    assert boxes_of(found) == {"a.jpg": [CORNERS]}
    assert not found.problems


def test_an_only_class_that_is_called_otherwise_than_the_face_is_none(
    tmp_path: Path, images: Path
) -> None:
    write(tmp_path / "labels/classes.txt", "face\ncar\n")
    write(tmp_path / "labels/a.txt", "1 0.5 0.5 0.1 0.1\n")
    found = load_annotations(tmp_path / "labels", images)
    assert boxes_of(found) == {"a.jpg": []}


@pytest.mark.parametrize(
    "categories",
    [
        [{"id": None, "name": "face"}, {"id": 1, "name": "car"}],
        [{"name": "face"}, {"id": 1, "name": "car"}],
        [{"id": [0], "name": "face"}, {"id": 1, "name": "car"}],
        ["face", {"id": 1, "name": "car"}],
        [{"id": 1, "name": "face"}, {"id": 1, "name": "car"}],
        [{"id": 1, "name": "face"}, {"id": 1.0, "name": "car"}],
    ],
)
def test_categories_that_cannot_be_told_apart_stop_the_reading(
    tmp_path: Path, images: Path, categories: list[Any]
) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [[10, 20, 30, 40]]})
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"categories": categories}))
    with pytest.raises(AnnotationError, match=r"f\.json: .*cannot be told"):
        load_annotations(path, images)


def test_a_category_listed_twice_alike_is_one(tmp_path: Path, images: Path) -> None:
    twice = [{"id": 1, "name": "face"}, {"id": 1, "name": "Face "}]
    path = coco(tmp_path / "f.json", {"a.jpg": [[10, 20, 30, 40]]})
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"categories": twice}))
    assert boxes_of(load_annotations(path, images)) == {"a.jpg": [CORNERS]}


@pytest.mark.parametrize("key", ["images", "annotations", "categories", "bbox", "image_id"])
def test_a_key_that_stands_twice_is_named(tmp_path: Path, images: Path, key: str) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [[10, 20, 30, 40]]})
    text = path.read_text()
    path.write_text(text.replace(f'"{key}":', f'"{key}": 1, "{key}":', 1))
    with pytest.raises(AnnotationError, match=f"f.json: .*'{key}' stands twice"):
        load_annotations(path, images)


@pytest.mark.parametrize("key", ["annotations", "objects", "bbox", "boxes"])
def test_boxes_within_an_image_of_coco_leave_no_background(
    tmp_path: Path, images: Path, key: str
) -> None:
    listed = [{"id": 1, "file_name": "a.jpg", key: [[10, 20, 30, 40]]}]
    listed.append({"id": 2, "file_name": "c.jpg", key: []})
    found = load_annotations(coco(tmp_path / "f.json", {}, images=listed), images)
    assert boxes_of(found) == {"c.jpg": []}
    assert "in the list `annotations`" in str(found.problems[0])


@pytest.mark.parametrize("name", [".", "./", "sub/..", "./."])
def test_the_folder_itself_is_no_photo(tmp_path: Path, images: Path, name: str) -> None:
    path = coco(tmp_path / "f.json", {name: [[10, 20, 30, 40]], "c.jpg": []})
    for anywhere in (False, True):
        found = load_annotations(path, images, images_anywhere=anywhere)
        assert boxes_of(found) == {"c.jpg": []}
        assert "expected the name of a photo" in str(found.problems[0])


@pytest.mark.parametrize("depth", [300, 700, 900, 950, 970, 990, 5000, 50_000])
def test_deep_nesting_in_place_of_a_box_is_named(tmp_path: Path, images: Path, depth: int) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": ["HERE"], "c.jpg": []})
    path.write_text(path.read_text().replace('"HERE"', "[" * depth + "]" * depth))
    reader = partial(load_annotations, path, images)
    if depth > 990:
        with pytest.raises(AnnotationError, match="nested too deeply"):
            reader()
    else:
        with suppress(AnnotationError):  # how deep is too deep, the depth of the caller decides
            assert boxes_of(reader()) == {"c.jpg": []}


def test_a_linked_folder_of_labels_is_read(tmp_path: Path, images: Path) -> None:
    write(
        tmp_path / "elsewhere/b.xml",
        f"<annotation><object><name>face</name>{BOX}</object></annotation>",
    )
    save(images / "sub/b.png")
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc/sub").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/again").symlink_to(tmp_path / "voc")
    found = load_annotations(tmp_path / "voc", images)
    assert boxes_of(found) == {"sub/b.png": [CORNERS]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"images": []}'.encode("utf-16"), "text in UTF-16"),
        ("a.jpg\n1\n1 2 3 4 0 0 0 0 0 0".encode("utf-16"), "text in UTF-16"),
        (b"\x1f\x8b\x08\0compressed", "compressed"),
        (b"PK\x03\x04archive", "compressed"),
    ],
)
def test_why_a_file_has_no_format(
    tmp_path: Path, images: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "annotations.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=reason):
        load_annotations(path, images)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"classes.txt": "car\n\nface\n"}, "line 2: expected the name of class 1"),
        ({"classes.txt": "\nface\n"}, "line 1: expected the name of class 0"),
        (
            {"classes.txt": "face\ncar\n", "obj.names": "car\nface\n"},
            "name the classes differently",
        ),
    ],
)
def test_lists_of_classes_that_say_two_things_stop_the_reading(
    tmp_path: Path, images: Path, files: dict[str, str], reason: str
) -> None:
    for name, text in files.items():
        write(tmp_path / "labels" / name, text)
    write(tmp_path / "labels/a.txt", "1 0.5 0.5 0.1 0.1\n")
    with pytest.raises(AnnotationError, match=reason):
        load_annotations(tmp_path / "labels", images, format="yolo")


def test_empty_lines_at_the_end_of_a_list_of_classes_do_no_harm(
    tmp_path: Path, images: Path
) -> None:
    write(tmp_path / "labels/classes.txt", "car\nface\n\n\n")
    write(tmp_path / "labels/a.txt", "1 0.5 0.5 0.1 0.1\n0 0.2 0.2 0.1 0.1\n")
    found = load_annotations(tmp_path / "labels", images)
    assert boxes_of(found) == {"a.jpg": [[90, 45, 110, 55]]}


def test_a_category_in_two_spellings_is_one(tmp_path: Path, images: Path) -> None:
    other = {"bbox": [50, 20, 30, 40], "category_id": 2}
    path = coco(
        tmp_path / "f.json",
        {"a.jpg": [[10, 20, 30, 40], other]},
        categories=("face", "Face", "car"),
    )
    assert boxes_of(load_annotations(path, images)) == {"a.jpg": [CORNERS, [50, 20, 80, 60]]}


SIZE = "<size><width>200</width><height>100</height></size>"
TWO_SIZES = SIZE + SIZE.replace("2", "4").replace("1", "3")


@pytest.mark.parametrize(
    "content",
    [
        "<filename>a.jpg</filename><filename>c.jpg</filename>",
        TWO_SIZES,
    ],
)
def test_a_voc_file_that_says_two_things_is_left_out(
    tmp_path: Path, images: Path, content: str
) -> None:
    write(tmp_path / "voc/a.xml", f"<annotation>{content}</annotation>")
    write(tmp_path / "voc/c.xml", f"<annotation>{content[: len(content) // 2] * 2}</annotation>")
    write(tmp_path / "voc/sub/b.xml", "<annotation/>")
    found = load_annotations(tmp_path / "voc", images)
    assert "sub/b.png" in boxes_of(found)
    assert [problem.where for problem in found.problems] == ["a.xml"]
    assert "several that differ" in str(found.problems[0])


@pytest.mark.parametrize(("angle", "read"), [(1.5, True), (-6.2, True), (85, False)])
def test_an_angle_in_degrees_is_named(
    tmp_path: Path, images: Path, angle: float, read: bool
) -> None:
    path = write(tmp_path / "list.txt", f"a\n1\n20 15 {angle} 50 50 1\nc\n0\n")
    found = load_annotations(path, images, format="fddb")
    assert [photo.name for photo in found.photos] == (["a.jpg", "c.jpg"] if read else ["c.jpg"])
    assert read or "angle in radians" in str(found.problems[0])


def test_paths_of_windows_in_a_description_are_read(tmp_path: Path) -> None:
    save(tmp_path / "set/train/images/a.jpg")
    write(tmp_path / "set/train/labels/a.txt", "0 0.5 0.5 0.1 0.1\n")
    path = write(tmp_path / "set/data.yaml", "train: ..\\train\\images\nnames: [face]\n")
    found = load_annotations(path, tmp_path / "set")
    assert boxes_of(found) == {"train/images/a.jpg": [[90, 45, 110, 55]]}


NO_NAMES = ["x" * 5000, "a/" * 3000, "images/" + "y" * 300, "a\0b", "nowhere/../images/a.jpg"]


@pytest.mark.parametrize("name", [*NO_NAMES, "/", "."])
def test_a_list_of_photos_may_hold_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    save(tmp_path / "set/images/a.jpg")
    save(tmp_path / "set/images/c.jpg")
    for label in ("a", "c"):
        write(tmp_path / f"set/labels/{label}.txt", "0 0.5 0.5 0.1 0.1\n")
    write(tmp_path / "set/list.txt", f"{name}\nimages\\c.jpg\n")
    path = write(tmp_path / "set/data.yaml", "train: list.txt\n")
    found = boxes_of(load_annotations(path, tmp_path / "set"))
    assert found["images/c.jpg"] == [[90, 45, 110, 55]]


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("key", ["path", "train"])
def test_a_description_may_hold_names_that_cannot_be(tmp_path: Path, key: str, name: str) -> None:
    save(tmp_path / "set/images/a.jpg")
    path = write(tmp_path / "set/data.yaml", f"{key}: {name}\n")
    if key == "path":
        path.write_text(path.read_text() + "train: nowhere\n")
    with pytest.raises(AnnotationError, match="neither a folder nor a list of photos"):
        load_annotations(path, tmp_path / "set")
