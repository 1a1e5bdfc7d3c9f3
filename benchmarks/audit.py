"""What `facesmith audit` finds of errors that were put into annotations on purpose.

    python benchmarks/audit.py --photos PHOTOS

PHOTOS holds `train.coco.json`, `train/` and `negatives/`, the photos that the shipped weights were
trained on. Those weights judge: once the photos that they have not learned from (`split_photos`),
once as many others. In a copy of the annotations, a known share of boxes is moved to the
background, as many are drawn badly, and as many deleted; several times with other ones.

With `--folds N --run DIR` three detectors are trained instead, on two thirds each of N of the
photos with such errors in them, and judge the other third; the result is added to that of the run
before.

What is found beyond is no proof of a false alarm: the annotations have errors of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from about import ROOT, about
from facesmith.annotations import AnnotatedPhoto, load_annotations, load_face_free
from facesmith.boxes import box_intersection, box_iou
from facesmith.curation.label_audit import label_errors
from facesmith.curation.label_audit.findings import Audit, AuditConfig
from facesmith.curation.label_audit.folds import N_FOLDS, detect_in_folds, enough_epochs
from facesmith.curation.label_audit.label_errors import LOWEST_SCORE, audit_photos
from facesmith.curation.label_audit.test_time_augmentation import augmented_support, box_support
from facesmith.detection.detector import PROPOSALS_FILE, load_detector, shipped_weights
from facesmith.detection.sessions import available_cores
from facesmith.evaluation.detections import find_faces
from facesmith.faces import Faces
from facesmith.files import checksum
from facesmith.images import read_image
from facesmith.training.learned_photos import split_photos
from facesmith.training.proposals import ProposalConfig

SHARE = 0.03  # of the boxes, for each kind of error
SUSPICIONS = (0.5, 0.7, 0.8, 0.9, 0.95)
SCORES = (0.5, 0.7, 0.8, 0.9, 0.95)
WAYS = ("whole", "without closer look", "without height")


@dataclass(frozen=True, eq=False)
class Spoilt:
    """Annotations with known errors.

    Attributes:
        photos: The photos.
        moved: Photo and box of those that now lie on the background.
        drawn: Photo and box of those that overlap their face by 0.2 to 0.45.
        gone: Photo and former edges of faces that have no box any more: deleted and moved ones.
        n_deleted: How many of them were deleted; they come first.
    """

    photos: list[AnnotatedPhoto]
    moved: set[tuple[int, int]]
    drawn: set[tuple[int, int]]
    gone: list[tuple[int, npt.NDArray[np.float32]]]
    n_deleted: int


def main() -> None:
    arguments = _arguments()
    folder = arguments.photos
    annotated = load_annotations(folder / "train.coco.json", folder / "train").photos
    if arguments.folds:
        result = json.loads(arguments.out.read_text())
        step = len(annotated) / arguments.folds
        chosen = [annotated[int(i * step)] for i in range(arguments.folds)]
        result["folds"] = _cross_validate(chosen, arguments.run)
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")
        return
    face_free = load_face_free([folder / "negatives"]).photos
    learned, held_out = split_photos([*annotated, *face_free], ProposalConfig())
    names = {photo.name for photo in annotated}
    held_out = [photo for photo in held_out if photo.name in names]
    learned = [photo for photo in learned if photo.name in names]
    step = len(learned) / len(held_out)
    learned = [learned[int(i * step)] for i in range(len(held_out))]
    result: dict[str, Any] = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": checksum(shipped_weights().with_name(PROPOSALS_FILE))[:16],
        "share_of_each_error": SHARE,
        "rounds": arguments.rounds,
    }
    for name, photos in (("held_out", held_out), ("learned_from", learned)):
        result[name] = _measure(photos, arguments.rounds)
        print(json.dumps({name: result[name]}, indent=1), file=sys.stderr)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folds", type=int, metavar="PHOTOS", help="cross-validate on so many")
    parser.add_argument("--run", type=Path, help="folder for the trainings of --folds")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/audit.json")
    return parser.parse_args()


def _cross_validate(photos: Sequence[AnnotatedPhoto], run: Path) -> dict[str, Any]:
    """Three detectors, trained on photos with errors, judge those that they have not seen."""
    start = time.perf_counter()
    spoilt = _spoil(photos, 0)
    judged = detect_in_folds(spoilt.photos, run)
    seconds = time.perf_counter() - start
    detector_of = judged.detectors()
    loose = AuditConfig(min(SUSPICIONS), min(SCORES))
    first = audit_photos(spoilt.photos, judged.found, judged_by="", config=loose)
    augmented = augmented_support(first, detector_of)
    audit = audit_photos(
        spoilt.photos, judged.found, judged_by="", config=loose, augmented=augmented
    )
    return {
        "about": about(("numpy", "onnxruntime", "pillow", "torch"), threads=available_cores()),
        "photos": len(photos),
        "boxes": audit.n_boxes,
        "found": audit.n_found,
        "folds": N_FOLDS,
        "epochs": enough_epochs(len(photos) * (N_FOLDS - 1) // N_FOLDS),
        "seconds_of_training": round(seconds),
        "suspicious": [_suspicious([audit], [spoilt], limit) for limit in SUSPICIONS],
        "missed": [_missed([audit], [spoilt], limit) for limit in SCORES],
    }


class Judge:
    """The shipped weights; what was looked at closely is not looked at twice."""

    def __init__(self) -> None:
        self.detector = load_detector()
        self._seen: dict[tuple[str, bytes], float] = {}

    def augmented(self, audit: Audit) -> dict[tuple[int, int], float]:
        """As `facesmith.curation.label_audit.test_time_augmentation.augmented_support`."""
        support = {}
        for finding in audit.findings:
            if finding.reason == "no face":
                key = (finding.photo.name, finding.box.tobytes())
                if key not in self._seen:
                    image = read_image(finding.photo.path)
                    self._seen[key] = box_support(image, finding.box, self.detector)
                support[finding.photo_index, finding.box_index] = self._seen[key]
        return support


def _measure(photos: Sequence[AnnotatedPhoto], rounds: int) -> dict[str, Any]:
    judge = Judge()
    found = find_faces(judge.detector, photos, min_score=LOWEST_SCORE)
    untouched = _audits(photos, found, judge)
    spoilt = [_spoil(photos, seed) for seed in range(rounds)]
    audits = [_audits(one.photos, found, judge) for one in spoilt]
    return {
        "photos": len(photos),
        "boxes": sum(len(photo.boxes) for photo in photos),
        "as_they_are": {
            way: {str(limit): _flagged(untouched[way], limit) for limit in SUSPICIONS}
            for way in WAYS
        },
        "suspicious": {
            way: [
                _suspicious([audit[way] for audit in audits], spoilt, limit)
                for limit in SUSPICIONS
            ]
            for way in WAYS
        },
        "missed": [
            _missed([audit["whole"] for audit in audits], spoilt, limit) for limit in SCORES
        ],
    }  # fmt: skip


def _audits(
    photos: Sequence[AnnotatedPhoto], found: Sequence[Faces], judge: Judge
) -> dict[str, Audit]:
    loose = AuditConfig(min(SUSPICIONS), min(SCORES))
    first = audit_photos(photos, found, judged_by="", config=loose)
    whole = audit_photos(
        photos, found, judged_by="", config=loose, augmented=judge.augmented(first)
    )
    with patch.object(label_errors, "label_error_factor", lambda values, _: np.ones(len(values))):
        every = audit_photos(photos, found, judged_by="", config=loose)
        alike = audit_photos(
            photos, found, judged_by="", config=loose, augmented=judge.augmented(every)
        )
    return {"whole": whole, "without closer look": first, "without height": alike}


def _flagged(audit: Audit, limit: float) -> int:
    return sum(one.score >= limit and one.reason == "no face" for one in audit.findings)


def _spoil(photos: Sequence[AnnotatedPhoto], seed: int) -> Spoilt:
    rng = np.random.default_rng(seed)
    places = [(i, j) for i, photo in enumerate(photos) for j in range(len(photo.boxes))]
    order = [places[k] for k in rng.permutation(len(places))]
    n = round(SHARE * len(places))
    new: dict[tuple[int, int], npt.NDArray[np.float32]] = {}
    moved: list[tuple[int, int]] = []
    drawn: list[tuple[int, int]] = []
    while len(moved) < n or len(drawn) < n:
        i, j = order.pop()
        placed = (_on_background if len(moved) < n else _badly)(photos[i], j, rng)
        if placed is not None:
            new[i, j] = placed
            (moved if len(moved) < n else drawn).append((i, j))
    deleted = set(order[:n])
    after: list[AnnotatedPhoto] = []
    numbers: dict[tuple[int, int], tuple[int, int]] = {}
    for i, photo in enumerate(photos):
        kept = [j for j in range(len(photo.boxes)) if (i, j) not in deleted]
        numbers |= {(i, j): (i, k) for k, j in enumerate(kept)}
        boxes = [new.get((i, j), photo.boxes[j]) for j in kept]
        after.append(
            replace(
                photo,
                boxes=np.array(boxes, np.float32).reshape(-1, 4),
                ignored=photo.ignored[kept],
                attributes=tuple(photo.attributes[j] for j in kept),
                **photo.points_of(kept),
            )
        )
    gone = [(i, photos[i].boxes[j]) for i, j in (*sorted(deleted), *moved)]
    return Spoilt(after, {numbers[p] for p in moved}, {numbers[p] for p in drawn}, gone, n)


def _on_background(
    photo: AnnotatedPhoto, index: int, rng: np.random.Generator
) -> npt.NDArray[np.float32] | None:
    """The box at another place of the photo where it touches none; `None` if there is no room."""
    box = photo.boxes[index]
    size = box[2:] - box[:2]
    room = np.array([photo.width, photo.height], np.float32) - size
    for _ in range(50):
        corner = (rng.random(2) * room).astype(np.float32)
        placed = np.concatenate([corner, np.minimum(corner + size, [photo.width, photo.height])])
        placed = placed.astype(np.float32)
        if box_intersection(placed[None], photo.boxes).max() == 0:
            return placed
    return None


def _badly(
    photo: AnnotatedPhoto, index: int, rng: np.random.Generator
) -> npt.NDArray[np.float32] | None:
    """The box moved and scaled so that 0.2 to 0.45 of it are left in common."""
    box = photo.boxes[index].astype(np.float64)
    size = box[2:] - box[:2]
    for _ in range(50):
        centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.5, 0.5, 2) * size
        half = size * np.exp2(rng.uniform(-1, 1)) / 2
        placed = np.concatenate([centre - half, centre + half]).astype(np.float32)
        placed = np.clip(placed, 0, np.float32([photo.width, photo.height] * 2))
        if 0.2 <= box_iou(placed[None], box[None])[0, 0] <= 0.45:
            return placed
    return None


def _suspicious(audits: Sequence[Audit], spoilt: Sequence[Spoilt], limit: float) -> dict[str, Any]:
    """Recall of boxes that were moved or badly drawn, and how many of the others are told."""
    n_moved = n_drawn = found_moved = found_drawn = no_face = n_boxes = n_right = n_others = 0
    for audit, one in zip(audits, spoilt, strict=True):
        flagged = {
            (f.photo_index, f.box_index): f.reason
            for f in audit.of_kind("suspicious")
            if f.score >= limit or f.reason != "no face"
        }
        wrong = one.moved | one.drawn
        n_moved, n_drawn = n_moved + len(one.moved), n_drawn + len(one.drawn)
        found_moved += len(one.moved & flagged.keys())
        found_drawn += len(one.drawn & flagged.keys())
        n_right += len(wrong & flagged.keys())
        others = flagged.keys() - wrong
        n_others += len(others)
        no_face += sum(flagged[place] == "no face" for place in others)
        n_boxes += audit.n_boxes - len(wrong)
    return {
        "min_suspicion": limit,
        "recall_moved": round(found_moved / n_moved, 3),
        "recall_badly_drawn": round(found_drawn / n_drawn, 3),
        "precision_at_least": round(n_right / max(n_right + n_others, 1), 3),
        "untouched_boxes_called_no_face": round(no_face / n_boxes, 4),
        "untouched_boxes_flagged": round(n_others / n_boxes, 4),
    }


def _missed(audits: Sequence[Audit], spoilt: Sequence[Spoilt], limit: float) -> dict[str, Any]:
    """Recall of faces whose box was deleted or moved; precision counts only these as right."""
    n = n_found = n_deleted = found_deleted = n_told = 0
    for audit, one in zip(audits, spoilt, strict=True):
        told: dict[int, list[npt.NDArray[np.float32]]] = {}
        for f in audit.of_kind("missed"):
            if f.score >= limit:
                told.setdefault(f.photo_index, []).append(f.box)
                n_told += 1
        hits = [
            bool(len(told.get(i, ()))) and box_iou(box[None], np.stack(told[i])).max() >= 0.4
            for i, box in one.gone
        ]
        n, n_found = n + len(hits), n_found + sum(hits)
        n_deleted += one.n_deleted
        found_deleted += sum(hits[: one.n_deleted])
    return {
        "min_score": limit,
        "recall": round(n_found / n, 3),
        "recall_deleted": round(found_deleted / n_deleted, 3),
        "precision_at_least": round(n_found / max(n_told, 1), 3),
    }


if __name__ == "__main__":
    main()
