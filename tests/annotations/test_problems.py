"""Bad boxes, photos and files: left out, named, counted; the rest stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotation_files import WIDER_BOX, WIDER_FLAGS, boxes_of, coco, save, told, voc_xml, write
from facesmith.annotations import load_annotations
from facesmith.errors import AnnotationError

GOOD = [10, 20, 30, 40]
BAD_BOXES = [
    ("no width", [5, 5, 0, 10], "width and a height above 0, got 0 and 10"),
    ("negative height", [5, 5, 10, -3], "width and a height above 0, got 10 and -3"),
    ("NaN", [float("nan"), 5, 10, 10], "four finite numbers, got the corners nan"),
    ("infinite", [5, 5, float("inf"), 10], "four finite numbers, got the corners 5, 5, inf"),
    ("overflowing sum", [1e308, 5, 1e308, 10], "four finite numbers"),
    ("number of 400 digits", [10**400, 5, 10, 10], "four finite numbers"),
    ("text", ["5", 5, 10, 10], 'four numbers as `bbox`, got \\["5", 5, 10, 10\\]'),
    ("true", [True, 5, 10, 10], "four numbers as `bbox`"),
    ("three numbers", [5, 5, 10], "four numbers as `bbox`"),
    ("nothing", None, "four numbers as `bbox`, got nothing"),
    ("outside", [300, 5, 10, 10], "inside the photo of 200x100 pixels, got 0%"),
    ("mostly outside", [190, 5, 40, 10], "at least 50% of its area .*got 25%"),
    ("touching from outside", [200, 5, 10, 10], "got 0%"),
    ("too thin for float32", [150, 5, 1e-9, 10], "float32 can tell from 0"),
]


@pytest.mark.parametrize(
    ("box", "message"), [row[1:] for row in BAD_BOXES], ids=[row[0] for row in BAD_BOXES]
)
def test_bad_box_is_left_out_alone(tmp_path: Path, images: Path, box: Any, message: str) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [GOOD, box], "c.jpg": [GOOD]})
    found = load_annotations(path, images)
    assert boxes_of(found) == {"a.jpg": [[10, 20, 40, 60]], "c.jpg": [[10, 20, 40, 60]]}
    assert told(found) == [("f.json annotation 2 (a.jpg)", "box")]
    assert not found.photos[0].complete  # a face may be where no box says so
    assert found.photos[1].complete
    with pytest.raises(AnnotationError, match=message) as caught:
        load_annotations(path, images, strict=True)
    assert str(caught.value) == str(found.problems[0])


def test_boxes_over_the_border_are_cut_off_there(tmp_path: Path, images: Path) -> None:
    # The third has just half of its area inside.
    path = coco(
        tmp_path / "f.json", {"a.jpg": [[-5, -5, 30, 30], [190, 90, 14, 12], [190, 5, 20, 10]]}
    )
    found = load_annotations(path, images, strict=True)
    assert boxes_of(found)["a.jpg"] == [[0, 0, 25, 25], [190, 90, 200, 100], [190, 5, 200, 15]]


def test_bad_lines_of_each_text_format_are_named_by_line(tmp_path: Path, images: Path) -> None:
    write(
        tmp_path / "yolo/a.txt",
        "0 0.5 0.5 0.25 0.4\n0 0.5 0.5\nface 0.5 0.5 0.1 0.1\n0 nan 0.5 0.1 0.1\n"
        "0 100 50 50 40\n0 0.5 0.5 0 0.4\n0.5 0.5 0.5 0.1 0.1\n-1 0.5 0.5 0.1 0.1\n",
    )
    write(
        tmp_path / "w.txt",
        f"a.jpg\n4\n10 20 30 40 {WIDER_FLAGS}\n10 x 30 40 {WIDER_FLAGS}\n"
        f"1 2 3 4\n10 20 0 40 {WIDER_FLAGS}\nc.jpg\n1\n1 2 3 4 {WIDER_FLAGS}\n",
    )
    write(
        tmp_path / "e.txt",
        "a\n4\n20 10 0 90 45 1\n0 10 0 90 45 1\n20 10 nan 90 45 1\n20 10 0 inf 45 1\nc\n0\n",
    )
    yolo = load_annotations(tmp_path / "yolo", images)
    assert sorted(told(yolo)) == [(f"a.txt line {n}", "box") for n in (2, 3, 4, 5, 6, 7, 8)]
    assert "Are these pixels?" in str(yolo.problems)
    wider = load_annotations(tmp_path / "w.txt", images)
    assert told(wider) == [(f"w.txt line {n} (a.jpg)", "box") for n in (4, 5, 6)]
    fddb = load_annotations(tmp_path / "e.txt", images)
    assert told(fddb) == [(f"e.txt line {n} (a)", "box") for n in (4, 5, 6)]
    for found, n_photos in ((yolo, 1), (wider, 2), (fddb, 2)):
        assert len(found) == n_photos
        assert len(found.photos[0].boxes) == 1
        assert not found.photos[0].complete


def test_bad_objects_of_voc_are_named_by_number(tmp_path: Path, images: Path) -> None:
    empty = "<object><name>face</name></object>"
    text = voc_xml(
        (11, 21, 30, 60), ("left", 2, 3, 4), ("", 2, 3, 4), ("nan", 2, 3, 4), filename="a.jpg"
    ).replace("</annotation>", empty + "</annotation>")
    found = load_annotations(write(tmp_path / "voc/a.xml", text), images)
    assert sorted(told(found)) == [(f"a.xml object {n}", "box") for n in (2, 3, 4, 5)]
    assert "got 'left', '2', '3', '4'" in found.problems[0].message
    assert boxes_of(found) == {"a.jpg": [[10, 20, 30, 60]]}


def test_a_box_given_twice_counts_once(tmp_path: Path, images: Path) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [GOOD, GOOD]})
    found = load_annotations(path, images)
    assert found.n_faces == 1
    assert "repeats the box of f.json annotation 1" in str(found.problems[0])
    assert found.photos[0].complete


def test_bad_photos_are_named_and_the_others_stay(tmp_path: Path, images: Path) -> None:
    write(images / "text.jpg", "no photo")
    write(images / "empty.jpg", "")
    (images / "folder.jpg").mkdir()
    names = ["gone.jpg", "text.jpg", "a.jpg", "empty.jpg", "folder.jpg", "x" * 300 + ".jpg"]
    path = coco(tmp_path / "f.json", {name: [GOOD] for name in names})
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == ["a.jpg"]
    assert told(found) == [(f"f.json image {n}", "photo") for n in (1, 2, 4, 5, 6)]
    reasons = ["no such file", "is not an image", "is empty", "is a folder", "cannot be read"]
    for problem, name, reason in zip(
        found.problems, [n for n in names if n != "a.jpg"], reasons, strict=True
    ):
        assert name in problem.message
        assert reason in problem.message
    with pytest.raises(AnnotationError, match=r"f\.json image 1: .*gone\.jpg: no such file"):
        load_annotations(path, images, strict=True)


def test_a_photo_listed_twice_keeps_the_boxes_of_both(tmp_path: Path, images: Path) -> None:
    path = coco(
        tmp_path / "f.json",
        {"a.jpg": [GOOD], "c.jpg": [], "./a.jpg": [[50, 50, 9, 9], GOOD], "sub//b.png": []},
    )
    found = load_annotations(path, images)
    assert boxes_of(found) == {
        "a.jpg": [[10, 20, 40, 60], [50, 50, 59, 59]], "c.jpg": [], "sub/b.png": [],
    }  # fmt: skip
    assert told(found) == [("f.json image 3", "photo"), ("f.json annotation 3 (./a.jpg)", "box")]
    with pytest.raises(AnnotationError, match="listed again"):
        load_annotations(path, images, strict=True)


def test_a_stated_size_must_be_that_of_the_photo(tmp_path: Path, images: Path) -> None:
    listed = [
        {"id": 1, "file_name": "a.jpg", "width": 400, "height": 200},
        {"id": 2, "file_name": "c.jpg", "width": 200, "height": 100},
        {"id": 3, "file_name": "sub/b.png", "width": 200, "height": 100},
        {"id": 4, "file_name": "sub/b.png", "width": 20, "height": 10},
    ]
    path = coco(tmp_path / "f.json", {}, images=listed)
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == ["c.jpg"]
    assert "given as 400x200 pixels, but the photo, upright, has 200x100" in str(found.problems[1])
    assert "given as 20x10" in str(found.problems[2])


def test_windows_separators(tmp_path: Path, images: Path) -> None:
    path = coco(tmp_path / "f.json", {"sub\\b.png": []})
    assert list(boxes_of(load_annotations(path, images))) == ["sub/b.png"]


def test_label_files_want_exactly_one_photo(tmp_path: Path, images: Path) -> None:
    save(images / "d.png")
    save(images / "d.JPG")
    for name in ("a", "d", "gone"):
        write(tmp_path / f"yolo/{name}.txt", "0 0.5 0.5 0.1 0.1\n")
        write(tmp_path / f"voc/{name}.xml", voc_xml((1, 1, 20, 20)))
    yolo = load_annotations(tmp_path / "yolo", images)
    voc = load_annotations(tmp_path / "voc", images)
    for found, suffix in ((yolo, "txt"), (voc, "xml")):
        assert list(boxes_of(found)) == ["a.jpg"]
        assert told(found) == [(f"d.{suffix}", "photo"), (f"gone.{suffix}", "photo")]
    assert "expected one photo called d" in yolo.problems[0].message
    assert "got d.JPG, d.png" in yolo.problems[0].message
    assert "got none" in yolo.problems[1].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [', r"f\.json: not valid JSON: .*\(column 13"),
        ("[1, 2]", "expected a JSON object, got a list"),
        ('{"annotations": []}', "a list under the key `images`, got nothing"),
        ('{"images": [], "annotations": 3}', "a list under the key `annotations`, got 3"),
        ('{"images": [], "annotations": []}', "lists no photo"),
        ('{"images": [7], "annotations": []}', r"no entry of 1 can be used.*images\[0\]"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_not_coco(tmp_path: Path, images: Path, text: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        load_annotations(write(tmp_path / "f.json", text), images)


def test_bad_entries_of_coco_are_named(tmp_path: Path, images: Path) -> None:
    listed = [
        "a.jpg",
        {"id": 1, "file_name": "a.jpg"},
        {"id": 2},
        {"file_name": "c.jpg"},
        {"id": 1, "file_name": "c.jpg"},
    ]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": GOOD},
        "box",
        {"id": 2, "image_id": 9, "category_id": 1, "bbox": GOOD},
        {"image_id": 1, "category_id": 8, "bbox": GOOD},
        {"id": {"a": 1}, "image_id": "one", "category_id": 1, "bbox": GOOD},
    ]
    path = coco(tmp_path / "f.json", {}, images=listed, annotations=annotations)
    found = load_annotations(path, images)
    assert boxes_of(found) == {"a.jpg": [[10, 20, 40, 60]]}
    assert told(found) == [
        ("f.json images[0]", "photo"),
        ("f.json image 2", "photo"),
        ("f.json images[3]", "photo"),
        ("f.json image 1", "photo"),
        ("f.json annotations[1]", "box"),
        ("f.json annotation 2", "box"),
        ("f.json annotations[3] (a.jpg)", "box"),
        ('f.json annotation {"a": 1}', "box"),
    ]


def test_voc_files_that_cannot_be_parsed_are_left_out(tmp_path: Path, images: Path) -> None:
    labels = tmp_path / "voc"
    good = voc_xml((11, 21, 30, 60), filename="a.jpg")
    write(labels / "a.xml", good)
    write(labels / "b.xml", good[:-20])
    write(labels / "c.xml", "<html></html>")
    write(labels / "d.xml", f'<!DOCTYPE annotation [<!ENTITY a "b">]>{good}')
    (labels / "e.xml").write_bytes(good.encode("utf-16"))
    (labels / "folder.xml").mkdir()
    write(labels / "._a.xml", "what macOS leaves beside files")
    found = load_annotations(labels, images)
    assert list(boxes_of(found)) == ["a.jpg"]
    assert told(found) == [(f"{name}.xml", "photo") for name in "bcde"]
    reasons = ["not valid XML", "root <annotation>, got <html>", "without a document", "UTF-8"]
    for problem, reason in zip(found.problems, reasons, strict=True):
        assert reason in problem.message
    with pytest.raises(AnnotationError, match=r"no entry of 1 can be used.*b\.xml"):
        load_annotations(labels / "b.xml", images)


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("too many lines", f"c.jpg\n1\n{WIDER_BOX * 2}", 4, "expected 1 lines of boxes.*got 2"),
        ("too few lines", f"c.jpg\n3\n{WIDER_BOX * 2}", 4, "expected 3 lines of boxes.*got 2"),
        ("no count", f"c.jpg\n{WIDER_BOX}", 4, "expected the number of faces in the next line"),
        ("count of words", "c.jpg\ntwo\n", 4, "number of faces in the next line, got 'nothing'"),
        ("negative count", f"c.jpg\n-1\n{WIDER_BOX}", 4, "number of faces.*got '-1'"),
        ("fraction", f"c.jpg\n1.5\n{WIDER_BOX}", 4, "number of faces.*got '1.5'"),
        ("cut end", "c.jpg\n", 4, "number of faces in the next line, got 'nothing'"),
    ],
)
def test_count_that_does_not_match_loses_one_photo(
    tmp_path: Path, images: Path, name: str, text: str, line: int, message: str
) -> None:
    last = "" if name in ("cut end", "count of words") else f"sub/b.png\n1\n{WIDER_BOX}"
    path = write(tmp_path / "w.txt", f"a.jpg\n1\n{WIDER_BOX}{text}{last}")
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == (["a.jpg", "sub/b.png"] if last else ["a.jpg"])
    assert found.problems[0].where == f"w.txt line {line} (c.jpg)"
    with pytest.raises(AnnotationError, match=message):
        load_annotations(path, images, strict=True)


def test_lines_before_the_first_name_are_named(tmp_path: Path, images: Path) -> None:
    path = write(tmp_path / "w.txt", f"{WIDER_BOX}a.jpg\n1\n{WIDER_BOX}")
    found = load_annotations(path, images, format="wider")
    assert told(found) == [("w.txt line 1", "box")]
    assert found.n_faces == 1


def test_names_with_blanks_and_numbers_are_names(tmp_path: Path, images: Path) -> None:
    save(images / "1 2 3 4.jpg")
    save(images / "12_1.jpg")
    path = write(tmp_path / "w.txt", f"1 2 3 4.jpg\n1\n{WIDER_BOX}12_1.jpg\n1\n{WIDER_BOX}")
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == ["1 2 3 4.jpg", "12_1.jpg"]
    names = write(tmp_path / "e.txt", "1_2\n0\n12_1\n1\n20 10 0 90 45 1\n")
    listed = load_annotations(names, images)
    assert list(boxes_of(listed)) == ["12_1.jpg"]
    assert "1_2.jpg: no such file" in str(listed.problems[0])


def test_coco_json_in_utf16_is_named(tmp_path: Path, images: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes('{"images": [], "annotations": []}'.encode("utf-16"))
    with pytest.raises(AnnotationError, match=r"f\.json is text in UTF-16; save it as UTF-8"):
        load_annotations(path, images, format="coco")
