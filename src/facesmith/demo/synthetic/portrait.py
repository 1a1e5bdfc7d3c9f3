"""A posed person on a canvas: what all parts of the drawing share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesmith.demo.synthetic.canvas import Colour, FloatArray, Pen
from facesmith.demo.synthetic.head import Head
from facesmith.demo.synthetic.person import Person, View


@dataclass(frozen=True)
class Portrait(Pen):
    """Draws on the front of a head, in half heights of it: `u` to the right, `v` down."""

    head: Head
    person: Person
    view: View

    def band(
        self, u: FloatArray, low: FloatArray, high: FloatArray, colour: Colour, alpha: float = 1
    ) -> None:
        """What lies between two lines, each one height for every `u`."""
        there, back = np.stack([u, low], axis=1), np.stack([u, high], axis=1)[::-1]
        self.fill(np.concatenate([there, back]), colour, alpha)
