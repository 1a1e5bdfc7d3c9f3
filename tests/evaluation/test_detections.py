"""Detections of any detector for annotated photos: both forms, and every way to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesmith.annotations import AnnotatedPhoto, load_annotations
from facesmith.errors import DetectionsError, ImageError
from facesmith.evaluation.detection_entries import json_lines
from facesmith.evaluation.detections import (
    Detections,
    find_faces,
    read_any_scores,
    read_detections,
)
from facesmith.faces import Faces
from told_progress import Told

NAMES = ("a.png", "sub/a.png", "b.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos of 60x40 pixels with the COCO ids 11, 12 and 13; two categories."""
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in NAMES:
        Image.new("RGB", (60, 40)).save(tmp_path / "photos" / name)
    coco = {
        "images": [{"id": 11 + i, "file_name": name} for i, name in enumerate(NAMES)],
        "annotations": [
            {"id": 1, "image_id": 12, "category_id": 7, "bbox": [1, 2, 30, 20], "iscrowd": 0}
        ],
        "categories": [{"id": 7, "name": "face"}, {"id": 8, "name": "car"}],
    }
    (tmp_path / "val.json").write_text(json.dumps(coco))
    return tmp_path


def photos_of(folder: Path) -> tuple[AnnotatedPhoto, ...]:
    return load_annotations(folder / "val.json", folder / "photos").photos


def write(folder: Path, content: Any) -> Path:
    """A list as COCO results, a tuple as JSON lines, a text as it is."""
    path = folder / "found.json"
    if isinstance(content, tuple):
        content = "\n".join(json.dumps(line) for line in content)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def result(**changes: Any) -> dict[str, Any]:
    return {"image_id": 12, "category_id": 7, "bbox": [1, 2, 30, 20], "score": 0.5} | changes


def line(file: str, *faces: Any) -> dict[str, Any]:
    return {"file": file, "width": 60, "height": 40, "faces": list(faces)}


def face(*box: float, score: float = 0.5) -> dict[str, Any]:
    return {"box": list(box), "score": score}


def test_coco_results_go_to_the_photos_of_their_ids_in_the_order_of_the_file(folder: Path) -> None:
    content = [
        result(image_id=13, bbox=[0, 0, 10, 20], score=0.25),
        result(bbox=[-5, 2.5, 30, 20], score=0.125),
        result(image_id=13, bbox=[1, 1, 0, 0], score=1),
        result(category_id=8),  # a car is no face
    ]
    found = read_detections(write(folder, content), folder / "val.json", photos_of(folder))
    assert [faces.boxes.tolist() for faces in found] == [
        [], [[-5, 2.5, 25, 22.5]], [[0, 0, 10, 20], [1, 1, 1, 1]],
    ]  # fmt: skip
    assert [faces.scores.tolist() for faces in found] == [[], [0.125], [0.25, 1]]


def test_no_result_at_all_is_no_detection(folder: Path) -> None:
    found = read_detections(write(folder, []), folder / "val.json", photos_of(folder))
    assert found == [Faces.empty()] * 3


def test_a_single_category_need_not_be_named(folder: Path) -> None:
    coco = json.loads((folder / "val.json").read_text())
    (folder / "val.json").write_text(json.dumps(coco | {"categories": coco["categories"][:1]}))
    entry = result()
    del entry["category_id"]
    found = read_detections(write(folder, [entry]), folder / "val.json", photos_of(folder))
    assert [len(faces) for faces in found] == [0, 1, 0]


def test_annotations_without_categories_and_faces_take_any_category(folder: Path) -> None:
    coco = json.loads((folder / "val.json").read_text())
    (folder / "val.json").write_text(json.dumps({"images": coco["images"], "annotations": []}))
    path = write(folder, [result(category_id=3)])
    found = read_detections(path, folder / "val.json", photos_of(folder))
    assert [len(faces) for faces in found] == [0, 1, 0]


def test_lines_are_matched_by_the_file_or_by_its_name_below_the_folder(folder: Path) -> None:
    lines = (
        line("elsewhere/b.png", face(0, 0, 5, 5, score=0.75)),
        line(str(folder / "photos" / "a.png")),
        line("C:\\elsewhere\\sub\\a.png", face(1, 2, 3, 4)),
    )
    found = read_detections(write(folder, lines), folder / "val.json", photos_of(folder))
    assert [faces.boxes.tolist() for faces in found] == [[], [[1, 2, 3, 4]], [[0, 0, 5, 5]]]


