"""What `facesmith anonymise` makes of its options: colours, regions, how faces are covered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesmith.cli.terminal import echo
from facesmith.printable import one_line

if TYPE_CHECKING:
    from facesmith.anonymisation import CoverConfig
    from facesmith.anonymisation.choosing import Region
    from facesmith.anonymisation.records import BoxFile


class ColourType(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A colour by its name or as #RRGGBB."""

    name = "colour"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255 each."""
        from PIL import ImageColor  # noqa: PLC0415 - `--help` needs no Pillow

        if isinstance(value, tuple):
            return value
        try:
            red, green, blue, *_ = ImageColor.getrgb(value)
        except ValueError:
            self.fail(f"{value!r} is no colour; pass one such as black or '#1e90ff'.", param, ctx)
        return red, green, blue


class PlaceType(click.ParamType):  # type: ignore[type-arg]  # see above
    """A region as four numbers, or a file of boxes."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Region | Path:
        """The region, or the path of the file."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # it was converted before
        path = Path(value)
        if path.is_file():
            return path
        words = value.split(",")
        try:
            x_min, y_min, x_max, y_max = map(float, words)
        except ValueError:
            self.fail(
                f"{value!r} is neither a file nor a region x_min,y_min,x_max,y_max in pixels, such "
                "as 0,0,640,200.",
                param,
                ctx,
            )
        if not all(map(math.isfinite, (x_min, y_min, x_max, y_max))):
            self.fail(f"{value!r}: expected finite numbers.", param, ctx)
        if x_min >= x_max or y_min >= y_max:
            self.fail(f"{value!r} has no area: x_min must be below x_max, y_min below y_max.")
        return x_min, y_min, x_max, y_max


def opened_places(places: Sequence[Region | Path]) -> tuple[Region | BoxFile, ...]:
    """Regions as they are, and the boxes of the files."""
    from facesmith.anonymisation.records import BoxFile  # noqa: PLC0415 - see `cli`

    return tuple(BoxFile(each) if isinstance(each, Path) else each for each in places)


def warn_of_fill(boxes: Path, out: Path) -> None:
    """Say where the run that wrote a box file, or the one in `out`, covered in another way.

    `report.json` beside the file, or in `out`, which a copied file is mostly rendered to again,
    tells how.
    """
    from facesmith.errors import FacesmithError  # noqa: PLC0415 - see `cli`
    from facesmith.untrusted import read_json  # noqa: PLC0415

    for folder in (boxes.parent, out):
        try:
            fill = read_json(folder / "report.json")["settings"]["fill"]
        except (OSError, FacesmithError, LookupError, TypeError):
            continue
        if isinstance(fill, str) and fill != "solid":
            said = (
                f"Warning: {folder} was covered with --fill {fill}, this run covers with solid. "
                f"Pass --fill {fill} for the same."
            )
            echo(one_line(said), err=True)
        return


def cover_config(
    fill: Any,
    colour: tuple[int, int, int],
    picture: Path | None,
    shape: Any,
    margin: float,
    *,
    fill_given: bool,
) -> CoverConfig:
    """How faces are covered; ends the command where the options do not fit together."""
    from facesmith.anonymisation import CoverConfig  # noqa: PLC0415 - see `cli`

    if picture is not None and fill_given and fill != "image":
        raise click.UsageError(f"--image goes with --fill image, not with --fill {fill}.")
    if picture is None and fill == "image":
        raise click.UsageError("--fill image needs the picture: pass --image FILE.")
    if picture is None:
        return CoverConfig(fill, shape, margin, colour)
    return CoverConfig("image", shape, margin, colour, picture=_on_colour(picture, colour))


def _on_colour(path: Path, colour: tuple[int, int, int]) -> Any:
    """The picture, BGR, on the colour where it is transparent: no face may show through."""
    import numpy as np  # noqa: PLC0415 - see `cli`
    from PIL import Image  # noqa: PLC0415

    from facesmith.images import read_image  # noqa: PLC0415

    image = read_image(path)  # says what is wrong with it
    with Image.open(path) as opened:
        if not opened.has_transparency_data:
            return image
        clear = opened.convert("RGBA")
    below = Image.new("RGBA", clear.size, (*colour, 255))
    return np.ascontiguousarray(np.asarray(Image.alpha_composite(below, clear))[..., 2::-1])
