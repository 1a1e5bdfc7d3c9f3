"""Hard faces: tilted, upside down, filling the frame, cut by the border, small, in crowds.

    python benchmarks/hard_faces.py --photos PHOTOS --detector yunet:WEIGHTS/yunet_n.onnx

PHOTOS holds, for each set, a folder of photos and its COCO JSON beside it. Each detector sees the
same views of the same photos, in rotations. `results/README.md` says how the figures come about.

With --held-out the photos are those that trainings hold out of PHOTOS/train and PHOTOS/negatives:
settings are chosen there, by the views of --condition.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from about import about
from facesmith.annotations import AnnotatedPhoto
from facesmith.detection.rotations import UPRIGHT, detect_rotated
from facesmith.evaluation.baselines import Baseline
from facesmith.evaluation.compare import at_threshold
from facesmith.faces import Faces
from facesmith.files import checksum
from facesmith.images import read_image
from facesmith.metrics.average_precision import AnnotatedFaces, precision_recall
from hard_views import CONDITIONS, Condition, View, views_of, whole
from photo_options import (
    held_out_photos,
    open_detectors,
    photo_options,
    photos_of_set,
    read_options,
)

SETS = ("val_same_domain", "val_other_domain")
HELD_OUT = "held_out"
BOTH = "both"  # all sets together
IOUS = (0.5, 0.4)
MIN_SCORE = 0.01
FALSE_A_PHOTO = 0.1

Found = dict[tuple[str, str, str], list[Faces]]  # by set, condition and detector
Truths = dict[tuple[str, str], list[AnnotatedFaces]]  # by set and condition


def main() -> None:
    arguments = _arguments()
    baselines = open_detectors(arguments)
    made = about(("numpy", "onnxruntime", "pillow"), threads=1)  # of the code as it starts
    found: Found = defaultdict(list)
    truths: Truths = defaultdict(list)
    conditions = [
        condition
        for condition in CONDITIONS
        if not arguments.condition or condition.name in arguments.condition
    ]
    sets = _sets(arguments)
    for set_name, photos in sets.items():
        for number, photo in enumerate(photos, start=1):
            _look(baselines, photo, set_name, conditions, found, truths)
            if number % 25 == 0 or number == len(photos):
                print(f"{set_name}: {number} of {len(photos)} photos", file=sys.stderr)
    result = {
        "about": made,
        "weights": {
            label: {path.name: checksum(path)[:16] for path in baseline.weights_paths}
            for label, baseline in baselines.items()
        },
        "photos_a_set": arguments.limit or "all",
        "thresholds": {label: baseline.min_score for label, baseline in baselines.items()},
        "conditions": [
            {
                "condition": condition.name,
                **_figures(condition.name, sets, baselines, found, truths),
            }
            for condition in conditions
        ],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    _print(result, list(baselines))


def _arguments() -> argparse.Namespace:
    description = (__doc__ or "").split("\n", maxsplit=1)[0]
    parser = photo_options(description, "hard_faces.json")
    parser.add_argument(
        "--held-out", action="store_true", help="the photos held out from training instead"
    )
    parser.add_argument(
        "--condition", action="append", choices=[condition.name for condition in CONDITIONS],
        metavar="NAME", help="only these views, as the results name them; may be repeated",
    )  # fmt: skip
    return read_options(parser)


def _sets(arguments: argparse.Namespace) -> dict[str, Sequence[AnnotatedPhoto]]:
    """The photos to show, by set."""
    folder: Path = arguments.photos
    if arguments.held_out:
        return {HELD_OUT: held_out_photos(folder)[: arguments.limit]}
    return {name: photos_of_set(folder, name, arguments.limit) for name in SETS}


def _look(
    baselines: dict[str, Baseline],
    photo: AnnotatedPhoto,
    set_name: str,
    conditions: Sequence[Condition],
    found: Found,
    truths: Truths,
) -> None:
    """All views of one photo, each seen by all detectors."""
    view = whole(photo, read_image(photo.path))
    seen: dict[str, Faces] = {}  # what was found in the photo as it is
    for condition in conditions:
        for hard in views_of(condition, photo, view):
            truths[set_name, condition.name].append(AnnotatedFaces(hard.boxes, hard.ignored))
            for label, baseline in baselines.items():
                as_it_is = hard.image is view.image and condition.rotations == UPRIGHT
                faces = seen.get(label) if as_it_is else None
                if faces is None:
                    faces = _find(baseline, hard, condition.rotations)
                if as_it_is:
                    seen[label] = faces
                found[set_name, condition.name, label].append(faces)


def _find(baseline: Baseline, view: View, rotations: tuple[int, ...]) -> Faces:
    def look(image: np.ndarray) -> Faces:
        return baseline(image, min_score=MIN_SCORE)

    return look(view.image) if rotations == UPRIGHT else detect_rotated(look, view.image, rotations)


def _figures(
    condition: str,
    sets: Iterable[str],
    baselines: dict[str, Baseline],
    found: Found,
    truths: Truths,
) -> dict[str, dict[str, Any]]:
    """Of each set, and of all together: numbers of views and faces, and each detector's row."""
    figures = {}
    for name, parts in (*((name, (name,)) for name in sets), (BOTH, tuple(sets))):
        there = [truth for part in parts for truth in truths[part, condition]]
        row: dict[str, Any] = {
            "views": len(there),
            "faces": sum(int((~truth.ignored).sum()) for truth in there),
        }
        for label, baseline in baselines.items():
            seen = [faces for part in parts for faces in found[part, condition, label]]
            row[label] = _row(there, seen, baseline)
        figures[name] = row
    return figures


def _row(
    truths: list[AnnotatedFaces], found: list[Faces], baseline: Baseline
) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for iou in IOUS:
        curve = precision_recall(truths, found, iou_threshold=iou)
        own = at_threshold(curve, baseline.min_score)
        row[f"ap_{iou}"] = _plain(curve.average_precision)
        row[f"recall_at_{FALSE_A_PHOTO}_false_a_photo_{iou}"] = _plain(
            curve.recall_at(FALSE_A_PHOTO)
        )
        row[f"recall_at_threshold_{iou}"] = _plain(own.recall)
        row[f"false_a_photo_at_threshold_{iou}"] = _plain(own.false_per_photo)
    return row


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


def _print(result: dict[str, Any], labels: list[str]) -> None:
    """AP and recall at 0.1 false boxes a photo and at the threshold, overlap 0.5, both sets."""
    print(f"{'AP / recall at 0.1 false / recall at threshold':48}{'faces':>6}", end="")
    print("".join(f"{label:>20}" for label in labels))
    names = ("ap_0.5", f"recall_at_{FALSE_A_PHOTO}_false_a_photo_0.5", "recall_at_threshold_0.5")
    for row in result["conditions"]:
        both = row[BOTH]
        print(f"{row['condition']:48}{both['faces']:6}", end="")
        for label in labels:
            values = [both[label][name] for name in names]
            print("  " + "/".join(" --- " if v is None else f"{v:5.3f}" for v in values), end=" ")
        print()


if __name__ == "__main__":
    main()
