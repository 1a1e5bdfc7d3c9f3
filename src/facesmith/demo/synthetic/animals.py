"""Heads of animals: the faces that are most easily taken for human ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facesmith.demo.synthetic.canvas import Canvas, Colour, Place, bumpy, ellipse, mix, rgb

FloatArray = npt.NDArray[np.floating]

_FURS = (
    rgb(62, 52, 46),
    rgb(120, 88, 60),
    rgb(186, 140, 92),
    rgb(222, 188, 142),
    rgb(232, 226, 214),
    rgb(140, 138, 138),
    rgb(34, 32, 34),
    rgb(198, 112, 54),
)
ANIMALS = ("cat", "dog", "bear", "rabbit", "owl", "monkey", "pig")


def draw_animal(
    canvas: Canvas, name: str, x: float, y: float, size: float, rng: np.random.Generator
) -> None:
    """Draw the head of one of `ANIMALS` about (x, y); `size` is half its height, pixels."""
    place = Place(x, y, size, roll=float(rng.normal(0, 0.16)), turn=float(rng.normal(0, 0.28)))
    fur = _FURS[rng.integers(0, len(_FURS))] * rng.normal(1, 0.1)
    if name == "pig":
        fur = mix(rgb(236, 178, 170), rgb(200, 140, 128), rng.random())
    elif name == "monkey":
        fur = fur * 0.7
    patch = mix(fur, rgb(240, 234, 224), rng.uniform(0.25, 0.9))
    body = place.outline(ellipse((0, 1.5), rng.uniform(0.8, 1.2), 0.95))
    canvas.textured(body, fur * 0.85, "grain", 0.22, rng)
    _draw_ears(canvas, place, name, fur, rng)
    wide = {"cat": 1.0, "dog": 0.86, "bear": 1.02, "rabbit": 0.78, "owl": 1.0}.get(name, 0.92)
    head = ellipse((0, 0), wide, 0.9, count=30)
    canvas.textured(bumpy(place.outline(head), rng, 0.04, 14), fur, "grain", 0.22, rng)
    if name == "cat" and rng.random() < 0.5:  # a tabby's stripes
        for stripe in (-0.3, 0.0, 0.3):
            line = place.at(np.array([stripe, stripe * 0.6]), np.array([-0.85, -0.45]), 0.05)
            canvas.line(line, fur * 0.45, 0.1 * size)
    if name == "monkey":
        skin = mix(rgb(206, 160, 130), rgb(96, 66, 54), rng.random())
        for cx, cy, rx, ry in (
            (-0.3, -0.15, 0.36, 0.38),
            (0.3, -0.15, 0.36, 0.38),
            (0, 0.38, 0.6, 0.45),
        ):
            canvas.polygon(place.outline(ellipse((cx, cy), rx, ry), 0.15), skin, solid=True)
        patch = skin
    elif rng.random() < 0.5:  # a blaze, or a patch round one eye
        cx, rx, ry = (0.0, 0.2, 0.7) if rng.random() < 0.6 else (-0.38, 0.34, 0.36)
        canvas.textured(place.outline(ellipse((cx, -0.2), rx, ry), 0.1), patch, "streak", 0.2, rng)
    _draw_eyes(canvas, place, name, rng)
    _draw_muzzle(canvas, place, name, fur, patch, rng)


def _draw_ears(
    canvas: Canvas, place: Place, name: str, fur: Colour, rng: np.random.Generator
) -> None:
    inside = mix(fur, rgb(222, 150, 146), 0.6)
    floppy = name == "dog" and rng.random() < 0.65
    for side in (-1, 1):
        if name in ("cat", "owl", "pig") or (name == "dog" and not floppy):
            x = side * np.array([0.92, 0.84, 0.2])
            y = np.array([-0.25, -1.4 if name != "owl" else -1.2, -0.8])
            canvas.textured(place.at(x, y, -0.1), fur * 0.9, "streak", 0.3, rng)
            x = side * np.array([0.82, 0.78, 0.38])
            canvas.polygon(place.at(x, y * 0.92, -0.1), inside, 0.8)
        elif floppy:
            ear = ellipse((side * 0.88, 0.05), 0.3, 0.72, -side * 0.25)
            canvas.textured(place.outline(ear, -0.15), fur * 0.65, "streak", 0.4, rng)
        elif name == "rabbit":
            for share, colour in ((1.0, fur), (0.6, inside)):
                ear = ellipse((side * 0.42, -1.35), 0.24 * share, 0.8 * share, side * 0.15)
                canvas.textured(place.outline(ear, -0.1), colour, "streak", 0.25, rng)
        else:
            spot = (side * 0.98, 0.0) if name == "monkey" else (side * 0.72, -0.72)
            for share, colour in ((1.0, fur * 0.85), (0.6, inside)):
                ear = ellipse(spot, 0.33 * share, 0.33 * share)
                canvas.textured(place.outline(ear, -0.1), colour, "fine", 0.2, rng)


def _draw_eyes(canvas: Canvas, place: Place, name: str, rng: np.random.Generator) -> None:
    size = place.size
    large = {"owl": 0.3, "cat": 0.21, "rabbit": 0.17, "pig": 0.09}.get(name, 0.14)
    apart = {"owl": 0.4, "rabbit": 0.5, "monkey": 0.28}.get(name, 0.42)
    iris = (rgb(218, 178, 58), rgb(112, 160, 84), rgb(76, 52, 34), rgb(110, 160, 190))[
        rng.integers(0, 4) if name in ("cat", "owl") else 2
    ]
    for side in (-1, 1):
        rim = ellipse((side * apart, -0.15), large * 1.2, large * 1.15)
        canvas.polygon(place.outline(rim, 0.1), rgb(34, 26, 24), 0.85)
        eye = ellipse((side * apart, -0.15), large, large * 0.95, side * -0.2)
        canvas.polygon(place.outline(eye, 0.1), iris)
        narrow = 0.32 if name == "cat" else 0.62
        pupil = ellipse((side * apart, -0.15), large * narrow, large * 0.75)
        canvas.polygon(place.outline(pupil, 0.1), rgb(10, 8, 8))
        glint = place.at(side * apart + 0.05, -0.22, 0.1)
        canvas.ellipse(glint, 0.05 * size, 0.05 * size, rgb(255, 255, 255), 0.9)


def _draw_muzzle(
    canvas: Canvas, place: Place, name: str, fur: Colour, patch: Colour, rng: np.random.Generator
) -> None:
    size = place.size
    if name == "owl":
        beak = place.at(np.array([-0.14, 0.14, 0.0]), np.array([0.05, 0.05, 0.42]), 0.3)
        canvas.polygon(beak, rgb(214, 164, 72), solid=True)
        return
    if name == "monkey":
        for side in (-1, 1):
            canvas.ellipse(place.at(side * 0.09, 0.24, 0.25), 0.05 * size, 0.04 * size, patch * 0.3)
        t = np.linspace(-1, 1, 9)
        canvas.line(place.at(0.42 * t, 0.52 - 0.08 * t**2, 0.2), patch * 0.35, 0.04 * size)
        return
    if name == "pig":
        canvas.polygon(place.outline(ellipse((0, 0.3), 0.36, 0.27), 0.35), fur * 0.85, solid=True)
        for side in (-1, 1):
            nostril = ellipse((side * 0.14, 0.3), 0.07, 0.11)
            canvas.polygon(place.outline(nostril, 0.38), fur * 0.4)
        t = np.linspace(-1, 1, 9)
        canvas.line(place.at(0.4 * t, 0.68 - 0.1 * t**2, 0.2), fur * 0.5, 0.04 * size)
        return
    long = {"dog": 0.5, "bear": 0.42}.get(name, 0.3)
    snout = ellipse((0, 0.38), long * 0.95, long * 0.85)
    canvas.textured(place.outline(snout, 0.3), patch, "streak", 0.15, rng)
    dark = rgb(28, 22, 24) if rng.random() < 0.7 else rgb(190, 120, 116)
    wide = {"dog": 0.2, "bear": 0.19}.get(name, 0.11)
    x = wide * np.array([-1, -0.6, 0.6, 1, 0.3, -0.3])
    y = 0.2 + wide * np.array([0.0, -0.4, -0.4, 0.0, 0.75, 0.75])
    canvas.polygon(place.at(x, y, 0.42), dark, solid=True)
    bottom = 0.2 + wide * 0.75
    t = np.linspace(0, 1, 6)
    for side in (-1, 1):
        curl = place.at(side * 0.26 * t, bottom + 0.26 * np.sin(np.pi * t * 0.75), 0.38)
        canvas.line(curl, fur * 0.25, 0.04 * size)
        if name in ("cat", "rabbit"):
            for rise in (-0.08, 0.03, 0.14):
                hairs = place.at(
                    side * np.array([0.25, 1.15]), np.array([0.4, 0.34 + 2 * rise]), 0.3
                )
                canvas.line(hairs, rgb(235, 235, 230), 0.015 * size, 0.7)
    if name == "dog" and rng.random() < 0.4:
        tongue = ellipse((0.04, bottom + 0.42), 0.13, 0.24)
        canvas.polygon(place.outline(tongue, 0.38), rgb(222, 110, 120), solid=True)
