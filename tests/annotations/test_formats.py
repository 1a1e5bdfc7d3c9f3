"""Each format: the box of the face, worked out by hand."""

from __future__ import annotations

from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest

from annotation_files import WIDER_FLAGS, boxes_of, coco, save, voc_xml, write
from facesmith.annotations import formats, load_annotations, write_coco
from facesmith.annotations.coco import coco_files
from facesmith.annotations.entries import PhotoEntry
from facesmith.annotations.files import read_lines


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


UNSURE = [[10, 20, 40, 60], [100, 20, 140, 60]]  # the face, then the ignored region


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_boxes_called_unsure_are_ignored_regions(tmp_path: Path, images: Path, kind: str) -> None:
    if kind == "coco":
        boxes = [[10, 20, 30, 40], {"bbox": [100, 20, 40, 40], "category_id": 2}]
        path = coco(tmp_path / "f.json", {"a.jpg": boxes}, categories=("Face", "Unsure"))
    elif kind == "voc":
        both = voc_xml((11, 21, 40, 60)) + voc_xml((101, 21, 140, 60), name="unsure")
        text = both.replace("</annotation><annotation>", "")
        path = write(tmp_path / "voc/a.xml", text)
    else:
        path = write(tmp_path / "yolo/a.txt", "0 .125 .4 .15 .4\n1 .6 .4 .2 .4\n").parent
        write(path / "classes.txt", "face\nunsure\n")
    found = load_annotations(path, images)
    np.testing.assert_allclose(found.photos[0].boxes, UNSURE, atol=1e-4)
    assert found.photos[0].ignored.tolist() == [False, True]
    assert not found.passed_over
    named = load_annotations(path, images, categories=["unsure" if kind != "coco" else "Unsure"])
    np.testing.assert_allclose(named.photos[0].boxes, UNSURE[1:], atol=1e-4)
    assert not named.photos[0].ignored.any()
    assert named.passed_over == {"boxes of other categories": 1}


def test_a_file_of_nothing_but_unsure_boxes_has_no_face(tmp_path: Path, images: Path) -> None:
    path = coco(tmp_path / "f.json", {"a.jpg": [[10, 20, 30, 40]]}, categories=("unsure",))
    assert load_annotations(path, images).n_faces == 0


def test_what_is_not_kept_is_counted_by_photos(tmp_path: Path, images: Path) -> None:
    said = {"segmentation": [[1, 2, 3]], "score": 0.5, "attributes": {"age": 7, "rotation": 0.0}}
    boxes = [{"bbox": [10, 20, 30, 40], **said}, {"bbox": [60, 20, 30, 40], **said}]
    gone = {"bbox": [900, 20, 30, 40], "score": 0.5}  # its photo is left out, and does not count
    path = coco(tmp_path / "f.json", {"a.jpg": boxes, "c.jpg": [gone]})
    assert load_annotations(path, images).passed_over == {
        "masks": 1, "scores": 1, "attributes that are no words": 1,
    }  # fmt: skip
    text = voc_xml((1, 1, 20, 20), more="<pose>Left</pose><truncated>0</truncated>")
    write(tmp_path / "voc/a.xml", text)
    write(tmp_path / "voc/c.xml", voc_xml((1, 1, 20, 20), more="<pose>Unspecified</pose>"))
    found = load_annotations(tmp_path / "voc", images)
    assert found.passed_over == {"pose, truncated and occluded": 1}
    lines = f"a.jpg\n1\n78 21 7 8 2 0 0 0 0 0\nc.jpg\n1\n10 20 30 40 {WIDER_FLAGS}\n"
    found = load_annotations(write(tmp_path / "w.txt", lines), images)
    assert found.passed_over == {"blur, expression, illumination, occlusion and pose": 1}


def test_lines_end_at_newlines_only(tmp_path: Path) -> None:
    """Names may hold other characters that Unicode takes for the end of a line."""
    path = tmp_path / "names.txt"
    path.write_bytes("a\u2028b\nc\u0085d\r\ne\x0cf\rg\n".encode())
    lines = [(1, "a\u2028b"), (2, "c\u0085d"), (3, "e\x0cf"), (4, "g")]
    assert read_lines(path) == lines


def test_a_format_is_added_in_one_place(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(source: formats.Source) -> list[PhotoEntry]:
        return [PhotoEntry("line 1", source.path.read_text())]

    monkeypatch.setitem(formats._FORMATS, "names", formats.Format(read, coco_files))
    monkeypatch.setattr("facesmith.annotations.FORMATS", tuple(formats._FORMATS))
    path = write(tmp_path / "f.names", "a.jpg")
    assert [p.name for p in load_annotations(path, images, format="names").photos] == ["a.jpg"]
