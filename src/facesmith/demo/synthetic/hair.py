"""Hair, hats and scarves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.demo.synthetic.canvas import Canvas, Colour, bumpy, ellipse, mix, rgb
from facesmith.demo.synthetic.head import Head, hull
from facesmith.demo.synthetic.person import Person, View

FloatArray = npt.NDArray[np.floating]


def draw_back_hair(canvas: Canvas, head: Head, person: Person, rng: np.random.Generator) -> None:
    """The hair that hangs behind neck and shoulders, or stands behind the head."""
    size, volume = head.pose.half_height, person.hair_volume
    if person.hairstyle in ("long", "bob"):
        length = 1.9 if person.hairstyle == "long" else 0.85
        top = head.silhouette(-1.0, 0.3, volume)
        middle = top.mean(axis=0)
        half = np.ptp(top[:, 0]) / 2 * rng.uniform(1.0, 1.12)
        low = np.stack(
            [
                middle[0] + half * np.array([1.0, 1.05, 0.75, -0.75, -1.05, -1.0]),
                middle[1] + size * (0.35 + length * np.array([0.1, 0.75, 1.0, 1.0, 0.75, 0.1])),
            ],
            axis=1,
        )
        canvas.textured(hull(np.concatenate([top, low])), person.hair * 0.72, "streak", 0.45, rng)
    elif person.hairstyle == "fringe" or (person.hairstyle == "parted" and person.lashes > 0.6):
        if person.parting > 0:  # a bun on top
            bun = head.project(np.array([0.0]), np.array([-1.12]), np.array([-0.3]))[0]
            canvas.textured(
                bumpy(ellipse(bun, 0.32 * size, 0.28 * size), rng, 0.06, 5),
                person.hair * 0.8,
                "curl",
                0.35,
                rng,
            )
        else:  # a tail over one shoulder
            root = head.project(np.array([0.62]), np.array([0.3]), np.array([-0.6]))[0]
            tail = np.array([[0, 0], [0.22, 0.1], [0.3, 0.9], [0.12, 1.5], [0.02, 0.9]]) * size
            canvas.textured(root + tail, person.hair * 0.75, "streak", 0.45, rng)


def draw_front_hair(canvas: Canvas, head: Head, person: Person, rng: np.random.Generator) -> None:
    """What falls over forehead and temples."""
    style, line = person.hairstyle, person.hairline
    if style in ("bald", "buzz", "receding", "afro"):
        return
    t = np.linspace(-1, 1, 13)
    crown = head.surface(person.shape.width * 0.92 * t, -0.86 + 0.45 * t**2, 0.06)
    if style == "fringe":
        edge_v = -0.25 + 0.03 * rng.standard_normal(13) + 0.12 * t**4
        edge = head.surface(0.7 * t, edge_v, 0.05)
    elif style in ("parted", "long", "bob"):
        # Hair swept from the parting to both sides.
        gap = person.parting * 0.45
        away = np.abs(t - gap)
        edge_v = line - 0.12 + 0.5 * np.minimum(away, 1.1) ** 1.6
        edge = head.surface(0.72 * t, edge_v, 0.05)
    else:
        edge_v = line + 0.06 + 0.06 * rng.standard_normal(13) + 0.3 * t**4
        edge = head.surface(0.7 * t, edge_v, 0.04)
    name = "curl" if style == "curly" else "streak"
    canvas.textured(np.concatenate([crown, edge[::-1]]), person.hair, name, 0.4, rng)
    if style in ("long", "bob"):
        low = 1.5 if style == "long" else 0.8
        for side in (-1, 1):
            if head.faces_viewer(side * person.shape.width, 0.0) < -0.25:
                continue  # behind the cheek of a head that is turned
            v = np.linspace(-0.35, low, 8)
            outer = head.project(
                side * (person.shape.width + 0.12 + 0.03 * np.sin(3 * v)), v, np.full(8, -0.2)
            )
            inner = head.project(
                side * (person.shape.width - 0.1 - 0.1 * np.cos(2 * v) * (v < 0.9)),
                v,
                np.full(8, -0.05),
            )
            lock = np.concatenate([outer, inner[::-1]])
            canvas.textured(lock, person.hair * 0.92, "streak", 0.45, rng)


def draw_headscarf(canvas: Canvas, head: Head, colour: Colour, rng: np.random.Generator) -> None:
    """A scarf round head, neck and shoulders; the face is drawn on top of it later."""
    size = head.pose.half_height
    wrap = head.silhouette(-1.0, 1.0, 1.13)
    neck = head.project(np.array([0.0]), np.array([1.35]), np.array([-0.1]))[0]
    drape = ellipse(neck, 0.95 * size, 0.52 * size)
    canvas.textured(drape, colour * 0.82, "grain", 0.18, rng)
    canvas.textured(
        hull(np.concatenate([wrap, ellipse(neck, 0.5 * size, 0.2 * size)])),
        colour,
        "cloud",
        0.14,
        rng,
    )
    rim = head.skin(-0.6, 0.95)
    middle = rim.mean(axis=0)
    canvas.polygon(middle + 1.08 * (rim - middle), colour * 0.6, 0.8)


def draw_hat(canvas: Canvas, head: Head, view: View, rng: np.random.Generator) -> None:
    """A hat, cap, helmet, or the rim of a hood."""
    size, colour = head.pose.half_height, view.accent
    angle = np.linspace(-np.pi / 2, np.pi / 2, 15)
    if view.hat == "hood":
        rim = head.skin(-0.72, 1.15)
        middle = rim.mean(axis=0)
        canvas.line(middle + 1.1 * (np.concatenate([rim, rim[:1]]) - middle), colour, 0.2 * size)
        return
    low = {"beanie": -0.42, "cap": -0.46, "brim": -0.5, "helmet": -0.4}[view.hat]
    swell = {"beanie": 1.13, "cap": 1.1, "brim": 1.12, "helmet": 1.2}[view.hat]
    shadow = _band(head, low, low + 0.17, angle, 1.0)
    canvas.polygon(shadow, rgb(20, 14, 12), 0.3)
    dome = hull(
        np.concatenate([head.silhouette(-1.0, low - 0.1, swell), head.ring(low, angle, 1.06)])
    )
    name = {"beanie": "streak", "helmet": "cloud"}.get(view.hat, "rough")
    canvas.textured(dome, colour, name, 0.08 if view.hat == "helmet" else 0.2, rng)
    if view.hat == "beanie":
        canvas.textured(
            _band(head, low - 0.2, low + 0.02, angle, 1.14), colour * 0.78, "streak", 0.35, rng
        )
    elif view.hat == "cap":
        front = head.ring(low, np.linspace(-1.1, 1.1, 11), 1.08)
        x, z = (
            0.8 * np.sin(np.linspace(-1.0, 1.0, 11)),
            0.75 + 0.75 * np.cos(np.linspace(-1.0, 1.0, 11)),
        )
        visor = head.project(x, np.full(11, low + 0.12), z)
        canvas.polygon(np.concatenate([front, visor[::-1]]), colour * 0.6, solid=True)
    elif view.hat == "brim":
        turn = np.linspace(0, 2 * np.pi, 30)
        rim = head.project(1.3 * np.sin(turn), np.full(30, low + 0.04), 1.35 * np.cos(turn) - 0.15)
        band = _band(head, low - 0.18, low, angle, 1.13)
        canvas.polygon(hull(rim), colour * 0.72, solid=True)
        canvas.textured(dome, colour, "rough", 0.12, rng)
        canvas.polygon(band, mix(colour * 0.4, rgb(20, 20, 20), 0.4))
    else:
        canvas.line(head.ring(low, angle, 1.22), colour * 0.7, 0.1 * size, solid=True)
        highlight = head.point(0.25 * np.sign(view.light[0]), -0.8, 0.15)
        canvas.ellipse(highlight, 0.22 * size, 0.12 * size, rgb(255, 255, 255), 0.35)


def _band(head: Head, top: float, bottom: float, angle: FloatArray, swell: float) -> FloatArray:
    """A strip round the front of the head between two heights, pixels `(n, 2)`."""
    upper = head.ring(top, angle, swell)
    lower = head.ring(bottom, angle, swell)
    return np.concatenate([upper, lower[::-1]])