def test_scores_of_any_range_keep_their_order_and_are_no_probabilities(folder: Path) -> None:
    path = write(folder, [result(score=-3.5), result(score=1e300)])
    found = read_any_scores(path, folder / "val.json", photos_of(folder))
    assert found[1].scores.tolist() == [-3.5, 1e300]
    with pytest.raises(DetectionsError, match=r"from 0 to 1, got -3\.5 in sub/a\.png.*sigmoid"):
        read_detections(path, folder / "val.json", photos_of(folder))


ALL = tuple(line(name) for name in NAMES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([result(image_id=99)], r"found\.json entry 0: its `image_id` 99 stands for no photo of"),
        ([result(image_id=None)], "entry 0: its `image_id` nothing stands for no photo"),
        ([result(image_id=True)], "entry 0: its `image_id` true stands for no photo"),
        ([result(), result(category_id=9)], "entry 1: its `category_id` 9 is none of"),
        ([result(category_id=None)], "entry 0: its `category_id` nothing is none of"),
        ([result(bbox=[1, 2, 3])], r"expected four numbers as `bbox`, got \[1, 2, 3\]"),
        ([result(bbox=[1, 2, 3, "4"])], 'expected a number as `bbox`, got "4"'),
        ([result(bbox=[1, 2, -3, 4])], "a width and a height of at least 0, got -3 and 4"),
        ([result(bbox=[1, 2, 3, 1e12])], "expected pixels as `bbox`"),
        ([result(score=float("nan"))], "entry 0: expected a finite number as `score`, got nan"),
        ([result(score=float("inf"))], "expected a finite number as `score`, got inf"),
        ([result(score=10**400)], "expected a finite number as `score`, got inf"),
        ([result(score=True)], "expected a number as `score`, got true"),
        ([17], "entry 0: expected an object, got 17"),
        ("[1, 2", "not valid JSON"),
        ((*ALL, line("c.png")), r"line 4: c\.png is none of the 3 annotated photos"),
        ((*ALL, line("x/b.png")), r"line 4: x/b\.png has a line already, found\.json line 3"),
        (ALL[1:], r"a line for each of the 3 annotated photos, the one of a\.png is missing"),
        ("\n", r"the one of a\.png and of 2 more is missing"),
        ("", r"found\.json is empty"),
        ((*ALL[:2], line("b.png", face(5, 0, 4, 9))), r"line 3, faces\[0\]: .* got 5, 0, 4, 9"),
        ((*ALL[:2], line("b.png", face(1, 2, 3, 4), 5)), r"faces\[1\]: expected an object, got 5"),
        ((*ALL[:2], line("b.png", {"box": [1, 2, 3, 4]})), "expected a number as `score`, got no"),
        ((*ALL[:2], {"file": "b.png", "error": "It is empty."}), r"looked at: It is empty\. Mend"),
        ((*ALL[:2], {"file": "b.png"}), "expected a list as `faces`, got nothing"),
        (({"images": []},), "line 1: expected a line of `facesmith detect --json`"),
        ("{\n", "line 1: not valid JSON"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_place(
    folder: Path, content: Any, message: str
) -> None:
    path = write(folder, content)
    with pytest.raises(DetectionsError, match=message):
        read_detections(path, folder / "val.json", photos_of(folder))


def test_a_file_that_is_no_text_is_an_error(folder: Path) -> None:
    path = folder / "found.json"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DetectionsError, match=r"found\.json is text in UTF-16; save it as UTF-8"):
        read_detections(path, folder / "val.json", photos_of(folder))


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085"])
def test_lines_end_at_line_ends_only(tmp_path: Path, mark: str) -> None:
    """Python's own splitting takes these characters of a name for line ends."""
    text = json.dumps({"file": f"a{mark}b.png", "faces": []}, ensure_ascii=False)
    found = list(json_lines(tmp_path / "f.jsonl", f"{text}\n{text}\r\n"))
    assert [file for _, file, *_ in found] == [f"a{mark}b.png"] * 2


def test_photos_left_out_may_be_passed_over(folder: Path) -> None:
    photos = photos_of(folder)
    lines = write(folder, ALL)
    found = read_detections(lines, folder / "val.json", photos[:2], allow_others=True)
    assert len(found) == 2
    # An id of the annotations whose photo was left out is known all the same.
    found = read_detections(write(folder, [result()]), folder / "val.json", photos[2:])
    assert found == [Faces.empty()]


def test_coco_results_need_coco_annotations(folder: Path) -> None:
    other = folder / "list.txt"
    other.write_text("a.png\n0\n")
    with pytest.raises(DetectionsError, match="only COCO annotations explain"):
        read_detections(write(folder, [result()]), other, photos_of(folder))


def test_a_detector_sees_each_photo_once_in_full_size_and_order(folder: Path) -> None:
    seen = []

    def detector(image: Any, *, min_score: float | None) -> Faces:
        seen.append((image.shape, min_score))
        return Faces(np.float32([[0, 0, len(seen), 1]]), np.float32([0.5]))

    progress = Told()
    photos = photos_of(folder)
    found = find_faces(detector, photos, min_score=0.25, progress=progress)
    assert [faces.boxes[0, 2] for faces in found] == [1, 2, 3]
    assert seen == [((40, 60, 3), 0.25)] * 3
    assert progress.reports == [("Photos", done, 3) for done in range(4)]
    photos[1].path.unlink()
    with pytest.raises(ImageError, match=r"a\.png"):
        find_faces(detector, photos, min_score=None)


def test_detections_are_checked_copies() -> None:
    boxes = np.array([[0.0, 0, 1, 1]])
    detections = Detections(boxes, np.array([-2.0]))
    boxes[0, 0] = 9
    assert detections.boxes[0, 0] == 0
    assert len(detections) == 1
    for wrong in ([[0, 0, np.nan, 1]], [[2, 0, 1, 1]], [0, 0, 1, 1]):
        with pytest.raises(ValueError, match="`boxes`"):
            Detections(np.array(wrong, float), np.array([0.5]))


@pytest.mark.parametrize(
    "changes", [{"width": 30, "height": 20}, {"width": "120.0"}, {"height": 1}]
)
def test_boxes_in_pixels_of_another_size_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    lines = (line("a.png"), line("sub/a.png") | changes, line("b.png"))
    with pytest.raises(DetectionsError, match=r"line 2: it states .* which has 60 x 40, upright"):
        read_detections(write(folder, lines), folder / "val.json", photos_of(folder))


def test_a_size_need_not_be_stated_and_is_a_number_however_it_is_written(folder: Path) -> None:
    lines = (
        line("a.png") | {"width": "60.0", "height": 40.0},
        {"file": "sub/a.png", "faces": []},
        line("b.png") | {"width": None, "height": 0},
    )
    found = read_detections(write(folder, lines), folder / "val.json", photos_of(folder))
    assert found == [Faces.empty()] * 3
    with pytest.raises(DetectionsError, match="expected pixels as `width` and `height`, got 'big'"):
        read_detections(write(folder, (line("a.png") | {"width": "big"},)), folder / "val.json", [])


@pytest.mark.parametrize(("image_id", "category_id"), [("12", "7"), (12.0, 7.0), (" 12", 7)])
def test_ids_are_compared_as_numbers(folder: Path, image_id: Any, category_id: Any) -> None:
    content = [result(image_id=image_id, category_id=category_id)]
    found = read_detections(write(folder, content), folder / "val.json", photos_of(folder))
    assert [len(faces) for faces in found] == [0, 1, 0]


@pytest.mark.parametrize("file", ["\ud800.jpg", "a\0.jpg", "x" * 5000, "", "/", "a/" * 3000])
def test_names_that_no_file_can_have_are_no_photos(folder: Path, file: str) -> None:
    path = folder / "named.jsonl"
    path.write_text(json.dumps({"file": file, "faces": []}) + "\n")
    with pytest.raises(DetectionsError, match=r"line 1: .* is none of the"):
        read_detections(path, folder / "val.json", photos_of(folder))


def test_a_line_without_an_error_may_say_so(folder: Path) -> None:
    photos = photos_of(folder)
    path = folder / "lines.jsonl"
    lines = [{"file": photo.name, "faces": [], "error": None} for photo in photos]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert all(len(faces) == 0 for faces in read_detections(path, folder / "val.json", photos))
