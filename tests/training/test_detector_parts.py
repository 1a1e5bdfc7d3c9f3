"""Crops, assignment and loss of the proposal network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facesmith.annotations import AnnotatedPhoto  # noqa: E402
from facesmith.boxes import box_iou  # noqa: E402
from facesmith.networks.detector import (  # noqa: E402
    BOX_UNIT,
    DetectorNet,
    DetectorNetConfig,
    cell_centres,
    decode_boxes,
    flatten_maps,
)
from facesmith.training.assignment import assign, detection_loss, pairwise_iou  # noqa: E402
from facesmith.training.crops import MIN_SIDE, CropConfig, draw_crop  # noqa: E402
from facesmith.training.degradation import DegradationConfig, degrade  # noqa: E402
from facesmith.training.detector_photos import usable_photos  # noqa: E402
from told_progress import Told  # noqa: E402

NO_DEGRADATION = DegradationConfig(blurred=0, noisy=0, compressed=0, shaded=0)


def marked_photo(box: tuple[int, int, int, int]) -> np.ndarray:
    """A grey photo whose box is filled with pure blue, so that a crop shows where it went."""
    image = np.full((200, 300, 3), 90, np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = (255, 0, 0)
    return image


@pytest.mark.parametrize("cut_through", [0.0, 1.0])
def test_crop_boxes_follow_the_pixels(cut_through):
    """Without turning, the blue pixels of a crop fill its box and nothing else."""
    box = (120, 60, 180, 130)
    config = CropConfig(cut_through=cut_through, rotate=0.0, grey=0.0, degradation=NO_DEGRADATION)
    seen = 0
    for seed in range(60):
        crop = draw_crop(
            marked_photo(box),
            np.float32([box]),
            np.zeros(1, bool),
            np.random.default_rng(seed),
            config,
        )
        if len(crop.boxes) == 0 or crop.ignored[0]:
            continue
        blue = crop.image[..., 0].astype(int) - crop.image[..., 2] > 60
        x_min, y_min, x_max, y_max = crop.boxes[0]
        inside = np.zeros_like(blue)
        inside[round(y_min + 1) : round(y_max - 1), round(x_min + 1) : round(x_max - 1)] = True
        seen += 1
        # A padding of a blue colour may lie outside, so look at the inside and at the edge's size.
        assert blue[inside].mean() > 0.97
    assert seen > 30


def test_turned_crop_keeps_the_face_in_its_box():
    config = CropConfig(
        cut_through=0.0, rotate=1.0, grey=0.0, face_anchored=1.0, degradation=NO_DEGRADATION
    )
    box = (120, 60, 180, 120)
    for seed in range(30):
        image = np.full((200, 300, 3), 60, np.uint8)
        image[85:95, 145:155] = (0, 255, 0)  # a green mark at the centre of the face
        crop = draw_crop(
            image, np.float32([box]), np.zeros(1, bool), np.random.default_rng(seed), config
        )
        if len(crop.boxes) == 0 or crop.ignored[0]:
            continue
        x_min, y_min, x_max, y_max = crop.boxes[0]
        if min(x_min, y_min) <= 0 or max(x_max, y_max) >= config.side:
            continue  # cut off: its centre has moved
        green = crop.image[..., 1].astype(int) - crop.image[..., 0] > 80
        rows, columns = np.nonzero(green)
        if len(rows) < 4:
            continue
        side = x_max - x_min
        # The padding's colour may be green too: the median of the mark is what counts.
        centre = np.array([np.median(columns), np.median(rows)]) + 0.5
        if np.abs(centre - crop.boxes[0].reshape(2, 2).mean(0)).max() > 0.1 * side:
            assert green.mean() > 0.02, seed  # only a green padding may explain that
        assert green[int((y_min + y_max) / 2), int((x_min + x_max) / 2)], seed


def test_photos_cut_through_a_face_leave_the_larger_part_of_the_photo_and_most_of_the_face():
    """The face is off the middle: a cut may take any of its sides but the one that it is near."""
    config = CropConfig(
        cut_through=1.0,
        min_left=0.6,
        rotate=0.0,
        grey=0.0,
        face_anchored=1.0,
        smallest_face=50.0,
        largest_face=70.0,
        degradation=NO_DEGRADATION,
    )
    box, other = (40, 30, 100, 100), (240, 140, 280, 180)
    shapes = []
    for seed in range(40):
        crop = draw_crop(
            marked_photo(box),
            np.float32([box, other]),
            np.array([False, True]),
            np.random.default_rng(seed),
            config,
        )
        width, height = (crop.boxes[~crop.ignored][0].reshape(2, 2).T @ [-1, 1]).tolist()
        shapes.append(width / height)
    whole = 60 / 70
    assert min(shapes) > 0.55 * whole
    assert max(shapes) < whole / 0.55
    assert 10 < sum(shape < 0.98 * whole for shape in shapes) < 30, "cut on the left"
    assert 10 < sum(shape > 1.02 * whole for shape in shapes) < 30, "cut at the top"


def test_crop_is_a_function_of_its_generator_and_leaves_the_photo_alone():
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    before = image.copy()
    boxes, ignored = np.float32([[10, 10, 50, 60]]), np.zeros(1, bool)
    one, two = (
        draw_crop(image, boxes, ignored, np.random.default_rng([7, 3, 1]), CropConfig())
        for _ in range(2)
    )
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.boxes, two.boxes)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (700, 3)])
def test_crop_of_odd_photos(shape):
    image = np.zeros((*shape, 3), np.uint8)
    crop = draw_crop(
        image,
        np.zeros((0, 4), np.float32),
        np.zeros(0, bool),
        np.random.default_rng(0),
        CropConfig(),
    )
    assert crop.image.shape == (256, 256, 3)
    assert crop.boxes.shape == (0, 4)


def test_cells_and_boxes_agree():
    """Raw outputs of 0 stand for a square of `BOX_UNIT` strides about the cell's centre."""
    centres, strides = cell_centres((64, 32))
    assert len(centres) == 8 * 4 + 4 * 2 + 2 * 1 + 1  # half a cell at stride 64 is one
    boxes = decode_boxes(torch.zeros(len(centres), 4), centres, strides).numpy()
    assert boxes[0].tolist() == [
        4 - 4 * BOX_UNIT,
        4 - 4 * BOX_UNIT,
        4 + 4 * BOX_UNIT,
        4 + 4 * BOX_UNIT,
    ]
    assert boxes[1, 0] - boxes[0, 0] == 8  # the next cell lies to the right
    assert np.allclose(boxes[-1], [32 - 128, 32 - 128, 32 + 128, 32 + 128])


