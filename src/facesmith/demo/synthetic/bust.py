"""A synthetic person's head and shoulders, with what is worn on the face."""

from __future__ import annotations

import math

import numpy as np

from facesmith.demo.synthetic.canvas import DARK, WHITE, FloatArray, bumpy, ellipse, mix, rgb
from facesmith.demo.synthetic.face import Shifts, draw_features
from facesmith.demo.synthetic.hair import draw_back_hair, draw_front_hair, draw_hat, draw_headscarf
from facesmith.demo.synthetic.portrait import Portrait


def draw_bust(
    portrait: Portrait, *, shifts: Shifts | None = None, from_behind: bool = False
) -> None:
    """Draw head, neck and shoulders.

    `shifts` moves parts of the face out of place, for what only resembles a face.
    """
    head, person, view = portrait.head, portrait.person, portrait.view
    hood = view.hat == "hood"
    scarf = person.headscarf and not view.hat
    covered = scarf or hood
    if not covered:
        draw_back_hair(portrait)
    if hood:
        lining = head.silhouette(-1.0, 0.9, 1.25)
        portrait.paint(lining, view.accent * 0.8, "rough", 0.12, zoom=0.5)
    _draw_shoulders(portrait)
    if scarf:
        draw_headscarf(portrait)
    if not covered and not from_behind and person.hairstyle not in ("long", "bob"):
        _draw_ears(portrait)
    if not covered and person.hairstyle != "bald":
        _draw_scalp(portrait, 0.35 if not from_behind else 0.62)
    if from_behind:
        _draw_nape(portrait)
        return
    bald = person.hairstyle == "bald" and not covered
    hairline, side = -0.6 if scarf else person.hairline, 0.95 if covered else 1.28
    skin = head.silhouette() if bald else head.skin(hairline, side)
    portrait.canvas.polygon(skin, person.skin, solid=True)
    draw_features(portrait, shifts or {})
    if not covered:
        draw_front_hair(portrait)
    if view.mask:
        _draw_mask(portrait)
    if view.glasses and not shifts:
        _draw_glasses(portrait)
    if view.hat:
        draw_hat(portrait)


