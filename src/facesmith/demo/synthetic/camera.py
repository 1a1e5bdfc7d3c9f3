"""What light and a camera do to a drawing: shading, exposure, blur, noise, JPEG."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from facesmith.demo.synthetic.head import Head
from facesmith.demo.synthetic.person import View

Float32Image = npt.NDArray[np.float32]
UInt8Image = npt.NDArray[np.uint8]


def shade_bust(picture: Float32Image, solid: Float32Image, head: Head, view: View) -> Float32Image:
    """A picture and its mask of bodies, see `Canvas.finish`, lit as if the head were an egg."""
    height, width = solid.shape
    pose = head.pose
    x = (np.arange(width, dtype=np.float32) + 0.5 - pose.centre_x) / pose.half_height
    y = (np.arange(height, dtype=np.float32) + 0.5 - pose.centre_y) / pose.half_height
    cos, sin = math.cos(pose.roll), math.sin(pose.roll)
    u = (cos * x[None, :] + sin * y[:, None]) / (head.shape.width * 1.18)
    v = (-sin * x[None, :] + cos * y[:, None]) / 1.18
    radius = np.sqrt(u * u + v * v)
    inside = np.minimum(radius, 0.93) / np.maximum(radius, 1e-6)
    u, v = u * inside, v * inside
    z = np.sqrt(np.maximum(1 - u * u - v * v, 0.02))
    lx, ly, lz = np.array(view.light) / np.linalg.norm(view.light)
    lit = np.maximum(u * lx + v * ly + z * lz, 0)
    warm = 0.1 * view.warmth * np.array([1, 0.1, -1], dtype=np.float32)
    light = view.ambient * (1 - 0.6 * warm) + view.diffuse * lit[..., None] * (1 + warm)
    shaded: Float32Image = (picture * (1 + solid[..., None] * (light - 1))).astype(np.float32)
    return shaded


def take_photo(
    picture: Float32Image, rng: np.random.Generator, *, harshness: float = 1.0
) -> UInt8Image:
    """What a camera makes of a scene, float32 RGB in [0, 255]: uint8 RGB of the same size.

    `harshness` goes from 0 for a good camera to 1 for anything that people send.
    """
    height, width = picture.shape[:2]
    picture = _expose(picture, rng, harshness)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    chance = rng.random(4)
    if chance[0] < 0.3 * harshness:
        small = rng.uniform(0.36, 0.8)
        size = (max(round(width * small), 8), max(round(height * small), 8))
        way = Image.Resampling.BILINEAR if chance[3] < 0.7 else Image.Resampling.NEAREST
        image = image.resize(size, Image.Resampling.BOX).resize((width, height), way)
    if chance[1] < 0.35 * harshness:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.25) * width / 64))
    elif chance[1] < 0.43 * harshness:
        image = _motion_blur(image, rng)
    if chance[2] < 0.75:
        noise = min(rng.gamma(1.6, 2.4 * harshness), 14.0)
        coloured = rng.standard_normal((height, width, 3), dtype=np.float32)
        coloured += rng.standard_normal((height, width, 1), dtype=np.float32)
        grainy = np.asarray(image, dtype=np.float32) + 0.7 * noise * coloured
        image = Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8))
    if chance[3] < 0.7 * harshness:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(28, 95)))
        buffer.seek(0)
        with Image.open(buffer) as stored:
            image = stored.convert("RGB")
    return np.asarray(image)


def _expose(picture: Float32Image, rng: np.random.Generator, harshness: float) -> Float32Image:
    if rng.random() < 0.07:  # black and white
        grey = picture @ np.array([0.3, 0.59, 0.11], dtype=np.float32)
        picture = np.repeat(grey[..., None], 3, axis=2)
    # A camera lifts dark scenes and dims bright ones, though never fully.
    gain = (112 / (float(picture.mean()) + 12)) ** 0.4 * np.exp(rng.normal(0, 0.17 * harshness))
    balance = 1 + rng.normal(0, 0.05 * harshness, 3)
    contrast = 1 + rng.normal(0, 0.14 * harshness)
    gamma = np.exp(rng.normal(0, 0.13 * harshness))
    lit = np.maximum(picture * (gain * balance / 255).astype(np.float32), 0)
    unit = _hold_highlights(lit) ** np.float32(gamma)
    exposed: Float32Image = (255 * (0.47 + contrast * (unit - 0.47))).astype(np.float32)
    return exposed


def _hold_highlights(lit: Float32Image) -> Float32Image:
    """Bright pixels bend towards white together: clipped one by one, pale skin would turn green."""
    peak = lit.max(axis=2, keepdims=True)
    knee = np.float32(0.78)
    bent = knee + (1 - knee) * (1 - np.exp((knee - np.maximum(peak, knee)) / (1 - knee)))
    held: Float32Image = lit * np.where(peak > knee, bent / np.maximum(peak, knee), 1)
    return held


def _motion_blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The camera moved while it took the photo."""
    length, angle = rng.uniform(1.5, 4) * image.width / 64, rng.uniform(0, np.pi)
    kernel = np.zeros(25)
    steps = np.linspace(-0.5, 0.5, 9)
    x = np.clip(np.rint(2 + steps * min(length, 4) * math.cos(angle)), 0, 4)
    y = np.clip(np.rint(2 + steps * min(length, 4) * math.sin(angle)), 0, 4)
    np.add.at(kernel, (y * 5 + x).astype(int), 1)
    return image.filter(ImageFilter.Kernel((5, 5), kernel.tolist(), scale=float(kernel.sum())))
