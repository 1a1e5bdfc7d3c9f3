"""Photos on the disk and mined boxes, for the tests of mining."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facesmith.annotations import AnnotatedPhoto
from facesmith.curation.hard_negatives import MinedBox


def photo(
    folder: Path,
    name: str,
    image: np.ndarray,
    *boxes: tuple[float, ...],
    ignored: tuple[int, ...] = (),
    complete: bool = True,
) -> AnnotatedPhoto:
    """A photo on the disk, with these boxes."""
    Image.fromarray(image).save(folder / name)
    return AnnotatedPhoto(
        path=folder / name,
        boxes=np.float32(boxes).reshape(-1, 4),
        ignored=np.isin(np.arange(len(boxes)), ignored),
        name=name,
        width=image.shape[1],
        height=image.shape[0],
        complete=complete,
    )


def mined_box(**changes: Any) -> MinedBox:
    box = MinedBox(
        file="a.png",
        size_wh=(300, 200),
        box=(100.0, 60.0, 140.0, 100.0),
        score=0.6,
        scale=1.0,
        kind="face-free",
        detector="0123456789ab",
    )
    return replace(box, **changes)
