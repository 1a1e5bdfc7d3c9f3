"""Going on from weights: what holds the new ones back, and what stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from facesmith.annotations import AnnotatedPhoto  # noqa: E402
from facesmith.detection.calibration import Calibration  # noqa: E402
from facesmith.detection.detector import shipped_weights  # noqa: E402
from facesmith.errors import TrainingError, WeightsError  # noqa: E402
from facesmith.export.detector import export_proposals, export_refiner  # noqa: E402
from facesmith.images import write_image  # noqa: E402
from facesmith.networks.detector import (  # noqa: E402
    DetectorNet,
    DetectorNetConfig,
    cell_centres,
    decode_boxes,
)
from facesmith.networks.refiner import build_refiner  # noqa: E402
from facesmith.training.crops import CropConfig  # noqa: E402
from facesmith.training.int8 import N_TYPICAL, _typical_images  # noqa: E402
from facesmith.training.learned_photos import Photos  # noqa: E402
from facesmith.training.proposals import ProposalConfig, ProposalTask  # noqa: E402
from facesmith.training.refiner import RefinerTask, retention_loss  # noqa: E402
from facesmith.training.refiner_config import RefinerConfig  # noqa: E402
from facesmith.training.refiner_patches import ProposalPatches  # noqa: E402
from facesmith.training.sampling import draw_rows  # noqa: E402
from facesmith.training.teacher import distillation_loss, unopposed_cells  # noqa: E402
from facesmith.training.warm_start import hold, network_of  # noqa: E402

NET = DetectorNetConfig((8, 8, 12, 16, 16), (0, 1, 0, 0, 0), (8, 8, 8, 8))


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """Weights that are sure of some cells, at random."""
    torch.manual_seed(3)
    network = DetectorNet(NET)
    for head in network.heads:
        nn.init.normal_(head[1].weight, std=0.6)
    path = tmp_path / "start" / "detector.onnx"
    path.parent.mkdir()
    export_proposals(network.eval(), path, Calibration())
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[AnnotatedPhoto]:
    """Of noise, each with a box at the same place."""
    listed, rng = [], np.random.default_rng(1)
    for i in range(20):
        name = f"{i:02d}.png"
        write_image(tmp_path / name, rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        box = np.array([[10, 10, 50, 50]], np.float32)
        listed.append(AnnotatedPhoto(tmp_path / name, box, np.zeros(1, bool), name, 64, 64))
    return listed


SETTINGS = ProposalConfig(
    network=NET, crops=CropConfig(side=64, smallest_face=16, largest_face=50), batch_size=8
)


def test_few_photos_fill_batches_by_rounds(photos: list[AnnotatedPhoto]) -> None:
    few = photos[:8]  # two are held out
    with pytest.raises(TrainingError, match="at least 8 photos to learn from"):
        ProposalTask(few, SETTINGS)
    task = ProposalTask(few, replace(SETTINGS, rounds=4))
    assert task.steps_per_epoch == 3
    seen = np.concatenate([task._order(epoch) for epoch in (0, 1)])
    assert np.bincount(seen).tolist() == [8] * 6
    assert len(task.batch(0, 2)[0]) == 8


def test_one_round_takes_photos_in_the_order_of_before(photos: list[AnnotatedPhoto]) -> None:
    task = ProposalTask(photos, SETTINGS)
    sources = [""] * (len(photos) - 5)
    for epoch in range(3):
        expected = draw_rows(sources, SETTINGS.source_power, SETTINGS.loop.seed, epoch)
        np.testing.assert_array_equal(task._order(epoch), expected)


def test_statistics_and_first_stages_stay_while_the_rest_learns(
    photos: list[AnnotatedPhoto], start: Path
) -> None:
    config = replace(SETTINGS, frozen=2, fixed_statistics=True)
    task = ProposalTask(photos, config, start=start)
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}
    task.network.train()
    loss, _ = task.loss(task.network, task.batch(0, 0))
    loss.backward()
    task.optimizer.step()
    changed = {n for n, t in task.network.state_dict().items() if not torch.equal(t, before[n])}
    assert not any("running" in name or name.startswith(("to_4.", "to_8.")) for name in changed)
    assert any(name.startswith("to_16.") for name in changed)
    assert any(name.startswith("heads.") for name in changed)


def test_without_that_all_weights_and_statistics_follow(
    photos: list[AnnotatedPhoto], start: Path
) -> None:
    assert hold(DetectorNet(NET)) == []
    task = ProposalTask(photos, SETTINGS, start=start)
    before = task.network.state_dict()["to_4.0.1.running_mean"].clone()
    task.network.train()
    task.loss(task.network, task.batch(0, 0))
    assert not torch.equal(task.network.state_dict()["to_4.0.1.running_mean"], before)


def test_the_result_lies_between_the_weights_before_and_the_learned_ones(
    photos: list[AnnotatedPhoto], start: Path
) -> None:
    task = ProposalTask(photos, replace(SETTINGS, blend=0.25), start=start)
    first = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}
    with torch.no_grad():
        for parameter in task.network.parameters():
            parameter.add_(1.0)
    result = task.result(task.network)
    assert not result.training
    for name, parameter in result.named_parameters():
        torch.testing.assert_close(parameter, first[name] + 0.25)
        torch.testing.assert_close(dict(task.network.named_parameters())[name], first[name] + 1)
    whole = ProposalTask(photos, SETTINGS, start=start)
    assert whole.result(whole.network) is whole.network


def test_the_distance_from_the_weights_before_is_part_of_the_loss(
    photos: list[AnnotatedPhoto], start: Path
) -> None:
    free = ProposalTask(photos, SETTINGS, start=start)
    held = ProposalTask(photos, replace(SETTINGS, retention=2.0), start=start)
    batch = held.batch(0, 0)
    assert len(batch[4]) == len(batch[0]), "all crops are shown to the weights before"
    with torch.no_grad():
        for parameter in held.network.heads.parameters():
            parameter.add_(0.3)
    loss, figures = held.loss(held.network, batch)
    without, _ = free.loss(held.network, batch[:4])
    assert float(figures["retention_loss"].detach()) > 0
    torch.testing.assert_close(loss, without + 2 * figures["retention_loss"])


def test_labels_overrule_the_weights_before_where_they_say_otherwise() -> None:
    """At stride 64 of a 128 px image there are four cells, the last of all."""
    centres, strides = cell_centres((128, 128))
    n_cells = len(strides)
    taught = torch.full((2, n_cells), -9.0)
    raw = torch.zeros(2, n_cells, 4)
    raw[..., 2:] = -1.2  # boxes of 77 px at stride 64
    boxes = decode_boxes(raw, centres, strides)
    taught[0, -4] = 3.0  # a face around (32, 32) of the first image
    taught[0, -1] = 3.0  # and one around (96, 96)
    found = boxes[0, -4]
    missed = torch.tensor([70.0, 0.0, 120.0, 50.0])  # annotated, of which nothing is said
    faces = torch.stack([found + 2, missed])
    images, none = torch.tensor([0, 0]), torch.zeros(2, dtype=torch.bool)
    cells = unopposed_cells(taught, boxes, centres, faces, images, none)
    assert bool(cells[1].all()), "of the other image nothing is annotated and nothing is said"
    assert bool(cells[0, -4]), "labels and weights agree on this face"
    assert not bool(cells[0, -1]), "no label is where the weights see this one"
    within = (centres > missed[:2]).all(-1) & (centres < missed[2:]).all(-1)
    assert within.any()
    assert not bool(cells[0, within].any())
    ignored = torch.tensor([False, True])
    assert bool(unopposed_cells(taught, boxes, centres, faces, images, ignored)[0, within].all())
    alone = unopposed_cells(taught, boxes, centres, faces[:0], images[:0], none[:0])
    assert not bool(alone[0, -4])
    assert int((~alone).sum()) == 2


def test_cells_that_do_not_count_add_no_distance() -> None:
    centres, strides = cell_centres((64, 64))
    taught = torch.full((1, len(strides)), 2.0)
    boxes = decode_boxes(torch.zeros(1, len(strides), 4), centres, strides)
    none = torch.zeros(1, len(strides), dtype=torch.bool)
    assert float(distillation_loss(taught + 3, boxes + 5, taught, boxes, none)) == 0
    some = none.clone()
    some[0, :4] = True
    part = distillation_loss(taught + 3, boxes + 5, taught, boxes, some)
    only = distillation_loss(taught[:, :4] + 3, boxes[:, :4] + 5, taught[:, :4], boxes[:, :4])
    torch.testing.assert_close(part, only)


def test_a_refiner_is_held_by_patches_of_which_labels_say_the_same() -> None:
    said = torch.tensor([[3.0, 0.1, 0, 0, 0], [-3.0, 0, 0, 0, 0], [3.0, 0, 0, 0, 0]])
    labels = torch.tensor([1.0, 0.0, 0.0])  # of the last the label says the opposite
    assert float(retention_loss(said, said, labels)) == pytest.approx(0, abs=1e-6)
    other = said.clone()
    other[2] = -4.0
    assert float(retention_loss(other, said, labels)) == pytest.approx(0, abs=1e-6)
    other[0, 0] = 1.0
    by_score = float(retention_loss(other, said, labels))
    assert by_score > 0
    other[0, 1] = 0.4
    assert float(retention_loss(other, said, labels)) > by_score
    unlabelled = torch.full((3,), torch.nan)
    assert float(retention_loss(other, said, unlabelled)) > 0.1


def test_a_refiner_that_goes_on_keeps_statistics_and_distance(tmp_path: Path) -> None:
    path = tmp_path / "refiner.onnx"
    export_refiner(build_refiner(3).eval(), path)
    rng = np.random.default_rng(0)
    patches = ProposalPatches(
        rng.integers(0, 256, (16, 64, 64, 3), dtype=np.uint8),
        np.tile(np.array([0, 1], np.float32), 8),
        np.full((16, 4), np.nan, np.float32),
        np.zeros(16, np.int64),
    )
    config = RefinerConfig(batch_size=8, retention=1.0, fixed_statistics=True)
    task = RefinerTask(patches, patches, config, [None], path)
    before = {n: t.clone() for n, t in task.network.state_dict().items() if "running" in n}
    task.network.train()
    batch = task.batch(0, 0)
    assert batch[3].shape == (8, 5)
    _, figures = task.loss(task.network, batch)
    assert "retention_loss" in figures
    for name, tensor in before.items():
        assert torch.equal(task.network.state_dict()[name], tensor)
    assert len(RefinerTask(patches, patches, RefinerConfig(batch_size=8), [None]).batch(0, 0)) == 3


def test_a_weights_file_tells_the_shape_of_its_network(start: Path, tmp_path: Path) -> None:
    assert network_of(start) == NET
    DetectorNet(network_of(shipped_weights()))
    export_refiner(build_refiner().eval(), tmp_path / "refiner.onnx")
    with pytest.raises(WeightsError, match="no proposal network"):
        network_of(tmp_path / "refiner.onnx")


def test_ranges_of_8_bits_are_measured_on_crops_too(photos: list[AnnotatedPhoto]) -> None:
    learned = Photos(photos, SETTINGS)
    alone = list(_typical_images(learned))
    assert [image.shape for image in alone] == [(1, 64, 64, 3)] * 20
    both, again = (list(_typical_images(learned, SETTINGS.crops)) for _ in range(2))
    assert len(both) == 20 + N_TYPICAL
    for image, same in zip(both, again, strict=True):
        np.testing.assert_array_equal(image, same)
    assert not np.array_equal(both[20], both[40])
