"""Where detectors and annotations disagree, to be looked at: what `looked_at.json` was made from.

    python benchmarks/disagreements.py --photos PHOTOS --detector yunet:yunet_n.onnx --out OUT

OUT gets contact sheets and `disagreements.json` with the same numbers. `false`: the boxes of each
detector that match no face at an overlap of 0.4, those with the best scores, as many for each
detector; boxes of several detectors in one place are one. `missed`: the faces of 16 px and more
that at least one detector misses at its own threshold. The order is random and no sheet says which
detector is meant, so that whoever looks cannot favour one.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ImageDraw, ImageFont

from detection import ANNOTATED
from facesmith.annotations import AnnotatedPhoto
from facesmith.boxes import box_iou
from facesmith.evaluation.baselines import Baseline
from facesmith.images import read_image
from facesmith.metrics.average_precision import match_faces
from facesmith.pictures.contact_sheet import (
    CELL,
    HEAD,
    INK,
    MARGIN,
    cut_cell,
    empty_sheet,
    write_sheet,
)
from photo_options import open_detectors, photo_options, photos_of_set, read_options

OVERLAP = 0.4
MIN_SCORE = 0.05
MIN_HEIGHT = 16.0  # pixels, of the faces that count
FALSE_A_PHOTO = 0.35  # boxes of each detector that are looked at, for every photo
COLUMNS, ROWS = 10, 6
GAP, NUMBER_ROOM = 10, 20


def main() -> None:
    arguments = _arguments()
    baselines = open_detectors(arguments)
    rng = np.random.default_rng(0)
    result = {}
    arguments.out.mkdir(parents=True, exist_ok=True)
    for set_name in ANNOTATED:
        photos = photos_of_set(arguments.photos, set_name, arguments.limit)
        print(f"{set_name}: {len(photos)} photos", file=sys.stderr)
        false, missed = _disagreements(baselines, photos)
        for kind, places in (("false", false), ("missed", missed)):
            shuffled = [places[i] for i in rng.permutation(len(places))]
            _write_sheets(f"{set_name}, {kind}", photos, shuffled, arguments.out)
            result[f"{set_name}, {kind}"] = [
                {"photo": photos[i].name, "box": np.round(box, 1).tolist()} for i, box in shuffled
            ]
    (arguments.out / "disagreements.json").write_text(json.dumps(result, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "disagreements")
    parser.set_defaults(out=None)
    arguments = read_options(parser)
    if arguments.out is None:
        parser.error("pass --out: the sheets show people, so choose a folder outside the project")
    return arguments


Place = tuple[int, npt.NDArray[np.float32]]  # number of the photo, box


def _disagreements(
    baselines: dict[str, Baseline], photos: tuple[AnnotatedPhoto, ...]
) -> tuple[list[Place], list[Place]]:
    """What is to be looked at: boxes without a face, and faces that a detector misses."""
    false: dict[str, list[tuple[float, Place]]] = {label: [] for label in baselines}
    missed: list[Place] = []
    for i, photo in enumerate(photos):
        image = read_image(photo.path)
        low = photo.ignored | (photo.boxes[:, 3] - photo.boxes[:, 1] < MIN_HEIGHT)
        by_all = np.ones(len(photo.boxes), bool)
        for label, baseline in baselines.items():
            faces = baseline(image, min_score=MIN_SCORE)
            counts, face = match_faces(photo.boxes, low, faces, OVERLAP)
            wrong = np.flatnonzero(counts & (face < 0))
            false[label] += [(float(faces.scores[k]), (i, faces.boxes[k])) for k in wrong]
            sure = faces.boxes[faces.scores >= baseline.min_score]
            by_all &= box_iou(photo.boxes, sure).max(axis=1, initial=0) >= OVERLAP
        missed += [(i, photo.boxes[k]) for k in np.flatnonzero(~by_all & ~low)]
    n_max = round(FALSE_A_PHOTO * len(photos))
    best = [sorted(each, key=lambda entry: -entry[0])[:n_max] for each in false.values()]
    return _one_a_place([place for each in best for _, place in each]), missed


def _one_a_place(places: list[Place]) -> list[Place]:
    """The mean of boxes of one photo that overlap."""
    groups: list[tuple[int, list[npt.NDArray[np.float32]]]] = []
    for i, box in places:
        for photo, boxes in groups:
            if photo == i and box_iou(box[None], np.mean(boxes, axis=0)[None])[0, 0] >= OVERLAP:
                boxes.append(box)
                break
        else:
            groups.append((i, [box]))
    return [(i, np.mean(boxes, axis=0)) for i, boxes in groups]


def _write_sheets(
    title: str, photos: tuple[AnnotatedPhoto, ...], places: list[Place], out: Path
) -> None:
    number_font: Any = ImageFont.load_default(14)
    per_page = COLUMNS * ROWS
    for start in range(0, len(places), per_page):
        shown = places[start : start + per_page]
        n_rows = -(-len(shown) // COLUMNS)
        size_wh = (
            2 * MARGIN + COLUMNS * (CELL + GAP) - GAP,
            HEAD + n_rows * (CELL + NUMBER_ROOM + GAP) + MARGIN // 2,
        )
        legend = "Orange: is this a face? Green: annotated boxes."
        sheet = empty_sheet(size_wh, f"{title}, from {start} on", legend)
        draw = ImageDraw.Draw(sheet)
        for place, (i, box) in enumerate(shown):
            row, column = divmod(place, COLUMNS)
            left = MARGIN + column * (CELL + GAP)
            top = HEAD + row * (CELL + NUMBER_ROOM + GAP)
            sheet.paste(cut_cell(read_image(photos[i].path), box, photos[i].boxes), (left, top))
            draw.text((left, top + CELL + 2), str(start + place), INK, number_font)
        name = title.replace(", ", "-").replace("_", "-")
        write_sheet(out / f"{name}-{start // per_page + 1}.png", sheet)


if __name__ == "__main__":
    main()
