"""The crops of a batch, shared out among the processes of a training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from disc_photos import draw_disc_photos  # noqa: E402
from facesmith.annotations import load_annotations  # noqa: E402
from facesmith.detection.detector import shipped_weights  # noqa: E402
from facesmith.training.crops import CropConfig, draw_crop  # noqa: E402
from facesmith.training.proposals import ProposalConfig, ProposalTask  # noqa: E402
from facesmith.training.sharing import World, set_world  # noqa: E402
from facesmith.training.warm_start import network_of  # noqa: E402


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list:
    folder = tmp_path_factory.mktemp("photos")
    draw_disc_photos(folder, 24)
    return load_annotations(folder / "faces.json", folder).photos


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    set_world(World())


@pytest.mark.parametrize("retention", [0.0, 1.0])
def test_each_process_has_its_own_rows_and_all_faces(photos: list, retention: float) -> None:
    crops = CropConfig(side=64)
    start = shipped_weights()
    network = network_of(start)
    config = ProposalConfig(network=network, batch_size=8, crops=crops, retention=retention)
    task = ProposalTask(photos, config, start=start if retention else None)
    places = [(0, 0), (0, 1), (1, 0)]  # in the second pass the sizes of photos are known
    whole = [task.batch(*place) for place in places]
    for rank in range(3):
        set_world(World(rank, 3))
        begin, end = World(rank, 3).rows_of(8)
        for place, (images, faces, photo_of, ignored, *said) in zip(places, whole, strict=True):
            own = task.batch(*place)
            for part, expected in zip(own[1:4], (faces, photo_of, ignored), strict=True):
                assert torch.equal(part, expected)
            assert torch.equal(own[0][begin:end], images[begin:end])
            assert not own[0][:begin].any()
            assert not own[0][end:].any()
            for part, expected in zip(own[4:], said, strict=True):
                assert torch.equal(part, expected[begin:end])


def test_rows_are_shared_out_without_gap() -> None:
    for size in (1, 2, 3, 5):
        for n in range(12):
            parts = [World(rank, size).rows_of(n) for rank in range(size)]
            if n < size:
                assert parts == [(0, n)] * size
            else:
                assert [0, *(end for _, end in parts)] == [*(begin for begin, _ in parts), n]
                assert {end - begin for begin, end in parts} <= {n // size, n // size + 1}


def test_boxes_alone_are_those_of_the_whole_crop() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    boxes, ignored = np.float32([[20, 10, 50, 45], [70, 30, 118, 88]]), np.array([False, True])
    for seed in range(100):
        whole, alone = (
            draw_crop(
                given, boxes, ignored, np.random.default_rng(seed), CropConfig(side=64),
                boxes_only=only,
            )
            for given, only in ((image, False), (np.zeros_like(image), True))
        )  # fmt: skip
        assert np.array_equal(whole.boxes, alone.boxes)
        assert np.array_equal(whole.ignored, alone.ignored)
        assert np.array_equal(whole.rows, alone.rows)
        assert not alone.image.any()