def test_maps_flatten_in_the_order_of_the_cells():
    shapes = [(1, 5, 4, 8), (1, 5, 2, 4), (1, 5, 1, 2), (1, 5, 1, 1)]
    maps = [torch.zeros(shape) for shape in shapes]
    maps[1][0, 0, 1, 2] = 7.0
    logits, _ = flatten_maps(maps)
    centres, strides = cell_centres((64, 32))
    cell = int(logits[0].argmax())
    assert centres[cell].tolist() == [40.0, 24.0]
    assert strides[cell] == 16


def test_network_shapes():
    maps = DetectorNet().eval()(torch.zeros(2, 3, 64, 96))
    shapes = [(2, 5, 8, 12), (2, 5, 4, 6), (2, 5, 2, 3), (2, 5, 1, 2)]  # 1.5 cells are 2
    assert [tuple(m.shape) for m in maps] == shapes


def test_pairwise_iou_is_box_iou():
    rng = np.random.default_rng(2)
    low = rng.uniform(0, 50, (7, 2))
    boxes = np.float32(np.concatenate([low, low + rng.uniform(1, 40, (7, 2))], axis=1))
    result = pairwise_iou(
        torch.from_numpy(boxes[None, :4].repeat(3, 0)), torch.from_numpy(boxes[4:])
    )
    assert np.allclose(result.numpy(), box_iou(boxes[4:], boxes[:4]), atol=1e-5)


