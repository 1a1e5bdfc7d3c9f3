"""Numbers on the command line, and in what it says."""

from __future__ import annotations

import math

import click

from facesmith.printable import counted

__all__ = ["IOU", "FiniteRange", "WholeRange", "counted", "figure"]

_LARGEST = 2**32 - 1  # seeds of NumPy and PyTorch end here, and so does any sensible count


class FiniteRange(click.FloatRange):
    """A number in a range; unlike click's own type it takes neither NaN nor infinity."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or a usage error."""
        number = float(super().convert(value, param, ctx))  # type: ignore[arg-type]
        if not math.isfinite(number):
            self.fail(f"{value!r}: expected a finite number.", param, ctx)
        return number


class WholeRange(click.IntRange):
    """A whole number in a range; unlike click's own type it takes none of 11 digits or more."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number, or a usage error."""
        number = int(super().convert(value, param, ctx))  # type: ignore[arg-type]
        if abs(number) > _LARGEST:
            self.fail(f"expected at most {_LARGEST}; got a larger number.", param, ctx)
        return number


IOU = FiniteRange(0, 1, min_open=True)


def figure(value: float, digits: int = 4) -> str:
    """The number with so many digits after the point, `-` where it is undefined."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
