"""Things that the eye takes for faces: two marks above a line, or a disc as large as a head."""

from __future__ import annotations

import math

import numpy as np

from facesmith.demo.synthetic.canvas import (
    Canvas,
    FloatArray,
    Pen,
    Place,
    bumpy,
    ellipse,
    mix,
    random_colour,
    rgb,
)

DARK, PALE = rgb(34, 32, 36), rgb(244, 242, 236)
_FRUITS = (
    rgb(196, 40, 42), rgb(236, 142, 36), rgb(226, 204, 70), rgb(122, 164, 60), rgb(238, 170, 130)
)  # fmt: skip


def draw_object(
    canvas: Canvas, name: str, x: float, y: float, size: float, rng: np.random.Generator
) -> None:
    """Draw one of `OBJECTS` about (x, y); `size` is about half its height, pixels."""
    roll = float(rng.normal(0, 0.14))
    place = Place(x, y, size, roll, squeeze=float(rng.uniform(0.85, 1.15)))
    _DRAW[name](Pen(canvas, place.at, size, rng), rng)


def _clock(pen: Pen, rng: np.random.Generator) -> None:
    rim = random_colour(rng, saturation=0.7)
    dial = mix(PALE, random_colour(rng), rng.uniform(0, 0.5))
    pen.fill(_disc(0.95), rim, solid=True)
    pen.fill(_disc(0.83), dial, solid=True)
    marks = [(hour * math.pi / 6, 0.66, 0.78, 0.06) for hour in range(12)]
    hands = [
        (rng.uniform(0, 2 * math.pi), -0.08, length, width)
        for length, width in ((0.42, 0.08), (0.65, 0.05))
    ]
    for turn, start, stop, width in marks + hands:
        reach = np.array([start, stop])
        pen.curve(reach * math.sin(turn), reach * math.cos(turn), DARK, width)


def _plate(pen: Pen, rng: np.random.Generator) -> None:
    china = mix(PALE, random_colour(rng), rng.uniform(0, 0.35))
    pen.fill(ellipse((0, 0), 0.98, 0.92), china, solid=True)
    pen.fill(ellipse((0, 0), 0.68, 0.63), china * 0.9)
    for _ in range(rng.integers(2, 7)):  # an egg, slices, berries
        spot = rng.uniform(-0.42, 0.42, 2)
        radius = rng.uniform(0.1, 0.3)
        food = random_colour(rng, saturation=0.95, low=120)
        outline = bumpy(pen.outline(_disc(radius, *spot)), rng, 0.15, 3)
        pen.paint(outline, food, "rough", 0.25)


def _ball(pen: Pen, rng: np.random.Generator) -> None:
    colour = random_colour(rng, saturation=0.9, low=90)
    if rng.random() < 0.4:
        colour = mix(rgb(238, 200, 168), rgb(120, 80, 56), rng.random())
    pen.textured(_disc(0.9), colour, "fine", 0.1)
    kind = rng.integers(0, 3)
    if kind == 0:  # a football
        for turn in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
            spot = 0.62 * np.array([math.cos(turn), math.sin(turn)])
            pen.fill(ellipse(spot, 0.2, 0.2, turn, count=6), DARK)
        pen.fill(ellipse((0, 0), 0.24, 0.24, count=6), DARK)
    elif kind == 1:  # a basketball
        t = np.linspace(-1, 1, 13)
        for bend in (-0.45, 0.0, 0.45):
            pen.curve(bend * np.sqrt(1 - 0.9 * t**2) * 1.3, 0.88 * t, colour * 0.3, 0.05)
        pen.curve(0.88 * t, 0 * t, colour * 0.3, 0.05)
    else:  # a bowling ball
        for x, y in ((-0.22, -0.3), (0.22, -0.32), (0.0, 0.1)):
            pen.fill(_disc(0.12, x, y), colour * 0.2)


def _socket(pen: Pen, rng: np.random.Generator) -> None:
    plastic = mix(PALE, random_colour(rng), rng.uniform(0, 0.4))
    pen.fill(_square(0.9, 0.95), plastic, solid=True)
    pen.fill(_disc(0.66), plastic * 0.86)
    round_holes = rng.integers(0, 3) == 0
    for side in (-1, 1):
        slit = _square(0.055, 0.17, side * 0.25, -0.18)
        pen.fill(_disc(0.1, side * 0.27) if round_holes else slit, DARK)
    if not round_holes:
        pen.fill(ellipse((0.0, 0.27), 0.13, 0.14), DARK)
    pen.line([(-0.6, 0.8), (0.6, 0.8)], plastic * 0.7, 0.03)


