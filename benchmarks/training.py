"""How long a training takes from random weights, and how good its detector is.

    python benchmarks/training.py --photos PHOTOS --labels LABELS.json --run RUN [--quick]

PHOTOS holds `train.coco.json`, `train/` and `negatives/`; LABELS.json are the annotations to learn
from, those of `train.coco.json` after `facesmith redraw` and `audit` for example. One command is
run and timed, from its start to its end: `facesmith train --from scratch`, with the seed that it
has by itself. Its detector is judged on the 300 photos that it held out, by the annotations as they
were and by LABELS.json. The results file has one entry for the whole training and one for
`--quick`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from about import ROOT, about
from facesmith.detection.sessions import available_cores
from facesmith.evaluation.baselines import open_baseline, parse_names
from held_out import AS_THEY_WERE, figures_of, other_labels
from photo_options import held_out_photos, read_options

TARGET = "0.995"  # precision of the stored threshold, that of the shipped weights


def main() -> None:
    arguments = _arguments()
    made = about(("numpy", "onnxruntime", "pillow", "torch"), threads=available_cores())
    result = {"about": made, **_train(arguments), **_judge(arguments)}
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    results["quick" if arguments.quick else "whole"] = result
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True, help="see above")
    parser.add_argument("--labels", type=Path, required=True, help="COCO JSON to learn from")
    parser.add_argument("--run", type=Path, required=True, help="run folder, which is kept")
    parser.add_argument("--quick", action="store_true", help="the short recipe")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/training.json")
    return read_options(parser)


def _train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command; its time, its memory and what it says of its stages."""
    folder = arguments.photos
    command = ["train", str(arguments.labels), "--images", str(folder / "train")]
    command += ["--negatives", str(folder / "negatives"), "--target-precision", TARGET]
    command += ["--out", str(arguments.run), "--quick" if arguments.quick else "--from=scratch"]
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "facesmith", *command], check=True)
    seconds = time.monotonic() - start
    metrics = json.loads((arguments.run / "metrics.json").read_text())
    return {
        "minutes": round(seconds / 60, 1),
        "minutes_of_proposals": round(metrics["proposals"]["seconds"] / 60, 1),
        "minutes_of_refiner": round(metrics["refiner"]["seconds"] / 60, 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 1),
        "epochs": [metrics[stage]["epochs"] for stage in ("proposals", "refiner")],
        "photos": metrics["photos"],
        "kept": metrics["kept"],
    }


def _judge(arguments: argparse.Namespace) -> dict[str, Any]:
    """The detector on the photos held out."""
    folder = arguments.photos
    photos = held_out_photos(folder)
    labels = other_labels([("learned", arguments.labels)], folder / "train", photos)
    detector = open_baseline(parse_names([f"facesmith:{arguments.run}"])[0])
    return figures_of(detector, photos, {AS_THEY_WERE: photos, **labels})


if __name__ == "__main__":
    main()
