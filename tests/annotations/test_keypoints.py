"""The five points of faces: in photos, in COCO JSON, and what is said of those that are no use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation_files import save, told
from facesmith.annotations import AnnotatedPhoto, Annotations, load_annotations, write_annotations
from facesmith.annotations.keypoints import point_of_name
from facesmith.errors import AnnotationError

FIVE = [40, 30, 2, 60, 31, 2, 50, 42, 1, 42, 50, 2, 58, 51, 2]
NAMES = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"]
HERE = [[40, 30], [60, 31], [50, 42], [42, 50], [58, 51]]
BOX = [30, 10, 40, 50]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    save(tmp_path / "images/a.jpg")  # 200x100 pixels
    return tmp_path / "images"


def read(
    images: Path, *annotations: dict[str, Any], names: Any = NAMES, strict: bool = False
) -> Annotations:
    path = images.parent / "faces.json"
    path.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.jpg"}],
                "annotations": [
                    {"id": i, "image_id": 1, "category_id": 3, "bbox": BOX, **each}
                    for i, each in enumerate(annotations, start=1)
                ],
                "categories": [
                    {"id": 3, "name": "face", **({"keypoints": names} if names else {})}
                ],
            }
        )
    )
    return load_annotations(path, images, strict=strict)


def one_face(images: Path, **options: Any) -> AnnotatedPhoto:
    return AnnotatedPhoto(
        images / "a.jpg", np.array([[30, 10, 70, 60]], np.float32), np.zeros(1, bool),
        "a.jpg", 200, 100, **options,
    )  # fmt: skip


def test_points_and_their_visibility_are_read(images: Path) -> None:
    found = read(images, {"keypoints": FIVE}, {"bbox": [100, 10, 40, 50]})
    (photo,) = found.photos
    assert photo.landmarks.dtype == np.float32
    assert photo.landmark_visibility.dtype == np.uint8
    assert photo.landmarks[0].tolist() == HERE
    assert photo.landmark_visibility.tolist() == [[2, 2, 1, 2, 2], [0] * 5]
    assert np.isnan(photo.landmarks[1]).all()
    assert photo.has_points.tolist() == [True, False]
    assert not found.problems
    assert not found.passed_over
    assert not photo.landmarks.flags.writeable


def test_points_without_names_stand_in_the_usual_order(images: Path) -> None:
    assert read(images, {"keypoints": FIVE}, names=None).photos[0].landmarks[0].tolist() == HERE


def test_points_are_told_by_their_names(images: Path) -> None:
    """As COCO's persons have them: the left eye before the right one, ears, no mouth."""
    numbers = [50, 42, 2, 60, 31, 1, 40, 30, 2, 65, 33, 2, 35, 33, 0]
    names = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
    found = read(images, {"keypoints": numbers}, names=names)
    (photo,) = found.photos
    assert photo.landmark_visibility.tolist() == [[2, 1, 2, 0, 0]]
    assert photo.landmarks[0, :3].tolist() == HERE[:3]
    assert found.passed_over == {
        "points other than the eyes, the nose and the corners of the mouth": 1
    }
    # Nothing is lost where nothing is annotated.
    assert not read(images, {"keypoints": [0] * 15}, names=names).passed_over


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("right_eye", 0), ("Left Eye", 1), ("eyeLeft", 1), ("l-eye", 1), ("righteye", 0),
        ("nose", 2), ("nose_tip", 2), ("NoseTip", 2), ("mouth_right", 3), ("RightMouth", 3),
        ("left mouth corner", 4), ("left_corner_of_mouth", 4), ("mouth", None), ("eye", None),
        ("left_eyebrow", None), ("left_eye_inner", None), ("left_ear", None), ("face-12", None),
        ("nose_left", None), ("left_shoulder", None), ("", None), ("right_left_eye", None),
    ],
)  # fmt: skip
def test_names_of_points(name: str, place: int | None) -> None:
    assert point_of_name(name) == place


def test_unnamed_points_of_another_number_are_passed_over(images: Path) -> None:
    found = read(images, {"keypoints": [1, 2, 2] * 17}, names=None)
    assert not found.photos[0].has_points.any()
    assert found.passed_over == {"points of which no list says what they are": 1}


