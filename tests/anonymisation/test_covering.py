"""Pixels under and outside of what covers faces, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

import facesmith
from facesmith.anonymisation import CoverConfig, anonymise
from facesmith.anonymisation.covering import Paint, cover
from facesmith.faces import Faces


def faces(*boxes: tuple[float, float, float, float]) -> Faces:
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (120, 160, 3), dtype=np.uint8)


def test_it_is_exported_at_the_top(noise: np.ndarray) -> None:
    covered = facesmith.anonymise(noise, faces((20, 20, 40, 40)))
    assert (covered[20:40, 20:40] == 0).all()
    assert "anonymise" in dir(facesmith)


def test_a_solid_box_covers_the_grown_box_and_nothing_else(noise: np.ndarray) -> None:
    before = noise.copy()
    config = CoverConfig(colour=(255, 0, 9), margin=0.25)
    covered = anonymise(noise, faces((40, 30, 60, 70)), config)
    # A quarter of the longer side, 40, is 10: from (30, 20) to (70, 80).
    expected = before.copy()
    expected[20:80, 30:70] = (9, 0, 255)
    assert np.array_equal(covered, expected)
    assert np.array_equal(noise, before)


def test_edges_between_pixels_cover_all_pixels_that_they_touch(noise: np.ndarray) -> None:
    covered = anonymise(noise, faces((10.4, 10.6, 20.2, 20.9)), CoverConfig(margin=0))
    changed = (covered != noise).any(axis=2)
    assert changed[10:21, 10:21].all()
    assert changed.sum() == 11 * 11


@pytest.mark.parametrize(
    ("box", "n_covered"),
    [
        ((-20, -20, 10, 10), 100),
        ((150, 110, 400, 400), 100),
        ((-50, -50, -10, -10), 0),
        ((50, 50, 50, 50), 1),  # not even a pixel wide
    ],
)
def test_faces_at_the_border_are_cut_off(
    noise: np.ndarray, box: tuple[float, float, float, float], n_covered: int
) -> None:
    covered = anonymise(noise, faces(box), CoverConfig(margin=0))
    assert (covered != noise).any(axis=2).sum() == n_covered


def test_an_ellipse_leaves_the_corners(noise: np.ndarray) -> None:
    covered = anonymise(noise, faces((40, 30, 80, 90)), CoverConfig(shape="ellipse", margin=0))
    black = (covered == 0).all(axis=2)
    rows, columns = np.nonzero(black)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 89, 40, 79)
    assert not black[31, 41]
    # Every pixel whose middle lies inside is covered.
    y, x = np.mgrid[0:120, 0:160] + 0.5
    assert black[((x - 60) / 20) ** 2 + ((y - 60) / 30) ** 2 < 1].all()


@pytest.mark.parametrize("side", [3, 7, 20, 33, 64, 100, 117])
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_a_mosaic_has_at_most_six_cells_whatever_the_size(
    noise: np.ndarray, side: int, margin: float
) -> None:
    covered = anonymise(
        noise, faces((1, 1, 1 + side, 1 + side)), CoverConfig("mosaic", margin=margin)
    )
    part = covered[1 : 1 + side, 1 : 1 + side].astype(int)
    for axis in (0, 1):
        edges = np.abs(np.diff(part, axis=axis)).sum(axis=(1 - axis, 2)) > 0
        assert edges.sum() <= 5
    if side >= 20:
        assert (np.abs(np.diff(part, axis=0)).sum(axis=(1, 2)) > 0).sum() >= 3  # it is no solid


def test_a_cell_of_a_mosaic_is_the_mean_of_its_pixels(noise: np.ndarray) -> None:
    covered = anonymise(noise, faces((12, 6, 72, 66)), CoverConfig("mosaic", margin=0))
    cell = noise[16:26, 32:42].astype(float)
    assert np.allclose(covered[16:26, 32:42], cell.mean(axis=(0, 1)), atol=0.51)
    assert not np.array_equal(covered[16, 32], covered[16, 42])


def test_a_blur_is_a_mean_weighted_by_the_distance(noise: np.ndarray) -> None:
    config = CoverConfig("blur", margin=0, strength=0.25)
    covered = anonymise(noise, faces((20, 20, 68, 68)), config)
    at = np.arange(48)
    weights = np.exp(-0.5 * ((at[:, None] - at) / 12) ** 2)  # a quarter of 48 pixels
    weights /= weights.sum(axis=1, keepdims=True)
    part = noise[20:68, 20:68].astype(float)
    expected = np.einsum("yr,rcn,xc->yxn", weights, part, weights)
    assert np.abs(covered[20:68, 20:68] - expected).max() <= 1
    outside = np.ones(noise.shape[:2], bool)
    outside[20:68, 20:68] = False
    assert np.array_equal(covered[outside], noise[outside])


def test_a_picture_is_stretched_over_the_face(noise: np.ndarray) -> None:
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[:, 4:] = (0, 0, 250)
    covered = anonymise(
        noise, faces((40, 40, 60, 80)), CoverConfig("image", margin=0, picture=picture)
    )
    assert (covered[40:80, 40:50] == 0).all()
    assert (covered[40:80, 50:60] == (0, 0, 250)).all()


def test_no_face_shows_through_the_mosaic_of_its_neighbour(noise: np.ndarray) -> None:
    # Both begin with the original pixels; the order does not matter where they do not overlap.
    first, second = (10, 10, 50, 50), (30, 10, 70, 50)
    covered = anonymise(noise, faces(first, second), CoverConfig("mosaic", margin=0))
    alone = anonymise(noise, faces(second), CoverConfig("mosaic", margin=0))
    assert np.array_equal(covered[10:50, 30:70], alone[10:50, 30:70])


def test_planes_of_half_the_size_are_covered_at_the_same_place() -> None:
    plane = np.full((60, 80, 1), 7, np.uint8)
    cover(plane, np.float32([[20, 20, 40, 60]]), CoverConfig(margin=0), Paint((99,)), (0.5, 0.5))
    assert (plane[10:30, 10:20] == 99).all()
    assert (plane == 99).sum() == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fill": "smear"}, "fill"),
        ({"shape": "star"}, "shape"),
        ({"margin": -0.1}, "margin"),
        ({"cells": 7}, "cells"),
        ({"strength": float("nan")}, "strength"),
        ({"colour": (0, 0, 256)}, "colour"),
        ({"fill": "image"}, "picture"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CoverConfig(**changes)  # type: ignore[arg-type]


def test_an_image_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        anonymise(np.zeros((4, 4), np.uint8), Faces.empty())