def _draw_shoulders(portrait: Portrait) -> None:
    canvas, head, person = portrait.canvas, portrait.head, portrait.person
    view, rng, size = portrait.view, portrait.rng, portrait.size
    # The body follows the head's turn only half way.
    chin = head.in_space(0.0, 0.55, -0.15)
    lean = math.tan(0.25 * head.pose.roll)

    def body(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.stack([chin[0] + size * (x - lean * y), chin[1] + size * y], axis=1)

    neck = 0.36 + 0.12 * (person.shape.jaw - 2.1) - 0.06 * (person.age < 0)
    breadth = 1.5 + 0.45 * (person.shape.jaw - 2.0) - 0.25 * (person.age < 0)
    x = np.array([neck, neck * 1.05, neck * 1.6, breadth * 0.8, breadth, breadth * 1.08])
    y = np.array([0.45, 0.62, 0.78, 0.98, 1.25, 20.0])
    torso = body(np.concatenate([-x[::-1], x]), np.concatenate([y[::-1], y]))
    portrait.paint(torso, view.cloth, str(rng.choice(["cloud", "rough", "grain"])), 0.16, zoom=0.7)
    if rng.random() < 0.25:  # stripes across the chest
        stripe = np.clip(view.cloth * 0.5 + rng.uniform(-60, 120), 0, 255)
        for height in np.arange(1.05, 2.6, rng.uniform(0.14, 0.3)):
            reach = float(np.interp(height, y, x))
            curve = body(np.array([-reach, 0, reach]), height + np.array([0, 0.08, 0]))
            canvas.line(curve, stripe, 0.07 * size)
    skin = person.skin * 0.9
    depth = {"round": 0.72, "shirt": 0.8, "v": 1.0, "high": 0.45}[view.collar]
    x = np.array([-neck, -neck, -neck * 1.05, 0, neck * 1.05, neck, neck])
    y = np.array([-0.6, 0.35, 0.55, depth, 0.55, 0.35, -0.6])
    canvas.polygon(body(x, y), skin, solid=True)
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


def _draw_ears(portrait: Portrait) -> None:
    head, person = portrait.head, portrait.person
    turn = np.linspace(0, 2 * np.pi, 16)
    x = float(head.width_at(0.15)) + 0.03 + 0.05 * np.cos(turn) * person.ear_size
    y = 0.12 + 0.2 * person.ear_size * np.sin(turn)
    for side in (-1, 1):
        outer = head.project(side * x, y, -0.12 - 0.1 * np.cos(turn))
        portrait.canvas.polygon(outer, person.skin * 0.93, solid=True)
        inner = outer.mean(axis=0) + 0.55 * (outer - outer.mean(axis=0))
        portrait.canvas.polygon(inner, person.skin * 0.7)


def _draw_scalp(portrait: Portrait, low: float) -> None:
    person = portrait.person
    shape = portrait.head.silhouette(-1.0, low, person.hair_volume)
    curly = person.hairstyle in ("afro", "curly")
    if curly:
        shape = bumpy(shape, portrait.rng, 0.06, 9)
    colour = mix(person.hair, person.skin, 0.35 if person.hairstyle == "buzz" else 0.0)
    portrait.paint(shape, colour, "curl" if curly else "streak", 0.35)


def _draw_nape(portrait: Portrait) -> None:
    """The back of the head: hair down to the neck, or a bald skull."""
    head, person, rng, size = portrait.head, portrait.person, portrait.rng, portrait.size
    if person.hairstyle == "bald" or person.headscarf:
        colour = portrait.view.accent if person.headscarf else person.skin
        portrait.paint(head.silhouette(swell=1.02), colour, "cloud", 0.08)
        return
    low = 2.2 if person.hairstyle == "long" else 1.05
    shape = head.silhouette(-1.0, 0.75, person.hair_volume)
    middle = shape.mean(axis=0)
    below = shape[:, 1] > middle[1]
    shape[below, 1] = middle[1] + (shape[below, 1] - middle[1]) * low
    portrait.paint(bumpy(shape, rng, 0.03, 7), person.hair, "streak", 0.4)
    if person.hairstyle in ("bob", "long", "fringe") and rng.random() < 0.5:
        bun = ellipse(middle - np.array([0, 0.3 * size]), 0.36 * size, 0.34 * size)
        portrait.paint(bun, person.hair * 0.85, "curl", 0.4)


def _draw_mask(portrait: Portrait) -> None:
    canvas, head, size, mask = portrait.canvas, portrait.head, portrait.size, portrait.view.mask
    colours = {"surgical": rgb(150, 196, 214), "respirator": rgb(232, 232, 228)}
    colour = colours.get(mask, portrait.view.accent)
    angles = np.linspace(-1.15, 1.15, 13)
    upper = head.around(0.2 + 0.22 * np.abs(angles / 1.15) ** 1.5, angles, 1.03)
    upper[6] = head.point(0.0, 0.14, 0.16)  # on the nose
    lower = head.around(0.93 - 0.25 * np.abs(angles / 1.15) ** 3, angles, 1.07)
    for end, angle in ((0, -1.5), (-1, 1.5)):
        for edge, v in ((upper, 0.1), (lower, 0.75)):
            loop = np.stack([edge[end], head.around(v, np.array([angle]))[0]])
            canvas.line(loop, mix(colour, WHITE, 0.4), 0.025 * size)
    portrait.paint(np.concatenate([upper, lower[::-1]]), colour, "cloud", 0.1)
    if mask == "surgical":
        for share in (0.3, 0.5, 0.7):
            canvas.line(mix(upper, lower, share), colour * 0.8, 0.02 * size, 0.8)
    if mask == "respirator":
        canvas.line(np.stack([upper[6], lower[6]]), colour * 0.7, 0.03 * size, 0.8)


def _draw_glasses(portrait: Portrait) -> None:
    canvas, head, person, view = portrait.canvas, portrait.head, portrait.person, portrait.view
    kind, distance, v = view.glasses, person.eye_distance, person.eye_height + 0.02
    frames = {"rimless": rgb(150, 150, 150), "sun": rgb(22, 20, 22)}
    frame = frames.get(kind, mix(view.accent * 0.35, DARK, 0.5))
    thickness = {"rimless": 0.018, "round": 0.03}.get(kind, 0.042)
    tall, wide, power = (0.2, 0.21, 1.0) if kind == "round" else (0.165, 0.235, 0.55)
    lens, alpha = (rgb(28, 26, 30), 0.93) if kind == "sun" else (rgb(225, 238, 246), 0.1)
    turn = np.linspace(0, 2 * np.pi, 20)
    cos, sin = np.cos(turn), np.sin(turn)
    for side in (-1, 1):
        u = side * distance + wide * np.sign(cos) * np.abs(cos) ** power
        rim = head.surface(u, v + tall * np.sign(sin) * np.abs(sin) ** power, 0.1)
        canvas.polygon(rim, lens, alpha)
        if kind == "sun" or view.warmth > 0.4:
            streak = rim[[14, 16, 17, 13]] * 0.65 + rim.mean(axis=0) * 0.35
            canvas.polygon(streak, WHITE, 0.3)
        canvas.line(np.concatenate([rim, rim[:2]]), frame, thickness * portrait.size)
        hinge = head.point(side * (distance + wide), v, 0.1)
        ear = head.around(v, np.array([side * 1.55]), 1.02)[0]
        if head.faces_viewer(side * person.shape.width, 0) > -0.2:
            canvas.line(np.stack([hinge, ear]), frame, thickness * portrait.size)
    inner = distance - wide
    bridge = v + np.array([0.0, -0.04, 0.0])
    portrait.curve(np.array([-inner, 0.0, inner]), bridge, frame, thickness, out=0.12)