def _car(pen: Pen, rng: np.random.Generator) -> None:
    paint = random_colour(rng, saturation=0.9, low=50)
    body = [(-0.62, -0.2), (-0.5, -0.85), (0.5, -0.85), (0.62, -0.2), (0.95, -0.1), (0.95, 0.62),
            (-0.95, 0.62), (-0.95, -0.1)]  # fmt: skip
    for side in (-1, 1):
        pen.fill(_square(0.16, 0.25, side * 0.7, 0.68), DARK, solid=True)
    pen.textured(body, paint, "cloud", 0.1)
    glass = mix(rgb(60, 76, 90), PALE, rng.uniform(0, 0.5))
    pen.fill([(-0.54, -0.22), (-0.44, -0.76), (0.44, -0.76), (0.54, -0.22)], glass)
    lamp_height = 0.2 if rng.random() < 0.6 else 0.11
    for side in (-1, 1):
        lamp = ellipse((side * 0.66, 0.14), 0.2, lamp_height)
        pen.fill(lamp, rgb(250, 246, 214))
        pen.fill(lamp.mean(axis=0) + 0.5 * (lamp - lamp.mean(axis=0)), rgb(150, 150, 150), 0.7)
    pen.fill(_square(0.38, 0.13, 0, 0.2), paint * 0.3)
    for x in np.linspace(-0.3, 0.3, 5):
        pen.line([(x, 0.1), (x, 0.32)], rgb(190, 190, 190), 0.03)
    pen.fill(_square(0.28, 0.08, 0, 0.5), PALE)


def _house(pen: Pen, rng: np.random.Generator) -> None:
    wall = mix(random_colour(rng, saturation=0.5, low=110), PALE, 0.3)
    pen.textured(_square(0.8, 0.62, 0, 0.3), wall, "rough", 0.12)
    roof = random_colour(rng, saturation=0.7, high=150)
    pen.textured([(-0.98, -0.28), (0.0, -1.0), (0.98, -0.28)], roof, "grain", 0.25)
    glass = mix(rgb(50, 66, 84), rgb(250, 224, 150), rng.random())
    for side in (-1, 1):
        pane = _square(0.2, 0.17, side * 0.4, 0.02)
        pen.fill(pane + 0.12 * (pane - pane.mean(axis=0)), PALE)
        pen.fill(pane, glass)
        pen.line([(side * 0.4, -0.14), (side * 0.4, 0.18)], PALE, 0.04)
    door = random_colour(rng, saturation=0.8, high=170)
    pen.fill(_square(rng.choice([0.16, 0.4]), 0.24, 0, 0.68), door)


def _fruit(pen: Pen, rng: np.random.Generator) -> None:
    flesh = _FRUITS[rng.integers(0, len(_FRUITS))] * rng.normal(1, 0.1)
    body = pen.outline(ellipse((0, 0.08), 0.82, rng.uniform(0.7, 0.95), count=32))
    pen.paint(bumpy(body, rng, 0.06, 4), flesh, "cloud", 0.16)
    for _ in range(rng.integers(0, 14)):
        x, y = rng.uniform(-0.55, 0.55, 2)
        pen.dot(x, y, 0.04, flesh * 0.6, 0.7)
    pen.line([(0, -0.72), (0.08, -1.05)], rgb(92, 66, 40), 0.08)
    pen.textured(ellipse((0.3, -0.92), 0.26, 0.11, -0.4), rgb(80, 132, 56), "streak", 0.2)
    pen.dot(-0.3, -0.25, (0.16, 0.12), PALE, 0.3)


def _hand(pen: Pen, rng: np.random.Generator) -> None:
    skin = mix(rgb(240, 200, 172), rgb(88, 56, 40), rng.random())
    mirror = -1 if rng.random() < 0.5 else 1
    spread = rng.uniform(0.6, 1.3)
    for number, (x, length) in enumerate(((-0.42, 0.62), (-0.14, 0.78), (0.14, 0.74), (0.4, 0.55))):
        bent = rng.random() < 0.2
        tip_x, tip_y = x * (1 + 0.6 * spread) * mirror, -0.15 - length * (0.35 if bent else 1.0)
        shade = skin * (0.94 + 0.02 * number)
        pen.line([(x * mirror, 0.2), (tip_x, tip_y)], shade, 0.24, solid=True)
        pen.dot(tip_x, tip_y, 0.12, skin, solid=True)
        pen.dot(tip_x, tip_y - 0.02, (0.06, 0.07), mix(skin, PALE, 0.4), 0.6)
    pen.fill(ellipse((0, 0.35), 0.55, 0.5), skin, solid=True)
    pen.line([(0.4 * mirror, 0.45), (0.85 * mirror, -0.02)], skin, 0.26, solid=True)
    pen.fill(_square(0.36, 0.6, 0, 1.1), skin * 0.92, solid=True)
    for y in (0.25, 0.48):
        crease = np.linspace(-0.35, 0.35, 7)
        pen.curve(crease, y + 0.1 * crease, skin * 0.6, 0.03, 0.7)


