"""The detector beside its peers: average precision, false boxes and time, on the same photos.

    python benchmarks/detection.py --photos PHOTOS --peer yunet_n=PEERS/yunet_n.onnx

PHOTOS holds, for each set, a folder of photos and its COCO JSON beside it; `negatives` has no face.
`results/README.md` says what the sets are and how the figures come about.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from about import ROOT, about
from facesmith.annotations import AnnotatedPhoto, load_annotations, load_face_free
from facesmith.detector import Detector, load_detector, shipped_weights
from facesmith.evaluation.average_precision import (
    AnnotatedFaces,
    PrecisionRecall,
    precision_recall,
)
from facesmith.faces import Faces
from facesmith.files import checksum
from facesmith.images import read_image
from facesmith.training.proposals import ProposalConfig, hold_out
from yunet import YuNet

ANNOTATED = ("val_same_domain", "val_other_domain")
FACE_FREE = "negatives"
MIN_HEIGHT = 16  # pixels; smaller faces are ignored
LEAST_SCORE = 0.02  # what the curves begin with
COMMON_RECALL = 0.9  # at which false boxes on face-free photos are compared, at IoU 0.4
SIZES_WH = ((640, 480), (1280, 720))
N_TIMED = 12  # photos

Find = Callable[..., Faces]


def main() -> None:
    arguments = _arguments()
    ours = load_detector(arguments.model, threads=1)
    finders = _finders(ours, arguments.peer)
    sets = {name: _photos(arguments.photos, name, arguments.limit) for name in ANNOTATED}
    face_free = _photos(arguments.photos, FACE_FREE, arguments.limit)
    thresholds: dict[str, float] = {}
    rows = {name: {"detector": name} for name in finders}
    curves: dict[str, PrecisionRecall] = {}
    for set_name, photos in sets.items():
        truths = [AnnotatedFaces(photo.boxes, photo.ignored) for photo in photos]
        for name, find in finders.items():
            found = [find(read_image(p.path), min_score=LEAST_SCORE) for p in _told(photos, name)]
            stored = ours.min_score if name == "facesmith" else None
            rows[name][set_name], curves[name] = _accuracy(truths, found, stored)
    for name, curve in curves.items():  # of the last set, which is the honest one
        reached = curve.scores[curve.recall >= COMMON_RECALL]
        thresholds[name] = float(reached[0]) if len(reached) else LEAST_SCORE
    held_out = _held_out_face_free(arguments.photos)
    for name, find in finders.items():
        found = [find(read_image(p.path), min_score=LEAST_SCORE) for p in _told(face_free, name)]
        kept = [
            faces for p, faces in zip(face_free, found, strict=True) if p.path.resolve() in held_out
        ]
        for where, chosen in ((FACE_FREE, found), (f"{FACE_FREE}_held_out", kept)):
            rows[name][where] = {
                "photos": len(chosen),
                **_false_boxes(chosen, thresholds[name], f"recall {COMMON_RECALL}"),
                **_false_boxes(chosen, ours.min_score, f"score {ours.min_score}"),
            }
    for (width, height), milliseconds in _timings(finders, sets[ANNOTATED[-1]], arguments.rounds):
        for name, median in milliseconds.items():
            rows[name][f"ms_{width}x{height}"] = round(median, 2)
    result = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": _checksums(Path(arguments.model) if arguments.model else shipped_weights()),
        "protocol": {
            "min_face_height": MIN_HEIGHT,
            "common_recall": f"{COMMON_RECALL} on {ANNOTATED[-1]} at IoU 0.4",
            "photos_a_set": arguments.limit or "all",
            "timing": f"median over {arguments.rounds} rounds of {N_TIMED} photos, interleaved",
        },
        "detectors": list(rows.values()),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    _print(result)


def _checksums(weights: Path) -> dict[str, str]:
    folder = weights if weights.is_dir() else weights.parent
    return {path.name: checksum(path)[:16] for path in sorted(folder.glob("*.onnx"))}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--photos", type=Path, default=os.environ.get("FACESMITH_PHOTOS"), help="see above"
    )
    parser.add_argument("--model", help="default: the shipped weights")
    parser.add_argument("--peer", action="append", metavar="NAME=PATH", help="weights of a YuNet")
    parser.add_argument("--limit", type=int, help="only so many photos of each set, for a try")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/detection.json")
    arguments = parser.parse_args()
    arguments.peer = arguments.peer or []
    if arguments.photos is None or not arguments.photos.is_dir():
        parser.error(f"no photos in {arguments.photos}; pass --photos or set FACESMITH_PHOTOS")
    return arguments


def _finders(ours: Detector, peers: list[str]) -> dict[str, Find]:
    def proposals(image: Any, *, min_score: float = 0.5) -> Faces:
        return Faces(*ours.candidates(image, min_score))

    finders: dict[str, Find] = {"facesmith": ours, "facesmith, proposals alone": proposals}
    for peer in peers:
        name, _, path = peer.partition("=")
        finders[name] = YuNet(Path(path))
    return finders


def _photos(folder: Path, name: str, limit: int | None) -> tuple[AnnotatedPhoto, ...]:
    annotations = load_annotations(folder / f"{name}.coco.json", folder / name)
    for problem in annotations.problems[:5]:
        print(f"{name}: {problem}", file=sys.stderr)
    return annotations.photos[:limit]


def _held_out_face_free(folder: Path) -> set[Path]:
    """The face-free photos that the shipped weights were not trained on, only calibrated on."""
    photos = load_annotations(folder / "train.coco.json", folder / "train").photos
    photos += load_face_free([folder / FACE_FREE]).photos
    return {p.path.resolve() for p in hold_out(photos, ProposalConfig())[1] if not len(p.boxes)}


def _told(photos: tuple[AnnotatedPhoto, ...], name: str) -> tuple[AnnotatedPhoto, ...]:
    print(f"{name}: {len(photos)} photos", file=sys.stderr)
    return photos


def _accuracy(
    truths: list[AnnotatedFaces], found: list[Faces], threshold: float | None
) -> tuple[dict[str, Any], PrecisionRecall]:
    """Figures for the table, and the curve at IoU 0.4."""
    figures: dict[str, Any] = {}
    for iou in (0.5, 0.4):
        curve = precision_recall(truths, found, iou_threshold=iou, min_height=MIN_HEIGHT)
        figures["photos"], figures["faces"] = curve.n_photos, curve.n_faces
        figures[f"ap_{iou}"] = round(curve.average_precision, 4)
        figures[f"recall_at_0.1_false_a_photo_{iou}"] = round(curve.recall_at(0.1), 4)
        n_kept = int((curve.scores >= threshold).sum()) if threshold is not None else 0
        if n_kept:
            figures[f"at_threshold_{iou}"] = {
                "threshold": threshold,
                "precision": round(float(curve.precision[n_kept - 1]), 4),
                "recall": round(float(curve.recall[n_kept - 1]), 4),
                "false_a_photo": round(float(curve.false_per_photo[n_kept - 1]), 4),
            }
    return figures, curve


def _false_boxes(found: list[Faces], threshold: float, where: str) -> dict[str, Any]:
    numbers = np.array([(faces.scores >= threshold).sum() for faces in found])
    return {
        f"at {where}": {
            "threshold": round(threshold, 4),
            "false_a_photo": round(float(numbers.mean()), 4),
            "photos_with_one": round(float((numbers > 0).mean()), 4),
        }
    }


def _timings(
    finders: dict[str, Find], photos: tuple[AnnotatedPhoto, ...], rounds: int
) -> list[tuple[tuple[int, int], dict[str, float]]]:
    """Median milliseconds a photo, all detectors taking turns so that each meets the same load."""
    results = []
    for size_wh in SIZES_WH:
        images = [
            np.asarray(Image.fromarray(read_image(photo.path)).resize(size_wh))
            for photo in photos[:: max(len(photos) // N_TIMED, 1)][:N_TIMED]
        ]
        spent: dict[str, list[float]] = {name: [] for name in finders}
        for round_number in range(rounds + 1):
            for image in images:
                for name, find in finders.items():
                    start = time.perf_counter()
                    find(image, min_score=0.5)
                    if round_number:  # the first is for warming up
                        spent[name].append((time.perf_counter() - start) * 1e3)
        results.append((size_wh, {name: float(np.median(times)) for name, times in spent.items()}))
    return results


def _print(result: dict[str, Any]) -> None:
    same, other = ANNOTATED
    recall = f"at recall {COMMON_RECALL}"
    print(f"{'':28}  AP@0.5 same/other  AP@0.4 same/other  false boxes {recall}  ms 640x480")
    for row in result["detectors"]:
        print(
            f"{row['detector']:28}  {row[same]['ap_0.5']:.3f} / {row[other]['ap_0.5']:.3f}      "
            f"{row[same]['ap_0.4']:.3f} / {row[other]['ap_0.4']:.3f}      "
            f"{row[f'{FACE_FREE}_held_out'][recall]['false_a_photo']:.3f}"
            f"{'':23}{row['ms_640x480']:.1f}"
        )


if __name__ == "__main__":
    main()
