"""A synthetic person's head and shoulders, with what is worn on the face."""

from __future__ import annotations

import math

import numpy as np

from facesmith.demo.synthetic.canvas import Canvas, bumpy, ellipse, mix, rgb
from facesmith.demo.synthetic.face import DARK, WHITE, FloatArray, Shifts, draw_features
from facesmith.demo.synthetic.hair import draw_back_hair, draw_front_hair, draw_hat, draw_headscarf
from facesmith.demo.synthetic.head import Head
from facesmith.demo.synthetic.person import Person, View

_LONG = ("long", "bob")  # hairstyles that hide ears and neck


def draw_bust(
    canvas: Canvas,
    head: Head,
    person: Person,
    view: View,
    rng: np.random.Generator,
    *,
    shifts: Shifts | None = None,
    from_behind: bool = False,
) -> None:
    """Draw head, neck and shoulders.

    `shifts` moves parts of the face out of place, for what only resembles a face.
    """
    scarf = person.headscarf and not view.hat
    hood = view.hat == "hood"
    if not scarf and not hood:
        draw_back_hair(canvas, head, person, rng)
    if hood:
        canvas.textured(
            head.silhouette(-1.0, 0.9, 1.25), view.accent * 0.8, "rough", 0.12, rng, zoom=0.5
        )
    _draw_shoulders(canvas, head, person, view, rng)
    if scarf:
        draw_headscarf(canvas, head, view.accent, rng)
    covered = scarf or hood or person.hairstyle in _LONG
    if not covered and not from_behind:
        for side in (-1, 1):
            _draw_ear(canvas, head, person, side)
    if not scarf and not hood and person.hairstyle != "bald":
        shape = head.silhouette(-1.0, 0.35 if not from_behind else 0.62, person.hair_volume)
        if person.hairstyle in ("afro", "curly"):
            shape = bumpy(shape, rng, 0.06, 9)
        name = "curl" if person.hairstyle in ("afro", "curly") else "streak"
        colour = mix(person.hair, person.skin, 0.35 if person.hairstyle == "buzz" else 0.0)
        canvas.textured(shape, colour, name, 0.35, rng)
    if from_behind:
        _draw_nape(canvas, head, person, view, rng)
        return
    _draw_skin(canvas, head, person, scarf=scarf, hood=hood)
    draw_features(canvas, head, person, view, rng, shifts or {})
    if not scarf and not hood:
        draw_front_hair(canvas, head, person, rng)
    if view.mask:
        _draw_mask(canvas, head, view, rng)
    if view.glasses and not shifts:
        _draw_glasses(canvas, head, person, view)
    if view.hat:
        draw_hat(canvas, head, view, rng)


