"""Time, memory and agreement of `facesmith benchmark fddb`, beside a plain script with OpenCV.

    python benchmarks/fddb.py --fddb FDDB

The results file says what is measured. FDDB: a folder with the folds, `image_sizes.csv`,
`pyface_detections.txt` and the official tool's `pyface_DiscROC.txt` and `pyface_ContROC.txt`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from about import ROOT, about

_EVALUATE = """
import json, sys, time
from facesmith.evaluation.fddb import evaluate_fddb
folder, out = sys.argv[1:]
start = time.perf_counter(), time.process_time()
result = evaluate_fddb(
    folder, f"{folder}/pyface_detections.txt", image_sizes=f"{folder}/image_sizes.csv"
)
result.curves.write(out)
taken = time.perf_counter() - start[0], time.process_time() - start[1]
versions = {}
"""

# What most would write: a mask for each face and box, SciPy's assignment for every threshold.
_PLAIN = """
import csv, glob, json, sys, time
import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
folder, out = sys.argv[1:]
start = time.perf_counter(), time.process_time()
cv2.setNumThreads(1)
PI = 3.14156
def read(paths):
    entries = {}
    for path in paths:
        lines = open(path).read().replace("\\x1a", "").splitlines()
        at = 0
        while at < len(lines):
            n = int(lines[at + 1])
            rows = [[float(v) for v in line.split()] for line in lines[at + 2 : at + 2 + n]]
            entries[lines[at]] = rows
            at += 2 + n
    return entries
def point(x, y):
    return round(float(np.float32(x))), round(float(np.float32(y)))
def mask(image):
    return np.zeros((sizes[image][1], sizes[image][0]), np.uint8)
sizes = {row["image"]: (int(row["width"]), int(row["height"]))
         for row in csv.DictReader(open(f"{folder}/image_sizes.csv"))}
faces = read(sorted(glob.glob(f"{folder}/*ellipseList.txt")))
found = read([f"{folder}/pyface_detections.txt"])
n_faces = sum(map(len, faces.values()))
steps = []
for image, ellipses in faces.items():
    scores = np.array([row[4] for row in found[image]])
    drawn_faces, drawn_boxes = [], []
    for a, b, t, x, y, _ in ellipses:
        degrees = 180 - (PI - t) * 180 / PI
        drawn_faces.append(cv2.ellipse(
            mask(image), point(x, y), (int(a), int(b)), degrees, 0, 360, 1, -1) > 0)
    for x, y, w, h, _ in found[image]:
        drawn_boxes.append(cv2.rectangle(mask(image), point(x, y), point(x + w, y + h), 1, -1) > 0)
    iou = np.array([[(f & b).sum() / (f | b).sum() for b in drawn_boxes] for f in drawn_faces])
    if not len(scores):
        steps.append([(sys.float_info.max, 0, 0.0, 0)])
        continue
    results = []
    for threshold in np.unique(scores):
        kept = iou[:, scores >= threshold]
        values = kept[linear_sum_assignment(-kept)]
        n = int((values > 0.5).sum())
        results.append((threshold, n, values.sum(), kept.shape[1] - n))
    steps.append(results)
thresholds = np.unique([t for results in steps for t, *_ in results])
total = np.zeros((len(thresholds), 3))
for results in steps:
    own = np.array(results)
    at = np.searchsorted(own[:, 0], thresholds)
    total[at < len(own)] += own[at[at < len(own)], 1:]
with open(f"{out}/DiscROC.txt", "w", newline="") as disc, \\
        open(f"{out}/ContROC.txt", "w", newline="") as cont:
    for t, (n, overlap, false) in zip(thresholds, total):
        disc.write(f"{n / n_faces:.6g} {false:.0f} {t:.6g}\\r\\n")
        cont.write(f"{overlap / n_faces:.6g} {false:.0f}\\r\\n")
taken = time.perf_counter() - start[0], time.process_time() - start[1]
versions = {"versions": {"numpy": np.__version__, "opencv": cv2.__version__}}
"""
_REPORT = """
status = open("/proc/self/status").read()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps({"seconds": taken[0], "cpu_seconds": taken[1], "peak_mb": peak} | versions))
"""


def main() -> None:
    arguments = _arguments()
    scripts = {"facesmith": _EVALUATE}
    if importlib.util.find_spec("cv2") or arguments.opencv_python:
        scripts["plain script with OpenCV"] = _PLAIN
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in scripts}
    for _ in range(arguments.turns):
        for name, script in scripts.items():
            python = arguments.opencv_python if script is _PLAIN else None
            runs[name].append(_run(python or sys.executable, script, arguments.fddb))
    result = {
        "about": about(("numpy",), threads=1),
        "protocol": {
            "images": "FDDB's ten folds: 2,845 images, 5,171 faces; pyface's 5,805 detections",
            "seconds": "reading, overlaps, matching, curves and writing; without imports",
            "process_seconds": "of the whole Python process, start and imports included",
            "cpu": "the same without waiting for other programs: compare these on a busy machine",
            "peak_mb": "of the whole process",
            "turns": arguments.turns,
        },
        "methods": [_summary(name, each) for name, each in runs.items()],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for row in result["methods"]:
        print(json.dumps(row))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fddb", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--opencv-python", help="Python of an environment with OpenCV and SciPy for the script"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/fddb.json")
    return parser.parse_args()


def _run(python: str, script: str, fddb: Path) -> dict[str, Any]:
    """One turn in a process of its own, on one core where the system can."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    core = min(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as out:
        start, used = time.perf_counter(), os.times()
        done = subprocess.run(
            [python, "-c", script + _REPORT, str(fddb), out],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        process_seconds = time.perf_counter() - start
        values: dict[str, Any] = json.loads(done.stdout)
        after = os.times()
        values["process_seconds"] = process_seconds
        values["process_cpu_seconds"] = (after.children_user - used.children_user) + (
            after.children_system - used.children_system
        )
        for name in ("DiscROC", "ContROC"):
            ours = (Path(out) / f"{name}.txt").read_bytes().splitlines()
            official = (fddb / f"pyface_{name}.txt").read_bytes().splitlines()
            pairs = zip(ours, official, strict=False)
            values[f"{name}_rows"] = len(official)
            values[f"{name}_rows_alike"] = sum(one == other for one, other in pairs)
    return values


def _summary(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    timed = ("seconds", "cpu_seconds", "process_seconds", "process_cpu_seconds", "peak_mb")
    medians = {key: round(statistics.median(run[key] for run in runs), 3) for key in timed}
    alike = {key: value for key, value in runs[0].items() if key not in timed}
    rounded = [{key: round(run[key], 3) for key in timed} for run in runs]
    return {"name": name, **medians, **alike, "runs": rounded}


if __name__ == "__main__":
    main()