def _flower(pen: Pen, rng: np.random.Generator) -> None:
    petal, count = random_colour(rng, saturation=0.9, low=130), int(rng.integers(6, 13))
    pen.line([(0, 0), (0.1, 1.8)], rgb(70, 120, 56), 0.1)
    for turn in np.arange(count) * 2 * np.pi / count:
        spot = 0.6 * np.array([math.cos(turn), math.sin(turn)])
        shade = petal * rng.uniform(0.85, 1.1)
        pen.textured(ellipse(spot, 0.36, 1.6 / count, turn), shade, "streak", 0.15)
    heart = mix(rgb(240, 196, 60), rgb(92, 58, 34), rng.random())
    pen.paint(pen.outline(_disc(0.36)), heart, "curl", 0.4, zoom=0.6)


def _mug(pen: Pen, rng: np.random.Generator) -> None:
    glaze = random_colour(rng, saturation=0.8, low=70)
    grip = ellipse((0.72, 0.1), 0.3, 0.36)
    pen.line(np.concatenate([grip, grip[:2]]), glaze * 0.8, 0.14, solid=True)
    pen.textured(_square(0.66, 0.8), glaze, "cloud", 0.08)
    pen.fill(ellipse((0, -0.8), 0.66, 0.18), glaze * 0.6, solid=True)
    pen.fill(ellipse((0, -0.77), 0.56, 0.12), rgb(70, 44, 30))
    mark = random_colour(rng, saturation=0.9)
    for side in (-1, 1):
        pen.fill(_disc(0.13, side * 0.24, -0.1), mark)
    t = np.linspace(-1, 1, 9)
    pen.curve(0.35 * t, 0.32 + 0.12 * rng.uniform(-1, 1) * t**2, mark, 0.08)


def _lamps(pen: Pen, rng: np.random.Generator) -> None:
    """A traffic light, or two lamps side by side."""
    case = random_colour(rng, saturation=0.3, high=110)
    if rng.random() < 0.5:
        pen.fill(_square(0.42, 1.0), case, solid=True)
        lit = rng.integers(0, 3)
        for row, colour in enumerate((rgb(230, 50, 44), rgb(240, 186, 50), rgb(70, 200, 100))):
            pen.fill(_disc(0.26, 0, 0.62 * (row - 1)), colour if row == lit else colour * 0.25)
        return
    pen.fill(_square(0.95, 0.5), case, solid=True)
    for side in (-1, 1):
        pen.fill(_disc(0.34, side * 0.46), rgb(40, 40, 44))
        pen.fill(_disc(0.24, side * 0.46), random_colour(rng, high=255))


def _radio(pen: Pen, rng: np.random.Generator) -> None:
    """A box with two round speakers and a slot, the commonest face that is none."""
    case = random_colour(rng, saturation=0.7)
    pen.textured(_square(0.95, 0.8), case, "grain", 0.12)
    for side in (-1, 1):
        for radius, shade in ((0.3, 0.3), (0.22, 0.55), (0.08, 0.15)):
            pen.fill(_disc(radius, side * 0.48, -0.2), case * shade)
    pen.fill(_square(rng.uniform(0.3, 0.6), rng.uniform(0.05, 0.14), 0, 0.42), case * 0.25)
    pen.line([(-0.9, 0.2), (0.9, 0.2)], case * 0.7, 0.03)


def _disc(radius: float, x: float = 0, y: float = 0) -> FloatArray:
    return ellipse((x, y), radius, radius)


def _square(half_width: float, half_height: float, x: float = 0, y: float = 0) -> FloatArray:
    """The corners of a box about (x, y), `(4, 2)`."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    box: FloatArray = corners * (half_width, half_height) + np.array([x, y])
    return box


_DRAW = {
    "ball": _ball, "car": _car, "clock": _clock, "flower": _flower, "fruit": _fruit, "hand": _hand,
    "house": _house, "lamps": _lamps, "mug": _mug, "plate": _plate, "radio": _radio,
    "socket": _socket,
}  # fmt: skip
OBJECTS = tuple(_DRAW)
