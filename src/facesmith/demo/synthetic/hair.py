"""Hair, hats and scarves."""

from __future__ import annotations

import numpy as np

from facesmith.demo.synthetic.canvas import WHITE, FloatArray, bumpy, ellipse, mix, rgb
from facesmith.demo.synthetic.head import Head, hull
from facesmith.demo.synthetic.portrait import Portrait

# Of each hat: height of its rim, how far it stands off the head, texture and contrast.
_HATS = {
    "beanie": (-0.42, 1.13, "streak", 0.2),
    "cap": (-0.46, 1.1, "rough", 0.2),
    "brim": (-0.5, 1.12, "rough", 0.2),
    "helmet": (-0.4, 1.2, "cloud", 0.08),
}


def draw_back_hair(portrait: Portrait) -> None:
    """The hair that hangs behind neck and shoulders, or stands behind the head."""
    head, person, rng, size = portrait.head, portrait.person, portrait.rng, portrait.size
    if person.hairstyle in ("long", "bob"):
        length = 1.9 if person.hairstyle == "long" else 0.85
        top = head.silhouette(-1.0, 0.3, person.hair_volume)
        middle = top.mean(axis=0)
        half = np.ptp(top[:, 0]) / 2 * rng.uniform(1.0, 1.12)
        x = middle[0] + half * np.array([1.0, 1.05, 0.75, -0.75, -1.05, -1.0])
        y = middle[1] + size * (0.35 + length * np.array([0.1, 0.75, 1.0, 1.0, 0.75, 0.1]))
        outline = hull(np.concatenate([top, np.stack([x, y], axis=1)]))
        portrait.paint(outline, person.hair * 0.72, "streak", 0.45)
    elif person.hairstyle == "fringe" or (person.hairstyle == "parted" and person.lashes > 0.6):
        if person.parting > 0:  # a bun on top
            centre = head.in_space(0.0, -1.12, -0.3)
            bun = bumpy(ellipse(centre, 0.32 * size, 0.28 * size), rng, 0.06, 5)
            portrait.paint(bun, person.hair * 0.8, "curl", 0.35)
        else:  # a tail over one shoulder
            tail = np.array([[0, 0], [0.22, 0.1], [0.3, 0.9], [0.12, 1.5], [0.02, 0.9]]) * size
            root = head.in_space(0.62, 0.3, -0.6)
            portrait.paint(root + tail, person.hair * 0.75, "streak", 0.45)


def draw_front_hair(portrait: Portrait) -> None:
    """What falls over forehead and temples."""
    head, person, rng = portrait.head, portrait.person, portrait.rng
    style, width = person.hairstyle, person.shape.width
    if style in ("bald", "buzz", "receding", "afro"):
        return
    t = np.linspace(-1, 1, 13)
    crown = head.surface(width * 0.92 * t, -0.86 + 0.45 * t**2, 0.06)
    if style == "fringe":
        edge = head.surface(0.7 * t, -0.25 + 0.03 * rng.standard_normal(13) + 0.12 * t**4, 0.05)
    elif style in ("parted", "long", "bob"):
        # Hair swept from the parting to both sides.
        away = np.abs(t - person.parting * 0.45)
        edge_v = person.hairline - 0.12 + 0.5 * np.minimum(away, 1.1) ** 1.6
        edge = head.surface(0.72 * t, edge_v, 0.05)
    else:
        edge_v = person.hairline + 0.06 + 0.06 * rng.standard_normal(13) + 0.3 * t**4
        edge = head.surface(0.7 * t, edge_v, 0.04)
    name = "curl" if style == "curly" else "streak"
    portrait.paint(np.concatenate([crown, edge[::-1]]), person.hair, name, 0.4)
    if style not in ("long", "bob"):
        return
    v = np.linspace(-0.35, 1.5 if style == "long" else 0.8, 8)
    for side in (-1, 1):
        if head.faces_viewer(side * width, 0.0) < -0.25:
            continue  # behind the cheek of a head that is turned
        outer = side * (width + 0.12 + 0.03 * np.sin(3 * v))
        inner = side * (width - 0.1 - 0.1 * np.cos(2 * v) * (v < 0.9))
        lock = [head.project(outer, v, -0.2), head.project(inner, v, -0.05)[::-1]]
        portrait.paint(np.concatenate(lock), person.hair * 0.92, "streak", 0.45)


