"""Contact sheets: a headline and rows of cells, each the surroundings of one box in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from facesmith.annotations import AnnotatedPhoto
from facesmith.faces import Faces
from facesmith.files import replacing
from facesmith.images import read_image
from facesmith.pictures.drawing import BOX_COLOUR, WRONG_COLOUR, draw_faces

MARGIN = 28
HEAD = 92  # height of headline and subtitle
TITLE_SIZE = 26
PAPER, INK, FAINT = (250, 249, 246), (32, 33, 36), (112, 116, 122)
CELL = 168  # side of a cell's picture, pixels
_GAP = 12
_COLUMNS = 8
_TEXT_ROOM = 42  # two lines below the picture
_CONTEXT = 2.6  # a cell shows so many times the longer side of its box,
_MIN_SHOWN = 40.0  # and at least so many pixels of the photo, so that a tiny face has a body
_FONT_SIZE, _NUMBER_SIZE = 12, 15


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet."""

    photo: AnnotatedPhoto  # the photo to cut it from
    box: npt.NDArray[np.float32]  # what is wrong, float32 `(4,)`, pixels of the photo; in orange
    others: npt.NDArray[np.float32]  # boxes to draw in green, float32 `(n, 4)`
    lines: tuple[str, str]  # what to write below it; cut to the width of the cell
    number: str = ""  # what to write before the first line, in larger letters


def empty_sheet(size_wh: tuple[int, int], title: str, subtitle: str) -> Image.Image:
    """A sheet with a headline and a line below it; both fill the upper `HEAD` pixels."""
    sheet = Image.new("RGB", size_wh, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 22), title, INK, ImageFont.load_default(TITLE_SIZE))
    draw.text((MARGIN, 58), subtitle, FAINT, ImageFont.load_default(15))
    return sheet


def cells_sheet(title: str, subtitle: str, cells: Sequence[Cell]) -> Image.Image:
    """Draw cells in rows below a headline, RGB; only the headline if there is no cell.

    Args:
        title: The headline; cut to the width of the sheet.
        subtitle: The line below it.
        cells: What to show, in reading order.

    Raises:
        ImageError: If a photo cannot be read.
    """
    n_rows = -(-len(cells) // _COLUMNS)
    row = CELL + _TEXT_ROOM + _GAP
    width = 2 * MARGIN + _COLUMNS * (CELL + _GAP) - _GAP
    title = fitted(title, width - 2 * MARGIN, ImageFont.load_default(TITLE_SIZE))
    sheet = empty_sheet((width, HEAD + n_rows * row + MARGIN // 2), title, subtitle)
    draw = ImageDraw.Draw(sheet)
    font, large = ImageFont.load_default(_FONT_SIZE), ImageFont.load_default(_NUMBER_SIZE)
    for place, cell in enumerate(cells):
        line, column = divmod(place, _COLUMNS)
        left, top = MARGIN + column * (CELL + _GAP), HEAD + line * row
        sheet.paste(cut_cell(read_image(cell.photo.path), cell.box, cell.others), (left, top))
        below, used = top + CELL + 5, 0.0
        if cell.number:
            draw.text((left, below - 2), cell.number, INK, large)
            used = large.getlength(cell.number) + 8
        draw.text((left + used, below), fitted(cell.lines[0], CELL - used, font), INK, font)
        draw.text((left, below + 16), fitted(cell.lines[1], CELL, font), FAINT, font)
    return sheet


def cut_cell(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], others: npt.NDArray[np.float32]
) -> Image.Image:
    """The surroundings of a box, square, with the boxes drawn in: RGB, `CELL` pixels a side.

    The box is in the middle, or the cell begins at the photo's edge. What a photo cannot fill has
    the colour of the paper.

    Args:
        image: The photo, uint8 `(height, width, 3)`, BGR.
        box: float32 `(4,)`, pixels; drawn in orange.
        others: float32 `(n, 4)`, drawn in green; the box itself is left out.
    """
    height, width = image.shape[:2]
    side = max(_CONTEXT * float(max(box[2:] - box[:2])), _MIN_SHOWN)
    side = min(side, float(max(width, height, *(box[2:] - box[:2]))))
    left = _start((box[0] + box[2]) / 2, side, width)
    top = _start((box[1] + box[3]) / 2, side, height)
    corners = (max(left, 0.0), max(top, 0.0), min(left + side, width), min(top + side, height))
    scale = CELL / side
    size = [max(round((corners[i + 2] - corners[i]) * scale), 1) for i in (0, 1)]
    rgb = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    part = rgb.resize((size[0], size[1]), Image.Resampling.BICUBIC, box=corners)
    cell = Image.new("RGB", (CELL, CELL), PAPER)
    cell.paste(part, (round((corners[0] - left) * scale), round((corners[1] - top) * scale)))
    drawn = np.ascontiguousarray(np.asarray(cell)[..., ::-1])
    offset = np.array([left, top, left, top], np.float32)
    different = others[~np.isclose(others, box, atol=0.5).all(axis=1)]
    for boxes, colour in ((different, BOX_COLOUR), (box[None], WRONG_COLOUR)):
        placed = Faces((boxes - offset) * np.float32(scale), np.ones(len(boxes), np.float32))
        drawn = draw_faces(drawn, placed, scores=False, colour=colour, line_width=2)
    return Image.fromarray(np.ascontiguousarray(drawn[..., ::-1]))


def _start(centre: float, side: float, length: int) -> float:
    """Where a cell begins along one axis: around the centre, but within the photo if it fits."""
    if side >= length:
        return (length - side) / 2
    return min(max(float(centre) - side / 2, 0.0), length - side)


def fitted(text: str, width: float, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The text, its middle left out if it is wider than so many pixels: names differ at the end."""
    if font.getlength(text) <= width:
        return text
    for n_kept in range(len(text) - 1, 0, -1):
        end = -(-n_kept * 2 // 3)
        short = f"{text[: n_kept - end]}...{text[len(text) - end :]}"
        if font.getlength(short) <= width:
            return short
    return ""


def write_sheet(path: str | Path, sheet: Image.Image) -> None:
    """Write a sheet as PNG; an existing file is replaced."""
    with replacing(path) as file:
        sheet.save(file, format="PNG")
