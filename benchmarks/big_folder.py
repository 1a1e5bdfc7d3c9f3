"""`facesmith detect` over a folder of large photos, beside what decoding them alone takes.

    python benchmarks/big_folder.py --photos-from PHOTOS/val_same_domain

It makes photos of 12 million pixels, stores them as JPEGs, and runs in turns: the whole command;
decoding alone, at the reduced size at which the command decodes; and decoding alone in full size.
All three with the same number of processes, from start to end of the program, files in the cache.

The photos are those of a folder, enlarged, with grain, so that they have as many faces as people
photograph; without the option they are drawn, with 12, 48 and 192 portraits in turns, which takes
far more refiners.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from about import ROOT, about
from facesmith.demo.synthetic.patches import draw_large_face
from facesmith.detection.detector import PROPOSALS_FILE, Detector, load_detector, shipped_weights
from facesmith.detection.photos import DetectionConfig, PhotoSource, decode
from facesmith.files import checksum
from facesmith.images import find_images, read_photo

SIZE_WH = (4000, 3000)
SIDES = (1000, 500, 250)  # of the drawn portraits that fill a photo: faces of 180 to 720 px
GRAIN = 3.0  # standard deviation of the noise: files as large as a telephone's
QUALITY = 90
DISTINCT = 12  # making one takes seconds; the others are copies, which take as long to decode
WAYS = ("detect", "decode", "decode in full")


def main() -> None:
    arguments = _arguments()
    if arguments.way:
        _decode_all(arguments)
        return
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    cpu_seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    peaks: list[float] = []
    with ExitStack() as stack:
        folder = arguments.keep or stack.enter_context(tempfile.TemporaryDirectory())
        megabytes = _make_photos(Path(folder), arguments)
        if arguments.rounds < 1:
            return
        for number in range(arguments.rounds + 1):
            for way in WAYS:
                taken, cpu, peak = _run(_command(way, folder, arguments), arguments.photos)
                done = f"{arguments.photos / taken:7.2f} photos/s, {cpu:6.1f} CPU s"
                print(f"round {number}  {way:16}{done}", file=sys.stderr)
                if number:  # the first fills the cache
                    seconds[way].append(taken)
                    cpu_seconds[way].append(cpu)
                    peaks += [peak] if way == "detect" else []
        side = _decoded_side(load_detector(arguments.model))
    result = {
        "about": about(("numpy", "onnxruntime", "pillow"), threads=1),
        "weights": checksum(_weights_path(arguments.model))[:16],
        "photos": {
            "files": arguments.photos,
            "made_from": "photos" if arguments.photos_from else "drawings",
            "distinct": DISTINCT,
            "size": "x".join(map(str, SIZE_WH)),
            "megabytes_a_file": round(megabytes, 2),
            "decoded_side": side,
        },
        "workers": arguments.workers,
        "rounds": arguments.rounds,
        "load_average_at_end": round(os.getloadavg()[0], 1),
        "photos_a_second": {
            way: round(arguments.photos / statistics.median(taken), 2)
            for way, taken in seconds.items()
        },
        "cpu_ms_a_photo": {
            way: round(1000 * statistics.median(cpu) / arguments.photos, 1)
            for way, cpu in cpu_seconds.items()
        },
        "part_of_decoding_alone": _ratio(seconds["decode"], seconds["detect"]),
        "part_of_decoding_alone_by_cpu": _ratio(cpu_seconds["decode"], cpu_seconds["detect"]),
        "part_of_decoding_in_full": _ratio(seconds["decode in full"], seconds["detect"]),
        "largest_process_mb": max(peaks),
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3, help="0: only make photos, see --keep")
    parser.add_argument(
        "--photos-from", type=Path, metavar="DIR", help="enlarge some of these; default: drawn"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--model", help="default: the shipped weights")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/big_folder.json")
    parser.add_argument(
        "--keep", metavar="DIR", help="keep the photos in this folder, and take those that are "
        "there already; default: made anew each time",
    )  # fmt: skip
    parser.add_argument("--way", choices=WAYS[1:], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _weights_path(model: str | None) -> Path:
    path = Path(model) if model else shipped_weights()
    return path / PROPOSALS_FILE if path.is_dir() else path


def _make_photos(folder: Path, arguments: argparse.Namespace) -> float:
    """Fills the folder; returns how large a file is, MB."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir()}
    names = [f"{number}.jpg" for number in range(arguments.photos)]
    if there and there != set(names):
        sys.exit(f"Error: {folder} holds other files than {len(names)} photos made by this script.")
    if not there:
        images = _enlarged(arguments.photos_from) if arguments.photos_from else _drawn()
        rng = np.random.default_rng(0)
        for name, image in zip(names, images, strict=False):
            grain = rng.standard_normal((*image.shape[:2], 1), dtype=np.float32)
            grainy = np.clip(image + grain * np.float32(GRAIN), 0, 255).astype(np.uint8)
            Image.fromarray(np.ascontiguousarray(grainy[..., ::-1])).save(
                folder / name, quality=QUALITY
            )
        for number in range(DISTINCT, len(names)):
            shutil.copy(folder / names[number % DISTINCT], folder / names[number])
    return statistics.mean(path.stat().st_size for path in folder.glob("*.jpg")) / 1e6


