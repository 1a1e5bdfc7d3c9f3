"""YOLO pose labels and RetinaFace's `label.txt`, as others write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotation_files import save, told, write
from facesmith.annotations import AnnotatedPhoto, load_annotations, write_annotations
from facesmith.errors import AnnotationError

BOX = "0 0.5 0.5 0.2 0.4"  # 80 to 120 and 30 to 70 of 200x100
FIVE = [[90, 40], [110, 40], [100, 50], [92, 60], [108, 60]]
PAIRS = "0.45 0.4 0.55 0.4 0.5 0.5 0.46 0.6 0.54 0.6"
TRIPLES = "0.45 0.4 2 0.55 0.4 1 0.5 0.5 2 0.46 0.6 2 0.54 0.6 0"
YAML = "train: images\nnames: [face]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    save(tmp_path / "images/a.jpg")  # 200x100 pixels
    return tmp_path


def yolo(root: Path, lines: str, more: str = "") -> Path:
    write(root / "data.yaml", YAML + more)
    write(root / "labels/a.txt", lines)
    return root


@pytest.mark.parametrize("place", ["", "data.yaml", "labels"])
def test_yolo_points_with_and_without_visibility(root: Path, place: str) -> None:
    yolo(root, f"{BOX} {TRIPLES}\n0 0.2 0.5 0.2 0.4\n", "kpt_shape: [5, 3]\n")
    found = load_annotations(root / place, root / "images", strict=True)
    (photo,) = found.photos
    np.testing.assert_allclose(photo.landmarks[0, :4], FIVE[:4], atol=1e-4)
    assert photo.landmark_visibility.tolist() == [[2, 1, 2, 2, 0], [0] * 5]
    yolo(root, f"{BOX} {PAIRS}\n", "kpt_shape: [5, 2]\nflip_idx: [1, 0, 2, 4, 3]\n")
    (photo,) = load_annotations(root / place, root / "images", strict=True).photos
    np.testing.assert_allclose(photo.landmarks[0], FIVE, atol=1e-4)
    assert photo.landmark_visibility.tolist() == [[2] * 5]


@pytest.mark.parametrize("nowhere", ["0 0", "-1 -1"])
def test_yolo_points_that_are_nowhere_are_not_annotated(root: Path, nowhere: str) -> None:
    lines = f"{BOX} {nowhere} {PAIRS.removeprefix('0.45 0.4 ')}\n{BOX[:-1]}5 {nowhere}"
    lines += f" {nowhere}" * 4
    yolo(root, lines, "kpt_shape: [5, 2]\n")
    (photo,) = load_annotations(root, root / "images", strict=True).photos
    assert photo.landmark_visibility.tolist() == [[0, 2, 2, 2, 2], [0] * 5]


def test_yolo_lines_with_points_need_no_description_where_the_format_is_given(root: Path) -> None:
    write(root / "labels/a.txt", f"{BOX} {TRIPLES}\n0 0.2 0.5 0.2 0.4 {PAIRS}\n")
    labels = root / "labels"
    (photo,) = load_annotations(labels, root / "images", format="yolo-pose").photos
    assert photo.has_points.tolist() == [True, False]  # those of the second lie far from its box
    found = load_annotations(labels, root / "images", format="yolo-pose")
    with pytest.raises(AnnotationError, match="Say so with --format yolo-pose"):
        load_annotations(labels, root / "images", format="yolo", strict=True)
    assert [skipped for _, skipped in told(found)] == ["points"]


@pytest.mark.parametrize(
    "more", ["kpt_shape: [4, 2]\n", "kpt_shape: [5, 2]\nflip_idx: [0, 2, 1, 4, 3]\n"]
)
def test_yolo_points_that_are_not_the_five_are_passed_over(root: Path, more: str) -> None:
    n = 8 if "[4" in more else 10
    yolo(root, f"{BOX} {' '.join(PAIRS.split()[:n])}\n", more)
    found = load_annotations(root, root / "images", strict=True)
    assert not found.photos[0].has_points.any()
    assert found.passed_over == {"points of which no list says what they are": 1}


def test_yolo_points_of_a_wrong_kind_cost_the_points_only(root: Path) -> None:
    yolo(root, f"{BOX} {TRIPLES.replace('1', '7')}\n", "kpt_shape: [5, 3]\n")
    found = load_annotations(root, root / "images")
    assert told(found) == [("labels/a.txt line 1", "points")] or len(found.problems) == 1
    assert "expected 0, 1 or 2 as the v of left_eye, got 7" in found.problems[0].message
    assert found.photos[0].complete


def test_yolo_lines_of_another_width_lose_the_box(root: Path) -> None:
    yolo(root, f"{BOX}\n{BOX} {PAIRS}\n", "kpt_shape: [5, 3]\n")
    found = load_annotations(root, root / "images")
    assert [skipped for _, skipped in told(found)] == ["box"]
    assert "perhaps followed by 15 numbers of points" in found.problems[0].message


@pytest.mark.parametrize("shape", ["5", "[5]", "[5, 4]", "[a, 2]"])
def test_a_shape_of_points_that_is_none_is_refused(root: Path, shape: str) -> None:
    with pytest.raises(AnnotationError, match="expected the number of points and 2 or 3"):
        load_annotations(yolo(root, f"{BOX}\n", f"kpt_shape: {shape}\n"), root / "images")


def test_points_outside_the_photo_are_none_for_yolo_trainers(root: Path) -> None:
    points = np.array([FIVE], np.float32)
    points[0, 0] = (100, -3)
    photo = AnnotatedPhoto(
        root / "images/a.jpg", np.array([[80, 0, 120, 70]], np.float32), np.zeros(1, bool),
        "a.jpg", 200, 100, landmarks=points,
    )  # fmt: skip
    write_annotations(root / "out", [photo], root / "images", format="yolo-pose")
    words = (root / "out/labels/a.txt").read_text().split()
    assert words[5:11] == ["0", "0", "0", "0.55000000", "0.40000000", "2"]
    assert "kpt_shape: [5, 3]\nflip_idx: [1, 0, 2, 4, 3]\n" in (root / "out/data.yaml").read_text()


RETINAFACE = """\
# a.jpg
80 30 40 40 90 40 0.0 110 40 1.0 100 50 0.0 92 60 0.0 -1.0 -1.0 -1.0 0.82
10 30 40 40 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 0.2
150 30 20 20
# b.jpg
"""


def test_retinaface_labels(root: Path) -> None:
    save(root / "images/b.jpg")
    found = load_annotations(write(root / "label.txt", RETINAFACE), root / "images", strict=True)
    first, second = found.photos
    assert first.boxes.tolist() == [[80, 30, 120, 70], [10, 30, 50, 70], [150, 30, 170, 50]]
    assert first.landmark_visibility.tolist() == [[2, 1, 2, 2, 0], [0] * 5, [0] * 5]
    assert first.landmarks[0, :4].tolist() == FIVE[:4]
    assert len(second.boxes) == 0
    assert found.passed_over == {"blur": 1}


def test_retinaface_labels_that_are_damaged(root: Path) -> None:
    first, second = RETINAFACE.splitlines()[1:3]
    text = f"{second}\n# a.jpg\n{first.replace('1.0', '3', 1)}\n1 2 3\n"
    found = load_annotations(write(root / "label.txt", text), root / "images", format="retinaface")
    assert told(found) == [
        ("label.txt line 1", "box"),
        ("label.txt line 3 (a.jpg)", "points"),
        ("label.txt line 4 (a.jpg)", "box"),
    ]
    assert "expected 0, 1 or -1 behind x and y, got 3" in found.problems[1].message
    assert not found.photos[0].complete


def test_retinaface_labels_are_written_as_they_are_published(root: Path) -> None:
    save(root / "images/b.jpg")
    photos = load_annotations(write(root / "l.txt", RETINAFACE), root / "images").photos
    write_annotations(root / "m.txt", photos, root / "images", format="retinaface")
    lines = (root / "m.txt").read_text().splitlines()
    assert lines[0] == "# a.jpg"
    assert lines[1] == ("80 30 40 40 90 40 0.0 110 40 1.0 100 50 0.0 92 60 0.0 -1.0 -1.0 -1.0 0.0")
    assert lines[3].split()[4:] == ["-1.0"] * 15 + ["0.0"]
    assert lines[4] == "# b.jpg"
