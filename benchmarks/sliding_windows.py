"""Patch classifiers slid over whole photos, beside the detector: time, boxes right and wrong.

    python benchmarks/sliding_windows.py --photos PHOTOS --classifier runs/pointwise \
        --classifier runs/compact

Looks at some photos of PHOTOS/val_other_domain, spread evenly over the set. `results/README.md`
says how the classifiers were trained and how the figures come about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from about import about
from facesmith.annotations import AnnotatedPhoto
from facesmith.detection import PhotoDetector, SlidingClassifier, open_detector
from facesmith.evaluation import MATCH_IOU, MIN_FACE_HEIGHT
from facesmith.evaluation.timing import Stopwatch
from facesmith.faces import Faces
from facesmith.images import read_image, write_image
from facesmith.metrics.average_precision import AnnotatedFaces, PrecisionRecall, precision_recall
from facesmith.pictures.drawing import draw_faces
from photo_options import OURS, photo_options, photos_of_set, read_options

JUDGED_ON = "val_other_domain"
N_PHOTOS = 40
N_SHOWN = 2  # of them with the most faces: each by itself
# Curves begin here. Lower ones are of boxes in which no use of a classifier has an interest.
LOWEST_SCORE = 0.05


def main() -> None:
    parser = photo_options(__doc__.split("\n", maxsplit=1)[0], "sliding_windows.json")
    parser.add_argument(
        "--classifier", action="append", type=Path, required=True, help="run folder; repeat it"
    )
    parser.add_argument("--draw", type=Path, help="draw the photos shown by themselves here")
    arguments = read_options(parser)
    photos = photos_of_set(arguments.photos, JUDGED_ON, None)
    n_photos = min(arguments.limit or N_PHOTOS, len(photos))
    chosen = [photos[i * len(photos) // n_photos] for i in range(n_photos)]
    detectors: dict[str, PhotoDetector] = {OURS: open_detector(arguments.model)}
    for path in arguments.classifier:
        detectors[path.name] = open_detector(path)
    found, watches = look(detectors, chosen)
    busiest = sorted(range(n_photos), key=lambda i: -_n_faces(chosen[i]))[:N_SHOWN]
    result = {
        "about": about(("numpy", "onnxruntime", "Pillow"), threads=1),
        "protocol": {
            "set": JUDGED_ON,
            "photos": n_photos,
            "faces": sum(map(_n_faces, chosen)),
            "iou": MATCH_IOU,
            "min_height": MIN_FACE_HEIGHT,
            "lowest_score": LOWEST_SCORE,
            "shown": [{"photo": chosen[i].name, "faces": _n_faces(chosen[i])} for i in busiest],
        },
        "detectors": [
            {
                "detector": label,
                **described(detector, chosen),
                "ms": round(float(np.median(watches[label].cpu)) * 1e3, 1),
                **judged(chosen, found[label], detector.min_score),
                "shown": [
                    judged([chosen[i]], [found[label][i]], detector.min_score)["own_threshold"]
                    for i in busiest
                ],
            }
            for label, detector in detectors.items()
        ],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["detectors"], indent=2))
    if arguments.draw is not None:
        arguments.draw.mkdir(parents=True, exist_ok=True)
        for label, detector in detectors.items():
            for number, i in enumerate(busiest, start=1):
                faces = found[label][i]
                image = draw_faces(
                    read_image(chosen[i].path), faces[faces.scores >= detector.min_score]
                )
                write_image(arguments.draw / f"{label}_{number}.jpg", image)


def look(
    detectors: dict[str, PhotoDetector], photos: list[AnnotatedPhoto]
) -> tuple[dict[str, list[Faces]], dict[str, Stopwatch]]:
    """What each finds, down to the lowest score, and its times; they take turns on each photo."""
    found: dict[str, list[Faces]] = {label: [] for label in detectors}
    watches = {label: Stopwatch() for label in detectors}
    for photo in photos:
        image = read_image(photo.path)
        for label, detector in detectors.items():

            def call(detector: PhotoDetector = detector) -> Faces:
                return detector(image, min_score=LOWEST_SCORE)  # noqa: B023 - called at once

            found[label].append(watches[label](call))
    return found, watches


def described(detector: PhotoDetector, photos: list[AnnotatedPhoto]) -> dict[str, Any]:
    """What the detector is; of a classifier also how many windows it scores in a typical photo."""
    about_it: dict[str, Any] = {"threshold": detector.min_score}
    if isinstance(detector, SlidingClassifier):
        image = read_image(photos[0].path)
        height, width = image.shape[:2]
        boxes, _ = detector.windows(image, detector.pyramid.plan(width, height))
        about_it |= {"network": detector.metadata["network"], "windows_in_first": len(boxes)}
    return about_it


def judged(photos: list[AnnotatedPhoto], found: list[Faces], threshold: float) -> dict[str, Any]:
    """Average precision, recall, and boxes right and wrong from the threshold on."""
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    curve = precision_recall(truths, found, iou_threshold=MATCH_IOU, min_height=MIN_FACE_HEIGHT)
    return {
        "ap": round(curve.average_precision, 4),
        "recall_at_1_false_a_photo": round(curve.recall_at(1.0), 4),
        "own_threshold": _counted(curve, threshold),
    }


def _counted(curve: PrecisionRecall, threshold: float) -> dict[str, int]:
    at = curve.at_score(float(np.float32(threshold)))
    right = round(at["recall"] * curve.n_faces)
    wrong = round(at["false_per_photo"] * curve.n_photos)
    return {"boxes": right + wrong, "right": right, "wrong": wrong, "missed": curve.n_faces - right}


def _n_faces(photo: AnnotatedPhoto) -> int:
    """Faces that count."""
    heights = photo.boxes[:, 3] - photo.boxes[:, 1]
    return int((~photo.ignored & (heights >= MIN_FACE_HEIGHT)).sum())


if __name__ == "__main__":
    main()
