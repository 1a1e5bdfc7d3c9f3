"""Things that the eye takes for faces: two marks above a line, or a disc as large as a head."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from facesmith.demo.synthetic.canvas import Canvas, Place, bumpy, ellipse, mix, random_colour, rgb

FloatArray = npt.NDArray[np.floating]

DARK, PALE = rgb(34, 32, 36), rgb(244, 242, 236)


def draw_object(
    canvas: Canvas, name: str, x: float, y: float, size: float, rng: np.random.Generator
) -> None:
    """Draw one of `OBJECTS` about (x, y); `size` is about half its height, pixels."""
    roll = float(rng.normal(0, 0.14))
    place = Place(x, y, size, roll, squeeze=float(rng.uniform(0.85, 1.15)))
    _DRAW[name](canvas, place, rng)


def _clock(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    rim = random_colour(rng, saturation=0.7)
    dial = mix(PALE, random_colour(rng), rng.uniform(0, 0.5))
    canvas.polygon(place.outline(ellipse((0, 0), 0.95, 0.95)), rim, solid=True)
    canvas.polygon(place.outline(ellipse((0, 0), 0.83, 0.83)), dial, solid=True)
    for hour in range(12):
        turn = hour * math.pi / 6
        mark = np.array([0.66, 0.78])
        canvas.line(place.at(mark * math.sin(turn), mark * math.cos(turn)), DARK, 0.06 * place.size)
    for length, width in ((0.42, 0.08), (0.65, 0.05)):
        turn = rng.uniform(0, 2 * math.pi)
        reach = np.array([-0.08, length])
        canvas.line(
            place.at(reach * math.sin(turn), reach * math.cos(turn)), DARK, width * place.size
        )


def _plate(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    china = mix(PALE, random_colour(rng), rng.uniform(0, 0.35))
    canvas.polygon(place.outline(ellipse((0, 0), 0.98, 0.92)), china, solid=True)
    canvas.polygon(place.outline(ellipse((0, 0), 0.68, 0.63)), china * 0.9)
    for _ in range(rng.integers(2, 7)):  # an egg, slices, berries
        spot = rng.uniform(-0.42, 0.42, 2)
        radius = rng.uniform(0.1, 0.3)
        food = random_colour(rng, saturation=0.95, low=120)
        canvas.textured(
            bumpy(place.outline(ellipse(spot, radius, radius)), rng, 0.15, 3),
            food,
            "rough",
            0.25,
            rng,
        )


def _ball(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    colour = random_colour(rng, saturation=0.9, low=90)
    if rng.random() < 0.4:
        colour = mix(rgb(238, 200, 168), rgb(120, 80, 56), rng.random())
    canvas.textured(place.outline(ellipse((0, 0), 0.9, 0.9)), colour, "fine", 0.1, rng)
    kind = rng.integers(0, 3)
    if kind == 0:  # a football
        for turn in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
            spot = 0.62 * np.array([math.cos(turn), math.sin(turn)])
            canvas.polygon(place.outline(ellipse(spot, 0.2, 0.2, turn, count=6)), DARK)
        canvas.polygon(place.outline(ellipse((0, 0), 0.24, 0.24, count=6)), DARK)
    elif kind == 1:  # a basketball
        t = np.linspace(-1, 1, 13)
        for bend in (-0.45, 0.0, 0.45):
            curve = bend * np.sqrt(1 - 0.9 * t**2) * 1.3
            canvas.line(place.at(curve, 0.88 * t), colour * 0.3, 0.05 * place.size)
        canvas.line(place.at(0.88 * t, 0 * t), colour * 0.3, 0.05 * place.size)
    else:  # a bowling ball
        for hole in ((-0.22, -0.3), (0.22, -0.32), (0.0, 0.1)):
            canvas.polygon(place.outline(ellipse(hole, 0.12, 0.12)), colour * 0.2)


def _socket(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    plastic = mix(PALE, random_colour(rng), rng.uniform(0, 0.4))
    canvas.polygon(place.outline(_square(0.9, 0.95)), plastic, solid=True)
    canvas.polygon(place.outline(ellipse((0, 0), 0.66, 0.66)), plastic * 0.86)
    kind = rng.integers(0, 3)
    for side in (-1, 1):
        if kind == 0:
            canvas.polygon(place.outline(ellipse((side * 0.27, 0.0), 0.1, 0.1)), DARK)
        else:
            canvas.polygon(place.outline(_square(0.055, 0.17, side * 0.25, -0.18)), DARK)
    if kind != 0:
        canvas.polygon(place.outline(ellipse((0.0, 0.27), 0.13, 0.14)), DARK)
    canvas.line(
        place.at(np.array([-0.6, 0.6]), np.array([0.8, 0.8])), plastic * 0.7, 0.03 * place.size
    )


def _car(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    paint = random_colour(rng, saturation=0.9, low=50)
    roof_x = np.array([-0.62, -0.5, 0.5, 0.62, 0.95, 0.95, -0.95, -0.95])
    roof_y = np.array([-0.2, -0.85, -0.85, -0.2, -0.1, 0.62, 0.62, -0.1])
    for side in (-1, 1):
        canvas.polygon(place.outline(_square(0.16, 0.25, side * 0.7, 0.68)), DARK, solid=True)
    canvas.textured(place.at(roof_x, roof_y), paint, "cloud", 0.1, rng)
    glass = mix(rgb(60, 76, 90), PALE, rng.uniform(0, 0.5))
    canvas.polygon(
        place.at(np.array([-0.54, -0.44, 0.44, 0.54]), np.array([-0.22, -0.76, -0.76, -0.22])),
        glass,
    )
    round_lamps = rng.random() < 0.6
    for side in (-1, 1):
        lamp = ellipse((side * 0.66, 0.14), 0.2, 0.2 if round_lamps else 0.11)
        canvas.polygon(place.outline(lamp), rgb(250, 246, 214))
        canvas.polygon(
            place.outline(lamp.mean(axis=0) + 0.5 * (lamp - lamp.mean(axis=0))),
            rgb(150, 150, 150),
            0.7,
        )
    canvas.polygon(place.outline(_square(0.38, 0.13, 0, 0.2)), paint * 0.3)
    for x in np.linspace(-0.3, 0.3, 5):
        canvas.line(
            place.at(np.array([x, x]), np.array([0.1, 0.32])), rgb(190, 190, 190), 0.03 * place.size
        )
    canvas.polygon(place.outline(_square(0.28, 0.08, 0, 0.5)), PALE)


def _house(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    wall = mix(random_colour(rng, saturation=0.5, low=110), PALE, 0.3)
    canvas.textured(place.outline(_square(0.8, 0.62, 0, 0.3)), wall, "rough", 0.12, rng)
    roof = random_colour(rng, saturation=0.7, high=150)
    canvas.textured(
        place.at(np.array([-0.98, 0.0, 0.98]), np.array([-0.28, -1.0, -0.28])),
        roof,
        "grain",
        0.25,
        rng,
    )
    glass = mix(rgb(50, 66, 84), rgb(250, 224, 150), rng.random())
    for side in (-1, 1):
        pane = _square(0.2, 0.17, side * 0.4, 0.02)
        canvas.polygon(place.outline(pane + 0.12 * (pane - pane.mean(axis=0))), PALE)
        canvas.polygon(place.outline(pane), glass)
        canvas.line(
            place.at(side * np.array([0.4, 0.4]), np.array([-0.14, 0.18])), PALE, 0.04 * place.size
        )
    door = random_colour(rng, saturation=0.8, high=170)
    wide = rng.choice([0.16, 0.4])
    canvas.polygon(place.outline(_square(wide, 0.24, 0, 0.68)), door)


def _fruit(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    flesh = (
        rgb(196, 40, 42),
        rgb(236, 142, 36),
        rgb(226, 204, 70),
        rgb(122, 164, 60),
        rgb(238, 170, 130),
    )[rng.integers(0, 5)] * rng.normal(1, 0.1)
    body = bumpy(
        place.outline(ellipse((0, 0.08), 0.82, rng.uniform(0.7, 0.95), count=32)), rng, 0.06, 4
    )
    canvas.textured(body, flesh, "cloud", 0.16, rng)
    for _ in range(rng.integers(0, 14)):
        spot = rng.uniform(-0.55, 0.55, 2)
        canvas.ellipse(place.at(*spot), 0.04 * place.size, 0.04 * place.size, flesh * 0.6, 0.7)
    canvas.line(
        place.at(np.array([0, 0.08]), np.array([-0.72, -1.05])), rgb(92, 66, 40), 0.08 * place.size
    )
    leaf = ellipse((0.3, -0.92), 0.26, 0.11, -0.4)
    canvas.textured(place.outline(leaf), rgb(80, 132, 56), "streak", 0.2, rng)
    canvas.ellipse(place.at(-0.3, -0.25), 0.16 * place.size, 0.12 * place.size, PALE, 0.3)


def _hand(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    skin = mix(rgb(240, 200, 172), rgb(88, 56, 40), rng.random())
    mirror = -1 if rng.random() < 0.5 else 1
    spread = rng.uniform(0.6, 1.3)
    for number, (x, length) in enumerate(((-0.42, 0.62), (-0.14, 0.78), (0.14, 0.74), (0.4, 0.55))):
        bent = rng.random() < 0.2
        tip = np.array([x * (1 + 0.6 * spread), -0.15 - length * (0.35 if bent else 1.0)])
        finger = np.array([[x, 0.2], tip]) * (mirror, 1)
        canvas.line(
            place.outline(finger), skin * (0.94 + 0.02 * number), 0.24 * place.size, solid=True
        )
        canvas.ellipse(
            place.at(*(tip * (mirror, 1))), 0.12 * place.size, 0.12 * place.size, skin, solid=True
        )
        canvas.ellipse(
            place.at(*(np.array([tip[0], tip[1] - 0.02]) * (mirror, 1))),
            0.06 * place.size,
            0.07 * place.size,
            mix(skin, PALE, 0.4),
            0.6,
        )
    canvas.polygon(place.outline(ellipse((0, 0.35), 0.55, 0.5)), skin, solid=True)
    thumb = np.array([[0.4, 0.45], [0.85, -0.02]]) * (mirror, 1)
    canvas.line(place.outline(thumb), skin, 0.26 * place.size, solid=True)
    canvas.polygon(place.outline(_square(0.36, 0.6, 0, 1.1)), skin * 0.92, solid=True)
    for y in (0.25, 0.48):
        crease = np.linspace(-0.35, 0.35, 7)
        canvas.line(place.at(crease, y + 0.1 * crease), skin * 0.6, 0.03 * place.size, 0.7)


def _flower(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    petal, count = random_colour(rng, saturation=0.9, low=130), int(rng.integers(6, 13))
    canvas.line(
        place.at(np.array([0, 0.1]), np.array([0, 1.8])), rgb(70, 120, 56), 0.1 * place.size
    )
    for turn in np.arange(count) * 2 * np.pi / count:
        spot = 0.6 * np.array([math.cos(turn), math.sin(turn)])
        shade = petal * rng.uniform(0.85, 1.1)
        canvas.textured(
            place.outline(ellipse(spot, 0.36, 1.6 / count, turn)), shade, "streak", 0.15, rng
        )
    heart = mix(rgb(240, 196, 60), rgb(92, 58, 34), rng.random())
    canvas.textured(place.outline(ellipse((0, 0), 0.36, 0.36)), heart, "curl", 0.4, rng, zoom=0.6)


def _mug(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    glaze = random_colour(rng, saturation=0.8, low=70)
    grip = ellipse((0.72, 0.1), 0.3, 0.36)
    canvas.line(
        place.outline(np.concatenate([grip, grip[:2]])), glaze * 0.8, 0.14 * place.size, solid=True
    )
    canvas.textured(place.outline(_square(0.66, 0.8)), glaze, "cloud", 0.08, rng)
    canvas.polygon(place.outline(ellipse((0, -0.8), 0.66, 0.18)), glaze * 0.6, solid=True)
    canvas.polygon(place.outline(ellipse((0, -0.77), 0.56, 0.12)), rgb(70, 44, 30))
    mark = random_colour(rng, saturation=0.9)
    for side in (-1, 1):
        canvas.polygon(place.outline(ellipse((side * 0.24, -0.1), 0.13, 0.13)), mark)
    t = np.linspace(-1, 1, 9)
    canvas.line(
        place.at(0.35 * t, 0.32 + 0.12 * rng.uniform(-1, 1) * t**2), mark, 0.08 * place.size
    )


def _lamps(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A traffic light, or two lamps side by side."""
    case = random_colour(rng, saturation=0.3, high=110)
    if rng.random() < 0.5:
        canvas.polygon(place.outline(_square(0.42, 1.0)), case, solid=True)
        colours = (rgb(230, 50, 44), rgb(240, 186, 50), rgb(70, 200, 100))
        lit = rng.integers(0, 3)
        for row, colour in enumerate(colours):
            bright = colour if row == lit else colour * 0.25
            canvas.polygon(place.outline(ellipse((0, 0.62 * (row - 1)), 0.26, 0.26)), bright)
        return
    canvas.polygon(place.outline(_square(0.95, 0.5)), case, solid=True)
    for side in (-1, 1):
        canvas.polygon(place.outline(ellipse((side * 0.46, 0), 0.34, 0.34)), rgb(40, 40, 44))
        canvas.polygon(
            place.outline(ellipse((side * 0.46, 0), 0.24, 0.24)), random_colour(rng, high=255)
        )


