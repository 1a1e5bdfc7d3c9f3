"""Photos turned by EXIF, formats told apart, categories, face-free folders."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation_files import WIDER_FLAGS, boxes_of, coco, save, save_turned, told, voc_xml, write
from facesmith.annotations import AnnotatedPhoto, load_annotations, load_face_free
from facesmith.annotations.formats import detect_format
from facesmith.errors import AnnotationError, ImageError
from facesmith.images import read_photo, read_size
from told_progress import Told


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
    with pytest.raises(
        AnnotationError, match=r"cannot tell the format.*--format: coco, cvat, label-studio"
    ):
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
    with pytest.raises(AnnotationError, match=r"expected a folder with VOC .xml files, labelme"):
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
    with pytest.raises(ImageError, match=r"No images found in .*none/. Looked for .apng"):
        load_face_free([tmp_path / "none"])
    with pytest.raises(
        AnnotationError, match=r"folder of face-free photos, .*gone, does not exist"
    ):
        load_face_free([tmp_path / "gone"])
    assert len(load_face_free([])) == 0


def test_progress_counts_each_photo(tmp_path: Path, images: Path) -> None:
    progress = Told()
    path = coco(tmp_path / "f.json", {"a.jpg": [], "gone.jpg": [], "c.jpg": []})
    load_annotations(path, images, progress=progress)
    assert progress.reports == [("Checking photos", done, 3) for done in range(4)]


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
