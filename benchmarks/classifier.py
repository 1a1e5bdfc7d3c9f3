"""The classifiers on photos that they were not trained on: accuracy, area, time of training.

    python benchmarks/classifier.py --photos PHOTOS

Prepares the exercise's number of patches from PHOTOS/train and PHOTOS/negatives, trains each
network on them with its defaults, and judges it on patches of PHOTOS/val_other_domain.
`results/README.md` says what the sets are and how the figures come about.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from about import ROOT, about
from facesmith.annotations import load_annotations, load_face_free
from facesmith.detection.classifier import load_classifier
from facesmith.evaluation.roc_report import report
from facesmith.files import checksum
from facesmith.patches import KINDS, Patches, load_patches, save_patches
from facesmith.patches.prepare import PrepareConfig, prepare_patches
from facesmith.training.classifier import WEIGHTS_NAME, train_classifier
from facesmith.training.classifier_config import ClassifierConfig

TRAINED_ON = "train"
FACE_FREE = "negatives"
JUDGED_ON = "val_other_domain"
N_JUDGED = 1_200  # rows: each of the faces about twice, and as many patches that show none


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--photos", type=Path, default=os.environ.get("FACESMITH_PHOTOS"), help="see above"
    )
    parser.add_argument("--network", action="append", help="may be repeated; default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the weights, order and changes")
    parser.add_argument("--work", type=Path, help="keep patches and run folders here")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/classifier.json")
    arguments = parser.parse_args()
    if arguments.photos is None or not arguments.photos.is_dir():
        parser.error(f"no photos in {arguments.photos}; pass --photos or set FACESMITH_PHOTOS")
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(arguments, arguments.work or Path(temporary))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for row in result["networks"]:
        judged = row["judged"]
        print(
            f"{row['network']:14} accuracy {judged['accuracy']:.4f} {judged['accuracy_95']}   "
            f"AUC {judged['auc']:.4f} {judged['auc_95']}   {row['seconds']:.0f} s   "
            f"{row['patches_per_second']:,.0f} patches/s"
        )


def measure(arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Prepare, train, judge; the content of the results file."""
    work.mkdir(parents=True, exist_ok=True)
    training_path, judged_path = work / "train.npz", work / "judged.npz"
    if not training_path.exists():
        save_patches(training_path, _prepared(arguments.photos, TRAINED_ON, FACE_FREE))
    if not judged_path.exists():
        judged = _prepared(arguments.photos, JUDGED_ON, None, PrepareConfig(count=N_JUDGED))
        save_patches(judged_path, judged)
    training, judged = load_patches(training_path), load_patches(judged_path)
    networks = arguments.network or ["compact", "pointwise", "tiny-darknet"]
    return {
        "about": about(("torch", "lightning-fabric", "numpy", "onnxruntime"), arguments.threads),
        "protocol": {
            "trained_on": {"set": TRAINED_ON, **_described(training_path, training)},
            "judged_on": {"set": JUDGED_ON, **_described(judged_path, judged)},
            "accuracy": "at a score of 0.5",
            "intervals": "95 %, bootstrap over photos",
        },
        "networks": [
            _trained(name, training_path, judged, work / name, arguments) for name in networks
        ],
    }


def _prepared(
    photos: Path, name: str, face_free: str | None, config: PrepareConfig | None = None
) -> Patches:
    print(f"patches of {name}", file=sys.stderr)
    annotations = load_annotations(photos / f"{name}.coco.json", photos / name)
    free = load_face_free([photos / face_free]) if face_free else None
    return prepare_patches(annotations, free, config)


def _described(path: Path, patches: Patches) -> dict[str, Any]:
    counts = {kind: int(np.sum(patches.kinds == i)) for i, kind in enumerate(KINDS)}
    return {
        "rows": len(patches),
        "photos": len(patches.photo_names),
        "kinds": {kind: count for kind, count in counts.items() if count},
        "checksum": checksum(path)[:16],
    }


def _trained(
    name: str, training_path: Path, judged: Patches, run: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    print(f"training {name}", file=sys.stderr)
    config = ClassifierConfig.for_network(name)
    loop = replace(config.loop, threads=arguments.threads, seed=arguments.seed)
    cpu_before, before = _cpu_seconds(), time.monotonic()
    metrics = train_classifier(training_path, run, replace(config, loop=loop), force=True)
    seconds, cpu = time.monotonic() - before, _cpu_seconds() - cpu_before
    scores = load_classifier(run / WEIGHTS_NAME)(judged.images)
    labels = judged.labels[:, 0]
    figures = report(labels, scores, photos=judged.photo_indices, network=name, rows=JUDGED_ON)
    best = figures.curve.best
    wrong = (scores >= 0.5) != labels
    return {
        "network": name,
        "parameters": metrics["parameters"],
        "epochs": metrics["epochs"],
        "seconds": round(seconds, 1),  # all of it: reading, training, export and check
        "cpu_seconds": round(cpu, 1),
        "patches_per_second": metrics["patches_per_second"],
        "judged": {
            "accuracy": round(figures.accuracy, 4),
            "accuracy_95": _rounded(figures.intervals.accuracy),
            "auc": round(figures.curve.auc, 5),
            "auc_95": _rounded(figures.intervals.auc),
            "best": {
                "threshold": round(best.threshold, 4),
                "tpr": round(best.tpr, 4),
                "fpr": round(best.fpr, 4),
                "accuracy": round(figures.accuracy_at_best, 4),
            },
            "wrong_by_kind": {
                kind: round(float(wrong[judged.kinds == i].mean()), 4)
                for i, kind in enumerate(KINDS)
                if (judged.kinds == i).any()
            },
        },
        "held_out_of_train": metrics["test"],
    }


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(value, 4) for value in interval]


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
