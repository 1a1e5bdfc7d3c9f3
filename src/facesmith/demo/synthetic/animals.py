"""Heads of animals: the faces that are most easily taken for human ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesmith.demo.synthetic.canvas import Canvas, Colour, Pen, Place, bumpy, ellipse, mix, rgb

_FURS = (
    rgb(62, 52, 46), rgb(120, 88, 60), rgb(186, 140, 92), rgb(222, 188, 142),
    rgb(232, 226, 214), rgb(140, 138, 138), rgb(34, 32, 34), rgb(198, 112, 54),
)  # fmt: skip
_IRISES = (rgb(218, 178, 58), rgb(112, 160, 84), rgb(76, 52, 34), rgb(110, 160, 190))


@dataclass(frozen=True)
class _Build:
    """Measures of a head, in half heights."""

    width: float = 0.92  # half width
    eye: float = 0.14  # radius
    eye_distance: float = 0.42  # from the middle
    snout: float = 0.3  # about its radius
    nose: float = 0.11  # half width


_BUILDS = {
    "cat": _Build(width=1.0, eye=0.21),
    "dog": _Build(width=0.86, snout=0.5, nose=0.2),
    "bear": _Build(width=1.02, snout=0.42, nose=0.19),
    "rabbit": _Build(width=0.78, eye=0.17, eye_distance=0.5),
    "owl": _Build(width=1.0, eye=0.3, eye_distance=0.4),
    "monkey": _Build(eye_distance=0.28),
    "pig": _Build(eye=0.09),
}
ANIMALS = tuple(_BUILDS)


def draw_animal(
    canvas: Canvas, name: str, x: float, y: float, size: float, rng: np.random.Generator
) -> None:
    """Draw the head of one of `ANIMALS` about (x, y); `size` is half its height, pixels."""
    place = Place(x, y, size, roll=float(rng.normal(0, 0.16)), turn=float(rng.normal(0, 0.28)))
    pen = Pen(canvas, place.at, size, rng)
    fur = _FURS[rng.integers(0, len(_FURS))] * rng.normal(1, 0.1)
    if name == "pig":
        fur = mix(rgb(236, 178, 170), rgb(200, 140, 128), rng.random())
    elif name == "monkey":
        fur = fur * 0.7
    patch = mix(fur, rgb(240, 234, 224), rng.uniform(0.25, 0.9))
    pen.textured(ellipse((0, 1.5), rng.uniform(0.8, 1.2), 0.95), fur * 0.85, "grain", 0.22)
    _draw_ears(pen, name, fur, rng)
    head = ellipse((0, 0), _BUILDS[name].width, 0.9, count=30)
    pen.paint(bumpy(pen.outline(head), rng, 0.04, 14), fur, "grain", 0.22)
    if name == "cat" and rng.random() < 0.5:  # a tabby's stripes
        for stripe in (-0.3, 0.0, 0.3):
            pen.line([(stripe, -0.85), (stripe * 0.6, -0.45)], fur * 0.45, 0.1, out=0.05)
    if name == "monkey":
        patch = mix(rgb(206, 160, 130), rgb(96, 66, 54), rng.random())
        for cx, cy, rx, ry in ((-0.3, -0.15, 0.36, 0.38), (0.3, -0.15, 0.36, 0.38),
                               (0, 0.38, 0.6, 0.45)):  # fmt: skip
            pen.fill(ellipse((cx, cy), rx, ry), patch, out=0.15, solid=True)
    elif rng.random() < 0.5:  # a blaze, or a patch round one eye
        cx, rx, ry = (0.0, 0.2, 0.7) if rng.random() < 0.6 else (-0.38, 0.34, 0.36)
        pen.textured(ellipse((cx, -0.2), rx, ry), patch, "streak", 0.2, out=0.1)
    _draw_eyes(pen, name, rng)
    _draw_muzzle(pen, name, fur, patch, rng)


def _draw_ears(pen: Pen, name: str, fur: Colour, rng: np.random.Generator) -> None:
    inside = mix(fur, rgb(222, 150, 146), 0.6)
    floppy = name == "dog" and rng.random() < 0.65
    for side in (-1, 1):
        if floppy:
            ear = ellipse((side * 0.88, 0.05), 0.3, 0.72, -side * 0.25)
            pen.textured(ear, fur * 0.65, "streak", 0.4, out=-0.15)
        elif name in ("cat", "owl", "pig", "dog"):
            y = np.array([-0.25, -1.4 if name != "owl" else -1.2, -0.8])
            ear = np.stack([side * np.array([0.92, 0.84, 0.2]), y], axis=1)
            pen.textured(ear, fur * 0.9, "streak", 0.3, out=-0.1)
            ear = np.stack([side * np.array([0.82, 0.78, 0.38]), y * 0.92], axis=1)
            pen.fill(ear, inside, 0.8, out=-0.1)
        elif name == "rabbit":
            for share, colour in ((1.0, fur), (0.6, inside)):
                ear = ellipse((side * 0.42, -1.35), 0.24 * share, 0.8 * share, side * 0.15)
                pen.textured(ear, colour, "streak", 0.25, out=-0.1)
        else:
            spot = (side * 0.98, 0.0) if name == "monkey" else (side * 0.72, -0.72)
            for share, colour in ((1.0, fur * 0.85), (0.6, inside)):
                ear = ellipse(spot, 0.33 * share, 0.33 * share)
                pen.textured(ear, colour, "fine", 0.2, out=-0.1)


def _draw_eyes(pen: Pen, name: str, rng: np.random.Generator) -> None:
    radius, distance = _BUILDS[name].eye, _BUILDS[name].eye_distance
    iris = _IRISES[rng.integers(0, 4) if name in ("cat", "owl") else 2]
    pupil = radius * (0.32 if name == "cat" else 0.62)
    for x in (-distance, distance):
        lean = -0.2 if x > 0 else 0.2
        pen.fill(ellipse((x, -0.15), radius * 1.2, radius * 1.15), rgb(34, 26, 24), 0.85, out=0.1)
        pen.fill(ellipse((x, -0.15), radius, radius * 0.95, lean), iris, out=0.1)
        pen.fill(ellipse((x, -0.15), pupil, radius * 0.75), rgb(10, 8, 8), out=0.1)
        pen.dot(x + 0.05, -0.22, 0.05, rgb(255, 255, 255), 0.9, out=0.1)


def _draw_muzzle(pen: Pen, name: str, fur: Colour, patch: Colour, rng: np.random.Generator) -> None:
    t = np.linspace(-1, 1, 9)
    if name == "owl":
        pen.fill([(-0.14, 0.05), (0.14, 0.05), (0.0, 0.42)], rgb(214, 164, 72), out=0.3, solid=True)
        return
    if name == "monkey":
        for side in (-1, 1):
            pen.dot(side * 0.09, 0.24, (0.05, 0.04), patch * 0.3, out=0.25)
        pen.curve(0.42 * t, 0.52 - 0.08 * t**2, patch * 0.35, 0.04, out=0.2)
        return
    if name == "pig":
        pen.fill(ellipse((0, 0.3), 0.36, 0.27), fur * 0.85, out=0.35, solid=True)
        for side in (-1, 1):
            pen.fill(ellipse((side * 0.14, 0.3), 0.07, 0.11), fur * 0.4, out=0.38)
        pen.curve(0.4 * t, 0.68 - 0.1 * t**2, fur * 0.5, 0.04, out=0.2)
        return
    long, wide = _BUILDS[name].snout, _BUILDS[name].nose
    pen.textured(ellipse((0, 0.38), long * 0.95, long * 0.85), patch, "streak", 0.15, out=0.3)
    dark = rgb(28, 22, 24) if rng.random() < 0.7 else rgb(190, 120, 116)
    x = wide * np.array([-1, -0.6, 0.6, 1, 0.3, -0.3])
    y = 0.2 + wide * np.array([0.0, -0.4, -0.4, 0.0, 0.75, 0.75])
    pen.fill(np.stack([x, y], axis=1), dark, out=0.42, solid=True)
    bottom = 0.2 + wide * 0.75
    t = np.linspace(0, 1, 6)
    for side in (-1, 1):
        curl = bottom + 0.26 * np.sin(np.pi * t * 0.75)
        pen.curve(side * 0.26 * t, curl, fur * 0.25, 0.04, out=0.38)
        if name in ("cat", "rabbit"):  # whiskers
            for rise in (-0.08, 0.03, 0.14):
                hair = [(side * 0.25, 0.4), (side * 1.15, 0.34 + 2 * rise)]
                pen.line(hair, rgb(235, 235, 230), 0.015, 0.7, out=0.3)
    if name == "dog" and rng.random() < 0.4:
        tongue = ellipse((0.04, bottom + 0.42), 0.13, 0.24)
        pen.fill(tongue, rgb(222, 110, 120), out=0.38, solid=True)
