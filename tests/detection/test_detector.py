"""The detector: a hand-made net with known answers, an untrained one, and the shipped weights."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from facesmith.boxes import box_iou
from facesmith.detection.calibration import Calibration, logit, sigmoid
from facesmith.detection.detector import Detector, load_detector, shipped_weights
from facesmith.errors import WeightsError
from facesmith.faces import Faces
from spot_detector import SPOT_SCORE, spots

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def spot_detector(spot_weights: Path) -> Detector:
    return load_detector(spot_weights)


@pytest.fixture(scope="session")
def untrained_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that fire in many places: the start of every training, with a low bar."""
    import torch  # noqa: PLC0415 - heavy

    from facesmith.export.detector import export_proposals  # noqa: PLC0415
    from facesmith.networks.detector import DetectorNet  # noqa: PLC0415

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("untrained") / "detector.onnx"
    difference = export_proposals(DetectorNet().eval(), path, Calibration(candidate_score=0.005))
    assert difference < 1e-4
    return path


@pytest.fixture(scope="session")
def untrained(untrained_weights: Path) -> Detector:
    return Detector(untrained_weights)


def noise(width: int, height: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_spot_is_found_where_it_is(spot_detector: Detector) -> None:
    faces = spot_detector(spots(160, 120, (40, 32)))
    assert faces.boxes.tolist() == [[28, 20, 60, 52]]
    assert faces.scores == pytest.approx([SPOT_SCORE], abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (31, 33), (32, 32), (100, 61), (1000, 1)])
def test_any_size_gives_faces_inside_the_image(untrained: Detector, size: tuple[int, int]) -> None:
    width, height = size
    faces = untrained(noise(width, height), min_score=0)
    assert isinstance(faces, Faces)
    assert (faces.boxes >= 0).all()
    assert (faces.boxes <= [width, height, width, height]).all()
    assert (faces.boxes[:, 2:] > faces.boxes[:, :2]).all()


def test_the_padding_of_odd_sizes_holds_no_face(spot_detector: Detector) -> None:
    # White to the very edge: cells of which a part lies in the black padding are not white.
    white = np.full((60, 100, 3), 255, np.uint8)
    faces = spot_detector(white)
    assert len(faces)
    assert (faces.boxes <= [100, 60, 100, 60]).all()


def test_boxes_at_the_border_are_cut_off(spot_detector: Detector) -> None:
    faces = spot_detector(spots(64, 64, (0, 0), (56, 56)))
    assert sorted(faces.boxes.tolist()) == [[0, 0, 20, 20], [44, 44, 64, 64]]


def test_overlapping_boxes_become_one(spot_detector: Detector) -> None:
    # Two neighbouring cells: boxes 8 apart overlap by 24 / 40.
    assert len(spot_detector(spots(160, 120, (40, 32), (48, 32)))) == 1
    # 24 apart: 8 / 56.
    assert len(spot_detector(spots(160, 120, (40, 32), (64, 32)))) == 2


def test_faces_come_best_first_and_equal_ones_by_place(spot_detector: Detector) -> None:
    image = spots(200, 160, (120, 96), (40, 32), (40, 96))
    image[32:40, 40:48] = 250  # a little darker: a lower score
    faces = spot_detector(image)
    assert faces.boxes[:, :2].tolist() == [[28, 84], [108, 84], [28, 20]]
    assert (np.diff(faces.scores) <= 0).all()


def test_min_score_cuts_the_list(untrained: Detector) -> None:
    image = noise(200, 150)
    everything = untrained(image, min_score=0)
    assert len(everything) > 5
    middle = float(np.median(everything.scores))
    assert untrained(image, min_score=middle) == everything[everything.scores >= middle]
    assert len(untrained(image, min_score=1)) == 0


def test_the_stored_threshold_is_the_default(untrained: Detector) -> None:
    image = noise(200, 150)
    assert untrained.min_score == 0.5
    assert untrained(image) == untrained(image, min_score=0.5)


@pytest.mark.parametrize(
    ("size", "min_face", "expected"),
    [
        ((640, 480), None, 1),
        ((800, 20), None, 1),
        ((1600, 100), None, 0.5),  # 800 pixels are the most that is looked at along a side
        ((100, 3200), None, 0.25),
        ((640, 480), 10, 1),
        ((640, 480), 40, 0.25),
        ((5120, 100), 10, 1),
        ((640, 480), 5, 2),
        ((640, 480), 1, 2),  # no further
    ],
)
def test_scale_of_the_finest_look(
    spot_detector: Detector, size: tuple[int, int], min_face: float | None, expected: float
) -> None:
    assert spot_detector.pyramid.plan(*size, min_face).scale == pytest.approx(expected)


