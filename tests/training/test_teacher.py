"""Learning from a larger detector: what it says of crops, and how far a network is from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facesmith.annotations import AnnotatedPhoto  # noqa: E402
from facesmith.detection.calibration import Calibration  # noqa: E402
from facesmith.errors import WeightsError  # noqa: E402
from facesmith.export.detector import export_proposals  # noqa: E402
from facesmith.export.metadata import update_description  # noqa: E402
from facesmith.images import write_image  # noqa: E402
from facesmith.networks.detector import (  # noqa: E402
    DetectorNet,
    DetectorNetConfig,
    cell_centres,
    decode_boxes,
    flatten_maps,
)
from facesmith.training.crops import CropConfig  # noqa: E402
from facesmith.training.proposals import ProposalConfig, ProposalTask  # noqa: E402
from facesmith.training.teacher import Teacher, distillation_loss  # noqa: E402
from facesmith.training.whole_photos import to_input  # noqa: E402

PUPIL = DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8))
LARGER = DetectorNetConfig((8, 12, 16, 16, 24), (0, 1, 1, 0, 0), (8, 8, 16, 16))


@pytest.fixture
def network() -> DetectorNet:
    """A larger network that is sure of some cells, at random."""
    torch.manual_seed(3)
    network = DetectorNet(LARGER)
    for head in network.heads:
        torch.nn.init.normal_(head[1].weight, std=0.6)
    return network.eval()


@pytest.fixture
def path(network: DetectorNet, tmp_path: Path) -> Path:
    path = tmp_path / "detector.onnx"
    export_proposals(network, path, Calibration())
    return path


def pixels(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_it_says_what_its_network_says_cell_by_cell(network: DetectorNet, path: Path) -> None:
    images = pixels(3, 96)
    logits, raw = Teacher(path)(images)
    with torch.no_grad():
        expected, expected_raw = flatten_maps(network(to_input(torch.from_numpy(images))))
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(raw, expected_raw, rtol=1e-3, atol=1e-3)


def test_the_distance_is_zero_from_oneself_and_grows_with_scores_and_boxes() -> None:
    centres, strides = cell_centres((64, 64))
    logits = torch.linspace(-6, 4, len(strides))[None]
    boxes = decode_boxes(torch.zeros(1, len(strides), 4), centres, strides)
    assert float(distillation_loss(logits, boxes, logits, boxes)) == pytest.approx(0, abs=1e-6)
    by_score = [float(distillation_loss(logits + d, boxes, logits, boxes)) for d in (0.5, 1.0)]
    by_box = [float(distillation_loss(logits, boxes + d, logits, boxes)) for d in (2.0, 4.0)]
    assert 0 < by_score[0] < by_score[1]
    assert 0 < by_box[0] < by_box[1]


def test_cells_that_it_is_not_sure_of_teach_no_box() -> None:
    centres, strides = cell_centres((64, 64))
    logits = torch.full((1, len(strides)), -3.0)
    boxes = decode_boxes(torch.zeros(1, len(strides), 4), centres, strides)
    assert float(distillation_loss(logits, boxes + 5.0, logits, boxes)) == pytest.approx(
        0, abs=1e-6
    )


def test_other_cells_are_refused(path: Path) -> None:
    update_description(path, {"strides": [8, 16, 32]})
    with pytest.raises(WeightsError, match=r"needs cells at strides of \[8, 16, 32, 64\]"):
        Teacher(path)


def task(folder: Path, teacher: Path | None, taught: float = 0.5) -> ProposalTask:
    """One that learns from photos of noise, each with a box at the same place."""
    photos = []
    for i, image in enumerate(pixels(40, 64)):
        name = f"{i:02d}.png"
        write_image(folder / name, image)
        box = np.array([[10, 10, 50, 50]], np.float32)
        photos.append(AnnotatedPhoto(folder / name, box, np.zeros(1, bool), name, 64, 64))
    config = ProposalConfig(
        network=PUPIL,
        crops=CropConfig(side=64, smallest_face=16, largest_face=50),
        batch_size=8,
        held_out=0.2,
        taught=taught,
    )
    return ProposalTask(photos, config, teacher=teacher)


def test_some_crops_of_a_batch_are_taught(path: Path, tmp_path: Path) -> None:
    alone, taught = task(tmp_path, None), task(tmp_path, path)
    images, faces, *_ = alone.batch(0, 0)
    batch = taught.batch(0, 0)
    torch.testing.assert_close(batch[0], images)
    torch.testing.assert_close(batch[1], faces)
    said, raw = batch[4:]
    expected, expected_raw = Teacher(path)(images[:4].numpy())
    torch.testing.assert_close(said, expected)
    torch.testing.assert_close(raw, expected_raw)
    loss, figures = taught.loss(taught.network, batch)
    without, _ = alone.loss(taught.network, batch[:4])
    torch.testing.assert_close(loss, without + figures["teacher_loss"])


def test_a_network_comes_nearer_to_its_teacher(path: Path, tmp_path: Path) -> None:
    pupil = task(tmp_path, path, taught=1.0)
    batch = pupil.batch(0, 0)
    distances = []
    for _ in range(30):
        distance = pupil.loss(pupil.network, batch)[1]["teacher_loss"]
        distances.append(float(distance.detach()))
        pupil.optimizer.zero_grad()
        distance.backward()
        pupil.optimizer.step()
    assert distances[-1] < 0.8 * distances[0]
