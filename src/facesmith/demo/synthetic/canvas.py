"""A picture drawn larger than it will be, so that its edges come out smooth; places on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from facesmith.demo.synthetic.textures import texture

FloatArray = npt.NDArray[np.floating]
Points = npt.NDArray[np.floating] | Sequence[tuple[float, float]]
Colour = npt.NDArray[np.floating]  # red, green, blue in [0, 255]


def rgb(red: float, green: float, blue: float) -> Colour:
    """A colour."""
    return np.array([red, green, blue], dtype=np.float64)


DARK, WHITE = rgb(30, 20, 18), rgb(255, 255, 255)


class Canvas:
    """Draws in pixels of the finished picture on an image that is `factor` times as large.

    What belongs to a lit body is drawn with `solid=True` and is remembered in a mask.
    """

    def __init__(self, background: npt.NDArray[np.uint8], factor: int = 3) -> None:
        self.height, self.width = background.shape[:2]
        self.factor = factor
        large = (self.width * factor, self.height * factor)
        self._image = Image.fromarray(background).resize(large, Image.Resampling.BILINEAR)
        self._solid = Image.new("L", large)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._draw_solid = ImageDraw.Draw(self._solid)

    def polygon(
        self, points: Points, colour: Colour, alpha: float = 1.0, *, solid: bool = False
    ) -> None:
        """A filled polygon."""
        flat = self._flat(points)
        self._draw.polygon(flat, fill=_rgba(colour, alpha))
        if solid:
            self._draw_solid.polygon(flat, fill=255)

    def ellipse(
        self,
        centre: Sequence[float] | FloatArray,
        radius_x: float,
        radius_y: float,
        colour: Colour,
        alpha: float = 1.0,
        *,
        solid: bool = False,
    ) -> None:
        """A filled ellipse."""
        self.polygon(ellipse(centre, radius_x, radius_y), colour, alpha, solid=solid)

    def line(
        self,
        points: Points,
        colour: Colour,
        width: float,
        alpha: float = 1.0,
        *,
        solid: bool = False,
    ) -> None:
        """A line through points, `width` pixels wide, of at least one pixel of the large image."""
        flat = self._flat(points)
        thickness = max(round(width * self.factor), 1)
        joint = "curve" if thickness > 2 and len(flat) > 4 else None
        self._draw.line(flat, fill=_rgba(colour, alpha), width=thickness, joint=joint)
        if solid:
            self._draw_solid.line(flat, fill=255, width=thickness, joint=joint)

    def textured(
        self,
        points: Points,
        colour: Colour,
        name: str,
        contrast: float,
        rng: np.random.Generator,
        *,
        alpha: float = 1.0,
        zoom: float = 1.0,
    ) -> None:
        """A solid polygon filled with a colour that a texture lightens and darkens."""
        large = np.asarray(points, dtype=np.float64) * self.factor
        low = np.maximum(np.floor(large.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(large.max(axis=0)) + 1, self._image.size).astype(int)
        width, height = (high - low).tolist()
        if width <= 0 or height <= 0:
            return
        field = texture(name, rng, width, height, zoom * self.factor / 3)
        tint = np.clip(colour * (1 + contrast * field[..., None]), 0, 255).astype(np.uint8)
        stencil = Image.new("L", (width, height))
        ImageDraw.Draw(stencil).polygon((large - low).ravel().tolist(), fill=round(255 * alpha))
        corner = (int(low[0]), int(low[1]))
        self._image.paste(Image.fromarray(tint), corner, stencil)
        self._solid.paste(255, (*corner, int(high[0]), int(high[1])), stencil)

    def finish(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The picture, float32 RGB `(height, width, 3)` in [0, 255], and the mask of lit bodies.

        The mask is float32 `(height, width)` in [0, 1].
        """
        picture = np.asarray(self._image.reduce(self.factor), dtype=np.float32)
        solid = np.asarray(self._solid.reduce(self.factor), dtype=np.float32)
        return picture, solid / np.float32(255)

    def _flat(self, points: Points) -> list[float]:
        flat: list[float] = (np.asarray(points, dtype=np.float64) * self.factor).ravel().tolist()
        return flat


def ellipse(
    centre: Sequence[float] | FloatArray,
    radius_x: float,
    radius_y: float,
    angle: float = 0.0,
    start: float = 0.0,
    stop: float = 2 * math.pi,
    count: int = 24,
) -> FloatArray:
    """Points on an ellipse, or on the arc of it from `start` to `stop` radians (clockwise)."""
    turn = np.linspace(start, stop, count)
    x, y = radius_x * np.cos(turn), radius_y * np.sin(turn)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.stack([centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos], axis=1)