@pytest.mark.parametrize("factor", [2, 4])
def test_an_enlarged_photo_gives_enlarged_boxes(spot_detector: Detector, factor: int) -> None:
    image = spots(160, 120, (40, 32), (96, 64))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    faces = spot_detector(image)
    enlarged = spot_detector(large, min_face=10 * factor, min_score=0.3)
    assert len(enlarged) == len(faces) == 2
    order, large_order = faces.boxes[:, 0].argsort(), enlarged.boxes[:, 0].argsort()
    assert enlarged.boxes[large_order] == pytest.approx(faces.boxes[order] * factor)


def test_the_image_is_not_modified_and_may_be_read_only(untrained: Detector) -> None:
    image = noise(90, 70)
    before = image.copy()
    image.setflags(write=False)
    untrained(image)
    assert np.array_equal(image, before)


def test_views_give_what_their_copies_give(untrained: Detector) -> None:
    image = noise(120, 90)
    for view in (image[::-1], image[:, ::-1], image[..., ::-1], image[5:77, 3:99]):
        assert untrained(view, min_score=0) == untrained(view.copy(), min_score=0)


def test_threads_of_the_caller_and_of_the_detector_change_nothing(
    untrained: Detector, untrained_weights: Path
) -> None:
    images = [noise(130 + 10 * i, 100, seed=i) for i in range(4)]
    alone = [untrained(image, min_score=0) for image in images]
    results: dict[int, list[Faces]] = {}

    def work(number: int) -> None:
        results[number] = [untrained(image, min_score=0) for image in images]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[number] == alone for number in range(3))
    two_threads = Detector(untrained_weights, threads=2)
    for image, faces in zip(images, alone, strict=True):
        assert two_threads(image, min_score=0) == faces


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((10, 10)), ValueError, r"uint8 of shape \(height, width, 3\)"),
        (np.zeros((10, 10), np.uint8), ValueError, r"got shape \(10, 10\), dtype uint8"),
        (np.zeros((10, 10, 4), np.uint8), ValueError, r"shape \(10, 10, 4\)"),
        (np.zeros((10, 10, 3), np.float32), ValueError, "dtype float32"),
        (np.zeros((0, 10, 3), np.uint8), ValueError, r"shape \(0, 10, 3\)"),
        ("photo.jpg", TypeError, r"must be a NumPy array; got str.*read_image"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_other_images_are_refused(
    spot_detector: Detector, image: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        spot_detector(image)


def test_arguments_out_of_range_are_refused(spot_detector: Detector) -> None:
    image = spots(64, 64)
    with pytest.raises(ValueError, match="`min_score` must be between 0 and 1; got min_score=50"):
        spot_detector(image, min_score=50)
    for min_face in (0, -3, float("nan")):
        with pytest.raises(ValueError, match="`min_face` must be positive"):
            spot_detector(image, min_face=min_face)


def test_a_run_folder_stands_for_its_detector(spot_weights: Path) -> None:
    image = spots(64, 64, (24, 24))
    assert load_detector(spot_weights.parent)(image) == load_detector(spot_weights)(image)


def test_unusable_weights_are_named(tmp_path: Path, spot_weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.onnx: no such weights file"):
        load_detector(tmp_path / "gone.onnx")
    with pytest.raises(WeightsError, match=r"detector\.onnx: no such weights file"):
        load_detector(tmp_path)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(spot_weights.read_bytes()[:-200])
    with pytest.raises(WeightsError, match=r"cut\.onnx"):
        load_detector(cut)
    with pytest.raises(ValueError, match="`threads` must be at least 1; got threads=0"):
        load_detector(spot_weights, threads=0)


def altered(weights: Path, out: Path, **changes: Any) -> Path:
    """A copy of weights that describe themselves differently."""
    model = onnx.load(weights)
    (entry,) = model.metadata_props
    entry.value = json.dumps(json.loads(entry.value) | changes)
    onnx.save(model, out)
    return out


def test_weights_of_another_kind_are_refused(tmp_path: Path, spot_weights: Path) -> None:
    path = altered(spot_weights, tmp_path / "a.onnx", kind="classifier")
    with pytest.raises(WeightsError, match="of kind 'classifier'; expected 'detector'"):
        load_detector(path)


def test_calibration_is_applied_to_logits(tmp_path: Path, spot_weights: Path) -> None:
    calibration = {
        "proposal_weight": 0.5,
        "refiner_weight": 0.0,
        "offset": -1.0,
        "candidate_score": 0.05,
    }
    path = altered(spot_weights, tmp_path / "a.onnx", calibration=calibration)
    faces = load_detector(path)(spots(64, 64, (24, 24)), min_score=0)
    # The network says 4 (see spot_detector): 0.5 * 4 - 1 = 1.
    assert faces.scores == pytest.approx([1 / (1 + np.exp(-1))], abs=1e-5)


@pytest.mark.parametrize("knots", [(), ((-2.0, 0.1), (0.0, 0.3), (1.0, 0.3), (5.0, 0.9))])
@pytest.mark.parametrize("first", [1.5, 0.0, -1.0])
def test_raw_scores_are_left_out_only_below_the_threshold(
    tmp_path: Path, spot_weights: Path, knots: Any, first: float
) -> None:
    calibration = Calibration(proposal_weight=first, offset=0.5, knots=knots)
    path = altered(spot_weights, tmp_path / "a.onnx", calibration=asdict(calibration))
    detector, raw = Detector(path), np.linspace(0.05, 0.999, 500, dtype=np.float32)
    scores = calibration.scores(logit(raw), np.zeros_like(raw))
    for min_score in (0.0, 0.2, 0.3, 0.31, 0.8, 1.0):
        least = detector._min_raw_score(min_score)
        assert least >= np.float32(0.05)
        assert (scores[raw < least] < min_score).all()
        if first > 0:  # not much too careful either
            assert least > raw[scores < min_score].max(initial=0.05) - 0.02


def test_weights_that_want_a_refiner_miss_it_by_name(tmp_path: Path, spot_weights: Path) -> None:
    calibration = {
        "proposal_weight": 1.0,
        "refiner_weight": 1.0,
        "offset": 0.0,
        "candidate_score": 0.05,
    }
    path = altered(spot_weights, tmp_path / "detector.onnx", calibration=calibration)
    with pytest.raises(WeightsError, match=r"refiner\.onnx: no such weights file"):
        load_detector(path)


def test_logit_and_sigmoid_are_inverse_and_finite() -> None:
    scores = np.float32([0.01, 0.25, 0.5, 0.9, 0.999])
    assert sigmoid(logit(scores)) == pytest.approx(scores, rel=1e-5)
    assert logit(np.float32([0.5])) == pytest.approx([0])
    assert np.isfinite(logit(np.float32([0, 1]))).all()
    with np.errstate(over="raise"):
        assert sigmoid(np.float32([-80, 0, 80])) == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize(
    ("longer", "scale"),
    [(200, 1.5), (512, 1.25), (640, 1.0), (700, 1.0), (800, 1.0), (1600, 0.5)],
)
def test_small_photos_are_enlarged_where_the_weights_ask_for_it(
    tmp_path: Path, spot_weights: Path, longer: int, scale: float
) -> None:
    before = Detector(spot_weights).pyramid.plan(longer, 100).scale
    detector = Detector(altered(spot_weights, tmp_path / "a.onnx", enlarged_to=640))
    assert detector.pyramid.plan(longer, 100).scale == pytest.approx(scale)
    assert detector.pyramid.plan(100, longer).scale == pytest.approx(scale)
    assert before == pytest.approx(min(scale, 1))
    assert detector.pyramid.plan(longer, 100, detector.pyramid.smallest_face).scale == 1


@pytest.mark.parametrize(
    ("width", "height", "scales"),
    [
        (100, 240, [1.0]),
        (300, 241, [1.0, 1 / 3]),
        (640, 480, [1.0, 1 / 3]),
        (400, 800, [1.0, 1 / 3, 1 / 9]),  # 267 at a third of the scale
        (1600, 400, [0.5]),  # the scale at which 1/80 of the longer side is 10 pixels
    ],
)
def test_tall_photos_are_looked_at_in_thirds_too(
    spot_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    height: int,
    scales: list[float],
) -> None:
    asked: list[float] = []

    def propose(
        self: Detector, pixels: np.ndarray, scale_xy: np.ndarray, least: float
    ) -> tuple[np.ndarray, np.ndarray]:
        del self, least
        assert pixels.shape[0] == pytest.approx(height * scale_xy[1], abs=1)
        assert pixels.shape[1] == pytest.approx(width * scale_xy[0], abs=1)
        asked.append(float(scale_xy[0]))
        high = foreshadowed / float(scale_xy[1])
        return np.float32([[0, 0, 10, high]]), np.full(1, -1, np.float32)

    monkeypatch.setattr(Detector, "_propose", propose)
    detector = load_detector(spot_weights)
    image = np.zeros((height, width, 3), np.uint8)
    foreshadowed = 0.41 * detector.pyramid.tallest_face  # at the network's input
    detector(image)
    assert asked == pytest.approx(scales)
    # With no sign of a large face, the last look is saved; one before it is not.
    asked.clear()
    foreshadowed = 0.39 * detector.pyramid.tallest_face
    detector(image)
    assert asked == pytest.approx(scales[: max(len(scales) - 1, 1)])


@pytest.mark.parametrize(("raw", "n_looks"), [(0.14, 1), (0.16, 2)])
@pytest.mark.parametrize("wanted", [0.05, 0.9])
def test_which_looks_are_taken_does_not_depend_on_the_score_wanted(
    spot_weights: Path, monkeypatch: pytest.MonkeyPatch, raw: float, n_looks: int, wanted: float
) -> None:
    n_asked = 0

    def propose(
        self: Detector, pixels: np.ndarray, scale_xy: np.ndarray, least: float
    ) -> tuple[np.ndarray, np.ndarray]:
        nonlocal n_asked
        del pixels, scale_xy
        n_asked += 1
        boxes = np.float32([[0, 0, self.pyramid.tallest_face, self.pyramid.tallest_face]])
        logits = np.log(np.float32([raw / (1 - raw)]))
        return boxes[logits >= least], logits[logits >= least]

    monkeypatch.setattr(Detector, "_propose", propose)
    detector = load_detector(spot_weights)
    boxes, scores = detector.candidates(np.zeros((480, 640, 3), np.uint8), wanted)
    assert n_asked == n_looks
    assert (scores >= wanted).all()
    assert len(boxes) == (raw >= wanted)


def test_large_faces_come_from_the_coarser_look_and_small_ones_from_the_finer(
    spot_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each look the boxes, 10 pixels wide and far apart, with heights around its limits."""
    heights = {1: (50, 239, 241), 3: (119, 121, 400)}

    def propose(
        self: Detector, pixels: np.ndarray, scale_xy: np.ndarray, least: float
    ) -> tuple[np.ndarray, np.ndarray]:
        del self, pixels, least
        step = round(1 / float(scale_xy[1]))
        x = 20.0 * np.arange(3) + 100 * step
        high = np.array(heights[step])
        return np.stack([x, x * 0, x + 10, high], axis=1).astype(np.float32), np.ones(3, np.float32)

    monkeypatch.setattr(Detector, "_propose", propose)
    faces = load_detector(spot_weights)(np.zeros((400, 400, 3), np.uint8))
    assert sorted(faces.boxes[:, 3].tolist()) == [50, 121, 239, 400]


needs_weights = pytest.mark.skipif(
    not shipped_weights().is_file(), reason="no weights in this source tree"
)


@needs_weights
def test_shipped_weights_find_the_astronaut() -> None:
    from skimage import data  # noqa: PLC0415 - slow to import

    detector = load_detector()
    image = np.ascontiguousarray(data.astronaut()[..., ::-1])
    faces = detector(image)
    assert len(faces) == 1
    # Around eyes, nose and mouth, read off the photo by eye.
    assert box_iou(faces.boxes, np.float32([[172, 65, 275, 180]]))[0, 0] > 0.6
    assert detector(image) == faces
    (mirrored,) = detector(np.ascontiguousarray(image[:, ::-1])).boxes
    back = np.float32([[512 - mirrored[2], mirrored[1], 512 - mirrored[0], mirrored[3]]])
    assert box_iou(faces.boxes, back)[0, 0] > 0.7


@needs_weights
def test_what_a_threshold_leaves_out_changes_nothing_above_it() -> None:
    """Dull proposals are not even looked at where they cannot reach the threshold."""
    from skimage import data  # noqa: PLC0415 - slow to import

    image = np.ascontiguousarray(data.astronaut()[..., ::-1])
    detector = load_detector()
    everything = detector(image, min_score=0)
    assert len(everything) > 5
    for min_score in (*np.quantile(everything.scores, [0.2, 0.5, 0.8]), 0.5, 0.99):
        above = everything[everything.scores >= np.float32(min_score)]
        assert detector(image, min_score=float(min_score)) == above


@needs_weights
@pytest.mark.parametrize(
    "name",
    ["brick", "chelsea", "clock", "coffee", "grass", "gravel", "moon", "page", "rocket", "text"],
)
def test_shipped_weights_find_nobody_where_nobody_is(name: str) -> None:
    from skimage import data  # noqa: PLC0415 - slow to import

    image = getattr(data, name)()
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    assert len(load_detector()(np.ascontiguousarray(image[..., ::-1]))) == 0


@needs_weights
def test_shipped_weights_find_nobody_in_plain_images_and_noise() -> None:
    detector = load_detector()
    for image in (np.zeros((120, 160, 3), np.uint8), np.full((99, 77, 3), 255, np.uint8)):
        assert len(detector(image)) == 0
    assert len(detector(noise(200, 150))) == 0


@needs_weights
def test_shipped_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in shipped_weights().parent.glob("*.onnx")) < 3_000_000
