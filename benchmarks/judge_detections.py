"""Writes what several detectors find in sets of photos, one file a set and detector.

    python benchmarks/judge_detections.py --photos PHOTOS --out FOUND --set train \
        --judge shipped=facesmith --judge yunet_n=yunet:yunet_n.onnx

Each file is an `.npz` with the arrays `names` and `counts` (photos), `boxes`, `scores` and, of a
YuNet, `points` (faces, photo after photo). A file that exists is left alone. Sets without a COCO
JSON beside their folder are face-free.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facesmith.annotations import AnnotatedPhoto, load_annotations, load_face_free
from facesmith.evaluation.baselines import Baseline, open_baseline, parse_names
from facesmith.evaluation.baselines.yunet import YuNet
from facesmith.images import read_photo

MIN_SCORE = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of sets")
    parser.add_argument("--set", dest="sets", action="append", required=True)
    parser.add_argument("--judge", action="append", required=True, metavar="LABEL=KIND[:PATH]")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in parse_names(arguments.judge):
        judge = open_baseline(name)
        for photo_set in arguments.sets:
            out = arguments.out / f"{photo_set}.{name.label}.npz"
            if out.exists():
                continue
            photos = photos_of(arguments.photos, photo_set)
            arrays = found_in(photos, judge)
            np.savez(out, **arrays)  # type: ignore[arg-type]  # NumPy's stub: a flag of that name
            print(out.name, len(photos), len(arrays["scores"]), flush=True)


def photos_of(folder: Path, photo_set: str) -> tuple[AnnotatedPhoto, ...]:
    """The photos of a set."""
    annotations = folder / f"{photo_set}.coco.json"
    if annotations.is_file():
        return load_annotations(annotations, folder / photo_set).photos
    return load_face_free([folder / photo_set]).photos


def found_in(
    photos: tuple[AnnotatedPhoto, ...], judge: Baseline
) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of one file."""
    counts, boxes, scores, points = [], [], [], []
    for photo in photos:
        image = read_photo(photo.path).image
        if isinstance(judge, YuNet):
            faces, marks = judge.with_points(image, min_score=MIN_SCORE)
            points.append(marks)
        else:
            faces = judge(image, min_score=MIN_SCORE)
        counts.append(len(faces))
        boxes.append(faces.boxes)
        scores.append(faces.scores)
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "names": np.array([photo.name for photo in photos]),
        "counts": np.array(counts),
        "boxes": np.concatenate(boxes),
        "scores": np.concatenate(scores),
    }
    return arrays | ({"points": np.concatenate(points)} if points else {})


if __name__ == "__main__":
    main()
