"""The five landmarks: from the network's outputs to pixels of the upright photo."""

from __future__ import annotations

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx")

from facesmith.detection.detector import Detector
from facesmith.detection.landmarks import BATCH_SIZE, LandmarkFinder
from facesmith.detection.photos import DetectionConfig, PhotoSource, detect_photos
from facesmith.detection.processes import detect_in_workers
from facesmith.detection.rotations import ROTATIONS, rotated
from facesmith.detection.windows import SlidingClassifier
from facesmith.errors import WeightsError
from facesmith.faces import Faces
from landmark_networks import (
    FIXED,
    FIXED_LOGITS,
    MARKERS,
    export_fixed,
    export_markers,
    with_markers,
)
from spot_detector import spots

# The spot at (40, 32) gives the box (28, 20, 60, 52), of 32 pixels about (44, 36).
SPOT, CENTRE = (40, 32), np.float32([44, 36])
POINTS = ((36, 28), (54, 30), (46, 44), (34, 46), (54, 48))  # in that box, not on the spot


@pytest.fixture
def weights(spot_weights: Path, tmp_path: Path) -> Path:
    """A folder with the detector of white spots, and with landmarks where spots are coloured."""
    shutil.copyfile(spot_weights, tmp_path / "detector.onnx")
    export_markers(tmp_path / "landmarks.onnx")
    return tmp_path


def test_points_are_relative_to_the_centre_of_the_patch_in_its_sides(tmp_path: Path) -> None:
    finder = LandmarkFinder(export_fixed(tmp_path / "landmarks.onnx", context=0.5))
    boxes = np.float32([[10, 20, 30, 44], [-5, -5, 5, 3]])
    landmarks, scores = finder(np.zeros((60, 80, 3), np.uint8), boxes)
    # 1.5 times the longer side: 36 pixels about (20, 32), 15 about (0, -1).
    expected = np.stack([np.add((20, 32), 36 * np.array(FIXED)), (0, -1) + 15 * np.array(FIXED)])
    assert landmarks == pytest.approx(expected, abs=1e-4)
    assert scores == pytest.approx(np.tile(1 / (1 + np.exp(-np.array(FIXED_LOGITS))), (2, 1)))
    assert landmarks.dtype == scores.dtype == np.float32


def test_no_boxes_give_no_landmarks(tmp_path: Path) -> None:
    finder = LandmarkFinder(export_fixed(tmp_path / "landmarks.onnx"))
    landmarks, scores = finder(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4), np.float32))
    assert landmarks.shape == (0, 5, 2)
    assert scores.shape == (0, 5)


def test_batches_give_what_each_face_gives_alone(tmp_path: Path) -> None:
    finder = LandmarkFinder(export_markers(tmp_path / "landmarks.onnx"))
    rng = np.random.default_rng(0)
    image = np.uint8(MARKERS)[rng.integers(0, 5, (20, 30))].repeat(10, axis=0).repeat(10, axis=1)
    corners = rng.uniform(-20, 250, (2 * BATCH_SIZE + 3, 2))
    boxes = np.float32(
        np.concatenate([corners, corners + rng.uniform(8, 90, (len(corners), 2))], 1)
    )
    rotations = rng.choice(ROTATIONS, len(boxes))
    image.setflags(write=False)
    landmarks, scores = finder(image, boxes, rotations)
    for i in range(len(boxes)):
        alone, alone_scores = finder(image, boxes[i : i + 1], rotations[i : i + 1])
        assert landmarks[i] == pytest.approx(alone[0], abs=0.05)
        assert scores[i] == pytest.approx(alone_scores[0], abs=1e-3)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_face_found_in_a_rotated_photo_keeps_the_order_of_the_person(
    spot_weights: Path, tmp_path: Path, rotation: int
) -> None:
    """The network sees the right eye on the left of an upright patch, wherever that lies.

    Upside down it is on the right and below; the spot looks the same in all rotations.
    """
    shutil.copyfile(spot_weights, tmp_path / "detector.onnx")
    export_fixed(tmp_path / "landmarks.onnx", context=0.5)
    image = spots(160, 120, SPOT)
    found = Detector(tmp_path)(image, rotations=(rotation,), landmarks=True)
    x, y = 48 * np.array(FIXED).T
    there = {0: (x, y), 90: (-y, x), 180: (-x, -y), 270: (y, -x)}[rotation]
    assert found.landmarks == pytest.approx(CENTRE + np.stack(there, axis=1)[None], abs=1e-4)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_the_network_sees_the_face_upright(weights: Path, rotation: int) -> None:
    """Compared with what it sees when the whole photo is rotated and looked at as it is."""
    image = with_markers(spots(160, 120, SPOT), POINTS)
    finder = LandmarkFinder(weights / "landmarks.onnx")
    seen = []
    whole = finder.outputs
    finder.outputs = lambda patches: seen.append(patches.copy()) or whole(patches)  # type: ignore[method-assign]
    finder(image, np.float32([[28, 20, 60, 52]]), np.array([rotation]))
    turned = rotated(image, rotation)
    box = {0: (28, 20, 60, 52), 90: (20, 100, 52, 132), 180: (100, 68, 132, 100),
           270: (68, 28, 100, 60)}[rotation]  # fmt: skip
    finder(turned, np.float32([box]))
    assert np.abs(seen[0].astype(int) - seen[1]).max() <= 1
    assert seen[0].max() > 200


