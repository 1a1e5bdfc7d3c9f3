"""One detector for a long time: memory over 10,000 photos, eight threads at once, peak memory.

    python benchmarks/soak.py

Images of 40 to 400 pixels a side, each of another size, cut from a drawn photo; resident memory
after every 1,000. Then eight threads on one detector, whose answers must be those of one thread.
And the peak memory of a fresh process that reads and looks at photos of 640x480. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from about import ROOT, about
from facesmith import Faces, load_detector
from facesmith.demo.synthetic.patches import draw_large_face
from facesmith.detection.detector import Detector, shipped_weights
from facesmith.files import checksum
from facesmith.images import write_image

EVERY = 1000
THREADS = 8
THREAD_CALLS = 1000
SIDES = (40, 400)
GRAIN = 4.0
VGA_CALLS = 50

# What a user's program is: read, detect, again and again.
_FRESH = """
import json, sys
def megabytes(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return round(int(line.split()[1]) / 1024, 1)
steps = {"python": megabytes("VmHWM")}
import numpy
steps["with NumPy"] = megabytes("VmHWM")
import PIL.Image
from facesmith.runtime import onnxruntime
steps["with Pillow and ONNX Runtime"] = megabytes("VmHWM")
from facesmith import load_detector, read_image
detector = load_detector(sys.argv[2] if len(sys.argv) > 2 else None)
steps["with the weights"] = megabytes("VmHWM")
for _ in range(%d):
    detector(read_image(sys.argv[1]))
steps["peak"] = megabytes("VmHWM")
print(json.dumps(steps))
"""


def main() -> None:
    arguments = _arguments()
    detector = load_detector(arguments.model)
    scene = _scene()
    result: dict[str, Any] = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": checksum(arguments.model or shipped_weights())[:16],
        "in_a_row": _in_a_row(detector, scene, arguments.photos),
        "threads_at_once": _threads_at_once(detector, scene),
        "peak_memory_640x480_mb": _peak_memory(scene, arguments.model),
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--model", type=Path, help="a detector.onnx; default: the shipped weights")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/soak.json")
    return parser.parse_args()


def _scene() -> npt.NDArray[np.uint8]:
    """A wall of drawn portraits with a camera's noise, uint8 `(800, 1200, 3)`."""
    people = [draw_large_face(0, person, 200) for person in range(24)]
    rows = [np.concatenate(people[6 * row : 6 * row + 6], axis=1) for row in range(4)]
    scene = np.concatenate(rows)
    grain = np.random.default_rng(0).standard_normal(scene.shape, dtype=np.float32) * GRAIN
    return np.clip(scene + grain, 0, 255).astype(np.uint8)


def _cut(scene: npt.NDArray[np.uint8], number: int) -> npt.NDArray[np.uint8]:
    """The image of this number: always the same."""
    rng = np.random.default_rng([1, number])
    height, width = rng.integers(SIDES[0], SIDES[1] + 1, 2)
    y, x = rng.integers(0, scene.shape[0] - height), rng.integers(0, scene.shape[1] - width)
    return scene[y : y + height, x : x + width]


def _in_a_row(detector: Detector, scene: npt.NDArray[np.uint8], n_photos: int) -> dict[str, Any]:
    resident = {0: _resident_mb()}
    n_faces = 0
    start = time.perf_counter()
    for number in range(1, n_photos + 1):
        n_faces += len(detector(_cut(scene, number)))
        if number % EVERY == 0:
            resident[number] = _resident_mb()
            print(f"{number:6}  {resident[number]:6.1f} MB", file=sys.stderr)
    middle = max(number for number in resident if number <= n_photos // 2)
    return {
        "photos": n_photos,
        "faces": n_faces,
        "seconds": round(time.perf_counter() - start, 1),
        "resident_mb": resident,
        "growth_of_last_half_mb": round(resident[max(resident)] - resident[middle], 1),
    }


def _threads_at_once(detector: Detector, scene: npt.NDArray[np.uint8]) -> dict[str, Any]:
    images = [_cut(scene, number) for number in range(THREAD_CALLS)]
    alone: list[Faces] = [detector(image) for image in images]
    before = _resident_mb()
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(detector, images))
    different = sum(a != b for a, b in zip(alone, together, strict=True))
    assert different == 0, f"{different} of {len(images)} answers differ"
    return {
        "threads": THREADS,
        "calls": len(images),
        "faces": sum(map(len, alone)),
        "different_answers": different,
        "growth_mb": round(_resident_mb() - before, 1),
    }


def _peak_memory(scene: npt.NDArray[np.uint8], model: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        vga = Image.fromarray(scene).resize((640, 480), Image.Resampling.BILINEAR)
        write_image(path, np.asarray(vga))
        command = [sys.executable, "-c", _FRESH % VGA_CALLS, str(path)]
        done = subprocess.run(
            [*command, *([str(model)] if model else [])], capture_output=True, text=True, check=True
        )
    steps: dict[str, float] = json.loads(done.stdout)
    return steps


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("/proc/self/status does not tell; this needs Linux.")


if __name__ == "__main__":
    main()
