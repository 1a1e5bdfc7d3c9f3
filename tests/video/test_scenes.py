"""Cuts between scenes, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from facesmith.video.scenes import SceneCuts


def picture(seed: int) -> np.ndarray:
    """A smooth picture of 3 times the size, from which frames are cut."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(20, 235, (8, 14))
    return np.kron(coarse, np.ones((12, 12)))[:, :160].astype(np.float32)


def frames(seed: int, n: int, *, pan: int = 0) -> list[np.ndarray]:
    noise = np.random.default_rng(seed + 99)
    whole = picture(seed)
    return [
        (whole[20:38, 10 + pan * k : 42 + pan * k] + noise.normal(0, 3, (18, 32))).astype(
            np.float32
        )
        for k in range(n)
    ]


def cuts_of(film: list[np.ndarray]) -> list[int]:
    cuts = SceneCuts()
    return [k for k, grey in enumerate(film) if cuts.begins(grey)]


def test_a_cut_is_found_where_it_is() -> None:
    assert cuts_of([*frames(0, 12), *frames(1, 9), *frames(2, 5)]) == [12, 21]


def test_the_first_frame_and_a_still_film_are_none() -> None:
    assert cuts_of(frames(0, 40)) == []


@pytest.mark.parametrize("pan", [1, 2])
def test_a_pan_is_none(pan: int) -> None:
    assert cuts_of(frames(3, 40, pan=pan)) == []


def test_a_flash_and_a_fade_are_none() -> None:
    film = frames(0, 30)
    film[10] = np.minimum(film[10] * 0.6 + 100, 255)
    for k in range(15, 30):
        film[k] = film[k] * (1 - (k - 14) / 16)
    assert cuts_of(film) == []


def test_a_cut_to_black_is_one_and_black_stays() -> None:
    black = [np.zeros((18, 32), np.float32)] * 5
    assert cuts_of([*frames(0, 10), *black, *frames(1, 10)]) == [10, 15]
