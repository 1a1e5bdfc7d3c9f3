"""The features of a synthetic face: eyes, brows, nose, mouth, age and beard."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from facesmith.demo.synthetic.canvas import DARK, WHITE, FloatArray, ellipse, mix, rgb
from facesmith.demo.synthetic.head import hull
from facesmith.demo.synthetic.portrait import Portrait

Shift = tuple[float, float]
# Where a scrambled face has its parts: name -> shift in half heights; None leaves the part out.
Shifts = Mapping[str, Shift | None]


def draw_features(portrait: Portrait, shifts: Shifts) -> None:
    """Draw eyes, brows, nose, mouth, age and beard."""
    person, view = portrait.person, portrait.view
    _draw_age(portrait)
    if person.beard != "none":
        _draw_beard(portrait)
    for side, name in ((-1, "left_eye"), (1, "right_eye")):
        shift = shifts.get(name, (0.0, 0.0))
        if shift is None or portrait.head.faces_viewer(side * person.eye_distance, 0) < 0.12:
            continue
        if view.glasses != "sun" or shifts:
            _draw_eye(portrait, side, shift)
        _draw_brow(portrait, side, shift)
    nose, mouth = (shifts.get(name, (0.0, 0.0)) for name in ("nose", "mouth"))
    if nose is not None:
        _draw_nose(portrait, nose)
    if mouth is not None and not view.mask:
        _draw_mouth(portrait, mouth)


def _draw_eye(portrait: Portrait, side: int, shift: Shift) -> None:
    person, view = portrait.person, portrait.view
    middle_u = side * person.eye_distance + shift[0]
    middle_v = person.eye_height + shift[1]
    opening = person.eye_opening * view.eyes_open * (1 - 0.3 * max(view.smile, 0))
    t = np.linspace(-1, 1, 11)
    u = middle_u + person.eye_width * t
    slope = -side * person.eye_tilt * t
    upper = middle_v + slope - opening * (1 - np.abs(t) ** 2.2) * 1.15
    lower = middle_v + slope + opening * (1 - np.abs(t) ** 2.4) * 0.85
    socket = ellipse((middle_u, middle_v - 0.03), person.eye_width * 1.45, 0.15)
    portrait.fill(socket, person.skin * 0.55, 0.22)
    if opening < 0.01:
        portrait.curve(u, lower + 0.02, person.skin * 0.3, 0.03)
        return
    portrait.curve(u, upper - 0.045, person.skin * 0.8 * 0.75, 0.018, 0.7)
    portrait.band(u, upper, lower, mix(rgb(238, 234, 230), person.skin, 0.12))
    iris_u = middle_u + view.gaze * 0.45 * person.eye_width
    for radius, colour in ((0.072, person.iris), (0.036, rgb(12, 10, 10))):
        disc = ellipse((iris_u, middle_v - 0.006), radius, radius, count=16)
        low, high = np.interp(disc[:, 0], u, upper), np.interp(disc[:, 0], u, lower)
        disc[:, 1] = np.clip(disc[:, 1], low, high)
        portrait.fill(disc, colour)
    portrait.dot(iris_u + 0.025 * np.sign(view.light[0]), middle_v - 0.03, 0.018, WHITE, 0.9)
    thickness = 0.022 + 0.018 * person.lashes
    portrait.curve(u, upper, mix(person.skin * 0.25, DARK, 0.6), thickness)
    portrait.curve(u, lower, person.skin * 0.55, 0.012, 0.6)


def _draw_brow(portrait: Portrait, side: int, shift: Shift) -> None:
    person, view = portrait.person, portrait.view
    t = np.linspace(0, 1, 7)
    u = side * (person.eye_distance - 0.165 + 0.34 * t) + shift[0]
    height = person.eye_height - 0.19 - view.brow_lift - 0.04 * max(view.mouth_open - 0.5, 0)
    v = height + shift[1] - person.brow_arch * np.sin(np.pi * t) + 0.045 * t * t
    half = person.brow_thickness * (1.0 - 0.65 * t) + 0.006
    portrait.band(u, v - half, v + half, person.brows, 0.88)


def _draw_nose(portrait: Portrait, shift: Shift) -> None:
    person, canvas, point = portrait.person, portrait.canvas, portrait.head.point
    skin, light = person.skin, portrait.view.light
    x, y = shift
    top, tip = person.eye_height - 0.04 + y, person.eye_height + person.nose_length + y
    wing = person.nose_width
    bridge, end, base = point(x, top, 0.06), point(x, tip, 0.24), point(x, tip + 0.07, 0.1)
    left, right = point(x - wing, tip + 0.02, 0.04), point(x + wing, tip + 0.02, 0.04)
    # The side away from the light lies in shade; the whole outline matters in half profile.
    canvas.polygon(hull(np.stack([bridge, end, left, right, base])), skin, solid=True)
    inner = point(x - 0.04 * np.sign(light[0]), top, 0.04)
    shade = np.stack([inner, end, base, left if light[0] > 0 else right])
    canvas.polygon(shade, skin * 0.66, 0.55)
    canvas.line(np.stack([bridge, end]), mix(skin, WHITE, 0.4), 0.06 * portrait.size, 0.2)
    portrait.dot(x, tip, (0.07, 0.055), mix(skin, WHITE, 0.5), 0.35, out=0.24)
    for side in (-1, 1):
        nostril = x + side * wing * 0.5
        portrait.dot(nostril, tip + 0.055, (0.042, 0.024), skin * 0.22, 0.85, out=0.1)
    arc = np.linspace(-1, 1, 9)
    under = tip + 0.03 + 0.05 * (1 - arc**2)
    portrait.curve(x + wing * arc, under, skin * 0.5, 0.022, 0.7, out=0.05)


def _draw_mouth(portrait: Portrait, shift: Shift) -> None:
    person, view = portrait.person, portrait.view
    x, v = shift[0], person.mouth_height + shift[1]
    width = person.mouth_width * (1 + 0.22 * max(view.smile, 0) - 0.15 * view.mouth_open)
    t = np.linspace(-1, 1, 13)
    u = x + width * t
    bend = 0.075 * view.smile * (1 - 2 * t**2) * 0.8
    round_off = 1 - np.abs(t) ** 2.2
    gap = 0.11 * view.mouth_open
    upper_gap = v + bend - gap * 0.35 * round_off
    lower_gap = v + bend + gap * round_off
    cupid = 0.25 * np.exp(-((t / 0.16) ** 2))
    top = upper_gap - person.lip_fullness * round_off * (1 - cupid)
    bottom = lower_gap + 1.25 * person.lip_fullness * round_off
    portrait.band(u, top, upper_gap + 0.004, person.lips * 0.86)
    portrait.band(u, lower_gap - 0.004, bottom, person.lips)
    if gap > 0.02:
        portrait.band(u, upper_gap, lower_gap, rgb(58, 18, 20))
        teeth = np.minimum(upper_gap + 0.055 * round_off, lower_gap)
        portrait.band(u, upper_gap, teeth, rgb(240, 236, 226))
    else:
        portrait.curve(u, v + bend, person.lips * 0.35, 0.024)
    shine = mix(person.lips, WHITE, 0.5)
    portrait.curve(x + 0.4 * width * t, bottom - 0.5 * person.lip_fullness, shine, 0.018, 0.4)
    portrait.curve(x + 0.5 * width * t, bottom + 0.05, person.skin * 0.6, 0.035, 0.35)


def _draw_age(portrait: Portrait) -> None:
    """Cheeks, freckles, and the lines that years and laughter draw."""
    person, rng = portrait.person, portrait.rng
    blush, line = mix(person.skin, rgb(214, 92, 84), 0.4), person.skin * 0.55
    for side in (-1, 1):
        cheek = ellipse((side * 0.4, 0.36), 0.17, 0.13)
        portrait.fill(cheek, blush, 0.28 + 0.1 * (person.age < 0))
    if person.freckles:
        for u, v in zip(rng.normal(0, 0.28, 16), rng.normal(0.28, 0.09, 16), strict=True):
            portrait.dot(u, v, 0.014, person.skin * 0.62, 0.7)
    years = max(person.age, 0)
    t = np.linspace(0, 1, 6)
    depth = min(0.1 + 0.5 * years + 0.25 * max(portrait.view.smile, 0), 0.75)
    fold = person.eye_height + person.nose_length + 0.28 * t
    bag = person.eye_height + 0.12 + 0.03 * np.sin(np.pi * t)
    for side in (-1, 1):
        portrait.curve(side * (0.17 + 0.2 * t), fold, line, 0.022, depth)
        u = side * (person.eye_distance + 0.13 * (2 * t - 1))
        portrait.curve(u, bag, line, 0.022, 0.15 + 0.5 * years)
    if years > 0.35:
        u = np.linspace(-0.36, 0.36, 7)
        for v in (-0.48, -0.4, -0.32):
            portrait.curve(u, v + 0.02 * np.cos(5 * u), line, 0.018, 0.7 * years)


def _draw_beard(portrait: Portrait) -> None:
    head, beard = portrait.head, portrait.person.beard
    v, colour = portrait.person.mouth_height, mix(portrait.person.hair, DARK, 0.25)
    t = np.linspace(-1, 1, 15)
    upper_lip = head.surface(0.3 * t, v - 0.14 + 0.1 * t**2)
    lower_lip = head.surface(0.36 * t[::-1], (v - 0.03 + 0.1 * t**2)[::-1])
    moustache = np.concatenate([upper_lip, lower_lip])
    alpha = {"full": 0.95, "stubble": 0.3, "moustache": 0.95}.get(beard, 0.85)
    if beard in ("full", "stubble"):
        angles = np.linspace(-1.35, 1.35, 15)
        top = 0.3 + 0.42 * (1 - np.abs(angles / 1.35) ** 1.6)
        upper = head.around(np.minimum(top, 0.74), angles)
        chin = head.silhouette(0.45, 1.0, 1.0 if beard == "stubble" else 1.06)
        outline = np.concatenate([upper, _lower_arc(chin, upper)])
        for part in (outline, moustache):
            portrait.paint(part, colour, "fine", 0.5, alpha=alpha)
        return
    portrait.paint(moustache, colour, "fine", 0.4, alpha=alpha)
    if beard == "goatee":
        goatee = head.surface(*ellipse((0.0, 0.86), 0.24, 0.17).T)
        portrait.paint(goatee, colour, "fine", 0.4, alpha=0.9)


def _lower_arc(outline: FloatArray, upper: FloatArray) -> FloatArray:
    """The part of an outline below a line of points, from its right end back to its left."""
    middle = upper.mean(axis=0)
    below = outline[outline[:, 1] > middle[1]]
    arc: FloatArray = below[np.argsort(np.arctan2(*(below - middle).T[::-1]))]
    return arc
