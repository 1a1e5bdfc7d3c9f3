"""Each format: what is written is read again, and what is lost is said."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from annotation_files import save
from facesmith.annotations import (
    FORMATS,
    AnnotatedPhoto,
    check_names,
    load_annotations,
    not_carried_over,
    write_annotations,
)
from facesmith.annotations.passed_over import PROPOSED
from facesmith.errors import AnnotationError, WriteError

NAMES = (
    "a.jpg",
    "two words/b ü&<'\".png",
    "c+50%#1.jpg",
    "d.e.jpg",
    "classes.jpg",
    "日本/0001.png",
)
FOLDERS = ("labelme", "voc", "yolo", "yolo-pose")
WHOLE = ("voc", "wider")  # whole pixels only
LEFT_OUT = "ignored regions, left out; their places count as background"
UNSURE = "ignored regions, written as boxes called `unsure`"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in NAMES:
        save(tmp_path / "my photos" / name, (201, 99))
    return tmp_path / "my photos"


@pytest.fixture
def photos(images: Path) -> list[AnnotatedPhoto]:
    """Two faces and an ignored region, the whole photo, no face, and each other photo a box."""
    boxes = {
        NAMES[0]: [[10.25, 20, 40.1, 60.75], [150, 1, 201, 99], [100, 10, 120, 30]],
        NAMES[1]: [[0, 0, 201, 99]],
        NAMES[2]: [],
    }
    found = []
    for name in NAMES:
        here = np.array(boxes.get(name, [[5, 6, 27, 38]]), np.float32).reshape(-1, 4)
        ignored = np.zeros(len(here), bool)
        ignored[2:] = True
        said = ({"mask": "with_mask", "occluded": "yes"}, {}, {"votes": "1"})[: len(here)]
        found.append(AnnotatedPhoto(images / name, here, ignored, name, 201, 99, attributes=said))
    return found


def same(found: AnnotatedPhoto, given: AnnotatedPhoto, *, within: float) -> None:
    np.testing.assert_allclose(found.boxes, given.boxes, rtol=0, atol=within)
    assert found.ignored.tolist() == given.ignored.tolist()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_written_is_read_again(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto], kind: str, told: bool
) -> None:
    """Boxes, ignored regions, photos without a face, and odd names."""
    out = tmp_path / "out"
    write_annotations(out, photos, images, format=kind)
    found = load_annotations(out, images, format=kind if told else None, strict=True)
    assert sorted(photo.name for photo in found.photos) == sorted(NAMES)
    by_name = {photo.name: photo for photo in found.photos}
    lost = not_carried_over(photos, kind)
    for given in photos:
        photo = by_name[given.name]
        if kind in ("fddb", "retinaface"):
            np.testing.assert_allclose(photo.boxes, given.boxes[~given.ignored], atol=1e-4)
        else:
            same(photo, given, within=0.5 if kind in WHOLE else 1e-4)
        if "attributes of boxes" not in lost:
            assert [dict(each) for each in photo.attributes] == list(given.attributes)
    assert lost == {
        "coco": {},
        "cvat": {UNSURE: 1},
        "label-studio": {UNSURE: 1},
        "labelme": {UNSURE: 1},
        "voc": {
            "attributes of boxes": 5,
            "edges within a pixel, rounded to whole pixels": 1,
        },
        "yolo": {UNSURE: 1, "attributes of boxes": 5},
        "wider": {
            "attributes of boxes": 5,
            "edges within a pixel, rounded to whole pixels": 1,
        },
        "yolo-pose": {UNSURE: 1, "attributes of boxes": 5},
        "fddb": {LEFT_OUT: 1, "attributes of boxes": 5},
        "retinaface": {LEFT_OUT: 1, "attributes of boxes": 5},
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["cvat", "label-studio", "labelme", "yolo", "yolo-pose"])
def test_a_way_through_another_format_changes_nothing(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto], kind: str
) -> None:
    write_annotations(tmp_path / "first.json", photos, images, format="coco")
    before = load_annotations(tmp_path / "first.json", images).photos
    write_annotations(tmp_path / "there", before, images, format=kind)
    there = load_annotations(tmp_path / "there", images)
    write_annotations(tmp_path / "back.json", there.photos, images, format="coco")
    back = {p.name: p for p in load_annotations(tmp_path / "back.json", images).photos}
    for photo in before:
        same(back[photo.name], photo, within=1e-4 if kind.startswith("yolo") else 0)
    assert there.passed_over == {}


@pytest.mark.parametrize("kind", ["coco", "yolo-pose", "retinaface"])
def test_points_are_written_and_read_again(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto], kind: str
) -> None:
    """Some faces with all points, one with some, one without; hidden ones stay hidden."""
    five = [[15.25, 30, 2], [30.5, 31, 1], [22, 40.125, 2], [17, 50, 0], [29, 51, 2]]
    points = np.zeros((3, 5, 3), np.float32)
    points[0] = five
    points[points[..., 2] == 0, :2] = np.nan
    first, second, *others = photos
    pointed = [
        replace(first, landmarks=points[..., :2], landmark_visibility=points[..., 2]),
        replace(second, landmarks=np.full((1, 5, 2), 7.5), landmark_visibility=()),
        *others,
    ]
    write_annotations(tmp_path / "out", pointed, images, format=kind)
    found = load_annotations(tmp_path / "out", images, strict=True)
    assert not found.passed_over
    by_name = {photo.name: photo for photo in found.photos}
    for given in pointed:
        rows = slice(None) if kind != "retinaface" else ~given.ignored
        read = by_name[given.name]
        np.testing.assert_allclose(read.landmarks, given.landmarks[rows], rtol=0, atol=1e-5)
        assert read.landmark_visibility.tolist() == given.landmark_visibility[rows].tolist()
    lost = not_carried_over(pointed, kind)
    assert not any("point" in what for what in lost)


def test_points_that_a_format_does_not_hold_are_counted(
    photos: list[AnnotatedPhoto],
) -> None:
    points = np.full((1, 5, 2), -2)
    outside = replace(photos[1], landmarks=points, landmark_visibility=())
    for kind in FORMATS:
        lost = not_carried_over([photos[0], outside], kind)
        said = {what: n for what, n in lost.items() if "point" in what}
        expected = {"coco": {}, "retinaface": {}, "yolo-pose": {"points outside the photo": 1}}
        assert said == expected.get(kind, {"points of faces": 1})


def test_boxes_at_the_border_and_narrow_ones_stay_boxes_in_whole_pixels(
    tmp_path: Path, images: Path
) -> None:
    boxes = [[0.2, 0.4, 0.4, 0.45], [200.6, 98.7, 201, 99], [10.5, 10.49, 12.5, 12.49]]
    photo = AnnotatedPhoto(images / "a.jpg", boxes, [False] * 3, "a.jpg", 201, 99)  # type: ignore[arg-type]
    for kind in WHOLE:
        write_annotations(tmp_path / kind, [photo], images, format=kind)
        (found,) = load_annotations(tmp_path / kind, images, format=kind, strict=True).photos
        assert found.boxes.tolist() == [[0, 0, 1, 1], [200, 98, 201, 99], [11, 10, 13, 12]]


def test_sources_and_boxes_left_out_are_said(photos: list[AnnotatedPhoto], images: Path) -> None:
    args = (images / "a.jpg", np.zeros((0, 4)), np.zeros(0, bool), "a.jpg", 201, 99)
    photo = AnnotatedPhoto(*args, complete=False, source="press")
    gone = "boxes that could not be used; the photos look complete without them"
    assert not_carried_over([photo], "coco", {"scores": 3}) == {"scores": 3, gone: 1}
    assert not_carried_over([photo, photos[2]], "cvat") == {"sources of photos": 1, gone: 1}


@pytest.mark.parametrize("kind", FOLDERS)
def test_two_photos_never_share_a_label_file(tmp_path: Path, images: Path, kind: str) -> None:
    save(images / "a.png", (201, 99))
    pair = [
        AnnotatedPhoto(images / name, np.zeros((0, 4)), np.zeros(0, bool), name, 201, 99)
        for name in ("a.jpg", "a.png")
    ]
    with pytest.raises(AnnotationError, match=r"a\.jpg and a\.png would share the label file a\."):
        check_names(pair, images, kind)
    with pytest.raises(AnnotationError, match="would share"):
        write_annotations(tmp_path / "out", pair, images, format=kind)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name != ".facesmith"]


@pytest.mark.parametrize("kind", FOLDERS)
def test_no_label_is_written_outside_the_folder(tmp_path: Path, images: Path, kind: str) -> None:
    for name in ("../a.jpg", "/a.jpg"):
        photo = AnnotatedPhoto(images / "a.jpg", np.zeros((0, 4)), np.zeros(0, bool), name, 9, 9)
        with pytest.raises(AnnotationError, match="lies outside the folder of the photos"):
            write_annotations(tmp_path / "out", [photo], images, format=kind)
    assert {path.name for path in tmp_path.iterdir()} == {"my photos", "out"}


@pytest.mark.parametrize(
    "kind", ["cvat", "voc", "yolo", "yolo-pose", "wider", "fddb", "retinaface"]
)
@pytest.mark.parametrize("name", ["bell\x07.jpg", "two\nlines.jpg", "\udcff.jpg"])
def test_names_that_a_format_cannot_hold_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    photo = AnnotatedPhoto(Path(name), np.zeros((0, 4)), np.zeros(0, bool), name, 9, 9)
    with pytest.raises(AnnotationError, match="cannot hold the text"):
        check_names([photo], tmp_path, kind)
    for other in ("coco", "label-studio", "labelme"):
        check_names([photo], tmp_path, other)


# Name -> the formats that refuse it; all others find the photo again under that name.
ODD_NAMES = {
    " a.jpg": ("wider", "fddb", "retinaface"),
    "a .jpg": (),
    "a.jpg ": ("yolo", "yolo-pose", "wider", "fddb", "retinaface"),
    " sub/a.jpg": ("wider", "fddb", "retinaface"),
    "\ufeffa.jpg": ("wider", "fddb"),
    ".hidden.jpg": FOLDERS,
    "sub/.hidden/a.jpg": FOLDERS,
    ".jpg": FOLDERS,
    "bare": ("yolo", "yolo-pose", "fddb"),
    "0001": ("yolo", "yolo-pose", "fddb"),
    "12 34": ("yolo", "yolo-pose", "wider", "fddb"),
    "x.txt": ("yolo", "yolo-pose", "fddb"),
    "1 2 3 4 5.jpg": (),
    "1 2 b 4.jpg": (),
    "a\\b.jpg": (),
    "C:a.jpg": (),
    "images/a.jpg": (),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no files of these names")
@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("kind", FORMATS)
def test_each_name_is_found_again_or_refused(tmp_path: Path, name: str, kind: str) -> None:
    """Spaces at the ends, hidden files, no suffix, names that look like lines of boxes."""
    folder, out = tmp_path / "photos", tmp_path / "out"
    photos = []
    for each in (name, "other.jpg"):
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(folder / each, "JPEG")
        boxes = np.array([[3, 4, 20, 30]], np.float32)
        photos.append(AnnotatedPhoto(folder / each, boxes, np.array([False]), each, 64, 48))
    if kind in ODD_NAMES[name]:
        with pytest.raises(AnnotationError) as refused:
            write_annotations(out, photos, folder, format=kind)
        assert name in str(refused.value) or repr(name) in str(refused.value)
        assert not out.is_file()
        return
    check_names(photos, folder, kind)
    write_annotations(out, photos, folder, format=kind)
    found = load_annotations(out, folder, strict=True).photos
    assert {photo.name: photo.boxes.tolist() for photo in found} == {
        each: [[3, 4, 20, 30]] for each in (name, "other.jpg")
    }


def test_a_photo_called_like_another_one_of_the_folder_gets_no_yolo_label(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]
) -> None:
    save(images / "a.png", (201, 99))  # is not annotated
    with pytest.raises(AnnotationError, match=r"a\.jpg and a\.png in the folder of the photos"):
        write_annotations(tmp_path / "out", photos, images, format="yolo")


def test_a_folder_is_replaced_only_with_force_and_never_that_of_others(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]
) -> None:
    out = tmp_path / "out"
    write_annotations(out, photos, images, format="labelme")
    with pytest.raises(WriteError, match="not empty"):
        write_annotations(out, photos[:1], images, format="labelme")
    write_annotations(out, photos[:1], images, format="labelme", force=True)
    assert [path.name for path in out.rglob("*.json")] == ["a.json"]
    (out / "mine.json").write_text("{}")
    with pytest.raises(WriteError, match=r"holds other files: mine\.json"):
        write_annotations(out, photos, images, format="labelme", force=True)


def test_proposals_are_predictions_with_scores(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]
) -> None:
    """The score is 1 minus the doubt; the photo's is that of its most doubtful box."""
    doubted = AnnotatedPhoto(
        images / "a.jpg", photos[0].boxes[:2], [False, False], "a.jpg", 201, 99,  # type: ignore[arg-type]
        attributes=({"doubt": "0.04"}, {"doubt": "0.60"}),
    )  # fmt: skip
    path = tmp_path / "tasks.json"
    write_annotations(path, [doubted, photos[2]], images, format="label-studio", doubt="doubt")
    first, second = json.loads(path.read_text())
    assert "annotations" not in first
    (said,) = first["predictions"]
    assert (said["score"], [each["score"] for each in said["result"]]) == (0.4, [0.96, 0.4])
    assert second["predictions"][0]["score"] == 1
    assert second["data"]["image"] == "/data/local-files/?d=my%20photos/c%2B50%25%231.jpg"
    found = load_annotations(path, images)
    assert found.passed_over == {"scores": 1, PROPOSED: 2}
    assert [photo.name for photo in found.photos] == ["a.jpg", NAMES[2]]


def test_cvat_numbers_photos_by_their_names(
    tmp_path: Path, images: Path, photos: list[AnnotatedPhoto]
) -> None:
    """Whatever their order in the file: CVAT takes the number where it does not know a name."""
    write_annotations(tmp_path / "c.xml", photos[::-1], images, format="cvat")
    found = ET.parse(tmp_path / "c.xml").getroot().findall("image")  # noqa: S314  # our own
    assert [each.get("name") for each in found] == list(NAMES[::-1])
    assert {each.get("name"): each.get("id") for each in found} == {
        name: str(place) for place, name in enumerate(sorted(NAMES))
    }
