"""What looking at the photos showed to be wrong with the annotations that detectors are judged by.

`looked_at.json` names, photo by photo, `faces` that have no box and boxes where there are
`no_faces`; how they were found says `disagreements.py`. Both are ignored: what a detector finds
there counts neither for it nor against it, and what it misses does not count either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou, clip_boxes

PATH = Path(__file__).with_suffix(".json")
SAME_BOX = 0.95  # overlap; boxes are written down in tenths of a pixel


def looked_at(
    set_name: str, photos: Sequence[AnnotatedPhoto], path: Path = PATH
) -> list[AnnotatedPhoto]:
    """The photos of a set, what was seen to be wrong ignored.

    Args:
        set_name: As `looked_at.json` has it; photos of other sets stay as they are.
        photos: The set, or some of it.
        path: Another file of this kind.

    Raises:
        ValueError: If a box where there is no face is not among the annotated ones: the file
            belongs to other annotations.
    """
    seen = json.loads(path.read_text()).get(set_name, {})
    return [
        _corrected(photo, seen[photo.name]) if photo.name in seen else photo for photo in photos
    ]


def _corrected(photo: AnnotatedPhoto, seen: dict[str, list[list[float]]]) -> AnnotatedPhoto:
    faces, no_faces = (
        np.array(seen.get(kind, []), np.float32).reshape(-1, 4) for kind in ("faces", "no_faces")
    )
    same = box_iou(no_faces, photo.boxes) >= SAME_BOX
    if not same.any(axis=1).all():
        raise ValueError(
            f"{photo.name}: no annotated box at {no_faces[~same.any(axis=1)][0].tolist()}, where "
            "looked_at.json has one without a face; it belongs to other annotations."
        )
    ignored = photo.ignored | same.any(axis=0)
    return replace(
        photo,
        boxes=np.concatenate([photo.boxes, clip_boxes(faces, photo.width, photo.height)]),
        ignored=np.concatenate([ignored, np.ones(len(faces), bool)]),
        attributes=(*photo.attributes, *({} for _ in faces)),
        **photo.points_of(slice(None), n_new=len(faces)),
    )
