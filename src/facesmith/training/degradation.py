"""What cameras, compression and resizing do to photos: lost detail, noise, JPEG blocks, shade.

Other people's photos have other amounts of these than the photos that a detector learns from.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image


@dataclass(frozen=True)
class DegradationConfig:
    """How many images lose quality, and how much. The kinds are independent of each other."""

    blurred: float = 0.15  # share of images reduced and enlarged again
    largest_reduction: float = 2.5  # by up to this factor
    noisy: float = 0.1  # share of images with noise
    strongest_noise: float = 12.0  # its standard deviation is up to this, grey levels
    compressed: float = 0.2  # share of images that go through JPEG
    jpeg_quality: tuple[int, int] = (25, 85)  # lowest and highest
    shaded: float = 0.15  # share of images that grow darker towards one side
    darkest: float = 0.3  # brightness left at the dark side is at least this
    smeared: float = 0.0  # share of images blurred along a line, as by motion
    longest_smear: int = 9  # its longest length, pixels
    dark: float = 0.0  # share of images with little light, and noise
    min_light: float = 0.15  # brightness left there is at least this, and at most half


def degrade(
    image: npt.NDArray[np.uint8], rng: np.random.Generator, config: DegradationConfig
) -> npt.NDArray[np.uint8]:
    """Lower the quality of an image at random.

    Args:
        image: uint8 `(height, width, 3)`, BGR. Not modified.
        rng: Where all randomness comes from.
        config: How often and how much.

    Returns:
        uint8 of the same shape.
    """
    blurred, noisy, compressed, shaded = rng.random(4) < (
        config.blurred,
        config.noisy,
        config.compressed,
        config.shaded,
    )
    if config.smeared and rng.random() < config.smeared:
        image = _smear(image, rng, config.longest_smear)
    if config.dark and rng.random() < config.dark:
        image = _darken(image, rng, config.min_light)
    if shaded:
        image = _shade(image, rng, config.darkest)
    if blurred:
        factor = rng.uniform(1.2, max(config.largest_reduction, 1.2))
        image = _reduce_and_enlarge(image, factor)
    if noisy:
        noise = rng.standard_normal(image.shape, np.float32)
        noise *= np.float32(rng.uniform(2, max(config.strongest_noise, 2)))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if compressed:
        low, high = config.jpeg_quality
        image = _through_jpeg(image, int(rng.integers(low, high + 1)))
    return image


def _smear(
    image: npt.NDArray[np.uint8], rng: np.random.Generator, longest: int
) -> npt.NDArray[np.uint8]:
    """Motion blur: the mean of copies of the image, moved step by step along a line."""
    length, angle = rng.uniform(3, max(longest, 3)), rng.uniform(0, np.pi)
    n_steps = int(np.ceil(length))
    reach = n_steps // 2 + 1
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total = np.zeros(image.shape, np.uint16)
    height, width = image.shape[:2]
    for along in np.linspace(-length / 2, length / 2, n_steps):
        x, y = reach + round(along * np.cos(angle)), reach + round(along * np.sin(angle))
        total += padded[y : y + height, x : x + width]
    return (total // n_steps).astype(np.uint8)


def _darken(
    image: npt.NDArray[np.uint8], rng: np.random.Generator, min_light: float
) -> npt.NDArray[np.uint8]:
    light = np.float32(rng.uniform(min_light, 0.5))
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 6))
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def _shade(
    image: npt.NDArray[np.uint8], rng: np.random.Generator, darkest: float
) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    turn = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(np.cos(turn))
    y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(np.sin(turn))
    # How sharp the edge of the shade is, and where it lies.
    slope, middle = rng.uniform(0.7, 4), rng.uniform(-0.5, 0.5)
    lit = np.clip((x[None] + y[:, None] - middle) * slope + 0.5, 0, 1)
    left = np.float32(rng.uniform(darkest, 1))
    dimmed = image * (left + (1 - left) * lit)[..., None]
    return np.asarray(dimmed, np.uint8)


def _reduce_and_enlarge(image: npt.NDArray[np.uint8], factor: float) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    reduced = Image.fromarray(image).resize(small, Image.Resampling.BILINEAR)
    return np.asarray(reduced.resize((width, height), Image.Resampling.BILINEAR))


def _through_jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    buffer = BytesIO()
    # JPEG stores colour coarser than light: the order of the channels matters.
    Image.fromarray(np.ascontiguousarray(image[..., ::-1])).save(buffer, "JPEG", quality=quality)
    return np.ascontiguousarray(np.asarray(Image.open(buffer))[..., ::-1])