def _draw_shoulders(
    canvas: Canvas, head: Head, person: Person, view: View, rng: np.random.Generator
) -> None:
    pose, size = head.pose, head.pose.half_height
    # The body follows the head's turn only half way.
    chin = head.project(np.array([0.0]), np.array([0.55]), np.array([-0.15]))[0]
    lean = math.tan(0.25 * pose.roll)

    def body(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.stack([chin[0] + size * (x - lean * y), chin[1] + size * y], axis=1)

    neck = 0.36 + 0.12 * (person.shape.jaw - 2.1) - 0.06 * (person.age < 0)
    breadth = 1.5 + 0.45 * (person.shape.jaw - 2.0) - 0.25 * (person.age < 0)
    profile_x = np.array([neck, neck * 1.05, neck * 1.6, breadth * 0.8, breadth, breadth * 1.08])
    profile_y = np.array([0.45, 0.62, 0.78, 0.98, 1.25, 20.0])
    torso = body(
        np.concatenate([-profile_x[::-1], profile_x]), np.concatenate([profile_y[::-1], profile_y])
    )
    name = str(rng.choice(["cloud", "rough", "grain"]))
    canvas.textured(torso, view.cloth, name, 0.16, rng, zoom=0.7)
    if rng.random() < 0.25:  # stripes across the chest
        stripe = np.clip(view.cloth * 0.5 + rng.uniform(-60, 120), 0, 255)
        for y in np.arange(1.05, 2.6, rng.uniform(0.14, 0.3)):
            reach = float(np.interp(y, profile_y, profile_x))
            canvas.line(
                body(np.array([-reach, 0, reach]), np.array([y, y + 0.08, y])), stripe, 0.07 * size
            )
    skin = person.skin * 0.9
    depth = {"round": 0.72, "shirt": 0.8, "v": 1.0, "high": 0.45}[view.collar]
    neck_x = np.array([-neck, -neck, -neck * 1.05, 0, neck * 1.05, neck, neck])
    neck_y = np.array([-0.6, 0.35, 0.55, depth, 0.55, 0.35, -0.6])
    canvas.polygon(body(neck_x, neck_y), skin, solid=True)
    if view.collar == "shirt":
        pale = mix(view.cloth, WHITE, 0.35)
        for side in (-1, 1):
            x = np.array([neck * 1.02, neck * 1.35, neck * 0.7, 0.02]) * side
            canvas.polygon(body(x, np.array([0.42, 0.68, 0.98, 0.8])), pale, solid=True)
    # The shadow of the head on the neck.
    shadow = head.silhouette(0.2, 1.0) + np.array([-0.06 * view.light[0], 0.16]) * size
    reach = 0.97 * neck * size
    shadow[:, 0] = np.clip(shadow[:, 0], chin[0] - reach, chin[0] + reach)
    canvas.polygon(shadow, skin * 0.35, 0.45)


def _draw_ear(canvas: Canvas, head: Head, person: Person, side: int) -> None:
    size = 0.2 * person.ear_size
    turn = np.linspace(0, 2 * np.pi, 16)
    width = float(head.width_at(np.array([0.15]))[0])
    x = side * (width + 0.03 + 0.05 * np.cos(turn) * person.ear_size)
    y = 0.12 + size * np.sin(turn)
    z = -0.12 - 0.1 * np.cos(turn)
    outer = head.project(x, y, z)
    canvas.polygon(outer, person.skin * 0.93, solid=True)
    inner = outer.mean(axis=0) + 0.55 * (outer - outer.mean(axis=0))
    canvas.polygon(inner, person.skin * 0.7)


def _draw_skin(canvas: Canvas, head: Head, person: Person, *, scarf: bool, hood: bool) -> None:
    if person.hairstyle == "bald" and not scarf and not hood:
        canvas.polygon(head.outline, person.skin, solid=True)
        return
    side = 0.95 if scarf or hood else 1.28
    hairline = -0.6 if scarf else person.hairline
    canvas.polygon(head.skin(hairline, side), person.skin, solid=True)


def _draw_nape(
    canvas: Canvas, head: Head, person: Person, view: View, rng: np.random.Generator
) -> None:
    """The back of the head: hair down to the neck, or a bald skull."""
    if person.hairstyle == "bald" or person.headscarf:
        colour = view.accent if person.headscarf else person.skin
        canvas.textured(head.silhouette(swell=1.02), colour, "cloud", 0.08, rng)
        return
    low = 2.2 if person.hairstyle == "long" else 1.05
    shape = head.silhouette(-1.0, 0.75, person.hair_volume)
    middle = shape.mean(axis=0)
    stretched = shape.copy()
    below = shape[:, 1] > middle[1]
    stretched[below, 1] = middle[1] + (shape[below, 1] - middle[1]) * low
    canvas.textured(bumpy(stretched, rng, 0.03, 7), person.hair, "streak", 0.4, rng)
    size = head.pose.half_height
    if person.hairstyle in ("bob", "long", "fringe") and rng.random() < 0.5:  # a bun
        canvas.textured(
            ellipse(middle - np.array([0, 0.3 * size]), 0.36 * size, 0.34 * size),
            person.hair * 0.85,
            "curl",
            0.4,
            rng,
        )


def _draw_mask(canvas: Canvas, head: Head, view: View, rng: np.random.Generator) -> None:
    size = head.pose.half_height
    colours = {"surgical": rgb(150, 196, 214), "respirator": rgb(232, 232, 228)}
    colour = colours.get(view.mask, view.accent)
    angles = np.linspace(-1.15, 1.15, 13)
    top = 0.2 + 0.22 * np.abs(angles / 1.15) ** 1.5
    upper = head.around(top, angles, 1.03)
    nose = head.point(0.0, 0.14, 0.16)
    upper[6] = nose
    lower = head.around(np.full(13, 0.93) - 0.25 * np.abs(angles / 1.15) ** 3, angles, 1.07)
    for side in (0, -1):
        far = head.ring(0.1, np.array([1.5 if side else -1.5]))[0]
        near = head.ring(0.75, np.array([1.5 if side else -1.5]))[0]
        canvas.line(np.stack([upper[side], far]), mix(colour, WHITE, 0.4), 0.025 * size)
        canvas.line(np.stack([lower[side], near]), mix(colour, WHITE, 0.4), 0.025 * size)
    outline = np.concatenate([upper, lower[::-1]])
    canvas.textured(outline, colour, "cloud", 0.1, rng)
    if view.mask == "surgical":
        for share in (0.3, 0.5, 0.7):
            canvas.line(mix(upper, lower, share), colour * 0.8, 0.02 * size, 0.8)
    if view.mask == "respirator":
        canvas.line(np.stack([upper[6], lower[6]]), colour * 0.7, 0.03 * size, 0.8)


def _draw_glasses(canvas: Canvas, head: Head, person: Person, view: View) -> None:
    size = head.pose.half_height
    kind = view.glasses
    frame = {"rimless": rgb(150, 150, 150), "sun": rgb(22, 20, 22)}.get(
        kind, mix(view.accent * 0.35, DARK, 0.5)
    )
    thickness = {"rimless": 0.018, "round": 0.03}.get(kind, 0.042) * size
    v = person.eye_height + 0.02
    tall, wide = (0.2, 0.21) if kind == "round" else (0.165, 0.235)
    turn = np.linspace(0, 2 * np.pi, 20)
    power = 1.0 if kind == "round" else 0.55
    for side in (-1, 1):
        u = (
            side * person.eye_distance
            + wide * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        )
        rim_v = v + tall * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        rim = head.surface(u, rim_v, 0.1)
        lens_alpha = 0.93 if kind == "sun" else 0.1
        lens = rgb(28, 26, 30) if kind == "sun" else rgb(225, 238, 246)
        canvas.polygon(rim, lens, lens_alpha)
        if kind == "sun" or view.warmth > 0.4:
            streak = rim[[14, 16, 17, 13]] * 0.65 + rim.mean(axis=0) * 0.35
            canvas.polygon(streak, WHITE, 0.3)
        canvas.line(np.concatenate([rim, rim[:2]]), frame, thickness)
        hinge = head.surface(np.array([side * (person.eye_distance + wide)]), np.array([v]), 0.1)[0]
        ear = head.ring(v, np.array([side * 1.55]), 1.02)[0]
        if head.faces_viewer(side * person.shape.width, 0) > -0.2:
            canvas.line(np.stack([hinge, ear]), frame, thickness)
    inner = person.eye_distance - wide
    bridge = head.surface(np.array([-inner, 0.0, inner]), np.array([v, v - 0.04, v]), 0.12)
    canvas.line(bridge, frame, thickness)