def _enlarged(folder: Path) -> Iterator[np.ndarray]:
    """Photos spread evenly over the folder, stretched to the size, lying or standing."""
    paths = find_images([folder])
    for path in paths[:: max(len(paths) // DISTINCT, 1)][:DISTINCT]:
        image = Image.fromarray(read_photo(path).image)
        size_wh = SIZE_WH if image.width >= image.height else SIZE_WH[::-1]
        yield np.asarray(image.resize(size_wh, Image.Resampling.BICUBIC))


def _drawn() -> Iterator[np.ndarray]:
    """Photos tiled with drawn portraits."""
    rng = np.random.default_rng(0)
    width, height = SIZE_WH
    for number in range(DISTINCT):
        side = SIDES[number % len(SIDES)]
        people = [draw_large_face(0, 8 * number + person, side) for person in range(8)]
        rows = [
            np.concatenate([people[rng.integers(8)] for _ in range(width // side)], axis=1)
            for _ in range(height // side)
        ]
        yield np.concatenate(rows)


def _command(way: str, folder: str, arguments: argparse.Namespace) -> list[str]:
    same = ["--workers", str(arguments.workers)]
    same += ["--model", arguments.model] if arguments.model else []
    if way == "detect":
        return [sys.executable, "-m", "facesmith", "detect", folder, "--json", *same]
    return [sys.executable, __file__, "--way", way, "--folder", folder, *same]


# The peak of the largest process below is known only once it has ended.
_TIMED = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)
taken = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
lines = done.stdout.count(b"\\n")
print(json.dumps([taken, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, lines]))
"""


def _run(command: list[str], n_photos: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds of all processes, and MB of the largest one."""
    done = subprocess.run(
        [sys.executable, "-c", _TIMED, *command], capture_output=True, text=True, check=True
    )
    taken, cpu, peak, n_lines = json.loads(done.stdout)
    assert n_lines == n_photos, f"{n_lines} results of {n_photos} photos"
    return taken, cpu, round(peak, 1)


def _decoded_side(detector: Detector) -> int:
    from facesmith.detection.photos import _side  # noqa: PLC0415 - told here, used nowhere else

    return _side(detector, max(SIZE_WH), None) or max(SIZE_WH)


def _ratio(bound: list[float], taken: list[float]) -> float:
    """Of the speed of `bound`, the median over the rounds."""
    return round(statistics.median(b / t for b, t in zip(bound, taken, strict=True)), 3)


_detectors: list[Detector] = []


def _prepare(model: str | None) -> None:
    _detectors.append(load_detector(model))


def _decode(path: Path) -> tuple[int, int]:
    photo = decode(_detectors[0], PhotoSource(path.name, path), DetectionConfig()).photo
    return photo.width, photo.height


def _decode_in_full(path: Path) -> tuple[int, int]:
    photo = read_photo(path)
    return photo.width, photo.height


def _decode_all(arguments: argparse.Namespace) -> None:
    """Decoding alone; a line a photo, as the command prints."""
    paths = sorted(arguments.folder.glob("*.jpg"))
    work: Any = _decode if arguments.way == "decode" else _decode_in_full
    prepare = (_prepare, (arguments.model,)) if arguments.way == "decode" else (None, ())
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.workers, *prepare) as pool:
        for path, size in zip(paths, pool.imap(work, paths, chunksize=2), strict=True):
            print(path, *size)


if __name__ == "__main__":
    main()
