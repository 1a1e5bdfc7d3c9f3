"""Milliseconds at 640x480 for photos of one face and of about twenty, beside baselines.

    python benchmarks/few_and_many_faces.py --photos PHOTOS --detector yunet:WEIGHTS/yunet_s.onnx

PHOTOS holds val_same_domain and its COCO JSON. Photos are stretched to 640x480; from the array to
the faces, one thread, each detector at its own threshold, taking turns on every photo.
"""

from __future__ import annotations

import json
from typing import Any

from about import about
from facesmith.annotations import AnnotatedPhoto
from facesmith.evaluation.baselines import Baseline
from facesmith.evaluation.compare import read_resized
from facesmith.evaluation.timing import time_in_turns
from facesmith.files import checksum
from photo_options import open_detectors, photo_options, photos_of_set, read_options

SET = "val_same_domain"
SIZE_WH = (640, 480)
N_FACES = {"one face": (1, 1), "about twenty": (17, 23)}  # annotated; minimum and maximum
N_PHOTOS = 6
ROUNDS = 40


def main() -> None:
    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "few_and_many_faces.json")
    arguments = read_options(parser)
    baselines = open_detectors(arguments)
    photos = photos_of_set(arguments.photos, SET, arguments.limit)
    result = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": {
            label: {path.name: checksum(path)[:16] for path in baseline.weights_paths}
            for label, baseline in baselines.items()
        },
        "rounds": ROUNDS,
        "conditions": [
            {"condition": condition, **_measure(baselines, _chosen(photos, *limits))}
            for condition, limits in N_FACES.items()
        ],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["conditions"], indent=2))


def _chosen(photos: tuple[AnnotatedPhoto, ...], n_min: int, n_max: int) -> list[AnnotatedPhoto]:
    """The first photos, by name, that are wider than high and have so many faces."""
    fitting = [
        photo
        for photo in sorted(photos, key=lambda photo: photo.name)
        if n_min <= len(photo.boxes) <= n_max and photo.width > photo.height
    ]
    return fitting[:N_PHOTOS]


def _measure(baselines: dict[str, Baseline], photos: list[AnnotatedPhoto]) -> dict[str, Any]:
    images = [read_resized(photo.path, SIZE_WH) for photo in photos]
    timed = time_in_turns(baselines, images, rounds=ROUNDS)
    return {
        "photos": len(photos),
        "faces_annotated": [len(photo.boxes) for photo in photos],
        "faces_found": {
            label: [len(baseline(image)) for image in images]
            for label, baseline in baselines.items()
        },
        "ms": {label: round(timing.median_ms, 2) for label, timing in timed.items()},
    }


if __name__ == "__main__":
    main()
