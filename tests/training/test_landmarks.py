"""The training of landmarks: patches, changes of places, what is hidden, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facesmith.annotations import AnnotatedPhoto  # noqa: E402
from facesmith.faces import Faces  # noqa: E402
from facesmith.runs.folder import RunFolder  # noqa: E402
from facesmith.training.augmentation import WarpedAugmentation  # noqa: E402
from facesmith.training.degradation import DegradationConfig  # noqa: E402
from facesmith.training.detector_config import DetectorConfig  # noqa: E402
from facesmith.training.landmark_config import ROOM, STORED_SIDE, LandmarkConfig  # noqa: E402
from facesmith.training.landmark_patches import (  # noqa: E402
    LandmarkPatches,
    collect_landmark_patches,
    n_with_points,
)
from facesmith.training.landmarks import (  # noqa: E402
    LandmarkTask,
    _cover,
    moved_points,
    normalised_errors,
)
from facesmith.training.loop import run_loop  # noqa: E402
from facesmith.training.warping import warped  # noqa: E402

POINTS = np.float32([[70, 70], [90, 70], [80, 80], [72, 92], [88, 92]])
NO_DEGRADATION = DegradationConfig(blurred=0, noisy=0, compressed=0, shaded=0)


class Finder:
    """Stands for a detector that finds these boxes in every photo."""

    def __init__(self, *boxes: tuple[float, ...]) -> None:
        self.boxes = np.float32(boxes).reshape(-1, 4)

    def __call__(self, image, *, min_score):
        del image, min_score
        return Faces(self.boxes, np.full(len(self.boxes), 0.9, np.float32))


class Reduced:
    """One annotated photo of 200 x 200, decoded at half of that."""

    def __init__(self, annotated: AnnotatedPhoto) -> None:
        self.annotated = [annotated]

    def __getitem__(self, index: int):
        assert index == 0
        image = np.zeros((100, 100, 3), np.uint8)
        return image, self.annotated[0].boxes / 2, self.annotated[0].ignored


def photo(visibility=(2, 2, 2, 2, 2), box=(60, 60, 100, 100), ignored=False) -> AnnotatedPhoto:
    known = np.array([visibility], np.uint8)
    points = np.where(known[..., None] > 0, POINTS[None], np.nan).astype(np.float32)
    return AnnotatedPhoto(
        path="p.jpg", boxes=np.float32([box]), ignored=np.array([ignored]), name="p.jpg",
        width=200, height=200, landmarks=points, landmark_visibility=known,
    )  # fmt: skip


def test_patches_worked_by_hand():
    # The found box, in the photo of half the size, is the annotated one moved by 2 to the right:
    # centre (42, 40), side 20; what the network sees is 26 wide.
    found = Finder((32, 30, 52, 50))
    rows = collect_landmark_patches(
        found, Reduced(photo((2, 2, 1, 0, 2))), LandmarkConfig(), with_room=False
    )
    assert rows.images.shape == (1, 64, 64, 3)
    expected = (POINTS / 2 - (42, 40)) / 26
    expected[3] = np.nan
    np.testing.assert_allclose(rows.points[0], expected, atol=1e-6)
    np.testing.assert_array_equal(rows.visible[0], np.float32([1, 1, 0, np.nan, 1]))
    np.testing.assert_allclose(rows.sizes, [20 / 26])


def test_a_face_that_is_not_found_is_cut_around_its_annotated_box():
    rows = collect_landmark_patches(Finder(), Reduced(photo()), LandmarkConfig(), with_room=True)
    assert rows.images.shape == (1, STORED_SIDE, STORED_SIDE, 3)
    np.testing.assert_allclose(rows.points[0], (POINTS / 2 - 40) / 26, atol=1e-6)


def test_faces_without_points_too_small_or_ignored_are_not_learned_from():
    config = LandmarkConfig()
    photos = [
        photo(),
        photo((0, 0, 0, 0, 0)),
        photo(box=(60, 60, 100, 75)),
        photo(ignored=True),
    ]
    assert [n_with_points([each], config) for each in photos] == [1, 0, 0, 0]


def test_few_points_are_said_and_none_are_not():
    said = []

    class Told:
        def say(self, line):
            said.append(line)

    config = DetectorConfig()
    assert config.without_few_points([photo()] * 99, [photo()] * 20, Told()).landmarks is None
    assert "99 faces to learn from and 20 held out" in said[0]
    assert config.without_few_points([photo((0,) * 5)], [], Told()).landmarks is None
    assert config.without_few_points([photo()] * 100, [photo()] * 20, Told()) is config
    assert len(said) == 1


def test_points_move_as_the_picture_does():
    # A bright spot at a point of a stored patch lies, in the changed patch, where the point does.
    rng = np.random.default_rng(0)
    for _ in range(5):
        point = rng.uniform(-0.2, 0.2, 2).astype(np.float32)
        x, y = STORED_SIDE / 2 + point * STORED_SIDE / ROOM
        rows, columns = np.mgrid[:STORED_SIDE, :STORED_SIDE] + 0.5
        spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
        image = np.repeat(spot.astype(np.uint8)[None, :, :, None], 3, axis=3)
        turn, size, mirror = rng.uniform(-0.6, 0.6), rng.uniform(0.5, 0.7), rng.choice([-1, 1])
        places = np.float32(
            [[[np.cos(turn) * size * mirror, -np.sin(turn) * size, 0.05],
              [np.sin(turn) * size * mirror, np.cos(turn) * size, -0.03]]]
        )  # fmt: skip
        arrays = (image, np.eye(3, dtype=np.float32)[None], np.zeros((1, 1, 3), np.float32), places)
        out = warped(*map(torch.from_numpy, arrays), 64)[0, :, :, 0].numpy()
        rows, columns = np.mgrid[:64, :64] + 0.5
        centre = [(out * columns).sum(), (out * rows).sum()] / out.sum() / 64 - 0.5
        found = moved_points(np.tile(point, (1, 5, 1)), places)[0, 0]
        np.testing.assert_allclose(found, centre, atol=0.01)


def test_a_covered_point_is_hidden():
    patches = np.full((2, STORED_SIDE, STORED_SIDE, 3), 7, np.uint8)
    points = np.float32([[[0, 0], [0.4, 0], [0, 0.4], [-0.4, 0], [0, -0.4]]] * 2)
    # The first is covered in its middle, by 0.3 of what the network sees; the second is not.
    draws = np.float32([[0, 0.5, 0.5, 0.5, 0.5, 0], [0.9, 0.5, 0.5, 0.5, 0.5, 0]])
    patches[1] = 200
    hidden = _cover(patches, points, draws, replace(LandmarkConfig(), covered=0.5))
    assert hidden.tolist() == [[True, False, False, False, False], [False] * 5]
    side = round(0.3 * STORED_SIDE / ROOM)
    assert abs((patches[0, :, :, 0] == 200).sum() - side**2) <= 2 * side  # another patch's pixels
    assert (patches[1] == 200).all()


def test_errors_worked_by_hand():
    truth = LandmarkPatches(
        np.zeros((1, 64, 64, 3), np.uint8),
        np.float32([[[0, 0], [0, 0], [0, 0], [0, 0], [np.nan, np.nan]]]),
        np.ones((1, 5), np.float32),
        np.float32([0.8]),
        np.zeros(1, np.int64),
    )
    outputs = np.float32([[0.03, 0.04, 0, 0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(normalised_errors(outputs, truth), [0.05 / 4 / 0.8], rtol=1e-6)


def marked_patches(n: int, side: int, room: float, seed: int) -> LandmarkPatches:
    """Patches with five coloured marks at random places, and those places."""
    rng = np.random.default_rng(seed)
    centres = np.float32([[-0.2, -0.15], [0.2, -0.15], [0, 0.05], [-0.15, 0.25], [0.15, 0.25]])
    points = (centres + rng.uniform(-0.1, 0.1, (n, 1, 2))).astype(np.float32)
    images = np.full((n, side, side, 3), 90, np.uint8)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
    reach = round(0.06 * side / room)
    for image, five in zip(images, points, strict=True):
        for (x, y), colour in zip(side / 2 + five * side / room, colours, strict=True):
            image[round(y - reach) : round(y + reach), round(x - reach) : round(x + reach)] = colour
    return LandmarkPatches(
        images, points, np.ones((n, 5), np.float32), np.ones(n, np.float32), np.arange(n)
    )


def test_it_learns_places_and_what_is_hidden(tmp_path):
    config = replace(
        LandmarkConfig(),
        batch_size=32,
        augmentation=WarpedAugmentation(flip=0, max_shift=4, rotation=10, zoom=0.1, cutout=0),
        degradation=NO_DEGRADATION,
    )
    config = replace(config, loop=replace(config.loop, epochs=12, threads=1, average_decay=0.9))
    held_out = marked_patches(40, 64, 1.0, seed=1)
    task = LandmarkTask(
        marked_patches(256, STORED_SIDE, ROOM, seed=0), held_out, config, ["a"] * 256
    )
    with torch.no_grad():
        before = task.validate(task.network.eval())["nme"]
    run = RunFolder(tmp_path / "run")
    run.start({}, resume=False, force=False)
    result = run_loop(task, config.loop, run, rows_per_epoch=task.rows_per_epoch)
    assert result.best < 0.4 * before
    task.network.load_state_dict(result.weights)
    covered = held_out.images.copy()
    for image, (x, y) in zip(covered, 32 + held_out.points[:, 0] * 64, strict=True):
        image[max(round(y) - 8, 0) : round(y) + 8, max(round(x) - 8, 0) : round(x) + 8] = 250
    with torch.no_grad():
        logits = [
            task.network.eval()(torch.from_numpy(images).permute(0, 3, 1, 2) / 255)[:, 10].mean()
            for images in (held_out.images, covered)
        ]
    assert logits[1] < logits[0]


def test_the_same_step_gives_the_same_batch():
    config = replace(LandmarkConfig(), batch_size=8)
    task = LandmarkTask(
        marked_patches(16, STORED_SIDE, ROOM, seed=0), marked_patches(4, 64, 1.0, seed=1), config,
        ["a"] * 16,
    )  # fmt: skip
    first, again, other = task.batch(0, 1), task.batch(0, 1), task.batch(1, 1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[4], other[4])
