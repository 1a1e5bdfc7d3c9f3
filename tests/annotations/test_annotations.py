"""Readers of annotations: small files written by hand, boxes worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesmith.annotations import (
    AnnotatedPhoto,
    Annotations,
    load_annotations,
    load_face_free,
    write_coco,
)
from facesmith.annotations.formats import detect_format
from facesmith.errors import AnnotationError, ImageError
from facesmith.images import read_photo, read_size

WIDER_FLAGS = "0 0 0 0 0 0"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The folder of the photos: a.jpg, sub/b.png, c.jpg, each 200 wide and 100 high."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "sub/b.png", "c.jpg"):
        save(folder / name)
    return folder


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


# Each format: the box of the face


def test_coco_boxes_are_corner_and_size(tmp_path: Path, images: Path) -> None:
    path = coco(
        tmp_path / "faces.json",
        {
            "a.jpg": [[10, 20, 30, 40], [0.5, 0.25, 199.5, 99.75]],
            "c.jpg": [],
            "sub/b.png": [[50, 0, 8, 9]],
        },
    )
    found = load_annotations(path, images)
    assert boxes_of(found) == {
        "a.jpg": [[10, 20, 40, 60], [0.5, 0.25, 200, 100]],
        "c.jpg": [],
        "sub/b.png": [[50, 0, 58, 9]],
    }
    assert not found.problems
    assert found.n_faces == 3
    assert len(found) == 3
    photo = found.photos[0]
    assert photo.boxes.dtype == np.float32
    assert not photo.boxes.flags.writeable
    assert (photo.width, photo.height, photo.path) == (200, 100, images / "a.jpg")
    assert photo.where == "faces.json image 1"


def test_coco_crowds_are_ignored_boxes(tmp_path: Path, images: Path) -> None:
    crowd = {"bbox": [1, 2, 3, 4], "iscrowd": 1}
    path = coco(tmp_path / "f.json", {"a.jpg": [crowd, [10, 20, 30, 40]]})
    photo = load_annotations(path, images).photos[0]
    assert photo.ignored.tolist() == [True, False]
    assert load_annotations(path, images).n_faces == 1


def test_coco_attributes_are_kept_in_words(tmp_path: Path, images: Path) -> None:
    said = {"mask": "with_mask", "occluded": True, "truncated": False, "rotation": 0.5, "note": ""}
    masked = {"bbox": [1, 2, 3, 4], "attributes": said}
    bare, listed = [10, 20, 30, 40], {"bbox": [60, 20, 30, 40], "attributes": ["mask"]}
    empty = {"bbox": [5, 5, 0, 5], "attributes": {"mask": "left_out"}}
    path = coco(tmp_path / "f.json", {"a.jpg": [empty, masked, bare, listed], "c.jpg": []})
    photo, face_free = load_annotations(path, images).photos
    expected = {"mask": "with_mask", "occluded": "yes", "truncated": "no"}
    assert photo.attributes == (expected, {}, {})
    assert face_free.attributes == ()
    write_coco(tmp_path / "again.json", [photo])
    assert load_annotations(tmp_path / "again.json", images).photos[0].attributes == (
        photo.attributes
    )


def test_coco_is_the_same_after_writing_and_reading(tmp_path: Path, images: Path) -> None:
    crowd = {"bbox": [1, 2, 3, 4], "iscrowd": 1}
    path = coco(tmp_path / "f.json", {"a.jpg": [[1.5, 2, 30.25, 40], crowd], "c.jpg": []})
    before = load_annotations(path, images)
    write_coco(tmp_path / "again.json", before.photos)
    after = load_annotations(tmp_path / "again.json", images)
    assert boxes_of(after) == boxes_of(before)
    assert [p.ignored.tolist() for p in after.photos] == [p.ignored.tolist() for p in before.photos]


def test_voc_counts_pixels_from_one_and_includes_the_last(tmp_path: Path, images: Path) -> None:
    labels = tmp_path / "voc"
    # Columns 11 to 30 are 20 pixels; the first of them begins at 10.
    write(labels / "a.xml", voc_xml((11, 21, 30, 60), filename="a.jpg", size=(200, 100)))
    write(labels / "sub/b.xml", voc_xml((1, 1, 200, 100), (7, 7, 7, 7)))  # no <filename>
    write(labels / "c.xml", voc_xml(filename="c.jpg", size=(0, 0)))
    assert boxes_of(load_annotations(labels, images)) == {
        "a.jpg": [[10, 20, 30, 60]],
        "c.jpg": [],
        "sub/b.png": [[0, 0, 200, 100], [6, 6, 7, 7]],
    }
    single = load_annotations(labels / "a.xml", images)
    assert boxes_of(single) == {"a.jpg": [[10, 20, 30, 60]]}


def test_voc_file_name_counts_from_its_own_sub_folder(tmp_path: Path, images: Path) -> None:
    write(tmp_path / "voc/sub/x.xml", voc_xml((1, 1, 20, 20), filename="b.png"))
    assert list(boxes_of(load_annotations(tmp_path / "voc", images))) == ["sub/b.png"]


def test_voc_difficult_boxes_are_ignored(tmp_path: Path, images: Path) -> None:
    text = voc_xml((1, 1, 20, 20), filename="a.jpg", more="<difficult>1</difficult>")
    path = write(tmp_path / "voc/a.xml", text)
    assert load_annotations(path, images).photos[0].ignored.tolist() == [True]


def test_yolo_parts_are_of_the_photo(tmp_path: Path, images: Path) -> None:
    labels = tmp_path / "labels"
    # Centre (100, 50), 50 wide, 40 high.
    write(labels / "a.txt", "0 0.5 0.5 0.25 0.4\n")
    write(labels / "sub/b.txt", "0 0.05 0.1 0.1 0.2\r\n\r\n0 0.75 0.75 0.5 0.5\r\n")
    write(labels / "c.txt", "")
    found = load_annotations(labels, images)
    assert not found.problems
    expected = {
        "a.jpg": [[75, 30, 125, 70]],
        "c.jpg": [],
        "sub/b.png": [[0, 0, 20, 20], [100, 50, 200, 100]],
    }
    assert list(boxes_of(found)) == list(expected)
    for name, boxes in boxes_of(found).items():
        np.testing.assert_allclose(
            np.reshape(boxes, (-1, 4)), np.reshape(expected[name], (-1, 4)), atol=1e-4
        )


def test_wider_boxes_invalid_flag_and_photos_without_faces(tmp_path: Path, images: Path) -> None:
    path = write(
        tmp_path / "wider.txt",
        "a.jpg\n2\n78 21 7 8 2 0 0 0 0 0 \n10 20 30 40 0 0 0 1 2 0 \n"
        "c.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"
        f"sub/b.png\n1\n1 2 3 4 {WIDER_FLAGS}\n",
    )
    found = load_annotations(path, images)
    assert not found.problems
    assert boxes_of(found) == {
        "a.jpg": [[78, 21, 85, 29], [10, 20, 40, 60]],
        "c.jpg": [],
        "sub/b.png": [[1, 2, 4, 6]],
    }
    assert found.photos[0].ignored.tolist() == [False, True]
    assert found.photos[1].complete


def test_wider_accepts_a_count_of_zero_without_its_line(tmp_path: Path, images: Path) -> None:
    path = write(tmp_path / "w.txt", f"c.jpg\n0\na.jpg\n1\n1 2 3 4 {WIDER_FLAGS}\n")
    assert boxes_of(load_annotations(path, images)) == {"c.jpg": [], "a.jpg": [[1, 2, 4, 6]]}


# Half width and half height by the formula, worked out by hand: at 30 degrees
# sqrt((20 * 0.866)^2 + (10 * 0.5)^2) = sqrt(325) and sqrt((20 * 0.5)^2 + (10 * 0.866)^2).
ELLIPSES = [
    (20, 10, 0.0, 20, 10),
    (20, 10, pi / 2, 10, 20),
    (20, 10, pi / 6, 325**0.5, 175**0.5),
    (20, 10, -pi / 6, 325**0.5, 175**0.5),
    (15, 15, 1.2, 15, 15),
]


@pytest.mark.parametrize(("major", "minor", "angle", "half_width", "half_height"), ELLIPSES)
def test_fddb_ellipse_becomes_the_rectangle_around_it(
    tmp_path: Path,
    images: Path,
    major: float,
    minor: float,
    angle: float,
    half_width: float,
    half_height: float,
) -> None:
    path = write(tmp_path / "fold-ellipseList.txt", f"a\n1\n{major} {minor} {angle} 90 45  1\n")
    found = load_annotations(path, images).photos[0]
    expected = [90 - half_width, 45 - half_height, 90 + half_width, 45 + half_height]
    np.testing.assert_allclose(found.boxes, [expected], rtol=1e-5)
    # And against the points of the ellipse themselves.
    turns = np.linspace(0, 2 * pi, 10_000)
    x = 90 + major * np.cos(turns) * cos(angle) - minor * np.sin(turns) * sin(angle)
    y = 45 + major * np.cos(turns) * sin(angle) + minor * np.sin(turns) * cos(angle)
    np.testing.assert_allclose(found.boxes[0], [x.min(), y.min(), x.max(), y.max()], atol=1e-3)


def test_fddb_folder_is_read_list_by_list(tmp_path: Path, images: Path) -> None:
    folds = tmp_path / "folds"
    write(folds / "FDDB-fold-02-ellipseList.txt", "c\n0\n")
    write(folds / "FDDB-fold-01-ellipseList.txt", "a.jpg\n1\n20 10 0 90 45  1\n")
    write(folds / "FDDB-fold-01.txt", "a\n")
    assert boxes_of(load_annotations(folds, images)) == {"a.jpg": [[70, 35, 110, 55]], "c.jpg": []}


def test_fddb_names_may_be_numbers(tmp_path: Path, images: Path) -> None:
    for name in ("0001.jpg", "0002.jpg", "7.jpg"):
        save(images / name)
    text = "0001\n1\n20 10 0 90 45  1\n0002\n0\n7\n2\n20 10 0 90 45  1\n10 10 0 90 45  1\n"
    found = load_annotations(write(tmp_path / "list.txt", text), images)
    assert not found.problems
    assert {name: len(boxes) for name, boxes in boxes_of(found).items()} == {
        "0001.jpg": 1, "0002.jpg": 0, "7.jpg": 2,
    }  # fmt: skip


# Photos turned by EXIF


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_of_the_decoded_upright_photo(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    path = save_turned(tmp_path / f"turned{suffix}", (60, 40), orientation)
    photo = read_photo(path)
    assert read_size(path) == (photo.width, photo.height) == photo.image.shape[1::-1]
    assert read_size(path) == ((40, 60) if orientation >= 5 else (60, 40))


def test_boxes_refer_to_the_upright_photo(tmp_path: Path) -> None:
    images = tmp_path / "photos"
    save_turned(images / "a.jpg", (60, 40), 6)  # upright: 40 wide, 60 high
    files = {
        "coco": coco(tmp_path / "f.json", {"a.jpg": [[10, 30, 20, 24]]}),
        "voc": write(tmp_path / "voc/a.xml", voc_xml((11, 31, 30, 54), filename="a.jpg")),
        "yolo": write(tmp_path / "yolo/a.txt", "0 0.5 0.7 0.5 0.4\n"),
        "wider": write(tmp_path / "w.txt", f"a.jpg\n1\n10 30 20 24 {WIDER_FLAGS}\n"),
        "fddb": write(tmp_path / "fddb.txt", f"a\n1\n12 10 {pi / 2} 20 42 1\n"),
    }
    for name, path in files.items():
        photo = load_annotations(path, images, format=name).photos[0]
        assert (photo.width, photo.height) == (40, 60)
        np.testing.assert_allclose(photo.boxes, [[10, 30, 30, 54]], atol=1e-4, err_msg=name)


def test_boxes_of_the_photo_as_stored_are_not_taken_for_upright(tmp_path: Path) -> None:
    images = tmp_path / "photos"
    save_turned(images / "a.jpg", (60, 40), 6)
    path = write(tmp_path / "voc/a.xml", voc_xml((1, 1, 9, 9), filename="a.jpg", size=(60, 40)))
    found = load_annotations(path, images)
    assert told(found) == [("a.xml", "photo")]
    assert "60x40 pixels, but the photo, upright, has 40x60" in found.problems[0].message
    assert "as a viewer shows it" in found.problems[0].message


# Which format


def test_formats_are_told_from_the_content_not_the_name(tmp_path: Path) -> None:
    files = {
        "coco": write(tmp_path / "1.txt", '\ufeff  {"images": []}'),
        "voc": write(tmp_path / "2.txt", "<annotation/>"),
        "yolo": write(tmp_path / "3.json", "0 0.5 0.5 0.1 0.1\n"),
        "wider": write(tmp_path / "4.lst", f"a.jpg\n1\n1 2 3 4 {WIDER_FLAGS}\n"),
        "fddb": write(tmp_path / "5", "2002/a\n1\n20 10 0.5 90 45  1\n"),
    }
    assert {name: detect_format(path) for name, path in files.items()} == {n: n for n in files}
    write(tmp_path / "voc/deep/a.xml", "<annotation/>")
    write(tmp_path / "yolo/classes.txt", "face\n")
    write(tmp_path / "yolo/deep/a.txt", "0 0.5 0.5 0.1 0.1\n")
    write(tmp_path / "yolo/empty.txt", "")
    write(tmp_path / "fddb/FDDB-fold-01-ellipseList.txt", "")
    for name in ("voc", "yolo", "fddb"):
        assert detect_format(tmp_path / name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty", ""),
        ("prose", "Hello!\nThese are my photos.\n"),
        ("table", "a.jpg,1,2,3,4\n"),
        ("four numbers a line", "1 2 3 4\n5 6 7 8\n"),
    ],
)
def test_other_files_are_no_format(tmp_path: Path, images: Path, name: str, text: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(AnnotationError, match=r"cannot tell the format.*--format: coco, voc, yolo"):
        load_annotations(path, images)


def test_bytes_that_are_no_text_are_no_format(tmp_path: Path, images: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(AnnotationError, match="cannot tell the format"):
        load_annotations(path, images)
    with pytest.raises(AnnotationError, match="expected text in UTF-8"):
        load_annotations(path, images, format="wider")


def test_what_could_be_two_formats_must_be_named(tmp_path: Path, images: Path) -> None:
    both = tmp_path / "both"
    write(both / "a.xml", voc_xml((1, 1, 20, 20), filename="a.jpg"))
    write(both / "a.txt", "0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(AnnotationError, match=r"could be voc or yolo. Say which with --format"):
        load_annotations(both, images)
    assert len(load_annotations(both, images, format="yolo")) == 1
    no_face = write(tmp_path / "list.txt", "a.jpg\n0\n")
    with pytest.raises(AnnotationError, match="could be wider or fddb"):
        load_annotations(no_face, images)
    assert boxes_of(load_annotations(no_face, images, format="wider")) == {"a.jpg": []}


def test_empty_folders_and_missing_paths(tmp_path: Path, images: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(AnnotationError, match=r"expected a folder with VOC .xml files, YOLO"):
        load_annotations(tmp_path / "none", images)
    with pytest.raises(AnnotationError, match="lists no photo"):
        load_annotations(tmp_path / "none", images, format="voc")
    with pytest.raises(AnnotationError, match=r"gone\.json does not exist"):
        load_annotations(tmp_path / "gone.json", images)
    path = coco(tmp_path / "f.json", {"a.jpg": []})
    with pytest.raises(AnnotationError, match=r"folder of the photos, .*gone, does not exist"):
        load_annotations(path, tmp_path / "gone")
    with pytest.raises(AnnotationError, match="is a folder; coco annotations are one file"):
        load_annotations(images, images, format="coco")
    with pytest.raises(ValueError, match=r"`format` must be one of coco.*got format='xml'"):
        load_annotations(path, images, format="xml")


# Which category


def test_category_called_face_is_found_among_several(tmp_path: Path, images: Path) -> None:
    path = coco(
        tmp_path / "f.json",
        {"a.jpg": [[1, 2, 3, 4], {"bbox": [10, 20, 30, 40], "category_id": 2}]},
        categories=("car", "Face"),
    )
    assert boxes_of(load_annotations(path, images)) == {"a.jpg": [[10, 20, 40, 60]]}
    chosen = load_annotations(path, images, categories=["car", "2"])
    assert chosen.n_faces == 2
    with pytest.raises(AnnotationError, match="no category 'head'; found 'car', 'Face'"):
        load_annotations(path, images, categories=["head"])


def test_unclear_category_must_be_named(tmp_path: Path, images: Path) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [[1, 2, 3, 4]]}, categories=("man", "woman"))
    with pytest.raises(AnnotationError, match=r"which category is the face.*'man', 'woman'.*--cat"):
        load_annotations(path, images)


def test_categories_of_voc_and_yolo(tmp_path: Path, images: Path) -> None:
    one = voc_xml((1, 1, 20, 20), filename="a.jpg")
    write(tmp_path / "voc/a.xml", one)
    write(tmp_path / "voc/c.xml", voc_xml((1, 1, 9, 9), filename="c.jpg", name="dog"))
    assert boxes_of(load_annotations(tmp_path / "voc", images)) == {
        "a.jpg": [[0, 0, 20, 20]], "c.jpg": [],
    }  # fmt: skip
    write(tmp_path / "yolo/a.txt", "0 0.5 0.5 0.1 0.1\n1 0.25 0.5 0.1 0.2\n")
    with pytest.raises(AnnotationError, match=r"which category is the face.*'0', '1'"):
        load_annotations(tmp_path / "yolo", images)
    by_number = load_annotations(tmp_path / "yolo", images, categories=["1"])
    write(tmp_path / "yolo/classes.txt", "dog\nface\n")
    by_name = load_annotations(tmp_path / "yolo", images)
    for found in (by_number, by_name):  # centre (50, 50), 20 by 20
        np.testing.assert_allclose(found.photos[0].boxes, [[40, 40, 60, 60]], atol=1e-4)


# Bad boxes: left out, named, counted; the rest stays

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


# Bad photos


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


# Bad files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [', r"f\.json: not valid JSON: .*line 1 column 13"),
        ("[1, 2]", "expected a JSON object, got a list"),
        ('{"annotations": []}', "a list under the key `images`, got nothing"),
        ('{"images": [], "annotations": 3}', "a list under the key `annotations`, got 3"),
        ('{"images": [], "annotations": []}', "lists no photo"),
        ('{"images": [7], "annotations": []}', r"none of its 1 entries can be used.*images\[0\]"),
        ("[" * 100_000, "not valid JSON"),
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
        {"id": {"a": 1}, "image_id": "1", "category_id": 1, "bbox": GOOD},
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
    with pytest.raises(AnnotationError, match=r"none of its 1 entries can be used.*b\.xml"):
        load_annotations(labels / "b.xml", images)


WIDER_BOX = f"10 20 30 40 {WIDER_FLAGS}\n"


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


# Face-free photos


def test_face_free_folders(tmp_path: Path) -> None:
    for name in ("pets/dog10.jpg", "pets/dog2.jpg", "pets/more/cat.png", "pets/.hidden.jpg"):
        save(tmp_path / name)
    write(tmp_path / "pets/bad.jpg", "no photo")
    write(tmp_path / "pets/notes.txt", "no photo either")
    save(tmp_path / "other/pets/dog2.jpg")
    found = load_face_free([tmp_path / "pets", tmp_path / "other/pets", tmp_path / "pets"])
    assert [photo.name for photo in found.photos] == [
        "pets/dog2.jpg", "pets/dog10.jpg", "pets/more/cat.png", "pets-2/dog2.jpg",
    ]  # fmt: skip
    assert found.n_faces == 0
    assert told(found) == [((tmp_path / "pets/bad.jpg").as_posix(), "photo")]
    with pytest.raises(AnnotationError, match=r"bad\.jpg is not an image"):
        load_face_free([tmp_path / "pets"], strict=True)


def test_face_free_folder_without_photos(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ImageError, match=r"No images found in .*none/. Looked for .avif"):
        load_face_free([tmp_path / "none"])
    with pytest.raises(
        AnnotationError, match=r"folder of face-free photos, .*gone, does not exist"
    ):
        load_face_free([tmp_path / "gone"])
    assert len(load_face_free([])) == 0


def test_progress_is_called_once_a_photo(tmp_path: Path, images: Path) -> None:
    steps: list[int] = []
    path = coco(tmp_path / "f.json", {"a.jpg": [], "gone.jpg": [], "c.jpg": []})
    load_annotations(path, images, progress=lambda: steps.append(1))
    assert len(steps) == 3


@pytest.mark.parametrize(
    ("boxes", "ignored", "message"),
    [
        ([[0, 0, 5]], [False], "must have shape"),
        ([[0, 0, 5, 5]], [], "`ignored` must have shape"),
        ([[0, 0, 11, 5]], [False], "lie inside the photo of 10x10"),
        ([[5, 0, 5, 5]], [False], "must have an area"),
        ([[np.nan, 0, 5, 5]], [False], "must have an area"),
    ],
)
def test_annotated_photos_are_checked(boxes: Any, ignored: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnnotatedPhoto(Path("a.jpg"), np.array(boxes), np.array(ignored, bool), "a.jpg", 10, 10)


def test_attributes_belong_to_boxes() -> None:
    boxes, ignored = np.float32([[0, 0, 5, 5]]), np.zeros(1, bool)
    assert AnnotatedPhoto(Path("a.jpg"), boxes, ignored, "a.jpg", 10, 10).attributes == ({},)
    with pytest.raises(ValueError, match="must have 1 entries, one per box, or none; got 2"):
        AnnotatedPhoto(Path("a.jpg"), boxes, ignored, "a.jpg", 10, 10, attributes=({}, {}))
