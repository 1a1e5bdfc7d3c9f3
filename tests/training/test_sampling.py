"""What is drawn more often than other things, and that the rest stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from facesmith.annotations import AnnotatedPhoto
from facesmith.errors import TrainingError
from facesmith.training.crops import CropConfig, draw_crop
from facesmith.training.learned_photos import Photos
from facesmith.training.proposals import ProposalConfig
from facesmith.training.sampling import draw_one, draw_rows


def test_one_of_some_things_comes_as_often_as_its_weight_says() -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount([draw_one(3, np.float32([1, 3, 4]), rng) for _ in range(4000)])
    np.testing.assert_allclose(counts / 4000, [1 / 8, 3 / 8, 4 / 8], atol=0.03)


def test_photos_come_as_often_as_their_weights_say_within_a_source() -> None:
    sources = ["a"] * 4 + ["b"] * 6 + [None] * 2
    weights = np.array([3, 1, 1, 1, *[1] * 6, 1, 1], np.float64)
    counts = np.zeros(12)
    for epoch in range(300):
        drawn = draw_rows(sources, 1.0, 7, epoch, weights)
        assert len(drawn) == 12
        assert set(drawn[drawn >= 10]) == {10, 11}
        assert ((drawn >= 4) & (drawn < 10)).sum() == 6
        assert np.isin(np.arange(4, 10), drawn).all()
        counts += np.bincount(drawn, minlength=12)
    np.testing.assert_allclose(counts[:4] / 300, [2, 2 / 3, 2 / 3, 2 / 3], atol=0.12)


def test_equal_weights_change_nothing() -> None:
    sources = ["a", "b", "a", None, "b"]
    for epoch in range(5):
        np.testing.assert_array_equal(
            draw_rows(sources, 1.0, 3, epoch), draw_rows(sources, 1.0, 3, epoch, np.full(5, 2.0))
        )


@pytest.mark.parametrize("cut_through", [0.0, 1.0])
def test_crops_are_drawn_about_weighty_faces_more_often_and_know_which_they_show(
    cut_through: float,
) -> None:
    boxes = np.float32([[10, 10, 40, 40], [500, 20, 540, 60], [900, 30, 930, 70]])
    image = np.zeros((100, 1000, 3), np.uint8)
    for number, (x, y, right, bottom) in enumerate(boxes.astype(int)):
        image[y:bottom, x:right] = 60 * (number + 1)
    config = CropConfig(
        face_anchored=1.0, smallest_face=60, largest_face=90, cut_through=cut_through, rotate=0.0
    )
    weights, ignored = np.float32([1, 5, 1]), np.array([False, False, True])
    shown = np.zeros(3, int)
    for seed in range(120):
        crop = draw_crop(
            image, boxes, ignored, np.random.default_rng(seed), config, weights=weights
        )
        assert len(crop.rows) == len(crop.boxes) <= 1
        shown[crop.rows] += 1
    assert shown[2] == 0
    assert 0.7 < shown[1] / shown.sum() < 0.95


def photo(*words: str) -> AnnotatedPhoto:
    boxes = np.float32([[0, 0, 10, 10]] * len(words)).reshape(-1, 4)
    attributes = tuple({"drawn": word} if word else {} for word in words)
    return AnnotatedPhoto(
        Path("a.png"), boxes, np.zeros(len(words), bool), "a.png", 20, 20, attributes=attributes
    )


def test_weights_are_what_the_attribute_says() -> None:
    config = ProposalConfig(weight_attribute="drawn")
    photos = Photos([photo("2", "", "0.5"), photo(), photo("0.5")], config)
    assert photos.weights(0).tolist() == [2, 1, 0.5]
    assert photos.photo_weights().tolist() == [2, 1, 1]
    plain = Photos([photo("2")], ProposalConfig())
    assert plain.weights(0) is None
    assert plain.photo_weights() is None


@pytest.mark.parametrize("word", ["often", "0", "-1", "nan", "inf"])
def test_weights_must_be_numbers_above_0(word: str) -> None:
    photos = Photos([photo(word)], ProposalConfig(weight_attribute="drawn"))
    with pytest.raises(TrainingError, match=rf"a.png: expected a number above 0 .*{word}"):
        photos.weights(0)
