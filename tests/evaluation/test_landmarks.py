"""Points that detectors find in annotated faces: matching, figures and files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import DetectionsError
from facesmith.evaluation.landmark_report import (
    compare_landmarks,
    landmark_figures,
    write_landmarks,
)
from facesmith.evaluation.landmarks import (
    find_with_border,
    match_points,
    pointed_faces,
    points_in_annotated_boxes,
)
from facesmith.faces import Faces

FRONTAL = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], np.float32)
PROFILE = np.array([[10, 10], [10, 10], [24, 20], [12, 30], [12, 30]], np.float32)
BOX = np.array([0, 0, 40, 40], np.float32)
NONE = np.full((5, 2), np.nan, np.float32)


def aside(places: npt.NDArray[np.float32], x: float, y: float = 0) -> npt.NDArray[np.float32]:
    """Points, or the corners of a box, moved by so many pixels."""
    shift = np.array([x, y] * (2 if places.shape == (4,) else 1), np.float32)
    return np.asarray(places + shift, np.float32)


def photo(
    boxes: list[npt.NDArray[np.float32]],
    points: list[npt.NDArray[np.float32]],
    ignored: list[bool] | None = None,
    path: Path = Path("a.png"),
) -> AnnotatedPhoto:
    return AnnotatedPhoto(
        path,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(ignored or [False] * len(boxes), bool),
        path.name,
        200,
        100,
        landmarks=np.array(points, np.float32),
    )


def found(
    boxes: list[npt.NDArray[np.float32]],
    points: list[npt.NDArray[np.float32]],
    scores: list[float] | None = None,
) -> Faces:
    return Faces(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or [0.9] * len(boxes), np.float32),
        np.array(points, np.float32).reshape(-1, 5, 2),
    )


def test_faces_that_count_have_points_and_are_not_ignored() -> None:
    photos = [
        photo([BOX, BOX + 50, BOX + 20], [FRONTAL, NONE, FRONTAL + 20], [False, False, True]),
        photo([], []),
        photo([BOX + 20, BOX], [PROFILE + 20, FRONTAL]),
    ]
    faces = pointed_faces(photos)
    assert faces.photos.tolist() == [0, 2, 2]
    assert faces.rows.tolist() == [0, 0, 1]
    assert faces.n_photos == 3
    assert faces.yaws[0] == 0
    assert faces.yaws[1] > 75
    assert len(pointed_faces([])) == 0


def test_points_are_those_of_the_best_scored_box_on_a_face() -> None:
    """The first face has two boxes, the second one that is too far away."""
    photos = [photo([BOX, aside(BOX, 60)], [FRONTAL, aside(FRONTAL, 60)])]
    faces = pointed_faces(photos)
    answers = found(
        [BOX, BOX + 2, aside(BOX, 85)], [FRONTAL + 9, FRONTAL + 1, FRONTAL], [0.5, 0.9, 0.9]
    )
    points = match_points(photos, faces, [answers], 0.4)
    assert points[0].tolist() == (FRONTAL + 1).tolist()
    assert np.isnan(points[1]).all()
    with pytest.raises(DetectionsError, match=r"a\.png: expected five points of each face"):
        match_points(photos, faces, [Faces(answers.boxes, answers.scores)], 0.4)
    assert np.isnan(match_points(photos, faces, [Faces.empty()], 0.4)).all()
    with pytest.raises(ValueError, match="one entry per photo"):
        match_points(photos, faces, [], 0.4)


def test_figures_by_hand() -> None:
    """Boxes of 40x40; errors 0, 3.6 / 40 = 0.09 and, of a profile, 5 / 40 = 0.125; one missed."""
    photos = [photo([BOX] * 1, [FRONTAL]) for _ in range(2)]
    photos += [photo([BOX], [PROFILE]), photo([BOX], [FRONTAL])]
    faces = pointed_faces(photos)
    points = np.stack([FRONTAL, FRONTAL, aside(PROFILE, 3, 4), NONE])
    points[1, 0] += [18, 0]
    figures = landmark_figures(faces, points)
    assert (figures.n_faces, figures.n_found, figures.n_not_found) == (4, 3, 1)
    assert figures.nme == pytest.approx((0 + 0.09 + 0.125) / 3)
    assert figures.n_frontal == 2, "by the eyes, whose distance is 20; the profile does not count"
    assert figures.nme_eyes == pytest.approx((0 + 3.6 / 20) / 2)
    assert figures.failures == {"0.08": pytest.approx(2 / 3), "0.1": pytest.approx(1 / 3)}
    assert figures.points["right_eye"] == pytest.approx((0 + 18 + 5) / 40 / 3)
    assert figures.points["nose"] == pytest.approx(5 / 40 / 3)
    empty = landmark_figures(faces, points, np.zeros(4, bool))
    assert (empty.n_faces, empty.n_found) == (0, 0)
    assert np.isnan([empty.nme, empty.roll, *empty.failures.values()]).all()


def test_detectors_are_compared_on_the_faces_that_all_found(tmp_path: Path) -> None:
    photos = [photo([BOX], [PROFILE if i % 4 == 0 else FRONTAL]) for i in range(24)]
    faces = pointed_faces(photos)
    first, second = aside(faces.points, 0, 2), aside(faces.points, 0, 4)
    first[0], second[1:3] = NONE, NONE
    compared = compare_landmarks(faces, {"a": first, "b": second}, {"iou": 0.4})
    assert compared.n_common == 21
    a, b = compared.measured["a"], compared.measured["b"]
    assert (a.figures.n_found, b.figures.n_found) == (23, 22)
    assert (a.common.n_found, b.common.n_found) == (21, 21)
    assert a.against_first is None
    assert b.against_first is not None
    assert b.against_first.difference == pytest.approx(0.05)
    assert b.against_first.interval == pytest.approx((0.05, 0.05))
    assert list(a.by_yaw) == ["0 to 15", "50 and more"]
    assert [each.n_not_found for each in a.by_yaw.values()] == [0, 1]
    assert a.cumulative[-1] == pytest.approx(23 / 24), "a face that is not found has no error"
    assert a.cumulative[49] == 0
    assert a.cumulative[51] == pytest.approx(23 / 24)
    paths = write_landmarks(compared, tmp_path)
    written = json.loads(paths[0].read_text())
    assert written["faces_that_all_found"] == 21
    assert written["protocol"]["iou"] == 0.4
    assert written["detectors"]["b"]["all"]["not_found"] == 2
    assert written["detectors"]["b"]["nme_against_first"]["difference"] == pytest.approx(0.05)
    with Image.open(paths[1]) as picture:
        assert picture.width > 800


class Corner:
    """Finds one face with its right eye at the brightest pixel."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def with_landmarks(
        self, image: npt.NDArray[np.uint8], *, min_score: float | None = None
    ) -> Faces:
        self.shapes.append(image.shape)
        y, x = np.argwhere(image[..., 0] == 255)[0]
        points = aside(FRONTAL, x - 10, y - 10)
        return found([aside(BOX, x - 10, y - 10)], [points], [min_score or 0.5])

    def landmarks_in(
        self, image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        assert image.shape == (100, 200, 3)
        return np.stack([FRONTAL + box[:2] for box in boxes])


@pytest.fixture
def bright(tmp_path: Path) -> AnnotatedPhoto:
    image = np.zeros((100, 200, 3), np.uint8)
    image[10, 10] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    return photo([BOX, BOX + 50], [FRONTAL, NONE], path=tmp_path / "a.png")


@pytest.mark.parametrize("border", [0, 0.25])
def test_a_border_moves_nothing(bright: AnnotatedPhoto, border: float) -> None:
    detector = Corner()
    (faces,) = find_with_border(detector, [bright], min_score=0.7, border=border)
    wide = round(200 * border)
    assert detector.shapes == [(100 + 2 * wide, 200 + 2 * wide, 3)]
    assert faces.boxes.tolist() == [BOX.tolist()]
    assert faces.landmarks is not None
    assert faces.landmarks.tolist() == [FRONTAL.tolist()]
    assert faces.scores.tolist() == [pytest.approx(0.7)]


def test_points_in_annotated_boxes(bright: AnnotatedPhoto) -> None:
    photos = [bright, photo([], []), bright]
    faces = pointed_faces(photos)
    points = points_in_annotated_boxes(Corner(), photos, faces)
    assert points.tolist() == [FRONTAL.tolist()] * 2
    none = pointed_faces(photos[1:2])
    assert points_in_annotated_boxes(Corner(), photos[1:2], none).shape == (0, 5, 2)