def bumpy(points: FloatArray, rng: np.random.Generator, amount: float, bumps: int) -> FloatArray:
    """A closed outline made uneven: it swells and shrinks about its centre, `bumps` times round."""
    centre = points.mean(axis=0)
    turn = np.arctan2(*(points - centre).T)
    phases = rng.uniform(0, 2 * np.pi, 3)
    wave = np.sin(bumps * turn + phases[0]) + 0.6 * np.sin((bumps * 2 + 1) * turn + phases[1])
    wave += 0.5 * np.sin(3 * turn + phases[2])
    uneven: FloatArray = centre + (points - centre) * (1 + amount * wave[:, None] / 2)
    return uneven


def random_colour(
    rng: np.random.Generator, *, saturation: float = 0.6, low: float = 30, high: float = 235
) -> Colour:
    """Any hue; at most this saturated, between these brightnesses."""
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2 * np.pi / 3, 4 * np.pi / 3])
    strength = rng.uniform(0, saturation)
    value: Colour = rng.uniform(low, high) * (1 - strength * (0.5 - 0.5 * np.cos(hue)))
    return value


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of `b`, the rest of `a`."""
    return a * (1 - share) + b * share


def _rgba(colour: Colour, alpha: float) -> tuple[int, int, int, int]:
    red, green, blue = (min(max(int(c), 0), 255) for c in colour)
    return red, green, blue, round(255 * alpha)


@dataclass(frozen=True)
class Place:
    """Maps a thing's own coordinates, about one unit each way, to pixels."""

    x: float  # its middle, pixels
    y: float  # its middle, pixels
    size: float  # pixels a unit
    roll: float = 0.0  # how far it leans clockwise, radians
    turn: float = 0.0  # sideways turn: what stands out moves to one side, the thing narrows
    squeeze: float = 1.0  # its width, as a part of the usual one

    def at(self, x: FloatArray | float, y: FloatArray | float, out: float = 0.0) -> FloatArray:
        """Points that stand out by `out`, to pixels `(..., 2)`."""
        moved = np.asarray(x, float) * self.squeeze * (1 - 0.25 * abs(self.turn))
        x, y = np.broadcast_arrays(moved + out * self.turn, np.asarray(y, float))
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        points = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
        return np.array([self.x, self.y]) + self.size * points


@dataclass(frozen=True)
class Pen:
    """Draws a thing in its own coordinates; widths and radii are in its units.

    `out` is how far points stand out of the thing. A `solid` thing is lit, see `Canvas`.
    """

    canvas: Canvas
    # From x, y and `out` to pixels `(n, 2)`, for example `Place.at`.
    to_pixels: Callable[[FloatArray, FloatArray, float], FloatArray]
    size: float  # pixels a unit
    rng: np.random.Generator  # picks the pieces of textures

    def outline(self, points: Points, out: float = 0.0) -> FloatArray:
        """Points `(n, 2)` to pixels."""
        x, y = np.asarray(points, float).T
        return self.to_pixels(x, y, out)

    def fill(
        self,
        points: Points,
        colour: Colour,
        alpha: float = 1,
        *,
        out: float = 0,
        solid: bool = False,
    ) -> None:
        """A filled polygon."""
        self.canvas.polygon(self.outline(points, out), colour, alpha, solid=solid)

    def textured(
        self, points: Points, colour: Colour, name: str, contrast: float, *, out: float = 0
    ) -> None:
        """A solid polygon with a texture."""
        self.paint(self.outline(points, out), colour, name, contrast)

    def paint(
        self, pixels: Points, colour: Colour, name: str, contrast: float, **other: float
    ) -> None:
        """The same for an outline in pixels; `alpha` and `zoom` as in `Canvas.textured`."""
        self.canvas.textured(pixels, colour, name, contrast, self.rng, **other)

    def line(
        self, points: Points, colour: Colour, width: float, alpha: float = 1, *, out: float = 0,
        solid: bool = False,
    ) -> None:  # fmt: skip
        """A line through points `(n, 2)`."""
        pixels = self.outline(points, out)
        self.canvas.line(pixels, colour, width * self.size, alpha, solid=solid)

    def curve(
        self, x: FloatArray, y: FloatArray, colour: Colour, width: float, alpha: float = 1,
        *, out: float = 0,
    ) -> None:  # fmt: skip
        """A line through points with these coordinates, each `(n,)`."""
        self.line(np.stack([x, y], axis=1), colour, width, alpha, out=out)

    def dot(
        self, x: float, y: float, radius: float | tuple[float, float], colour: Colour,
        alpha: float = 1, *, out: float = 0, solid: bool = False,
    ) -> None:  # fmt: skip
        """A filled circle, or an upright ellipse with a pair of radii."""
        centre = self.outline([(x, y)], out)[0]
        radius_x, radius_y = np.broadcast_to(radius, 2) * self.size
        self.canvas.ellipse(centre, radius_x, radius_y, colour, alpha, solid=solid)