def test_the_detector_finds_landmarks_only_when_asked(weights: Path) -> None:
    detector = Detector(weights)
    assert detector.has_landmarks
    image = with_markers(spots(160, 120, SPOT), POINTS)
    image.setflags(write=False)
    plain = detector(image)
    assert plain.landmarks is None
    assert plain.landmark_scores is None
    for rotations in ((0,), (180,), (90, 270), ROTATIONS):
        found = detector(image, rotations=rotations, landmarks=True)
        assert np.array_equal(found.boxes, plain.boxes)
        assert np.array_equal(found.scores, plain.scores)
        assert found.landmarks == pytest.approx(np.float32([POINTS]), abs=0.15)
        assert found.landmark_scores is not None
        assert found.landmark_scores.min() > 0.99
    hidden = detector(spots(160, 120, SPOT), landmarks=True).landmark_scores
    assert hidden is not None
    assert hidden.max() < 0.01


def test_a_photo_without_a_face_has_no_landmarks(weights: Path) -> None:
    found = Detector(weights)(spots(64, 48), landmarks=True)
    assert found.landmarks is not None
    assert found.landmarks.shape == (0, 5, 2)
    assert found == Faces.empty()


def test_weights_without_landmarks_say_so_when_they_are_asked_for(
    spot_weights: Path, square_weights: Path
) -> None:
    detector, image = Detector(spot_weights), spots(64, 48)
    assert not detector.has_landmarks
    with pytest.raises(WeightsError, match=r"landmarks\.onnx: no such file, so these weights find"):
        detector(image, landmarks=True)
    with pytest.raises(WeightsError, match=r"landmarks\.onnx: no such file"):
        next(detect_photos(detector, [], DetectionConfig(landmarks=True)), None)  # type: ignore[call-overload]
    classifier = SlidingClassifier(square_weights)
    assert not classifier.has_landmarks
    with pytest.raises(WeightsError, match="A classifier finds no landmarks"):
        classifier(image, landmarks=True)


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_a_damaged_file_matters_only_when_landmarks_are_asked_for(
    weights: Path, content: bytes
) -> None:
    (weights / "landmarks.onnx").write_bytes(content)
    detector, image = Detector(weights), spots(160, 120, SPOT)
    assert len(detector(image)) == 1
    with pytest.raises(WeightsError, match=r"landmarks\.onnx is not a usable ONNX file"):
        detector(image, landmarks=True)


@pytest.mark.parametrize("context", [None, "", True, [], -0.1, 11, float("nan"), float("inf")])
def test_a_wrong_context_is_named(tmp_path: Path, context: object) -> None:
    path = export_fixed(tmp_path / "landmarks.onnx", context=context)
    with pytest.raises(WeightsError, match=r"landmarks\.onnx: the description inside lacks"):
        LandmarkFinder(path)


def test_other_networks_are_named(tmp_path: Path) -> None:
    path = export_fixed(tmp_path / "landmarks.onnx", points=FIXED[:4])
    with pytest.raises(WeightsError, match=r"landmarks\.onnx holds a network that does not fit"):
        LandmarkFinder(path)
    path = export_fixed(tmp_path / "landmarks.onnx", kind="refiner")
    with pytest.raises(WeightsError, match="kind 'refiner'; expected 'landmarks'"):
        LandmarkFinder(path)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e30])
def test_a_network_that_gives_no_sensible_numbers_is_named(tmp_path: Path, value: float) -> None:
    points = ((value, 0), *FIXED[1:])
    finder = LandmarkFinder(export_fixed(tmp_path / "landmarks.onnx", points=points))
    with pytest.raises(WeightsError, match=r"landmarks\.onnx gives landmarks that are no numbers"):
        finder(np.zeros((9, 9, 3), np.uint8), np.float32([[1, 1, 5, 5]]))


def test_threads_and_pickles_find_the_same(weights: Path) -> None:
    image = with_markers(spots(160, 120, SPOT), POINTS)
    detector = Detector(weights)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: detector(image, landmarks=True), range(8)))
    again = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own
    finder = pickle.loads(pickle.dumps(detector.landmark_finder()))  # noqa: S301 - our own
    assert [each == found[0] for each in [*found, again(image, landmarks=True)]] == [True] * 9
    assert np.array_equal(finder(image, found[0].boxes)[0], found[0].landmarks)


def test_photos_that_are_decoded_smaller_give_points_of_the_upright_photo(weights: Path) -> None:
    """At 80 px a face the JPEG is decoded at an eighth: there the spots are cells of 8 pixels."""
    small = with_markers(spots(160, 120, SPOT), POINTS)
    large = Image.fromarray(
        np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1)[..., ::-1])
    )
    # Stored on its side: 6 says that it must be rotated clockwise to stand upright.
    exif = Image.Exif()
    exif[0x0112] = 6
    path = weights / "a.jpg"
    large.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95, subsampling=0)
    config = DetectionConfig(min_face=80, landmarks=True)
    (found,) = detect_photos(Detector(weights), [PhotoSource("a", path)], config)
    assert found.decoded is not None
    assert found.decoded.shape == (120, 160, 3)
    assert found.faces.landmarks == pytest.approx(8 * np.float32([POINTS]), abs=3)
    (elsewhere,) = detect_in_workers(weights, [PhotoSource("a", path)], workers=1, config=config)
    assert elsewhere.faces == found.faces


def test_processes_name_what_is_missing_before_any_photo(spot_weights: Path) -> None:
    config = DetectionConfig(landmarks=True)
    source = PhotoSource("gone", Path("gone.jpg"))
    with pytest.raises(WeightsError, match=r"landmarks\.onnx: no such file"):
        list(detect_in_workers(spot_weights, [source], workers=1, config=config))
