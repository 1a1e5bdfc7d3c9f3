"""What detectors find in the sets that are reported on, by pose too, and their false boxes.

    python benchmarks/recall_report.py --photos PHOTOS --detector yunet:yunet_n.onnx \
        --detector yunet:yunet_s.onnx --points yunet_n.onnx \
        --face-free negatives=PHOTOS/negatives --face-free monkeys=MONKEYS_HELD_OUT

Poses are told from the points of a YuNet (`--points`), see `facesmith.curation.poses`. Faces of
16 px and more; precision and recall at an IoU of 0.4, at each detector's default threshold and, for
facesmith, at the one of `facesmith detect --find-all`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from about import about
from facesmith.annotations import AnnotatedPhoto, load_face_free
from facesmith.boxes import box_iou
from facesmith.curation.poses import poses_of
from facesmith.detection.detector import load_detector
from facesmith.evaluation.baselines import Baseline
from facesmith.evaluation.baselines.yunet import YuNet
from facesmith.evaluation.compare import at_threshold
from facesmith.faces import Faces
from facesmith.images import read_photo
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall
from looked_at import looked_at
from photo_options import OURS, open_detectors, photo_options, photos_of_set, read_options

SETS = ("val_people", "val_other_domain", "val_same_domain")
MIN_HEIGHT, MIN_SCORE = 16.0, 0.001
LOOSE_IOU = 0.4


def main() -> None:
    parser = photo_options((__doc__ or "").split("\n", maxsplit=1)[0], "recall_report.json")
    parser.add_argument("--face-free", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--points", type=Path, help="weights of a YuNet, for the poses")
    arguments = read_options(parser)
    made = about(("numpy", "onnxruntime", "pillow"), threads=1)  # of the code as it starts
    detectors = open_detectors(arguments)
    thresholds = {label: {"default": detector.min_score} for label, detector in detectors.items()}
    find_all = load_detector(arguments.model).find_all_score
    if find_all is not None:
        thresholds[OURS]["find_all"] = find_all
    points_of = YuNet(arguments.points) if arguments.points else None
    result: dict[str, Any] = {"about": made}
    for set_name in SETS:
        photos = photos_of_set(arguments.photos, set_name, arguments.limit)
        seen = looked_at(set_name, photos)
        poses = [photo_poses(points_of, photo) for photo in photos] if points_of else None
        rows = result[set_name] = {}
        for label, detector in detectors.items():
            found = [find(detector, photo) for photo in photos]
            rows[label] = {
                "as_annotated": figures(photos, found, thresholds[label]),
                "looked_at": figures(seen, found, thresholds[label]),
            }
            if poses:
                rows[label]["recall_by_pose"] = by_pose(photos, found, poses, detector.min_score)
            print(set_name, label, json.dumps(rows[label]), flush=True)
    for word in arguments.face_free:
        name, _, folder = word.partition("=")
        photos = load_face_free([folder]).photos[: arguments.limit]
        for label, detector in detectors.items():
            scores = np.concatenate([find(detector, photo).scores for photo in photos])
            row = {"photos": len(photos)} | {
                name: round(float((scores >= np.float32(threshold)).sum()) / len(photos), 4)
                for name, threshold in thresholds[label].items()
            }
            result.setdefault(name, {})[label] = row
            print(name, label, json.dumps(row), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def find(detector: Baseline, photo: AnnotatedPhoto, min_score: float = MIN_SCORE) -> Faces:
    """What a detector finds in a photo."""
    return detector(read_photo(photo.path).image, min_score=min_score)


def figures(
    photos: Sequence[AnnotatedPhoto], found: Sequence[Faces], thresholds: dict[str, float]
) -> dict[str, Any]:
    """AP, recall at given rates of false boxes, and the rates at the detector's thresholds."""
    truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
    tight, loose = (
        precision_recall(truths, found, iou_threshold=iou, min_height=MIN_HEIGHT)
        for iou in (0.5, LOOSE_IOU)
    )
    plain = {
        "ap50": tight.average_precision,
        "ap40": loose.average_precision,
        "recall_at_0.1": loose.recall_at(0.1),
        "recall_at_1": loose.recall_at(1.0),
        "without_any_box": 1 - float(loose.recall[-1]) if len(loose.recall) else 1.0,
    }
    return rounded(plain) | {
        name: rounded(asdict(at_threshold(loose, threshold)))
        for name, threshold in thresholds.items()
    }


def rounded(values: dict[str, Any]) -> dict[str, float]:
    """The values with four decimals."""
    return {name: round(float(value), 4) for name, value in values.items()}


def photo_poses(judge: YuNet, photo: AnnotatedPhoto) -> list[str]:
    """The pose of each annotated face."""
    faces, points = judge.with_points(read_photo(photo.path).image, min_score=0.1)
    return [*poses_of(photo.boxes, faces, points)]


def by_pose(
    photos: Sequence[AnnotatedPhoto],
    found: Sequence[Faces],
    poses: Sequence[Sequence[str]],
    threshold: float,
) -> dict[str, dict[str, int]]:
    """How many faces of each pose there are, and how many of them are found at the threshold."""
    counts: dict[str, dict[str, int]] = {}
    for photo, faces, kinds in zip(photos, found, poses, strict=True):
        sure = faces.boxes[faces.scores >= threshold]
        hit = box_iou(photo.boxes, sure).max(axis=1, initial=0) >= LOOSE_IOU
        tall = photo.boxes[:, 3] - photo.boxes[:, 1] >= MIN_HEIGHT
        for i in np.flatnonzero(~photo.ignored & tall).tolist():
            count = counts.setdefault(kinds[i], {"faces": 0, "found": 0})
            count["faces"] += 1
            count["found"] += int(hit[i])
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    main()