def perfect_outputs(faces: torch.Tensor, side: int = 128) -> tuple[torch.Tensor, ...]:
    centres, strides = cell_centres((side, side))
    boxes = decode_boxes(torch.zeros(1, len(centres), 4), centres, strides)
    boxes[0, : len(faces)] = faces
    return torch.full((1, len(centres)), -4.0), boxes, centres, strides


def test_assignment_gives_each_face_cells_near_its_centre_and_no_cell_twice():
    faces = torch.tensor([[20.0, 20, 44, 44], [28, 20, 52, 44], [40, 40, 120, 120]])
    logits, boxes, centres, strides = perfect_outputs(faces)
    photos = torch.zeros(3, dtype=torch.int64)
    image, cell, face = assign(logits, boxes, centres, strides, faces, photos)
    assert set(face.tolist()) == {0, 1, 2}
    assert len(set(cell.tolist())) == len(cell)
    assert (image == 0).all()
    for c, f in zip(cell, face, strict=True):
        x_min, y_min, x_max, y_max = faces[f].tolist()
        x, y = centres[c].tolist()
        reach = 1.5 * float(strides[c])
        middle = ((x_min + x_max) / 2, (y_min + y_max) / 2)
        near = abs(x - middle[0]) < reach and abs(y - middle[1]) < reach
        assert near or (x_min < x < x_max and y_min < y < y_max)


def test_no_faces_no_cells_and_a_finite_loss():
    none = torch.zeros(0, 4)
    logits, boxes, centres, strides = perfect_outputs(none)
    logits.requires_grad_(True)
    boxes.requires_grad_(True)
    photos, ignored = torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.bool)
    loss, _ = detection_loss(logits, boxes, centres, strides, none, photos, ignored)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_ignored_faces_are_not_punished():
    """A confident cell inside an ignored face costs nothing; outside of it, it costs."""
    faces = torch.tensor([[0.0, 0, 60, 60]])
    logits, boxes, centres, strides = perfect_outputs(faces)
    photos = torch.zeros(1, dtype=torch.int64)
    inside = int((centres - torch.tensor([30.0, 30.0])).square().sum(1).argmin())
    outside = int((centres - torch.tensor([100.0, 100.0])).square().sum(1).argmin())

    def loss_with(cell: int) -> float:
        changed = logits.clone()
        changed[0, cell] = 4.0
        return float(
            detection_loss(
                changed, boxes, centres, strides, faces, photos, torch.ones(1, dtype=torch.bool)
            )[0]
        )

    base = float(
        detection_loss(
            logits, boxes, centres, strides, faces, photos, torch.ones(1, dtype=torch.bool)
        )[0]
    )
    assert loss_with(inside) <= base
    assert loss_with(outside) > base + 0.1


def test_overfits_one_batch():
    """A few steps on one image with one bright square find that square."""
    torch.manual_seed(0)
    image = torch.zeros(2, 3, 64, 64)
    image[0, :, 16:40, 20:44] = 1.0
    faces = torch.tensor([[20.0, 16, 44, 40]])
    photos, ignored = torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.bool)
    network = DetectorNet()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    centres, strides = cell_centres((64, 64))
    for _ in range(60):
        logits, raw = flatten_maps(network(image))
        boxes = decode_boxes(raw, centres, strides)
        loss, _ = detection_loss(logits, boxes, centres, strides, faces, photos, ignored)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    best = int(logits[0].argmax())
    overlap = pairwise_iou(boxes[:1, best : best + 1].detach(), faces)
    assert float(overlap) > 0.7
    assert float(torch.sigmoid(logits[0, best].detach())) > 0.5
    assert float(torch.sigmoid(logits[1].detach().max())) < 0.3


def gradients(precision: str, side: int, seed: int) -> list[torch.Tensor]:
    """Of all weights of an untrained narrow network, on eight noisy images."""
    torch.manual_seed(seed)
    narrow = DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8))
    network = DetectorNet(narrow).to(memory_format=torch.channels_last)
    images = torch.rand(8, 3, side, side).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        logits, raw = flatten_maps(network(images))
    (logits.float().square().mean() + raw.float().square().mean()).backward()
    return [weight.grad for weight in network.parameters() if weight.ndim == 4]


