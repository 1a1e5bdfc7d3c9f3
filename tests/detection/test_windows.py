"""A patch classifier slid over photos, with one that finds white squares."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest

from facesmith.detection.classifier import load_classifier
from facesmith.detection.detector import Detector
from facesmith.detection.opening import open_detector
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos
from facesmith.detection.processes import detect_in_workers
from facesmith.detection.window_plan import WindowConfig, WindowPyramid
from facesmith.detection.windows import (
    MARGIN,
    MIN_SCORE,
    SlidingClassifier,
    merged_windows,
    padded_for_windows,
)
from facesmith.errors import WeightsError
from facesmith.faces import Faces
from facesmith.images import write_image
from square_classifier import (
    FACE,
    SQUARE_SCORE,
    box_of,
    export_square_classifier,
    score_of,
    squares,
)

EXACT = 0.97  # only a window with the very square in its middle scores so much


@pytest.fixture(scope="module")
def sliding(square_weights: Path) -> SlidingClassifier:
    return SlidingClassifier(square_weights)


def assert_found(faces: Faces, *boxes: list[float], within: float = 0.01) -> None:
    assert len(faces) == len(boxes)
    found = faces.boxes[np.lexsort(faces.boxes.T)]
    wanted = np.float32(boxes)
    np.testing.assert_allclose(found, wanted[np.lexsort(wanted.T)], atol=within)


@pytest.mark.parametrize("corner", [(40, 24), (48, 24), (40, 32), (48, 32)])
def test_the_window_around_a_face_is_found(sliding, corner):
    # Of these four, one is on the coarse grid, one a stride to its right, below, and both.
    faces = sliding(squares(200, 160, corner), min_score=EXACT, min_face=FACE)
    assert_found(faces, box_of(*corner))
    assert faces.scores == pytest.approx([SQUARE_SCORE], abs=1e-4)


@pytest.mark.parametrize("stride", [2, 4, 20, 32])
def test_so_it_is_at_other_strides(square_weights, stride):
    corner = (-16 + 3 * stride, -16 + 5 * stride)  # on no coarser grid
    sliding = SlidingClassifier(square_weights, config=WindowConfig(stride, max_face=FACE))
    faces = sliding(squares(240, 240, corner), min_score=EXACT, min_face=FACE)
    assert_found(faces, [max(edge, 0) for edge in box_of(*corner)])


def test_two_faces_and_one_at_the_border(sliding):
    # The window at -8 leaves the photo, whose border is black, as the square's surroundings.
    image = squares(260, 140, (-8, 40), (120, 24))
    left, top, right, bottom = box_of(-8, 40)
    faces = sliding(image, min_score=EXACT, min_face=FACE)
    assert_found(faces, [max(left, 0), top, right, bottom], box_of(120, 24))


def test_a_face_of_any_scale_is_found_once(sliding):
    faces = sliding(squares(400, 300, (56, 32), times=2), min_score=0.9, min_face=FACE / 2)
    assert len(faces) == 1
    left, top, right, bottom = box_of(56, 32, times=2)
    assert faces.boxes[0] == pytest.approx([left, top, right, bottom], abs=16)


def test_a_large_photo(sliding):
    image = squares(6000, 4000, (72, 48), times=20)
    faces = sliding(image, min_score=0.9, min_face=FACE * 20)
    assert_found(faces, box_of(72, 48, times=20), within=8)
    # However large, without `min_face` it has no more windows than a small one of that shape.
    plans = [sliding.pyramid.plan(width, width * 2 // 3) for width in (3000, 30000)]
    assert [plan.scale * plan.width for plan in plans] == pytest.approx([32 * FACE] * 2)
    assert plans[0].n_scales == plans[1].n_scales


@pytest.mark.parametrize("size", [(1, 1), (9, 5), (63, 64), (500, 3)])
def test_a_photo_smaller_than_a_window_is_padded(sliding, size):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert sliding(image, min_score=EXACT) == Faces.empty()
    boxes, scores = sliding.windows(image, sliding.pyramid.plan(*size))
    assert len(boxes) == len(scores) >= 1
    # A square of its own size, found in the middle by the border that is repeated around it.
    small = squares(32, 32, (-16, -16))
    assert_found(sliding(small, min_score=EXACT, min_face=FACE), [0, 0, 32, 32])


def test_nothing_is_an_empty_result(sliding):
    faces = sliding(np.zeros((90, 120, 3), np.uint8), min_score=EXACT)
    assert faces == Faces.empty()


def test_the_image_is_checked_and_stays_as_it_is(sliding):
    image = squares(120, 90, (8, 8))
    before = image.copy()
    sliding(image)
    assert np.array_equal(image, before)
    with pytest.raises(ValueError, match="must be uint8"):
        sliding(image.astype(np.float32))
    with pytest.raises(ValueError, match="`min_score` must be between 0 and 1"):
        sliding(image, min_score=2)


@pytest.mark.parametrize("stride", [8, 5])
def test_batches_score_each_window_as_one_by_one(square_weights, stride):
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3)).astype(np.uint8)
    image[20:44, 30:54] = 255
    sliding = SlidingClassifier(square_weights, config=WindowConfig(stride=stride, max_face=FACE))
    boxes, scores = sliding.windows(image, sliding.pyramid.plan(90, 70, FACE))
    single = load_classifier(square_weights)
    around = np.pad(image, [(MARGIN, 64), (MARGIN, 64), (0, 0)], mode="edge")
    corners = np.round(boxes[:, :2] - (64 - FACE) / 2).astype(int)
    for (x, y), score in zip(corners, scores, strict=True):
        patch = around[y + MARGIN : y + MARGIN + 64, x + MARGIN : x + MARGIN + 64]
        assert score == pytest.approx(single(patch[None])[0], abs=1e-6)
        assert score == pytest.approx(score_of(patch), abs=1e-4)
    assert len({tuple(corner) for corner in corners.tolist()}) == len(corners)


@pytest.mark.parametrize("side", [1, 30, 63, 64, 65, 100])
@pytest.mark.parametrize("stride", [1, 7, 8, 64])
def test_windows_cover_all_of_a_photo(side, stride):
    padded = padded_for_windows(np.zeros((side, side, 3), np.uint8), stride)
    last = (padded.shape[0] - 64) // stride * stride + 64
    assert padded.shape[0] == last >= side + 2 * MARGIN
    assert last < max(side + 2 * MARGIN, 64) + stride


def test_hits_of_one_face_are_merged():
    # The second overlaps the best, the third lies within it, the fourth is another face.
    boxes = np.float32([[0, 0, 40, 40], [8, 0, 48, 40], [10, 10, 25, 25], [60, 0, 90, 30]])
    merged = merged_windows(boxes, np.float32([0.9, 0.8, 0.7, 0.95]))
    assert merged == Faces(boxes[[3, 0]], np.float32([0.95, 0.9]))
    assert merged_windows(boxes[:0], np.zeros(0, np.float32)) == Faces.empty()


def test_rotations_find_what_lies_on_its_side(sliding):
    image = squares(200, 160, (40, 24))
    faces = sliding(image, min_score=EXACT, min_face=FACE, rotations=(0, 180))
    assert_found(faces, box_of(40, 24))


def test_the_threshold_is_the_one_chosen_for_it(square_weights, tmp_path):
    assert SlidingClassifier(square_weights).min_score == MIN_SCORE
    chosen = export_square_classifier(
        tmp_path / "classifier.onnx", threshold=0.8, operating_point={"fpr": 0.001}
    )
    assert SlidingClassifier(chosen).min_score == 0.8
    exercise = export_square_classifier(tmp_path / "other.onnx", network="pointwise")
    assert SlidingClassifier(exercise).min_score > MIN_SCORE


def test_it_pickles_as_its_path(square_weights):
    sliding = SlidingClassifier(square_weights, config=WindowConfig(stride=16))
    again = copy.deepcopy(sliding)  # by `__reduce__`, as pickle does
    assert again is not sliding
    assert again.pyramid == sliding.pyramid
    image = squares(120, 100, (16, 16))
    assert again(image) == sliding(image)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 0}, "`stride` must be from 1 to 64 pixels, .* got stride=0"),
        ({"stride": -8}, "got stride=-8"),
        ({"stride": 65}, "got stride=65"),
        ({"scale_step": 1}, "`scale_step` must be from 1.02 to 4; got scale_step=1"),
        ({"scale_step": 1.0000001}, "got scale_step=1.0000001"),  # a million scales
        ({"scale_step": float("nan")}, "got scale_step=nan"),
        ({"scale_step": 9}, "got scale_step=9"),
        ({"max_face": 0}, "`max_face` must be positive, in pixels; got max_face=0"),
        ({"max_face": float("inf")}, "got max_face=inf"),
    ],
)
def test_settings_that_make_no_sense_are_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        WindowConfig(**settings)


def test_plans():
    pyramid = WindowPyramid(config=WindowConfig(scale_step=2, max_face=100))
    plan = pyramid.plan(500, 400, 25)
    assert plan.scale == pytest.approx(FACE / 25)
    assert plan.n_scales == 3  # 25, 50 and 100 pixels
    assert pyramid.plan(500, 400, 100).n_scales == 1
    assert pyramid.plan(5000, 4000).scale == pytest.approx(FACE / 100)  # 1/32 would be 156
    assert WindowPyramid().plan(500, 400).scale == pytest.approx(FACE / 24)
    assert WindowPyramid().plan(500, 400, 1).scale == 4  # no more is to be seen
    with pytest.raises(ValueError, match="`min_face` must be at most `max_face`; got min_face=101"):
        pyramid.plan(500, 400, 101)
    with pytest.raises(ValueError, match="`min_face` must be positive"):
        pyramid.plan(500, 400, 0)


def test_one_opener_gives_detector_or_classifier(square_weights, spot_weights, tmp_path):
    for folder, weights in (("a", square_weights), ("b", spot_weights)):
        (tmp_path / folder).mkdir()
        shutil.copy(weights, tmp_path / folder / weights.name)
    assert isinstance(open_detector(tmp_path / "a"), SlidingClassifier)
    assert isinstance(open_detector(tmp_path / "b"), Detector)
    renamed = shutil.copy(square_weights, tmp_path / "renamed.onnx")
    assert isinstance(open_detector(renamed), SlidingClassifier)
    assert isinstance(open_detector(spot_weights), Detector)
    with pytest.raises(WeightsError, match="kind 'detector'; expected 'classifier'"):
        SlidingClassifier(spot_weights)
    with pytest.raises(WeightsError, match=r"expected detector.onnx or classifier.onnx in it"):
        open_detector(tmp_path)
    with pytest.raises(WeightsError, match="no such weights file"):
        open_detector(tmp_path / "gone.onnx")
    with pytest.raises(WeightsError, match="has no windows"):
        open_detector(spot_weights, windows=WindowConfig())


def test_weights_of_a_third_kind_are_refused(tmp_path):
    other = export_square_classifier(tmp_path / "classifier.onnx", kind="refiner")
    with pytest.raises(WeightsError, match="'refiner'; expected 'detector' or 'classifier'"):
        open_detector(other)


def test_workers_and_one_process_give_the_same(square_weights, tmp_path):
    sources = []
    for number, corner in enumerate([(40, 24), (16, 32), (8, 8)]):
        path = tmp_path / f"{number}.png"
        write_image(path, squares(200, 160, corner))
        sources.append(PhotoSource(path.name, path))
    config, windows = DetectionConfig(EXACT, FACE), WindowConfig(max_face=60)
    one = open_detector(square_weights, windows=windows)
    alone = [found.faces for found in detect_photos(one, sources, config)]
    assert_found(alone[1], box_of(16, 32))
    several = detect_in_workers(square_weights, sources, workers=2, config=config, windows=windows)
    assert [found.faces for found in several] == alone
