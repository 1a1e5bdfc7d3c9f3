"""Faces hidden in part, motion blur and darkness in training crops."""

from __future__ import annotations

import numpy as np

from facesmith.training.degradation import DegradationConfig, degrade
from facesmith.training.occlusion import OcclusionConfig, occlude

NOTHING = DegradationConfig(blurred=0, noisy=0, compressed=0, shaded=0)
FACE = np.float32([[20, 30, 60, 80]])


def picture() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (120, 100, 3)).astype(np.uint8)


def test_a_quarter_to_a_half_of_a_face_is_hidden_at_one_side() -> None:
    shares, outside = [], []
    config = OcclusionConfig(covered=1.0)
    for seed in range(60):
        image = picture()
        hidden = (occlude(image, FACE, np.random.default_rng(seed), config) != image).any(axis=2)
        shares.append(hidden[30:80, 20:60].mean())
        near = np.zeros_like(hidden)
        near[22:88, 14:67] = True
        outside.append(hidden[~near].mean())
    assert max(outside) == 0
    assert min(shares) > 0.1  # an ellipse leaves the corners
    assert max(shares) < 0.52
    assert 0.25 < np.mean(shares) < 0.45


def test_small_faces_and_those_not_drawn_stay_whole() -> None:
    image, rng = picture(), np.random.default_rng(0)
    small = np.float32([[20, 30, 31, 60]])
    assert np.array_equal(occlude(image, small, rng, OcclusionConfig(covered=1.0)), image)
    state = rng.bit_generator.state
    assert occlude(image, FACE, rng, OcclusionConfig()) is image
    assert rng.bit_generator.state == state


def test_the_photo_is_not_modified_and_the_generator_decides() -> None:
    image = picture()
    before = image.copy()
    one, two = (
        occlude(image, FACE, np.random.default_rng(3), OcclusionConfig(covered=1.0))
        for _ in range(2)
    )
    assert np.array_equal(image, before)
    assert np.array_equal(one, two)


def test_motion_smears_along_a_line_only() -> None:
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    config = DegradationConfig(blurred=0, noisy=0, compressed=0, shaded=0, smeared=1.0)
    for seed in range(10):
        smeared = degrade(image, np.random.default_rng(seed), config)[..., 0]
        rows, columns = np.nonzero(smeared)
        assert 3 <= len(rows) <= 10
        spread = np.cov(np.stack([rows, columns]).astype(float))
        assert np.linalg.eigvalsh(spread)[0] < 0.3
        assert abs(rows.mean() - 20) <= 1


def test_the_dark_has_little_light_and_noise() -> None:
    image = np.full((50, 50, 3), 200, np.uint8)
    config = DegradationConfig(blurred=0, noisy=0, compressed=0, shaded=0, dark=1.0)
    for seed in range(10):
        dark = degrade(image, np.random.default_rng(seed), config).astype(float)
        assert 0.13 * 200 < dark.mean() < 0.52 * 200
        assert 0.5 < dark.std() < 8


def test_nothing_more_is_drawn_where_nothing_more_is_asked_for() -> None:
    """Trainings without smears and darkness draw the same numbers as before there were any."""
    rng = np.random.default_rng(1)
    degrade(picture(), rng, NOTHING)
    expected = np.random.default_rng(1)
    expected.random(4)
    assert rng.random() == expected.random()
