"""The exercise's network over whole images: the scores of its windows, one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesmith.detection.classifier import load_classifier
from facesmith.detection.pointwise import Pointwise, open_pointwise
from facesmith.detection.window_plan import WindowConfig
from facesmith.detection.windows import MARGIN, SlidingClassifier
from square_classifier import export_square_classifier


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch  # noqa: PLC0415 - heavy

    from facesmith.export.onnx_export import export_classifier  # noqa: PLC0415
    from facesmith.networks.classifiers import build_classifier  # noqa: PLC0415

    model = build_classifier("pointwise", seed=3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in model.parameters():  # biases too, so that one left out would be seen
            values.add_(0.02 * torch.randn(values.shape, generator=generator))
    path = tmp_path_factory.mktemp("pointwise") / "classifier.onnx"
    export_classifier(model, path, network="pointwise")
    return path


@pytest.mark.parametrize("stride", [2, 4, 8, 16, 32, 64])
def test_all_windows_have_the_scores_that_they_have_alone(weights, stride):
    single = load_classifier(weights)
    whole = open_pointwise(weights, single)
    assert whole is not None
    rng = np.random.default_rng(1)
    sides = 64 + 2 * stride, 64 + stride
    image = rng.integers(0, 256, (*sides, 3)).astype(np.uint8)
    image[:40, :30] //= 8  # not all windows alike
    scores = whole(image, stride)
    assert scores.shape == (3, 2)
    assert np.ptp(scores) > 0.001
    for row, column in np.ndindex(3, 2):
        y, x = row * stride, column * stride
        alone = single(image[None, y : y + 64, x : x + 64])[0]
        assert scores[row, column] == pytest.approx(alone, abs=1e-5)


def test_only_strides_of_whole_cells_and_blocks_fit():
    assert [s for s in range(1, 65) if Pointwise.fits(s)] == [2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("stride", [8, 12])
def test_sliding_gives_each_window_its_score(weights, stride):
    image = np.random.default_rng(2).integers(0, 256, (70, 84, 3)).astype(np.uint8)
    sliding = SlidingClassifier(weights, config=WindowConfig(stride=stride, max_face=50))
    face = 64 / 1.3
    boxes, scores = sliding.windows(image, sliding.pyramid.plan(84, 70, face))
    around = np.pad(image, [(MARGIN, 64), (MARGIN, 64), (0, 0)], mode="edge")
    single = load_classifier(weights)
    for box, score in zip(boxes, scores, strict=True):
        x, y = np.round(box[:2] - (64 - face) / 2).astype(int) + MARGIN
        alone = single(around[None, y : y + 64, x : x + 64])[0]
        assert score == pytest.approx(alone, abs=1e-5)


def test_another_network_under_that_name_is_left_to_its_windows(tmp_path):
    path = export_square_classifier(tmp_path / "classifier.onnx", network="pointwise")
    assert open_pointwise(path, load_classifier(path)) is None


def test_what_scores_otherwise_is_left_to_its_windows(weights, tmp_path):
    from facesmith.export.metadata import update_description  # noqa: PLC0415 - heavy

    path = tmp_path / "classifier.onnx"
    path.write_bytes(weights.read_bytes())
    used = load_classifier(path).preprocessing.to_dict()
    update_description(path, {"preprocessing": {**used, "scale": 2 * used["scale"]}})
    assert open_pointwise(path, load_classifier(path)) is None
