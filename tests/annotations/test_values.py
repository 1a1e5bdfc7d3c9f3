"""Ids, flags, sizes and names that tools write in different ways; photos that are one file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from annotation_files import WIDER_BOX, boxes_of, coco, save, told, voc_xml, write
from facesmith.annotations import in_lines, load_annotations, load_face_free
from facesmith.annotations.values import Ids, flag, number_of, stated_size
from facesmith.errors import AnnotationError

GOOD = [10, 20, 30, 40]
CORNERS = [10, 20, 40, 60]


def of_image(image_id: Any, box: list[int] | None = None) -> dict[str, Any]:
    return {"id": 5, "image_id": image_id, "category_id": 1, "bbox": box or GOOD}


@pytest.mark.parametrize(
    ("id_of_image", "image_id"),
    [
        (7, "7"), (7, 7.0), (7, "7.0"), (7, " 7 "), (7, "07"), ("7", 7), ("0007", 7), (7.0, 7),
        ("a.jpg", "a.jpg"), (10**25, str(10**25)),
    ],
)  # fmt: skip
def test_ids_are_compared_as_numbers(
    tmp_path: Path, images: Path, id_of_image: Any, image_id: Any
) -> None:
    listed = [{"id": id_of_image, "file_name": "a.jpg"}, {"id": 8, "file_name": "c.jpg"}]
    path = coco(tmp_path / "f.json", {}, images=listed, annotations=[of_image(image_id)])
    found = load_annotations(path, images)
    assert boxes_of(found) == {"a.jpg": [CORNERS], "c.jpg": []}
    assert not found.problems
    assert all(photo.complete for photo in found.photos)


def test_a_text_that_could_be_two_ids_is_none_of_them(tmp_path: Path, images: Path) -> None:
    listed = [{"id": "07", "file_name": "a.jpg"}, {"id": "007", "file_name": "c.jpg"}]
    boxes = [of_image("007"), of_image("07"), of_image(7, [50, 50, 9, 9])]
    path = coco(tmp_path / "f.json", {}, images=listed, annotations=boxes)
    found = load_annotations(path, images)
    assert boxes_of(found) == {"a.jpg": [CORNERS], "c.jpg": [CORNERS]}
    assert "stands for no photo" in str(found.problems[0])
    assert not any(photo.complete for photo in found.photos)


def test_category_ids_are_compared_as_numbers(tmp_path: Path, images: Path) -> None:
    annotations = [of_image(1) | {"category_id": "2"}, of_image(1, [50, 50, 9, 9])]
    path = coco(
        tmp_path / "f.json", {"a.jpg": []}, categories=("car", "face"), annotations=annotations
    )
    assert boxes_of(load_annotations(path, images)) == {"a.jpg": [CORNERS]}


@pytest.mark.parametrize("image_id", [None, "p01", [1], True, float("nan"), 1.5])
def test_photos_whose_boxes_were_lost_are_no_background(
    tmp_path: Path, images: Path, image_id: Any
) -> None:
    boxes = [of_image(1), of_image(image_id, [50, 50, 9, 9])]
    path = coco(tmp_path / "f.json", {"a.jpg": [], "c.jpg": []}, annotations=boxes)
    found = load_annotations(path, images)
    assert boxes_of(found) == {"a.jpg": [CORNERS]}  # c.jpg may have the lost face
    assert not found.photos[0].complete
    assert [problem.kind for problem in found.problems] == ["", "unsure"]


def test_boxes_of_a_photo_that_the_file_lacks_concern_no_photo_with_boxes(
    tmp_path: Path, images: Path
) -> None:
    boxes = [of_image(1), of_image(99)]
    path = coco(tmp_path / "f.json", {"a.jpg": [], "c.jpg": []}, annotations=boxes)
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == ["a.jpg"]
    assert found.photos[0].complete


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ((1, 1.0, "1", "1.0", True, "TRUE", "yes", "Y", " on "), True),
        ((0, 0.0, "0", "0.0", False, "FALSE", "no", "N", "off", "", None, "None", "null"), False),
        ((-1, "-1", 2, "Unspecified", "maybe", [1], {}, float("nan"), 10**400), None),
    ],
)
def test_flags(words: tuple[Any, ...], meaning: bool | None) -> None:
    assert [flag(word) for word in words] == [meaning] * len(words)


@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
@pytest.mark.parametrize(("word", "ignored"), [("0", [False]), ("false", [False]), ("1", [True])])
def test_crowds_in_words(
    tmp_path: Path, images: Path, key: str, word: str, ignored: list[bool]
) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [{"bbox": GOOD, key: word}]})
    found = load_annotations(path, images)
    assert found.photos[0].ignored.tolist() == ignored
    assert not found.problems


def test_flags_that_say_neither_are_named(tmp_path: Path, images: Path) -> None:
    unclear = {"bbox": [50, 50, 9, 9], "iscrowd": "Unspecified"}
    path = coco(tmp_path / "f.json", {"a.jpg": [GOOD, unclear]})
    found = load_annotations(path, images)
    assert boxes_of(found) == {"a.jpg": [CORNERS]}
    assert not found.photos[0].complete
    assert 'expected 0 or 1 as `iscrowd`, got "Unspecified"' in str(found.problems[0])
    text = write(tmp_path / "w.txt", f"a.jpg\n2\n{WIDER_BOX}50 50 9 9 0 0 0 -1 0 0\n")
    wider = load_annotations(text, images)
    assert boxes_of(wider) == {"a.jpg": [CORNERS]}
    assert told(wider) == [("w.txt line 4 (a.jpg)", "box")]


@pytest.mark.parametrize("word", ["FALSE", "no", "0.0", "None", ""])
def test_difficult_in_words_is_a_face(tmp_path: Path, images: Path, word: str) -> None:
    text = voc_xml((1, 1, 20, 20), filename="a.jpg", more=f"<difficult>{word}</difficult>")
    found = load_annotations(write(tmp_path / "voc/a.xml", text), images)
    assert found.n_faces == 1
    assert not found.problems


@pytest.mark.parametrize("word", ["-1", "Unspecified"])
def test_difficult_that_says_neither_is_named(tmp_path: Path, images: Path, word: str) -> None:
    good, odd = (
        voc_xml(box, filename="a.jpg", more=f"<difficult>{said}</difficult>")
        for box, said in (((11, 21, 40, 60), "Yes"), ((1, 1, 20, 20), word))
    )
    write(tmp_path / "voc/a.xml", good)
    write(tmp_path / "voc/b.xml", odd)
    found = load_annotations(tmp_path / "voc", images)
    assert found.photos[0].ignored.tolist() == [True]
    assert f"expected 0 or 1 as <difficult>, got '{word}'" in str(found.problems[0])
    assert not found.photos[0].complete


def test_objects_without_a_name_are_named(tmp_path: Path, images: Path) -> None:
    text = voc_xml((11, 21, 30, 60), filename="a.jpg").replace(
        "</annotation>", voc_xml((1, 1, 9, 9), name="").partition("<annotation>")[2]
    )
    found = load_annotations(write(tmp_path / "voc/a.xml", text), images)
    assert found.n_faces == 1
    assert told(found) == [("a.xml object 2", "box")]
    assert not found.photos[0].complete


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(200.0, "100", (200, 100)), ("200", None, (200, 0)), (0, 0, None), (None, "", None)],
)
def test_stated_sizes_are_numbers(width: Any, height: Any, size: Any) -> None:
    assert stated_size(width, height) == size


@pytest.mark.parametrize("side", ["big", -1, [200], "1_0", True, float("nan")])
def test_other_sizes_are_none(side: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        stated_size(side, 100)


@pytest.mark.parametrize("stated", [400.0, "400", "400.0", "4e2"])
def test_a_wrong_size_is_seen_however_it_is_written(
    tmp_path: Path, images: Path, stated: Any
) -> None:
    listed = [
        {"id": 1, "file_name": "a.jpg", "width": stated, "height": 200},
        {"id": 2, "file_name": "c.jpg", "width": "200.0", "height": 100.0},
    ]
    path = coco(tmp_path / "f.json", {}, images=listed, annotations=[of_image(1)])
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == ["c.jpg"]
    assert "given as 400x200 pixels" in str(found.problems[0])
    text = voc_xml((1, 1, 9, 9), filename="a.jpg").replace(
        "<object>", f"<size><width>{stated}</width><height>200</height></size><object>"
    )
    voc = load_annotations(write(tmp_path / "voc/a.xml", text), images)
    assert told(voc) == [("a.xml", "photo")]


def test_sizes_that_are_no_numbers_are_named(tmp_path: Path, images: Path) -> None:
    listed = [{"id": 1, "file_name": "a.jpg", "width": "big", "height": 200}]
    path = coco(tmp_path / "f.json", {}, images=listed, annotations=[])
    with pytest.raises(AnnotationError, match='numbers as `width` and `height`, got "big" and 200'):
        load_annotations(path, images)


@pytest.mark.parametrize("value", [5, "face", {"id": 1}])
def test_categories_that_are_no_list(tmp_path: Path, images: Path, value: Any) -> None:
    content = {"images": [], "annotations": [], "categories": value}
    path = write(tmp_path / "f.json", json.dumps(content))
    with pytest.raises(AnnotationError, match="expected a list under the key `categories`"):
        load_annotations(path, images)


def test_suffixes_are_compared_without_case(tmp_path: Path, images: Path) -> None:
    write(tmp_path / "yolo/a.TXT", "0 0.5 0.5 0.1 0.1\n")
    write(tmp_path / "yolo/CLASSES.TXT", "face\n")
    write(tmp_path / "voc/a.XML", voc_xml((1, 1, 20, 20)))
    write(tmp_path / "fddb/FDDB-fold-01-EllipseList.TXT", "d\n1\n20 10 0 90 45 1\n")
    save(images / "d.JPG")
    for folder, name in (("yolo", "a.jpg"), ("voc", "a.jpg"), ("fddb", "d.JPG")):
        found = load_annotations(tmp_path / folder, images)
        assert list(boxes_of(found)) == [name]
        assert found.n_faces == 1
    path = coco(tmp_path / "f.json", {"A.jpg": [], "a.JPG": [GOOD]})
    assert boxes_of(load_annotations(path, images)) == {"a.jpg": [CORNERS]}


@pytest.mark.parametrize("stem", ["train", "val", "test", "notes", "README", "classes"])
@pytest.mark.parametrize("text", ["0 0.5 0.5 0.5 0.5\n", ""])
def test_a_reserved_name_with_a_photo_is_a_label(
    tmp_path: Path, images: Path, stem: str, text: str
) -> None:
    save(images / f"{stem}.jpg")
    write(tmp_path / f"yolo/{stem}.txt", text)
    write(tmp_path / "yolo/a.txt", "0 0.5 0.5 0.1 0.1\n")
    found = load_annotations(tmp_path / "yolo", images)
    assert set(boxes_of(found)) == {"a.jpg", f"{stem}.jpg"}
    assert found.n_faces == 1 + bool(text)


def test_class_names_beside_a_photo_of_that_name_stay_names(tmp_path: Path, images: Path) -> None:
    save(images / "classes.jpg")
    write(tmp_path / "yolo/classes.txt", "dog\nface\n")
    write(tmp_path / "yolo/a.txt", "0 0.5 0.5 0.1 0.1\n1 0.25 0.5 0.1 0.2\n")
    assert load_annotations(tmp_path / "yolo", images).n_faces == 1


def test_one_file_is_one_photo(tmp_path: Path, images: Path) -> None:
    (images / "link.jpg").symlink_to(images / "a.jpg")
    os.link(images / "a.jpg", images / "hard.jpg")
    listed = {"a.jpg": [GOOD], "x/../a.jpg": [], "link.jpg": [[50, 50, 9, 9]], "hard.jpg": []}
    found = load_annotations(coco(tmp_path / "f.json", listed), images)
    assert boxes_of(found) == {"a.jpg": [CORNERS, [50, 50, 59, 59]]}
    assert told(found) == [(f"f.json image {n}", "photo") for n in (2, 3, 4)]
    assert "a.jpg is listed again" in str(found.problems[0])
    assert "link.jpg is the same file as a.jpg" in str(found.problems[1])
    assert [photo.name for photo in load_face_free([images]).photos] == [
        "photos/a.jpg", "photos/c.jpg", "photos/sub/b.png",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../other/o.jpg", "{}/other/o.jpg", "sub/../../other/o.jpg"])
def test_names_stay_below_the_folder_of_the_photos(tmp_path: Path, images: Path, name: str) -> None:
    save(tmp_path / "other/o.jpg")
    name = name.format(tmp_path.as_posix())
    path = coco(tmp_path / "f.json", {name: [GOOD], "a.jpg": []})
    found = load_annotations(path, images)
    assert list(boxes_of(found)) == ["a.jpg"]
    assert "Pass --images-anywhere" in str(found.problems[0])
    anywhere = load_annotations(path, images, images_anywhere=True)
    assert [photo.path.resolve() for photo in anywhere.photos] == [
        (tmp_path / "other/o.jpg").resolve(), (images / "a.jpg").resolve(),
    ]  # fmt: skip


def test_absolute_names_inside_the_folder_are_plain_names(tmp_path: Path, images: Path) -> None:
    names = [(images / "a.jpg").as_posix(), "../photos/c.jpg"]
    path = coco(tmp_path / "f.json", {name: [] for name in names})
    assert list(boxes_of(load_annotations(path, images))) == ["a.jpg", "c.jpg"]
    drive = coco(tmp_path / "g.json", {"C:\\photos\\a.jpg": [], "a.jpg": []})
    assert load_annotations(drive, images).problems[0].kind == "outside"


def test_a_wrong_folder_of_photos_is_one_message(tmp_path: Path, images: Path) -> None:
    path = coco(tmp_path / "f.json", {f"{n}.jpg": [] for n in range(20)})
    with pytest.raises(
        AnnotationError, match=r"20 of them are not in .*: 0.jpg, 1.jpg, 2.jpg and 17"
    ):
        load_annotations(path, images)
    some = coco(tmp_path / "g.json", {f"{n}.jpg": [] for n in range(20)} | {"a.jpg": []})
    found = load_annotations(some, images)
    assert len(found.problems) == 20
    (line,) = in_lines(found.problems)
    assert line.startswith("20 photos do not exist")
    assert line.endswith("0.jpg, 1.jpg, 2.jpg and 17 more.")


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path, images: Path) -> None:
    os.mkfifo(images / "pipe.jpg")
    path = coco(tmp_path / "f.json", {"pipe.jpg": [], "a.jpg": []})
    found = load_annotations(path, images)
    assert "it is a pipe; expected a file" in str(found.problems[0])
    assert len(load_face_free([images])) == 3
    os.mkfifo(tmp_path / "labels.json")
    for name in (None, "coco", "yolo"):
        with pytest.raises(AnnotationError, match="it is a pipe; expected a file"):
            load_annotations(tmp_path / "labels.json", images, format=name)
    with pytest.raises(AnnotationError, match="it is a device"):
        load_annotations("/dev/zero", images)
    sparse = tmp_path / "sparse.json"
    with sparse.open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(AnnotationError, match="has 20,480 MB or more, and at most 1,024 MB"):
        load_annotations(sparse, images, format="coco")


def test_ids() -> None:
    ids: Ids[str] = Ids()
    assert ids.add(7, "seven") is None
    assert ids.add("7", "text") is None
    assert ids.add(7.0, "again") == "seven"
    assert (ids.get(7), ids.get("7"), ids.get("7.0"), ids.get(None)) == (
        "seven",
        "text",
        None,
        None,
    )
    with pytest.raises(ValueError, match="a text or a whole number"):
        ids.add(1.5, "")


def test_numbers() -> None:
    assert number_of("1e400") is None
    assert number_of("٣") is None
    assert json.loads("1e400") == float("inf")
    assert number_of(float("inf")) is None


def test_damage_behind_the_header_is_found_before_the_work(tmp_path: Path, images: Path) -> None:
    for name in ("c.jpg", "sub/b.png"):
        photo = images / name
        photo.write_bytes(photo.read_bytes()[:-200])
    path = coco(tmp_path / "f.json", {"a.jpg": [GOOD], "c.jpg": [GOOD], "sub/b.png": []})
    assert len(load_annotations(path, images)) == 3
    found = load_annotations(path, images, decoded=True)
    assert list(boxes_of(found)) == ["a.jpg"]
    assert [problem.kind for problem in found.problems] == ["damaged", "damaged"]
    assert [photo.name for photo in load_face_free([images], decoded=True).photos] == [
        "photos/a.jpg"
    ]


def test_what_is_left_out_stays_left_out_when_the_photo_is_gone(
    tmp_path: Path, images: Path
) -> None:
    (images / "c.jpg").write_bytes((images / "c.jpg").read_bytes()[:-200])
    path = coco(tmp_path / "f.json", {"a.jpg": [GOOD], "c.jpg": [GOOD]})
    before = load_annotations(path, images, decoded=True)
    (images / "c.jpg").unlink()
    after = load_annotations(path, images, decoded=True)
    assert [photo.name for photo in before.photos] == [photo.name for photo in after.photos]
