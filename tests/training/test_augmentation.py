"""Random changes of patches: functions of (seed, epoch, row) that do what their names say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facesmith.training.augmentation import (  # noqa: E402
    Augmentation,
    WarpedAugmentation,
    augment,
    augment_warped,
    uniforms,
)
from facesmith.training.warping import _grid, warped  # noqa: E402

STILL = WarpedAugmentation(
    flip=0, max_shift=0, brightness=0, contrast=0, colour=0, saturation=0, grey=0, cutout=0,
    rotation=0, zoom=0,
)  # fmt: skip
ROWS = np.arange(12)


def images(n: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 64, 64, 3), dtype=np.uint8)


def changed(settings: WarpedAugmentation, seed: int = 0, rows: np.ndarray = ROWS) -> np.ndarray:
    """The patches as the network gets them, `(n, 64, 64, 3)`."""
    parts = augment_warped(images(), rows, settings, seed=seed, epoch=0)
    return warped(*map(torch.from_numpy, parts)).numpy()


def test_random_numbers_belong_to_seed_epoch_and_row_alone():
    whole = uniforms(3, 2, ROWS, 5)
    assert whole.shape == (12, 5)
    np.testing.assert_array_equal(uniforms(3, 2, ROWS[::-3], 5), whole[::-3])
    np.testing.assert_array_equal(uniforms(3, 2, ROWS, 9)[:, :5], whole)
    for other in (uniforms(4, 2, ROWS, 5), uniforms(3, 3, ROWS, 5)):
        assert not np.isin(other, whole).any()


def test_random_numbers_are_uniform_and_unrelated():
    draws = uniforms(0, 0, np.arange(20_000), 3)
    assert draws.min() >= 0
    assert draws.max() < 1
    shares = np.histogram(draws[:, 0], bins=20, range=(0, 1))[0] / 20_000
    np.testing.assert_allclose(shares, 0.05, atol=0.008)  # five standard errors
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.035


def test_no_change_asked_for_is_no_change():
    np.testing.assert_allclose(changed(STILL), images(), atol=2e-3)


def test_mirrored():
    found = changed(replace(STILL, flip=1))
    np.testing.assert_allclose(found, images()[:, :, ::-1], atol=2e-3)


def test_a_quarter_turn_is_that_of_numpy():
    """With a largest turn of 90 degrees over a draw of 1 or 0; here by the map itself."""
    parts = [torch.from_numpy(p) for p in augment_warped(images(), ROWS, STILL, seed=0, epoch=0)]
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).repeat(12, 1, 1)
    found = warped(*parts[:3], quarter).numpy()
    turned = [np.rot90(images(), k, axes=(1, 2)) for k in (1, 3)]
    assert min(np.abs(found - t).max() for t in turned) < 2e-3


def test_the_grid_is_that_of_pytorch():
    places = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(places, [3, 3, 8, 12], align_corners=False)
    torch.testing.assert_close(_grid(places, 8, 12), expected)


def test_places_stay_within_the_settings():
    settings = replace(STILL, max_shift=4, rotation=10, zoom=0.12, flip=0.5)
    places = augment_warped(
        np.zeros((2000, 64, 64, 3), np.uint8), np.arange(2000), settings, seed=0, epoch=0
    )[3].astype(np.float64)
    sizes = np.sqrt(np.abs(np.linalg.det(places[:, :, :2])))
    assert np.exp(-0.12) <= sizes.min() < 0.9
    assert 1.1 < sizes.max() <= np.exp(0.12)
    turns = np.degrees(np.arctan2(-places[:, 0, 1], places[:, 1, 1]))
    assert 9 < np.abs(turns).max() <= 10.001
    pixels = np.abs(places[:, :, 2]) * 32  # from -1..1 over 64 pixels
    assert 3.9 < pixels.max() <= 4.001
    mirrored = np.linalg.det(places[:, :, :2]) < 0
    assert mirrored.mean() == pytest.approx(0.5, abs=0.05)


def test_light_and_colour_by_hand():
    """Contrast c and brightness b make p into 127.5 + c (p - 127.5) + b, cut at 0 and 255."""
    settings = replace(STILL, brightness=0.15, contrast=0.3)
    _, matrices, offsets, _ = augment_warped(images(), ROWS, settings, seed=1, epoch=0)
    c = matrices[:, 0, 0]
    assert ((c >= 0.7) & (c <= 1.3)).all()
    b = offsets[:, 0, 0] - 127.5 * (1 - c)
    assert (np.abs(b) <= 0.15 * 255 + 1e-3).all()
    expected = 127.5 + c[:, None, None, None] * (images() - 127.5) + b[:, None, None, None]
    np.testing.assert_allclose(changed(settings, seed=1), expected.clip(0, 255), atol=5e-3)


def test_grey_has_no_colour_and_keeps_its_luma():
    found = changed(replace(STILL, grey=1))
    assert np.ptp(found, axis=3).max() < 2e-3
    luma = images() @ np.array([0.114, 0.587, 0.299])
    np.testing.assert_allclose(found[..., 0], luma, atol=5e-3)


def test_cut_out_paints_one_rectangle_in_a_colour_of_the_patch():
    painted = augment_warped(images(), ROWS, replace(STILL, cutout=1), seed=0, epoch=0)[0]
    for before, after in zip(images(), painted, strict=True):
        y, x = np.nonzero((before != after).any(axis=2))
        height, width = np.ptp(y) + 1, np.ptp(x) + 1
        assert 3 <= height <= 24
        assert 3 <= width <= 24
        colours = np.unique(after[y, x], axis=0)
        assert len(colours) == 1
        assert (before.reshape(-1, 3) == colours[0]).all(axis=1).any()


@pytest.mark.parametrize("function", [augment, augment_warped])
def test_a_row_is_changed_alike_in_any_company_and_nothing_is_written_over(function):
    settings = Augmentation() if function is augment else WarpedAugmentation()
    source = images()
    before = source.copy()
    whole = function(source, ROWS, settings, seed=5, epoch=3)
    part = function(source, ROWS[[7, 2]], settings, seed=5, epoch=3)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[[7, 2]], b)
    np.testing.assert_array_equal(source, before)
    other = function(source, ROWS, settings, seed=5, epoch=4)
    assert not np.array_equal(whole[1], other[1])


def test_whole_shifts_reflect_the_border():
    settings = Augmentation(flip=0, max_shift=4, cutout=0)
    moved = augment(images(), ROWS, settings, seed=0, epoch=0)[0]
    padded = np.pad(images(), ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
    for i in ROWS:
        shifts = [
            (dy, dx)
            for dy in range(9)
            for dx in range(9)
            if np.array_equal(moved[i], padded[i, dy : dy + 64, dx : dx + 64])
        ]
        assert len(shifts) == 1