def _radio(canvas: Canvas, place: Place, rng: np.random.Generator) -> None:
    """A box with two round speakers and a slot, the commonest face that is none."""
    case = random_colour(rng, saturation=0.7)
    canvas.textured(place.outline(_square(0.95, 0.8)), case, "grain", 0.12, rng)
    for side in (-1, 1):
        for radius, shade in ((0.3, 0.3), (0.22, 0.55), (0.08, 0.15)):
            disc = ellipse((side * 0.48, -0.2), radius, radius)
            canvas.polygon(place.outline(disc), case * shade)
    slot = _square(rng.uniform(0.3, 0.6), rng.uniform(0.05, 0.14), 0, 0.42)
    canvas.polygon(place.outline(slot), case * 0.25)
    canvas.line(
        place.at(np.array([-0.9, 0.9]), np.array([0.2, 0.2])), case * 0.7, 0.03 * place.size
    )


def _square(half_width: float, half_height: float, x: float = 0, y: float = 0) -> FloatArray:
    """The corners of a box about (x, y), `(4, 2)`."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    box: FloatArray = corners * (half_width, half_height) + np.array([x, y])
    return box


_DRAW = {
    "ball": _ball,
    "car": _car,
    "clock": _clock,
    "flower": _flower,
    "fruit": _fruit,
    "hand": _hand,
    "house": _house,
    "lamps": _lamps,
    "mug": _mug,
    "plate": _plate,
    "radio": _radio,
    "socket": _socket,
}
OBJECTS = tuple(_DRAW)
