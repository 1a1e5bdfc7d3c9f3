"""How many crops a second a training learns from: two processes of a thread, one of two threads.

    python benchmarks/two_processes.py --photos PHOTOS [--pairs 3] [--seconds 120] [--limit 300]

PHOTOS holds `train.coco.json` and `train/`. `facesmith train --from scratch` is run on the first
photos in turns: with `--devices 2 --threads 1`, and with `--threads 2`. The command that goes first
changes from pair to pair. Each run is stopped after so many seconds of training. Counted are whole
passes over the photos, without the first, in which photos are read, and without validation, which
is the first process's alone. Crops have the sizes of the first three quarters of a training. Every
fourth step takes a quarter of a batch, of crops with twice the side, and is counted as a whole
batch: in both ways alike, so that the ratio stands, but crops a second are more than were learned.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from about import ROOT, about
from photo_options import read_options

WAYS = {
    "two_processes_of_a_thread": ("--devices", "2", "--threads", "1"),
    "one_process_of_two_threads": ("--threads", "2"),
}
NEVER = 1_000_000  # epochs


def main() -> None:
    arguments = _arguments()
    made = about(("torch", "lightning-fabric", "numpy", "pillow"), threads=2)
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        words = _command(arguments, Path(folder))
        for pair in range(arguments.pairs):
            for way in sorted(WAYS, reverse=bool(pair % 2)):
                run = Path(folder) / f"{way}-{pair}"
                subprocess.run([*words, "--out", str(run), *WAYS[way]], check=True)
                found[way].append(_speed(run))
                print(f"{way}: {found[way][-1]}", flush=True)
    two, one = ([run["crops_per_second"] for run in found[way]] for way in WAYS)
    result = {
        "about": made,
        "photos": arguments.limit,
        "seconds_a_run": arguments.seconds,
        "ratio": round(statistics.median(a / b for a, b in zip(two, one, strict=True)), 3),
        "ratios": [round(a / b, 3) for a, b in zip(two, one, strict=True)],
        **found,
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True, help="see above")
    parser.add_argument("--pairs", type=int, default=3, help="default: 3")
    parser.add_argument("--seconds", type=float, default=120, help="of each run; default: 120")
    parser.add_argument("--limit", type=int, default=300, help="photos; default: 300")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/two_processes.json")
    return read_options(parser)


def _command(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """The training, without its run folder and its processes."""
    labels = json.loads((arguments.photos / "train.coco.json").read_text())
    labels["images"] = sorted(labels["images"], key=lambda each: each["file_name"])
    labels["images"] = labels["images"][: arguments.limit]
    kept = {image["id"] for image in labels["images"]}
    labels["annotations"] = [each for each in labels["annotations"] if each["image_id"] in kept]
    (folder / "labels.json").write_text(json.dumps(labels))
    loop = {"epochs": NEVER, "validate_every": NEVER}
    settings = {"quantise_loss": -1.0, "proposals": {"loop": loop}}
    (folder / "settings.json").write_text(json.dumps(settings))
    return [
        sys.executable, "-m", "facesmith", "train", str(folder / "labels.json"),
        "--images", str(arguments.photos / "train"), "--from", "scratch", "--no-refiner",
        "--no-cross-validation", "--config", str(folder / "settings.json"),
        "--time-limit", str(arguments.seconds), "--quiet",
    ]  # fmt: skip


def _speed(run: Path) -> dict[str, Any]:
    """Crops a second of the whole passes after the first."""
    config = json.loads((run / "config.json").read_text())["config"]["proposals"]
    metrics = json.loads((run / "metrics.json").read_text())
    learned = (metrics["photos"] - metrics["photos_held_out"]) * config.get("rounds", 1)
    steps, size, every = learned // config["batch_size"], config["batch_size"], config["wide_every"]
    wide = steps // every if every else 0  # steps with a quarter of the crops, twice as wide
    crops = (steps - wide) * size + wide * max(size // 4, 1)
    with (run / "proposals" / "log.csv").open(newline="") as file:
        ends = [float(row["seconds"]) for row in csv.DictReader(file)][:-1]  # the last was cut off
    if len(ends) < 2:
        sys.exit("No pass over the photos after the first was finished: raise --seconds.")
    passes = len(ends) - 1
    return {
        "crops_per_second": round(crops * passes / (ends[-1] - ends[0]), 2),
        "passes": passes,
        "crops_a_pass": crops,
    }


if __name__ == "__main__":
    main()
