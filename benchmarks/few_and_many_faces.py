"""Milliseconds at 640x480 for photos of one face and of about twenty, beside a peer.

    python benchmarks/few_and_many_faces.py --photos PHOTOS --peer PEERS/yunet_s.onnx

PHOTOS holds val_same_domain and its COCO JSON. Photos are stretched to 640x480; from the array to
the faces, one thread, each detector at its own threshold, taking turns on every photo.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from about import ROOT, about
from facesmith.annotations import AnnotatedPhoto, load_annotations
from facesmith.detector import load_detector, shipped_weights
from facesmith.files import checksum
from facesmith.images import read_photo
from facesmith.peers.yunet import YuNet

SIZE_WH = (640, 480)
N_FACES = {"one face": (1, 1), "about twenty": (17, 23)}  # annotated; least and most
N_PHOTOS = 6
ROUNDS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True, help="weights of a YuNet")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks/results/few_and_many_faces.json"
    )
    arguments = parser.parse_args()
    name = "val_same_domain"
    annotated = load_annotations(
        arguments.photos / f"{name}.coco.json", arguments.photos / name, strict=True
    ).photos
    detectors = {"facesmith": load_detector(), arguments.peer.stem: YuNet(arguments.peer)}
    result = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": checksum(shipped_weights())[:16],
        "rounds": ROUNDS,
        "photos": [
            {"condition": condition, **_measure(detectors, _chosen(annotated, *limits))}
            for condition, limits in N_FACES.items()
        ],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["photos"], indent=2))


def _chosen(annotated: tuple[AnnotatedPhoto, ...], least: int, most: int) -> list[AnnotatedPhoto]:
    """The first photos, by name, that are wider than high and have so many faces."""
    fitting = [
        photo
        for photo in sorted(annotated, key=lambda photo: photo.name)
        if least <= len(photo.boxes) <= most and photo.width > photo.height
    ]
    return fitting[:N_PHOTOS]


def _measure(detectors: dict[str, Any], photos: list[AnnotatedPhoto]) -> dict[str, Any]:
    images = [
        np.asarray(Image.fromarray(read_photo(photo.path).image).resize(SIZE_WH))
        for photo in photos
    ]
    taken: dict[str, list[float]] = {name: [] for name in detectors}
    found = {name: [len(detect(image)) for image in images] for name, detect in detectors.items()}
    for _ in range(ROUNDS):
        for image in images:
            for name, detect in detectors.items():
                start = time.perf_counter()
                detect(image)
                taken[name].append(1000 * (time.perf_counter() - start))
    ours, peer = (statistics.median(times) for times in taken.values())
    return {
        "photos": len(photos),
        "faces_annotated": [len(photo.boxes) for photo in photos],
        "faces_found": found,
        "ms": {name: round(statistics.median(times), 2) for name, times in taken.items()},
        "ratio": round(ours / peer, 3),
    }


if __name__ == "__main__":
    main()
