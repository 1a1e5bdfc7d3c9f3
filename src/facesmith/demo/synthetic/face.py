"""The features of a synthetic face: eyes, brows, nose, mouth, age and beard."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from facesmith.demo.synthetic.canvas import Canvas, ellipse, mix, rgb
from facesmith.demo.synthetic.head import Head, hull
from facesmith.demo.synthetic.person import Person, View

FloatArray = npt.NDArray[np.floating]
DARK = rgb(30, 20, 18)
WHITE = rgb(255, 255, 255)
# Where a scrambled face has its parts: name -> shift in half heights; None leaves the part out.
Shifts = Mapping[str, tuple[float, float] | None]


def draw_features(
    canvas: Canvas, head: Head, person: Person, view: View, rng: np.random.Generator, shifts: Shifts
) -> None:
    """Draw eyes, brows, nose, mouth, age and beard."""
    sun = view.glasses == "sun" and not shifts
    _draw_age(canvas, head, person, view, rng)
    if person.beard != "none":
        _draw_beard(canvas, head, person, rng)
    for side, name in ((-1, "left_eye"), (1, "right_eye")):
        shift = shifts.get(name, (0.0, 0.0))
        if shift is None or head.faces_viewer(side * person.eye_distance, 0) < 0.12:
            continue
        if not sun:
            _draw_eye(canvas, head, person, view, side, shift)
        _draw_brow(canvas, head, person, view, side, shift)
    shift = shifts.get("nose", (0.0, 0.0))
    if shift is not None:
        _draw_nose(canvas, head, person, view, shift)
    shift = shifts.get("mouth", (0.0, 0.0))
    if shift is not None and not view.mask:
        _draw_mouth(canvas, head, person, view, shift)


def _draw_eye(
    canvas: Canvas, head: Head, person: Person, view: View, side: int, shift: tuple[float, float]
) -> None:
    middle_u = side * person.eye_distance + shift[0]
    middle_v = person.eye_height + shift[1]
    width, size = person.eye_width, head.pose.half_height
    opening = person.eye_opening * view.eyes_open * (1 - 0.3 * max(view.smile, 0))
    t = np.linspace(-1, 1, 11)
    u = middle_u + width * t
    slope = -side * person.eye_tilt * t
    upper = middle_v + slope - opening * (1 - np.abs(t) ** 2.2) * 1.15
    lower = middle_v + slope + opening * (1 - np.abs(t) ** 2.4) * 0.85
    socket = ellipse((middle_u, middle_v - 0.03), width * 1.45, 0.15)
    canvas.polygon(head.surface(*socket.T), person.skin * 0.55, 0.22)
    lid = person.skin * 0.8
    if opening < 0.01:
        canvas.line(head.surface(u, lower + 0.02), person.skin * 0.3, 0.03 * size)
        return
    crease = head.surface(u, upper - 0.045)
    canvas.line(crease, lid * 0.75, 0.018 * size, 0.7)
    around = np.concatenate([head.surface(u, upper), head.surface(u[::-1], lower[::-1])])
    canvas.polygon(around, mix(rgb(238, 234, 230), person.skin, 0.12))
    iris_u = middle_u + view.gaze * 0.45 * width
    for radius, colour in ((0.072, person.iris), (0.036, rgb(12, 10, 10))):
        disc = ellipse((iris_u, middle_v - 0.006), radius, radius, count=16)
        low = np.interp(disc[:, 0], u, upper)
        high = np.interp(disc[:, 0], u, lower)
        disc[:, 1] = np.clip(disc[:, 1], low, high)
        canvas.polygon(head.surface(*disc.T), colour)
    glint = head.point(iris_u + 0.025 * np.sign(view.light[0]), middle_v - 0.03)
    canvas.ellipse(glint, 0.018 * size, 0.018 * size, WHITE, 0.9)
    thickness = 0.022 + 0.018 * person.lashes
    canvas.line(head.surface(u, upper), mix(person.skin * 0.25, DARK, 0.6), thickness * size)
    canvas.line(head.surface(u, lower), person.skin * 0.55, 0.012 * size, 0.6)


def _draw_brow(
    canvas: Canvas, head: Head, person: Person, view: View, side: int, shift: tuple[float, float]
) -> None:
    t = np.linspace(0, 1, 7)
    u = side * (person.eye_distance - 0.165 + 0.34 * t) + shift[0]
    height = person.eye_height - 0.19 - view.brow_lift - 0.04 * max(view.mouth_open - 0.5, 0)
    v = height + shift[1] - person.brow_arch * np.sin(np.pi * t) + 0.045 * t * t
    half = person.brow_thickness * (1.0 - 0.65 * t) + 0.006
    outline = np.concatenate([head.surface(u, v - half), head.surface(u[::-1], (v + half)[::-1])])
    canvas.polygon(outline, person.brows, 0.88)


def _draw_nose(
    canvas: Canvas, head: Head, person: Person, view: View, shift: tuple[float, float]
) -> None:
    size, skin = head.pose.half_height, person.skin
    x, y = shift
    top, tip = person.eye_height - 0.04 + y, person.eye_height + person.nose_length + y
    wing = person.nose_width
    bridge = head.point(x, top, 0.06)
    point = head.point(x, tip, 0.24)
    left, right = head.point(x - wing, tip + 0.02, 0.04), head.point(x + wing, tip + 0.02, 0.04)
    base = head.point(x, tip + 0.07, 0.1)
    # The side away from the light lies in shade; the whole outline matters in half profile.
    canvas.polygon(hull(np.stack([bridge, point, left, right, base])), skin, 1.0, solid=True)
    away = left if view.light[0] > 0 else right
    inner = head.point(x - 0.04 * np.sign(view.light[0]), top, 0.04)
    canvas.polygon(np.stack([inner, point, base, away]), skin * 0.66, 0.55)
    canvas.line(np.stack([bridge, point]), mix(skin, WHITE, 0.4), 0.06 * size, 0.2)
    canvas.ellipse(point, 0.07 * size, 0.055 * size, mix(skin, WHITE, 0.5), 0.35)
    for side in (-1, 1):
        nostril = head.point(x + side * wing * 0.5, tip + 0.055, 0.1)
        canvas.ellipse(nostril, 0.042 * size, 0.024 * size, skin * 0.22, 0.85)
    arc = np.linspace(-1, 1, 9)
    under = head.surface(x + wing * arc, tip + 0.03 + 0.05 * (1 - arc**2), 0.05)
    canvas.line(under, skin * 0.5, 0.022 * size, 0.7)


def _draw_mouth(
    canvas: Canvas, head: Head, person: Person, view: View, shift: tuple[float, float]
) -> None:
    size = head.pose.half_height
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

    def band(low: FloatArray, high: FloatArray) -> FloatArray:
        return np.concatenate([head.surface(u, low), head.surface(u[::-1], high[::-1])])

    canvas.polygon(band(top, upper_gap + 0.004), person.lips * 0.86)
    canvas.polygon(band(lower_gap - 0.004, bottom), person.lips)
    if gap > 0.02:
        canvas.polygon(band(upper_gap, lower_gap), rgb(58, 18, 20))
        teeth = np.minimum(upper_gap + 0.055 * round_off, lower_gap)
        canvas.polygon(band(upper_gap, teeth), rgb(240, 236, 226))
    else:
        canvas.line(head.surface(u, v + bend), person.lips * 0.35, 0.024 * size)
    shine = head.surface(x + 0.4 * width * t, bottom - 0.5 * person.lip_fullness)
    canvas.line(shine, mix(person.lips, WHITE, 0.5), 0.018 * size, 0.4)
    below = head.surface(x + 0.5 * width * t, bottom + 0.05)
    canvas.line(below, person.skin * 0.6, 0.035 * size, 0.35)


def _draw_age(
    canvas: Canvas, head: Head, person: Person, view: View, rng: np.random.Generator
) -> None:
    """Cheeks, freckles, and the lines that years and laughter draw."""
    size = head.pose.half_height
    blush = mix(person.skin, rgb(214, 92, 84), 0.4)
    for side in (-1, 1):
        cheek = ellipse((side * 0.4, 0.36), 0.17, 0.13)
        canvas.polygon(head.surface(*cheek.T), blush, 0.28 + 0.1 * (person.age < 0))
    if person.freckles:
        for u, v in zip(rng.normal(0, 0.28, 16), rng.normal(0.28, 0.09, 16), strict=True):
            canvas.ellipse(head.point(u, v), 0.014 * size, 0.014 * size, person.skin * 0.62, 0.7)
    lines = max(person.age, 0)
    t = np.linspace(0, 1, 6)
    depth = 0.1 + 0.5 * lines + 0.25 * max(view.smile, 0)
    for side in (-1, 1):
        fold = head.surface(
            side * (0.17 + 0.2 * t), person.eye_height + person.nose_length + 0.28 * t
        )
        canvas.line(fold, person.skin * 0.55, 0.022 * size, min(depth, 0.75))
        bag = head.surface(
            side * (person.eye_distance + 0.13 * (2 * t - 1)),
            person.eye_height + 0.12 + 0.03 * np.sin(np.pi * t),
        )
        canvas.line(bag, person.skin * 0.55, 0.022 * size, 0.15 + 0.5 * lines)
    if lines > 0.35:
        for v in (-0.48, -0.4, -0.32):
            u = np.linspace(-0.36, 0.36, 7)
            wrinkle = head.surface(u, v + 0.02 * np.cos(5 * u))
            canvas.line(wrinkle, person.skin * 0.55, 0.018 * size, 0.7 * lines)


def _draw_beard(canvas: Canvas, head: Head, person: Person, rng: np.random.Generator) -> None:
    v_mouth, colour = person.mouth_height, mix(person.hair, DARK, 0.25)
    t = np.linspace(-1, 1, 15)
    moustache = np.concatenate(
        [
            head.surface(0.3 * t, v_mouth - 0.14 + 0.1 * t**2),
            head.surface(0.36 * t[::-1], (v_mouth - 0.03 + 0.1 * t**2)[::-1]),
        ]
    )
    angles = np.linspace(-1.35, 1.35, 15)
    if person.beard in ("full", "stubble"):
        top = 0.3 + 0.42 * (1 - np.abs(angles / 1.35) ** 1.6)
        low = 1.0 if person.beard == "stubble" else 1.06
        upper = head.around(np.minimum(top, 0.74), angles)
        chin = head.silhouette(0.45, 1.0, low)
        alpha = 0.95 if person.beard == "full" else 0.3
        outline = np.concatenate([upper, _lower_arc(chin, upper)])
        canvas.textured(outline, colour, "fine", 0.5, rng, alpha=alpha)
        canvas.textured(moustache, colour, "fine", 0.5, rng, alpha=alpha)
    elif person.beard == "moustache":
        canvas.textured(moustache, colour, "fine", 0.4, rng, alpha=0.95)
    else:
        canvas.textured(moustache, colour, "fine", 0.4, rng, alpha=0.85)
        chin = ellipse((0.0, 0.86), 0.24, 0.17)
        canvas.textured(head.surface(*chin.T), colour, "fine", 0.4, rng, alpha=0.9)


def _lower_arc(outline: FloatArray, upper: FloatArray) -> FloatArray:
    """The part of an outline below a line of points, from its right end back to its left."""
    middle = upper.mean(axis=0)
    below = outline[outline[:, 1] > middle[1]]
    arc: FloatArray = below[np.argsort(np.arctan2(*(below - middle).T[::-1]))]
    return arc
