"""The refiner: how boxes are corrected, labelled and trained on."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facesmith.boxes import box_iou  # noqa: E402
from facesmith.detection.refiner import decode_deltas, encode_deltas  # noqa: E402
from facesmith.errors import WeightsError  # noqa: E402
from facesmith.export.detector import export_refiner  # noqa: E402
from facesmith.networks.refiner import build_box_corrector  # noqa: E402
from facesmith.training.refiner import RefinerTask, refiner_loss  # noqa: E402
from facesmith.training.refiner_config import RefinerConfig  # noqa: E402
from facesmith.training.refiner_patches import ProposalPatches, collect_patches  # noqa: E402
from fixed_proposals import OnePhoto, Proposer  # noqa: E402

# Boxes exactly as proposed, in the photo as it is.
STILL = replace(RefinerConfig(), copies=1, crops_per_photo=0, move=0.0, scale=0.0)


def test_shifts_worked_by_hand():
    # The longer side is 20. The centre moves from (10, 20) to (12, 19): +0.1 and -0.05 of it; the
    # new sides are 10 and 40: logarithms of 1/2 and of 2.
    box, face = np.float32([[5, 10, 15, 30]]), np.float32([[7, -1, 17, 39]])
    expected = [[0.1, -0.05, np.log(0.5), np.log(2)]]
    np.testing.assert_allclose(encode_deltas(box, face), expected, atol=1e-6)


def test_shifts_undo_what_they_measure():
    rng = np.random.default_rng(0)
    low = rng.uniform(-20, 300, (2, 50, 2))
    boxes, faces = np.float32(np.concatenate([low, low + rng.uniform(20, 45, (2, 50, 2))], axis=2))
    np.testing.assert_allclose(decode_deltas(boxes, encode_deltas(boxes, faces)), faces, atol=1e-3)


@pytest.mark.parametrize(
    ("box", "label", "corrects"),
    [
        pytest.param((50, 50, 100, 100), 1, True, id="the face itself"),
        pytest.param((60, 50, 110, 100), 1, True, id="a little off, IoU 2/3"),
        pytest.param((72, 50, 122, 100), np.nan, True, id="IoU 0.39: not judged, but corrected"),
        pytest.param((80, 50, 130, 100), 0, False, id="IoU 1/4: half a face is none"),
        pytest.param((120, 120, 170, 170), 0, False, id="elsewhere"),
    ],
)
def test_labels_of_proposals(box, label, corrects):
    rows = collect_patches(Proposer(box), OnePhoto((50, 50, 100, 100)), STILL)
    # A face that no proposal reaches is added as a patch of its own, after the proposals.
    np.testing.assert_equal(rows.labels[0], np.float32(label))
    assert np.isfinite(rows.deltas[0]).all() == corrects
    missed = box_iou(np.float32([box]), np.float32([[50, 50, 100, 100]]))[0, 0] < 0.5
    assert len(rows.labels) == 1 + missed
    assert rows.images.shape == (len(rows.labels), 64, 64, 3)


def test_proposals_on_ignored_faces_are_left_out():
    faces = OnePhoto((50, 50, 100, 100), (120, 120, 170, 170), ignored=(1,))
    rows = collect_patches(
        Proposer((50, 50, 100, 100), (121, 120, 171, 170), (130, 130, 150, 150)), faces, STILL
    )
    assert rows.labels.tolist() == [1]


def test_face_free_photos_give_non_faces_only():
    rows = collect_patches(Proposer((10, 10, 40, 40), (60, 60, 99, 99)), OnePhoto(), STILL)
    assert rows.labels.tolist() == [0, 0]
    assert np.isnan(rows.deltas).all()
    assert len(collect_patches(Proposer(), OnePhoto(), STILL).labels) == 0


def test_crops_of_a_photo_give_further_patches_of_their_own():
    faces = OnePhoto((50, 50, 100, 100), (120, 120, 170, 170))
    plain = collect_patches(Proposer((10, 10, 40, 40)), faces, STILL)
    config = replace(STILL, crops_per_photo=2)
    rows = collect_patches(Proposer((10, 10, 40, 40)), faces, config)
    n = len(plain.labels)
    np.testing.assert_array_equal(rows.images[:n], plain.images)
    np.testing.assert_array_equal(rows.labels[:n], plain.labels)
    assert len(rows.labels) > n
    assert len(rows.photos) == len(rows.deltas) == len(rows.images) == len(rows.labels)
    again = collect_patches(Proposer((10, 10, 40, 40)), faces, config)
    np.testing.assert_array_equal(rows.images, again.images)


def test_weighty_faces_give_patches_with_boxes_far_off():
    faces = ((50, 50, 100, 100), (120, 120, 170, 170), (20, 120, 70, 170))
    photo = OnePhoto(*faces, ignored=(2,), weights=(3, 1, 3))
    config = replace(STILL, far_copies=20.0)
    plain = collect_patches(Proposer(*faces), photo, STILL)
    rows = collect_patches(Proposer(*faces), photo, config)
    n = len(plain.labels)
    np.testing.assert_array_equal(rows.images[:n], plain.images)
    # Forty of the first face alone, but for those that overlap the ignored one or leave the photo.
    assert 30 < len(rows.labels) - n <= 40
    offsets = np.abs(rows.deltas[n:, 0])
    assert np.nanmax(offsets) > 0.15
    again = collect_patches(Proposer(*faces), OnePhoto(*faces, ignored=(2,)), config)
    assert len(again.labels) == n


def test_patches_do_not_depend_on_how_many_photos_are_looked_through_at_once():
    class SomePhotos:
        def __len__(self):
            return 7

        def __getitem__(self, index):
            # The later ones are quicker, so that threads finish them first.
            time.sleep(0.002 * (7 - index))
            return OnePhoto((50, 50, 100 + 5 * index, 100 + 5 * index))[0]

        def weights(self, index):
            del index

    def patches(prefetch):
        loop = replace(STILL.loop, prefetch=prefetch)
        config = replace(STILL, crops_per_photo=1, move=0.05, loop=loop)
        return collect_patches(Proposer((55, 50, 105, 100)), SomePhotos(), config)

    alone, together = patches(0), patches(4)
    assert sorted(alone.photos) == alone.photos.tolist()
    assert set(alone.photos) == set(range(7))
    for each in fields(ProposalPatches):
        np.testing.assert_array_equal(getattr(alone, each.name), getattr(together, each.name))


def test_loss_leaves_out_what_is_not_known():
    outputs = torch.tensor([[2.0, 0, 0, 0, 0], [-1.0, 0.1, 0, 0, 0], [9.0, 9, 9, 9, 9]])
    labels = torch.tensor([1.0, float("nan"), 0.0])
    deltas = torch.full((3, 4), float("nan"))
    deltas[1] = torch.tensor([0.1, 0.0, 0.0, 0.2])
    loss, figures = refiner_loss(outputs, labels, deltas, smoothing=0.0)
    # Softplus of -2 for the face and of 9 for the other, halved.
    score = (np.log1p(np.exp(-2)) + np.log1p(np.exp(9))) / 2
    # Ten times the deltas: only the last differs, by 2: smooth L1 is 2 - 1/2; over 4 numbers.
    shift = 1.5 / 4
    assert float(figures["score_loss"]) == pytest.approx(score, rel=1e-5)
    assert float(figures["shift_loss"]) == pytest.approx(shift, rel=1e-5)
    assert float(loss) == pytest.approx(score + 0.3 * shift, rel=1e-5)


def test_loss_of_a_batch_without_anything_known_is_zero():
    nothing = torch.full((2, 4), float("nan"))
    loss, _ = refiner_loss(torch.ones(2, 5), nothing[:, 0], nothing, smoothing=0.05)
    assert float(loss) == 0


def test_a_refiner_of_another_shape_cannot_be_gone_on_from(tmp_path):
    path = tmp_path / "refiner.onnx"
    export_refiner(build_box_corrector(), path)
    rows = ProposalPatches(
        np.zeros((8, 64, 64, 3), np.uint8), np.ones(8, np.float32), np.zeros((8, 4), np.float32),
        np.zeros(8, np.int64),
    )  # fmt: skip
    config = replace(RefinerConfig(), batch_size=8)
    with pytest.raises(WeightsError, match=r"same network.* Move the file away"):
        RefinerTask(rows, rows, config, [None], path)


def test_mirrored_patches_mirror_their_shifts():
    """Over many epochs each patch comes both ways, and the sideways shift goes along."""
    images = np.zeros((8, 64, 64, 3), np.uint8)
    images[:, :, :32] = 200  # the left half is bright
    deltas = np.tile(np.float32([0.1, 0.05, 0.0, -0.1]), (8, 1))
    rows = ProposalPatches(images, np.ones(8, np.float32), deltas, np.arange(8) // 4)
    plain = replace(RefinerConfig(), batch_size=8)
    plain = replace(
        plain,
        augmentation=replace(
            plain.augmentation, cutout=0.0, brightness=0.0, contrast=0.0, colour=0.0, grey=0.0
        ),
    )
    task = RefinerTask(rows, rows, plain, ["press", None])
    seen = set()
    for epoch in range(4):
        pixels, labels, found = task.batch(epoch, 0)
        assert labels.tolist() == [1.0] * 8
        for patch, shift in zip(pixels, found, strict=True):
            mirrored = bool(patch[:, :32].mean() < patch[:, 32:].mean())
            assert shift.tolist() == pytest.approx([-0.1 if mirrored else 0.1, 0.05, 0.0, -0.1])
            seen.add(mirrored)
    assert seen == {True, False}
    again = task.batch(3, 0)
    assert all(torch.equal(a, b) for a, b in zip(again, task.batch(3, 0), strict=True))
