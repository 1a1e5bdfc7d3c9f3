"""One picture of a patches file: a few patches of every kind, by split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facesmith.detection.patches import PATCH_SIZE
from facesmith.patches.file import FACE, KINDS, Patches
from facesmith.patches.seeding import generator
from facesmith.patches.splitting import SPLITS
from facesmith.pictures.contact_sheet import (
    FAINT,
    HEAD,
    INK,
    MARGIN,
    PAPER,
    empty_sheet,
    write_sheet,
)
from facesmith.printable import counted

_COLUMNS = 18
_GAP = 4  # pixels between patches
_CELL = PATCH_SIZE + _GAP
_LABEL_WIDTH = 168
_WIDTH = 2 * MARGIN + _LABEL_WIDTH + _COLUMNS * _CELL - _GAP
_ROW_ROOM = 14  # extra space between kinds
_FACE_COLOUR, _OTHER_COLOUR = (38, 132, 92), (196, 84, 58)


def contact_sheet(
    patches: Patches, title: str, *, seed: int = 0, source: str = "photos"
) -> Image.Image:
    """Draw a contact sheet, RGB.

    Each split that has rows is a block; each kind a line of patches in it, twice as many in the
    largest split. Another seed shows other patches; `source` is what they come from, in the plural.
    """
    splits = [split for split in range(len(SPLITS)) if (patches.splits == split).any()]
    sections = [_section(patches, split, seed, source) for split in splits]
    height = HEAD + sum(section.height for section in sections) + MARGIN // 2
    n_faces = int((patches.labels == 1).sum())
    sheet = empty_sheet(
        (_WIDTH, height),
        title,
        f"{counted(len(patches), 'patch', 'patches')} of {PATCH_SIZE}x{PATCH_SIZE} pixels from "
        f"{len(np.unique(patches.photo_indices)):,} {source}: {counted(n_faces, 'face')} (green), "
        f"{len(patches) - n_faces:,} others (red)",
    )
    top = HEAD
    for section in sections:
        sheet.paste(section, (0, top))
        top += section.height
    return sheet


def write_contact_sheet(
    path: str | Path, patches: Patches, title: str, *, seed: int = 0, source: str = "photos"
) -> None:
    """Draw a contact sheet into a PNG file; see `contact_sheet`."""
    write_sheet(path, contact_sheet(patches, title, seed=seed, source=source))


def _section(patches: Patches, split: int, seed: int, source: str) -> Image.Image:
    """The block of one split that has rows."""
    rows = np.flatnonzero(patches.splits == split)
    sizes = [int((patches.splits == other).sum()) for other in range(len(SPLITS))]
    n_lines = 2 if split == int(np.argmax(sizes)) else 1
    kinds = [kind for kind in range(len(KINDS)) if (patches.kinds[rows] == kind).any()]
    head = 40
    height = head + len(kinds) * (n_lines * _CELL + _ROW_ROOM) + 10
    block = Image.new("RGB", (_WIDTH, height), PAPER)
    draw = ImageDraw.Draw(block)
    draw.line((MARGIN, 4, _WIDTH - MARGIN, 4), (222, 220, 214), 1)
    name, large, small = SPLITS[split], ImageFont.load_default(18), ImageFont.load_default(14)
    draw.text((MARGIN, 12), name, INK, large)
    beside = MARGIN + draw.textlength(name, large) + 12
    n_photos = len(np.unique(patches.photo_indices[rows]))
    draw.text(
        (beside, 15),
        f"{counted(len(rows), 'patch', 'patches')} from {n_photos:,} {source}",
        FAINT,
        small,
    )
    top = head
    for kind in kinds:
        of_kind = rows[patches.kinds[rows] == kind]
        lines = n_lines * _CELL - _GAP
        colour = _FACE_COLOUR if kind == FACE else _OTHER_COLOUR
        draw.rectangle((MARGIN, top, MARGIN + 4, top + lines - 1), colour)
        kind_name = KINDS[kind].replace("photo", source.removesuffix("s"))
        draw.text((MARGIN + 14, top + 10), kind_name, INK, ImageFont.load_default(15))
        draw.text((MARGIN + 14, top + 32), f"{len(of_kind):,}", FAINT, small)
        shown = generator(seed, "sheet", split, kind).permutation(of_kind)
        for place, row in enumerate(shown[: n_lines * _COLUMNS]):
            line, column = divmod(place, _COLUMNS)
            patch = Image.fromarray(np.ascontiguousarray(patches.images[row][..., ::-1]))
            left = MARGIN + _LABEL_WIDTH + column * _CELL
            block.paste(patch, (left, top + line * _CELL))
        top += n_lines * _CELL + _ROW_ROOM
    return block
