"""`facesmith anonymise` over a folder of photos, beside `facesmith detect` over the same.

    python benchmarks/anonymise_photos.py --photos-from PHOTOS/train
    python benchmarks/anonymise_photos.py --photos-from PHOTOS/train --many 10000

It runs in turns, with the same number of processes: `detect --json`; `anonymise` with its defaults;
`anonymise --verify`, which looks a second time all over; and `anonymise --no-verify`. What counts
is processor time of the whole command with all its processes, files in the cache.

With `--many` it makes so many names of some of the photos instead (hard links), covers them, and
samples the memory of all processes; then it does so again, kills that run with SIGKILL at about its
middle, goes on with `--resume`, and compares the two output folders.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from about import ROOT, about
from facesmith.images import find_images

WAYS = {
    "detect": ["detect", "--json"],
    "anonymise": ["anonymise"],
    "anonymise, looked at all over": ["anonymise", "--verify"],
    "anonymise, not looked at again": ["anonymise", "--no-verify"],
}
DISTINCT = 60  # photos behind the names of `--many`
SAMPLE_SECONDS = 2.0


def main() -> None:
    """Measure, and write the result file."""
    arguments = _arguments()
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.many:
            result["many"] = _many(folder, arguments)
        else:
            result["speed"] = _speed(folder, arguments)
    result["about"] = about(("numpy", "onnxruntime", "pillow"), threads=1)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos-from", type=Path, metavar="DIR", required=True, nargs="+")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--many", type=int, default=0, metavar="N")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks/results/anonymise_photos.json"
    )
    return parser.parse_args()


def _chosen(folders: list[Path], n: int) -> list[Path]:
    """So many photos, equally many of each folder, always the same."""
    each = -(-n // len(folders))
    found = [sorted(find_images([folder])) for folder in folders]
    rng = random.Random(5)  # noqa: S311 - a choice of photos, no secret
    return [path for paths in found for path in rng.sample(paths, each)][:n]


def _command(words: list[str], photos: Path, out: Path, workers: int) -> list[str]:
    words = [sys.executable, "-m", "facesmith", words[0], str(photos), *words[1:]]
    words += ["--workers", str(workers)]
    return [*words, "--out", str(out), "--quiet"] if "anonymise" in words else words


def _speed(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    photos = folder / "photos"
    photos.mkdir()
    chosen = _chosen(arguments.photos_from, arguments.photos)
    for number, path in enumerate(chosen):
        shutil.copy(path, photos / f"{number:04}{path.suffix}")
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(arguments.rounds + 1):
        for way, words in WAYS.items():
            out = folder / "out"
            taken = _cpu_seconds(_command(words, photos, out, arguments.workers))
            shutil.rmtree(out, ignore_errors=True)
            print(f"round {number}  {way:32}{taken:6.2f} CPU s", file=sys.stderr)
            if number:  # the first fills the cache
                seconds[way].append(taken)
    middle = {way: statistics.median(taken) for way, taken in seconds.items()}
    return {
        "files": len(chosen),
        "mean_kilobytes": round(sum(p.stat().st_size for p in chosen) / len(chosen) / 1000, 1),
        "workers": arguments.workers,
        "rounds": arguments.rounds,
        "load_average_at_end": round(os.getloadavg()[0], 1),
        "cpu_ms_a_photo": {way: round(1000 * s / len(chosen), 1) for way, s in middle.items()},
        "photos_a_cpu_second": {way: round(len(chosen) / s, 1) for way, s in middle.items()},
        "part_of_detect": {way: round(middle["detect"] / s, 3) for way, s in middle.items()},
    }


def _cpu_seconds(command: list[str]) -> float:
    """Processor time of a command and its processes; exit code 1 is allowed: something is left."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=_environment(), check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def _many(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    photos = folder / "photos"
    photos.mkdir()
    chosen = _chosen(arguments.photos_from, DISTINCT)
    for number, path in enumerate(chosen):
        shutil.copy(path, folder / f"{number}.jpg")
    for number in range(arguments.many):
        group = photos / f"{number // 1000:02}"
        group.mkdir(exist_ok=True)
        os.link(folder / f"{number % DISTINCT}.jpg", group / f"{number:05}.jpg")
    command = _command(WAYS["anonymise"], photos, folder / "whole", arguments.workers)
    curve = _memory_curve(command, folder / "whole")
    stopped = _command(WAYS["anonymise"], photos, folder / "stopped", arguments.workers)
    n_done = _killed_at(stopped, folder / "stopped", arguments.many // 2)
    again = _memory_curve([*stopped, "--resume"], folder / "stopped")
    peaks = [mb for _, mb in curve]
    quarter = max(len(peaks) // 4, 1)
    return {
        "files": arguments.many,
        "distinct": DISTINCT,
        "workers": arguments.workers,
        "mb_after_photos": curve[:: max(len(curve) // 20, 1)],
        "mb_first_half_most": max(peaks[: 2 * quarter]),
        "mb_last_quarter_most": max(peaks[-quarter:]),
        "killed_after": n_done,
        "mb_resumed_most": max(mb for _, mb in again),
        "differing_files": _differing(folder / "whole", folder / "stopped"),
    }


def _memory_curve(command: list[str], out: Path) -> list[tuple[int, float]]:
    """Photos that were done and megabytes of all processes, every so many seconds."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment())
    curve = []
    while running.poll() is None:
        curve.append((_n_lines(out), _megabytes(running.pid)))
        time.sleep(SAMPLE_SECONDS)
    if running.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {running.returncode}")
    return curve


def _killed_at(command: list[str], out: Path, n: int) -> int:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment())
    while running.poll() is None and _n_lines(out) < n:
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return _n_lines(out)


def _n_lines(out: Path) -> int:
    path = out / "boxes.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _megabytes(pid: int) -> float:
    """Resident memory of a process and all that it started."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rsplit(")", 1)[1].split()
            if int(path.name) == pid or int(fields[1]) == pid:
                total += int(fields[21]) * resource.getpagesize() / 2**20
        except (OSError, IndexError):
            continue
    return round(total, 1)


def _differing(one: Path, other: Path) -> int:
    """Photos that are not the same in both, and lines of what was covered."""
    names = {p.relative_to(f) for f in (one, other) for p in f.rglob("*.jpg")}
    differing = sum(_sum(one / name) != _sum(other / name) for name in names)
    lines = [sorted((f / "boxes.jsonl").read_text().split("\n")) for f in (one, other)]
    return differing + len(set(lines[0]) ^ set(lines[1]))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


if __name__ == "__main__":
    main()
