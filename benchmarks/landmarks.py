"""Errors of the shipped landmarks beside YuNet's, on faces kept aside, and their time.

    python benchmarks/landmarks.py --landmarks LANDMARKS --held-out FOLDER \
        --detector yunet_n=yunet:yunet_n.onnx --detector yunet_s=yunet:yunet_s.onnx

FOLDER is what `landmark_sets.py` kept aside, LANDMARKS holds the photos. Every photo gets a border
of half its longer side, since faces fill these photos. Time: one thread, a photo of 640x480 with
one and with ten faces, with and without landmarks in turn, the least of `ROUNDS`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from about import ROOT, about
from facesmith import load_detector
from facesmith.images import read_photo

OUT = ROOT / "benchmarks/results/landmarks.json"
BORDER = 0.5  # parts of the longer side
ROUNDS = 60
SIZE_WH = (640, 480)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--landmarks", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--detector", action="append", default=[], metavar="LABEL=KIND:PATH")
    parser.add_argument("--model", default="facesmith", help="default: the shipped weights")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    made = about(("numpy", "onnxruntime", "pillow"), threads=1)
    sets = {}
    for path in sorted(arguments.held_out.glob("*.json")):
        folder = arguments.landmarks / path.stem
        sets[path.stem] = errors(
            path, folder, [f"facesmith={arguments.model}", *arguments.detector]
        )
    result = {"about": made, "sets": sets, "time": times(arguments.landmarks / "portraits")}
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def errors(annotations: Path, images: Path, detectors: list[str]) -> dict[str, Any]:
    """What `facesmith benchmark landmarks` says, without the curves."""
    command = [sys.executable, "-m", "facesmith", "benchmark", "landmarks", "--json", "--quiet"]
    command += ["--annotations", str(annotations), "--images", str(images)]
    command += ["--border", str(BORDER)]
    for detector in detectors:
        command += ["--detector", detector]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return {name: _without_curves(value) for name, value in found.items() if "limits" not in name}


def _without_curves(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {name: part for name, part in value.items() if not name.startswith("cumulative")}
    return {name: _without_curves(part) for name, part in kept.items()}


def times(portraits: Path) -> dict[str, Any]:
    """Milliseconds of a photo with one and with ten faces, with and without landmarks."""
    detector = load_detector()
    result = {}
    for n_faces in (1, 10):
        image = scene(portraits, n_faces)
        n_found = len(detector(image))
        least = [np.inf, np.inf]
        for _ in range(ROUNDS):
            for way, asked in enumerate((False, True)):
                began = time.perf_counter()
                detector(image, landmarks=asked)
                least[way] = min(least[way], time.perf_counter() - began)
        without, with_landmarks = (1000 * seconds for seconds in least)
        result[str(n_faces)] = {
            "faces": n_found,
            "without": round(without, 2),
            "with": round(with_landmarks, 2),
            "a_face": round((with_landmarks - without) / max(n_found, 1), 3),
        }
    return result


def scene(portraits: Path, n_faces: int) -> npt.NDArray[np.uint8]:
    """A grey picture with so many portraits side by side in which one face each is found."""
    detector = load_detector()
    canvas = Image.new("RGB", SIZE_WH, (128, 128, 128))
    placed = 0
    for path in sorted(portraits.iterdir()):
        image = read_photo(path).image
        faces = detector(image)
        if len(faces) != 1:
            continue
        portrait = Image.fromarray(image[..., ::-1])
        portrait.thumbnail((SIZE_WH[0] // 5, SIZE_WH[1] // 2))
        canvas.paste(portrait, (placed % 5 * SIZE_WH[0] // 5, placed // 5 * SIZE_WH[1] // 2))
        placed += 1
        if placed == n_faces:
            break
    return np.ascontiguousarray(np.asarray(canvas)[..., ::-1])


if __name__ == "__main__":
    main()