@pytest.mark.parametrize(
    ("keypoints", "message"),
    [
        (FIVE[:-1], "expected 5 times x, y and v"),
        (FIVE[:-3], "expected 5 times x, y and v"),
        ("none", "expected 5 times x, y and v"),
        ([*FIVE[:-1], True], "expected 5 times x, y and v"),
        ([*FIVE[:2], 3, *FIVE[3:]], "expected 0, 1 or 2 as the v of right_eye, got 3"),
        ([float("inf"), *FIVE[1:]], "expected finite numbers for right_eye"),
        ([-90, *FIVE[1:]], "right_eye at -90, 30"),  # 25 pixels would be near the photo
        ([40, -30, *FIVE[2:]], "right_eye at 40, -30"),
        ([140, *FIVE[1:]], "right_eye at 140, 30"),
    ],
)
def test_bad_points_cost_the_points_and_not_the_box(
    images: Path, keypoints: Any, message: str
) -> None:
    found = read(images, {"keypoints": keypoints})
    (photo,) = found.photos
    assert photo.boxes.tolist() == [[30, 10, 70, 60]]
    assert photo.complete
    assert not photo.has_points.any()
    assert told(found) == [("faces.json annotation 1 (a.jpg)", "points")]
    assert message in found.problems[0].message
    with pytest.raises(AnnotationError, match="the box stays"):
        read(images, {"keypoints": keypoints}, strict=True)


def test_points_may_leave_the_box_and_the_photo_a_little(images: Path) -> None:
    outside = [-10, 30, 2, *FIVE[3:]]
    found = read(images, {"keypoints": outside})
    assert found.photos[0].landmarks[0, 0].tolist() == [-10, 30]
    assert not found.problems


def test_a_repeated_box_keeps_the_points_of_either(images: Path) -> None:
    (photo,) = read(images, {}, {"keypoints": FIVE}).photos
    assert photo.landmarks.tolist() == [HERE]


def test_coco_that_is_written_gives_the_same_points(images: Path, tmp_path: Path) -> None:
    photo = one_face(images).without_background()
    points = np.array([HERE, np.full((5, 2), np.nan)], np.float32) + np.float32(0.1)
    points[0, 2] = np.nan
    pointed = replace(
        photo,
        landmarks=points,
        landmark_visibility=np.array([[2, 1, 0, 2, 2], [0] * 5], np.uint8),
    )
    write_annotations(tmp_path / "b.json", [pointed], images, format="coco")
    written = json.loads((tmp_path / "b.json").read_text())
    assert written["categories"][0]["keypoints"] == NAMES
    first, second = written["annotations"]
    assert first["keypoints"][6:9] == [0, 0, 0]
    assert first["num_keypoints"] == 4
    assert "keypoints" not in second
    (again,) = load_annotations(tmp_path / "b.json", images).photos
    assert np.array_equal(again.landmarks, pointed.landmarks, equal_nan=True)
    assert np.array_equal(again.landmark_visibility, pointed.landmark_visibility)
    write_annotations(tmp_path / "c.json", [photo], images, format="coco")
    assert "keypoints" not in (tmp_path / "c.json").read_text()


def test_photos_without_points_have_none(images: Path) -> None:
    photo = one_face(images)
    assert photo.landmarks.shape == (1, 5, 2)
    assert np.isnan(photo.landmarks).all()
    assert photo.landmark_visibility.tolist() == [[0] * 5]
    empty = replace(photo, boxes=np.zeros((0, 4)), ignored=[], attributes=(), **photo.points_of([]))
    assert empty.landmarks.shape == (0, 5, 2)
    assert empty.landmark_visibility.shape == (0, 5)


def test_points_without_visibility_are_visible(images: Path) -> None:
    points = np.array([HERE], np.float32)
    points[0, 2] = np.nan
    assert one_face(images, landmarks=points).landmark_visibility.tolist() == [[2, 2, 0, 2, 2]]


def test_points_go_with_their_boxes(images: Path) -> None:
    photo = one_face(images, landmarks=np.array([HERE], np.float32))
    more = photo.without_background()
    assert more.has_points.tolist() == [True, False]
    assert more.landmarks[0].tolist() == HERE
    kept = more.points_of(more.ignored, n_new=1)
    assert kept["landmarks"].shape == (2, 5, 2)
    assert not kept["landmark_visibility"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"landmarks": np.zeros((2, 5, 2))}, r"`landmarks` must have shape \(1, 5, 2\)"),
        ({"landmarks": np.full((1, 5, 2), np.inf)}, "must be finite"),
        ({"landmark_visibility": np.full((1, 5), 2)}, "must be finite"),
        (
            {"landmarks": np.zeros((1, 5, 2)), "landmark_visibility": np.zeros((1, 5))},
            "must be NaN where",
        ),
        (
            {"landmarks": np.zeros((1, 5, 2)), "landmark_visibility": np.full((1, 5), 3)},
            "values 0, 1 and 2",
        ),
    ],
)
def test_points_that_do_not_fit_are_refused(
    images: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        one_face(images, **options)
