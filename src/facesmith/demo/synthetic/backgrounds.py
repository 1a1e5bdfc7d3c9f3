"""What stands behind people, and what has no people in it: walls, leaves, streets, writing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from facesmith.demo.synthetic.canvas import (
    Canvas,
    Colour,
    FloatArray,
    ellipse,
    mix,
    random_colour,
    rgb,
)
from facesmith.demo.synthetic.textures import texture

UInt8Image = npt.NDArray[np.uint8]
Rng = np.random.Generator


def draw_background(rng: Rng, width: int, height: int, *, busy: float = 0.5) -> UInt8Image:
    """A scene without people, uint8 RGB `(height, width, 3)`; `busy` from 0 to 1 adds clutter."""
    calm = (_gradient, _cloudy, _bokeh, _wall)
    full = (_leaves, _stripes, _bricks, _building, _writing, _shelf, _landscape, _clutter, _tiles)
    scenes = full if rng.random() < busy else calm
    return scenes[rng.integers(0, len(scenes))](rng, width, height)


def _gradient(rng: Rng, width: int, height: int) -> UInt8Image:
    a, b = random_colour(rng), random_colour(rng)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width]
    along = x / width * math.cos(angle) + y / height * math.sin(angle)
    share = (along - along.min()) / (np.ptp(along) + 1e-9)
    return _to_bytes(a + (b - a) * share[..., None])


def _cloudy(rng: Rng, width: int, height: int) -> UInt8Image:
    name = str(rng.choice(["cloud", "rough", "grain", "streak"]))
    field = texture(name, rng, width, height, rng.uniform(0.5, 2.5))
    if rng.random() < 0.4:
        field = field.T if width == height else field[:, ::-1]
    a, b = random_colour(rng), random_colour(rng)
    return _to_bytes(mix(a, b, 0.5) + (b - a) * 0.5 * field[..., None])


def _bokeh(rng: Rng, width: int, height: int) -> UInt8Image:
    canvas = Canvas(_gradient(rng, width, height), 1)
    side = max(width, height)
    for _ in range(rng.integers(5, 18)):
        centre = rng.uniform(0, 1, 2) * (width, height)
        radius = side * rng.uniform(0.03, 0.16)
        canvas.ellipse(centre, radius, radius, random_colour(rng, high=255), rng.uniform(0.15, 0.6))
    return _blurred(canvas, rng.uniform(0.5, 1.5))


def _wall(rng: Rng, width: int, height: int) -> UInt8Image:
    """A wall with a picture, a window or a door on it, and its floor."""
    canvas = Canvas(_gradient(rng, width, height), 1)
    for _ in range(rng.integers(0, 3)):
        x, y = rng.uniform(-0.2, 0.9) * width, rng.uniform(-0.2, 0.7) * height
        w, h = rng.uniform(0.2, 0.6, 2) * (width, height)
        frame = random_colour(rng, saturation=0.3)
        canvas.polygon(_box(x, y, w, h), frame)
        edge = min(w, h) * 0.1
        inner = _box(x + edge, y + edge, w - 2 * edge, h - 2 * edge)
        canvas.textured(inner, random_colour(rng), "cloud", 0.3, rng, zoom=3)
    return _blurred(canvas, rng.uniform(0, 1))


def _leaves(rng: Rng, width: int, height: int) -> UInt8Image:
    zoom = rng.uniform(0.6, 2.5)
    leaf = texture("leaf", rng, width, height, zoom)
    light = texture("cloud", rng, width, height, 1.5)
    green = rgb(rng.uniform(40, 130), rng.uniform(80, 150), rng.uniform(25, 70))
    shade = 0.55 + 0.75 * np.maximum(leaf, -0.4) + 0.35 * light
    picture = green * shade[..., None]
    if rng.random() < 0.4:
        sky = (light + leaf > 0.55)[..., None]
        picture = np.where(sky, rgb(205, 220, 235), picture)
    return _to_bytes(picture)


def _stripes(rng: Rng, width: int, height: int) -> UInt8Image:
    a, b = random_colour(rng), random_colour(rng)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.06, 0.35) * max(width, height)
    y, x = np.mgrid[0:height, 0:width]
    wave = np.sin(2 * np.pi * (x * math.cos(angle) + y * math.sin(angle)) / period)
    if rng.random() < 0.3:
        wave = wave * np.sin(2 * np.pi * (y * math.cos(angle) - x * math.sin(angle)) / period)
    share = np.clip(0.5 + wave * rng.uniform(0.5, 4), 0, 1)
    return _to_bytes(a + (b - a) * share[..., None])


def _bricks(rng: Rng, width: int, height: int) -> UInt8Image:
    mortar = random_colour(rng, saturation=0.15, low=110)
    canvas = _plain(mortar, width, height)
    base = random_colour(rng, saturation=0.6, low=70, high=200)
    h = rng.uniform(0.06, 0.16) * max(width, height)
    w, shift = h * rng.uniform(1.6, 3), rng.uniform(0, 1)
    for row in range(math.ceil(height / h) + 1):
        start = -w * ((row * 0.5 + shift) % 1) - w * 0.1
        for x in np.arange(start, width, w):
            canvas.polygon(_box(x, row * h, w * 0.92, h * 0.86), base * rng.uniform(0.75, 1.2))
    return canvas.finish()[0].astype(np.uint8)


def _building(rng: Rng, width: int, height: int) -> UInt8Image:
    sky = np.linspace(1.0, 0.8, height)[:, None, None] * rgb(*rng.uniform(150, 235, 3))
    canvas = _plain(sky, width, height)
    x = -rng.uniform(0, 0.2) * width
    while x < width:
        w = rng.uniform(0.25, 0.7) * width
        top = rng.uniform(-0.3, 0.5) * height
        front = random_colour(rng, saturation=0.35, low=60, high=220)
        canvas.textured(_box(x, top, w, 1.4 * height), front, "rough", 0.1, rng)
        rows, columns = rng.integers(4, 9), rng.integers(2, 6)
        step_x, step_y = w / columns, 1.2 * height / rows
        glass = random_colour(rng, saturation=0.4, high=140)
        for row in range(rows):
            for column in range(columns):
                lit = glass if rng.random() < 0.8 else rgb(240, 220, 160)
                corner = (x + (column + 0.22) * step_x, top + (row + 0.25) * step_y)
                canvas.polygon(_box(*corner, step_x * 0.56, step_y * 0.55), lit)
        x += w * rng.uniform(1.0, 1.15)
    return canvas.finish()[0].astype(np.uint8)


def _writing(rng: Rng, width: int, height: int) -> UInt8Image:
    """Lines of strokes that look like text on a page or a sign."""
    paper = random_colour(rng, saturation=0.3, low=30, high=250)
    ink = np.where(paper.mean() > 130, paper * 0.2, 255 - 0.2 * paper)
    canvas = _plain(paper, width, height)
    size = rng.uniform(0.07, 0.3) * max(width, height)
    y = rng.uniform(-0.5, 0.5) * size
    while y < height:
        x = rng.uniform(-1, 0.5) * size
        while x < width:
            if rng.random() < 0.85:
                strokes = rng.uniform(0, 1, (rng.integers(2, 5), 2)) * (0.55 * size, 0.75 * size)
                canvas.line(strokes + np.array([x, y]), ink, 0.11 * size)
            x += size * 0.68
        y += size * rng.uniform(1.1, 1.5)
    return canvas.finish()[0].astype(np.uint8)


def _shelf(rng: Rng, width: int, height: int) -> UInt8Image:
    """Books or boxes side by side on boards."""
    wood = rgb(rng.uniform(70, 160), rng.uniform(50, 110), rng.uniform(30, 80))
    canvas = _plain(wood * 0.5, width, height)
    board = rng.uniform(0.3, 0.7) * max(width, height)
    y = -rng.uniform(0, 0.5) * board
    while y < height:
        x = -rng.uniform(0, 0.05) * width
        while x < width:
            w = rng.uniform(0.05, 0.13) * board * 2
            top = y + rng.uniform(0.05, 0.35) * board
            colour = random_colour(rng, saturation=0.8)
            canvas.polygon(_box(x, top, w * 0.94, y + board * 0.93 - top), colour)
            label = _box(x + 0.15 * w, top + 0.1 * board, w * 0.64, 0.06 * board)
            canvas.polygon(label, mix(colour, rgb(250, 240, 220), 0.7))
            x += w
        canvas.polygon(_box(0, y + board * 0.93, width, board * 0.07), wood)
        y += board
    return canvas.finish()[0].astype(np.uint8)


def _landscape(rng: Rng, width: int, height: int) -> UInt8Image:
    sky = mix(rgb(120, 165, 220), random_colour(rng, high=250), rng.uniform(0, 0.7))
    fade = np.linspace(0.0, 0.6, height)[:, None, None]
    canvas = _plain(sky * (1 - fade) + 235 * fade, width, height)
    horizon = rng.uniform(0.3, 0.75)
    x = np.linspace(-0.05, 1.05, 24)
    for layer in range(rng.integers(2, 5)):
        base = horizon + 0.14 * layer
        waves = rng.uniform(0.02, 0.1) * np.sin(x * rng.uniform(3, 14) + rng.uniform(0, 6))
        waves += 0.02 * rng.standard_normal(24)
        top = np.stack([x * width, (base + waves) * height], axis=1)
        bottom = [(1.05 * width, 1.1 * height), (-0.05 * width, 1.1 * height)]
        colour = mix(rgb(*rng.uniform(30, 150, 3)), sky, 0.5 / (layer + 1))
        ground = np.concatenate([top, bottom])
        canvas.textured(ground, colour, str(rng.choice(["rough", "leaf", "fine"])), 0.25, rng)
    return canvas.finish()[0].astype(np.uint8)


def _clutter(rng: Rng, width: int, height: int) -> UInt8Image:
    """Things of all shapes, one over the other, skin colours among them."""
    canvas = Canvas(_cloudy(rng, width, height), 2)
    side = max(width, height)
    for _ in range(rng.integers(6, 22)):
        centre = rng.uniform(-0.1, 1.1, 2) * (width, height)
        colour = random_colour(rng, saturation=0.9)
        if rng.random() < 0.25:
            colour = mix(rgb(236, 196, 165), rgb(96, 62, 44), rng.random())
        shape = rng.integers(0, 4)
        radius = side * rng.uniform(0.04, 0.3)
        if shape == 0:
            outline = ellipse(centre, radius, radius * rng.uniform(0.4, 1), rng.uniform(0, 3))
        elif shape == 1:
            outline = centre + radius * rng.standard_normal((rng.integers(3, 6), 2))
        elif shape == 2:
            end = centre + side * rng.uniform(-0.8, 0.8, 2)
            canvas.line(np.stack([centre, end]), colour, side * rng.uniform(0.01, 0.06))
            continue
        else:
            outline = ellipse(centre, radius, radius, rng.uniform(0, 3), count=5)[:4]
        canvas.textured(outline, colour, str(rng.choice(["cloud", "rough", "fine"])), 0.2, rng)
    return canvas.finish()[0].astype(np.uint8)


def _tiles(rng: Rng, width: int, height: int) -> UInt8Image:
    """Checks, dots or a grid."""
    a, b = random_colour(rng, saturation=0.8), random_colour(rng, saturation=0.8)
    canvas = _plain(a, width, height)
    step = rng.uniform(0.1, 0.35) * max(width, height)
    kind, turn = rng.integers(0, 3), rng.uniform(-0.3, 0.3)
    for row in range(-2, math.ceil(height / step) + 2):
        for column in range(-2, math.ceil(width / step) + 2):
            x, y = (column - turn * row) * step, (row + turn * column) * step
            if kind == 0 and (row + column) % 2:
                canvas.polygon(_box(x - step / 2, y - step / 2, step, step), b)
            elif kind == 1:
                canvas.ellipse((x, y), step * 0.3, step * 0.3, b)
            elif kind == 2:
                tile = _box(x - step * 0.45, y - step * 0.45, step * 0.9, step * 0.9)
                canvas.polygon(tile, b * rng.uniform(0.85, 1.1))
    return canvas.finish()[0].astype(np.uint8)


def _plain(colour: Colour, width: int, height: int) -> Canvas:
    """A canvas of one colour, or of what broadcasts to `(height, width, 3)`."""
    return Canvas(_to_bytes(np.broadcast_to(colour, (height, width, 3))), 2)


def _box(x: float, y: float, width: float, height: float) -> FloatArray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def _to_bytes(picture: FloatArray) -> UInt8Image:
    pixels: UInt8Image = np.clip(picture, 0, 255).astype(np.uint8)
    return pixels


def _blurred(canvas: Canvas, strength: float) -> UInt8Image:
    """The finished canvas, out of focus by about `strength` hundredths of its width."""
    picture: FloatArray = canvas.finish()[0]
    radius = max(round(strength * canvas.width / 100), 0)
    for axis in (0, 1):
        for _ in range(radius):
            beside = np.roll(picture, 1, axis) + np.roll(picture, -1, axis)
            picture = (picture + beside) / np.float32(3)
    return picture.astype(np.uint8)