def draw_headscarf(portrait: Portrait) -> None:
    """A scarf round head, neck and shoulders; the face is drawn on top of it later."""
    head, size, colour = portrait.head, portrait.size, portrait.view.accent
    neck = head.in_space(0.0, 1.35, -0.1)
    portrait.paint(ellipse(neck, 0.95 * size, 0.52 * size), colour * 0.82, "grain", 0.18)
    wrap = [head.silhouette(-1.0, 1.0, 1.13), ellipse(neck, 0.5 * size, 0.2 * size)]
    portrait.paint(hull(np.concatenate(wrap)), colour, "cloud", 0.14)
    rim = head.skin(-0.6, 0.95)
    middle = rim.mean(axis=0)
    portrait.canvas.polygon(middle + 1.08 * (rim - middle), colour * 0.6, 0.8)


def draw_hat(portrait: Portrait) -> None:
    """A hat, cap, helmet, or the rim of a hood."""
    head, canvas, size = portrait.head, portrait.canvas, portrait.size
    colour, hat = portrait.view.accent, portrait.view.hat
    if hat == "hood":
        rim = head.skin(-0.72, 1.15)
        middle = rim.mean(axis=0)
        canvas.line(middle + 1.1 * (np.concatenate([rim, rim[:1]]) - middle), colour, 0.2 * size)
        return
    angle = np.linspace(-np.pi / 2, np.pi / 2, 15)
    low, swell, name, contrast = _HATS[hat]
    canvas.polygon(_band(head, low, low + 0.17, angle, 1.0), rgb(20, 14, 12), 0.3)
    crown = head.silhouette(-1.0, low - 0.1, swell)
    dome = hull(np.concatenate([crown, head.around(low, angle, 1.06)]))
    portrait.paint(dome, colour, name, contrast)
    if hat == "beanie":
        cuff = _band(head, low - 0.2, low + 0.02, angle, 1.14)
        portrait.paint(cuff, colour * 0.78, "streak", 0.35)
    elif hat == "cap":
        front = head.around(low, np.linspace(-1.1, 1.1, 11), 1.08)
        turn = np.linspace(-1.0, 1.0, 11)
        visor = head.project(0.8 * np.sin(turn), low + 0.12, 0.75 + 0.75 * np.cos(turn))
        canvas.polygon(np.concatenate([front, visor[::-1]]), colour * 0.6, solid=True)
    elif hat == "brim":
        turn = np.linspace(0, 2 * np.pi, 30)
        rim = head.project(1.3 * np.sin(turn), low + 0.04, 1.35 * np.cos(turn) - 0.15)
        canvas.polygon(hull(rim), colour * 0.72, solid=True)
        portrait.paint(dome, colour, "rough", 0.12)
        band = _band(head, low - 0.18, low, angle, 1.13)
        canvas.polygon(band, mix(colour * 0.4, rgb(20, 20, 20), 0.4))
    else:
        canvas.line(head.around(low, angle, 1.22), colour * 0.7, 0.1 * size, solid=True)
        shine = 0.25 * np.sign(portrait.view.light[0])
        portrait.dot(shine, -0.8, (0.22, 0.12), WHITE, 0.35, out=0.15)


def _band(head: Head, top: float, bottom: float, angle: FloatArray, swell: float) -> FloatArray:
    """A strip round the front of the head between two heights, pixels `(n, 2)`."""
    upper, lower = head.around(top, angle, swell), head.around(bottom, angle, swell)
    return np.concatenate([upper, lower[::-1]])