def test_bfloat16_has_gradients_of_the_size_of_float32_ones_for_the_smallest_crops():
    """On crops of half that side PyTorch 2.13 makes some of them of memory that nobody wrote."""
    for seed in range(12):  # some memory is harmless
        exact = gradients("float32", MIN_SIDE, seed)
        for one, other in zip(exact, gradients("bfloat16", MIN_SIDE, seed), strict=True):
            assert (one - other).norm() < 2 * one.norm()  # memory gives 1e12, or no number


def test_scaled_crops_stay_multiples_of_32_and_large_enough():
    sides = {factor: CropConfig(side=128).scaled(factor).side for factor in (0.2, 0.75, 1, 2)}
    assert sides == {0.2: MIN_SIDE, 0.75: 96, 1: 128, 2: 256}


class TestDegrade:
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3)).astype(np.uint8)

    def degraded(self, **shares: float) -> np.ndarray:
        config = replace(NO_DEGRADATION, **shares)
        before = self.image.copy()
        result = degrade(self.image, np.random.default_rng(3), config)
        assert (self.image == before).all()
        assert result.shape == self.image.shape
        assert result.dtype == np.uint8
        return result

    def test_nothing_asked_for_changes_nothing(self):
        assert (self.degraded() == self.image).all()

    def test_blur_takes_detail_and_keeps_the_mean(self):
        blurred = self.degraded(blurred=1)
        assert blurred.std() < 0.8 * self.image.std()
        assert abs(blurred.mean() - self.image.mean()) < 3

    def test_noise_is_about_zero(self):
        change = self.degraded(noisy=1).astype(int) - self.image
        assert change.std() > 1
        assert abs(change.mean()) < 1

    def test_jpeg_keeps_the_order_of_the_channels(self):
        flat = np.full((32, 32, 3), (200, 120, 20), np.uint8)
        config = replace(NO_DEGRADATION, compressed=1)
        assert np.abs(degrade(flat, np.random.default_rng(0), config).astype(int) - flat).max() < 6

    def test_shade_only_darkens_and_not_all(self):
        shaded = self.degraded(shaded=1).astype(int)
        assert (shaded <= self.image).all()
        assert shaded.mean() < 0.97 * self.image.mean()


def test_nothing_in_a_photo_that_lost_boxes_is_background() -> None:
    boxes = np.array([[10, 10, 40, 40]], np.float32)
    whole = AnnotatedPhoto(Path("a.jpg"), boxes, np.array([False]), "a.jpg", 100, 80)
    lost = replace(whole, name="b.jpg", complete=False, attributes=({"mask": "none"},))
    empty = AnnotatedPhoto(
        Path("c.jpg"), np.zeros((0, 4), np.float32), np.zeros(0, bool), "c.jpg", 100, 80, False
    )
    told = Told()
    kept = usable_photos([whole, lost, empty], told)
    assert [photo.name for photo in kept] == ["a.jpg", "b.jpg"]
    assert kept[0] is whole
    assert kept[1].boxes.tolist() == [[10, 10, 40, 40], [0, 0, 100, 80]]
    assert kept[1].ignored.tolist() == [False, True]
    assert kept[1].attributes == ({"mask": "none"}, {})
    assert told.said == ["Incomplete: 2 photos lost boxes, so that nothing in them is background."]
    config = CropConfig(side=64, smallest_face=16, largest_face=50)
    image = np.zeros((80, 100, 3), np.uint8)
    for seed in range(20):
        crop = draw_crop(image, kept[1].boxes, kept[1].ignored, np.random.default_rng(seed), config)
        # What shows of the photo is covered by the ignored region, but for what the turn cut off.
        region = crop.boxes[crop.ignored]
        assert (region[:, 2:] - region[:, :2]).prod(axis=1).max() > 0.4 * 64 * 64
