"""How good detectors are on the training photos that were held out, by source and by whose labels.

    python benchmarks/held_out.py --photos PHOTOS --labels learned=LABELS.json

PHOTOS holds `train.coco.json`, `train/` and `negatives/`, the photos that the shipped weights were
trained on. The 300 photos that `facesmith train` holds out are judged by the annotations as they
were, and by any others of the same photos, those that a training has learned from for example.
This is where settings are chosen; nothing is chosen on the photos that `detection.py` reports on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from about import about
from facesmith.annotations import AnnotatedPhoto, load_annotations
from facesmith.evaluation.baselines import Baseline
from facesmith.faces import Faces
from facesmith.files import checksum
from facesmith.images import read_photo
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall
from photo_options import held_out_photos, open_detectors, photo_options, read_options

MIN_SCORE = 0.001
MIN_HEIGHT = 16.0  # pixels, of the faces that count
FALSE_A_PHOTO = 0.1
AS_THEY_WERE = "as they were"


def main() -> None:
    arguments = _arguments()
    folder = arguments.photos
    photos = held_out_photos(folder)[: arguments.limit]
    labels = {AS_THEY_WERE: photos, **other_labels(arguments.labels, folder / "train", photos)}
    made = about(("numpy", "onnxruntime", "pillow"), threads=1)
    baselines = open_detectors(arguments)
    result = {
        "about": made,
        "photos": len(photos),
        "labels": {name: path.name for name, path in arguments.labels},
        "detectors": {
            label: {
                "weights": {path.name: checksum(path)[:16] for path in baseline.weights_paths},
                **figures_of(baseline, photos, labels),
            }
            for label, baseline in baselines.items()
        },
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    def label(word: str) -> tuple[str, Path]:
        name, _, path = word.partition("=")
        return name, Path(path)

    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "held_out.json")
    parser.add_argument(
        "--labels", action="append", default=[], type=label, metavar="NAME=FILE",
        help="other annotations of the same photos; may be repeated",
    )  # fmt: skip
    return read_options(parser)


def other_labels(
    files: list[tuple[str, Path]], images: Path, photos: list[AnnotatedPhoto]
) -> dict[str, list[AnnotatedPhoto]]:
    """For each file the photos in the same order; face-free ones have no other labels."""
    sets = {}
    for name, path in files:
        known = {photo.name: photo for photo in load_annotations(path, images).photos}
        sets[name] = [known.get(photo.name, photo) for photo in photos]
    return sets


def figures_of(
    detector: Baseline, photos: list[AnnotatedPhoto], labels: dict[str, list[AnnotatedPhoto]]
) -> dict[str, Any]:
    """By labels and source; and the boxes on face-free photos at the detector's threshold."""
    found = [detector(read_photo(photo.path).image, min_score=MIN_SCORE) for photo in photos]
    figures: dict[str, Any] = {}
    without = [row for row, photo in enumerate(photos) if not len(photo.boxes)]
    sources = sorted({photo.source for photo in photos if len(photo.boxes)})
    for name, labelled in labels.items():
        figures[name] = {"all": _row(found, labelled, range(len(photos)))}
        for source in sources:
            rows = [r for r, p in enumerate(photos) if p.source == source and len(p.boxes)]
            figures[name][source] = _row(found, labelled, [*rows, *without])
        for source, row in figures[name].items():
            print(f"{name:16} {source:8} {row}", flush=True)
    false = sum(int((found[row].scores >= detector.min_score).sum()) for row in without)
    figures["false_boxes_on_face_free"] = {"photos": len(without), "boxes": false}
    return figures


def _row(found: list[Faces], labelled: list[AnnotatedPhoto], rows: Any) -> dict[str, float]:
    truths = [AnnotatedFaces(labelled[row].boxes, labelled[row].ignored) for row in rows]
    faces = [found[row] for row in rows]
    tight, loose = (
        precision_recall(truths, faces, iou_threshold=iou, min_height=MIN_HEIGHT)
        for iou in (0.5, 0.4)
    )
    figures = {
        "ap_0.5": tight.average_precision,
        "ap_0.4": loose.average_precision,
        f"recall_at_{FALSE_A_PHOTO}_false_a_photo_0.4": loose.recall_at(FALSE_A_PHOTO),
    }
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    main()
