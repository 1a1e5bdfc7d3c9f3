"""`facesmith bulk` beside `facesmith detect`, with processes that are killed, and a long listing.

    python benchmarks/bulk.py --photos-from PHOTOS --photos 20000

Copies of photos under other names are looked at by `detect --workers 2`, by `bulk` with both
engines, and by `bulk` again while a worker is killed every `--kill-every` seconds and the command
itself twice; the rows of that run must equal the undisturbed ones. Then the memory of a Dask
scheduler is measured while it hands out tasks of 10^4 and 10^6 listed paths that need no work.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from about import ROOT, about
from facesmith.bulk.dask_engine import DaskEngine
from facesmith.bulk.work import Shard
from facesmith.images import find_images

WORKERS = 2
SHARD_SIZE = 250


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        folder = Path(work) / "photos"
        _copies(arguments.photos_from, arguments.photos, folder)
        result: dict[str, Any] = {
            "about": about(("dask", "distributed", "pyarrow", "onnxruntime"), threads=1),
            "photos": arguments.photos,
            "workers": WORKERS,
            "shard_size": arguments.shard_size,
            "runs": {"detect": _timed(["detect", folder, "--json", "--workers", WORKERS])},
        }
        for engine in ("local", "dask"):
            words = _words(folder, Path(work) / engine, engine, arguments.shard_size)
            result["runs"][f"bulk {engine}"] = _timed(words)
        for run in result["runs"].values():
            run["photos_a_second"] = round(arguments.photos / run["seconds"], 2)
            run["cpu_ms_a_photo"] = round(1000 * run["cpu_seconds"] / arguments.photos, 2)
        result["engines_agree"] = _rows(Path(work) / "local") == _rows(Path(work) / "dask")
        if arguments.kill_every:
            result["killed"] = _disturbed(folder, Path(work), arguments)
    if arguments.listed:
        result["scheduler_mb"] = {str(n): _scheduler_megabytes(n) for n in arguments.listed}
    result["load_average_at_end"] = round(os.getloadavg()[0], 1)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos-from", type=Path, required=True, metavar="DIR")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--shard-size", type=int, default=SHARD_SIZE)
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds; 0: never")
    parser.add_argument("--listed", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--work", type=Path, help="folder for the copies; default: of the system")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/bulk.json")
    return parser.parse_args()


def _copies(source: Path, n: int, folder: Path) -> None:
    folder.mkdir()
    for number, path in zip(range(n), itertools.cycle(find_images([source])), strict=False):
        shutil.copy(path, folder / f"{number:06d}{path.suffix}")


def _words(folder: Path, out: Path, engine: str, shard_size: int) -> list[object]:
    return [
        "bulk", folder, "--out", out, "--engine", engine, "--workers", WORKERS, "--shard-size",
        shard_size, "--quiet",
    ]  # fmt: skip


def _started(words: list[object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "facesmith", *map(str, words)], stdout=subprocess.DEVNULL
    )


def _timed(words: list[object]) -> dict[str, float]:
    """Seconds and CPU seconds of a command and all processes below it."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = _started(words).wait()
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0, f"exit code {code}"
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}


def _rows(out: Path) -> list[dict[str, Any]]:
    return pq.read_table(sorted(out.glob("part-*.parquet"))).to_pylist()


def _disturbed(folder: Path, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Workers killed again and again, the command at a third and at two thirds of the work."""
    out = work / "killed"
    words = _words(folder, out, "dask", arguments.shard_size)
    n_shards = -(-arguments.photos // arguments.shard_size)
    n_workers_killed = 0
    for share in (1 / 3, 2 / 3, 1.0):
        process, last = _started(words), time.monotonic()
        while process.poll() is None:
            time.sleep(0.1)
            if share < 1 and len(list(out.glob("part-*"))) >= share * n_shards:
                process.send_signal(signal.SIGKILL)
                process.wait()
            elif time.monotonic() - last > arguments.kill_every:
                last = time.monotonic()
                n_workers_killed += _kill_a_worker(process.pid)
    equal = _rows(out) == _rows(work / "dask")
    return {"workers_killed": n_workers_killed, "command_killed": 2, "rows_equal": equal}


def _kill_a_worker(pid: int) -> bool:
    try:
        below = psutil.Process(pid).children(recursive=True)
        workers = [each for each in below if "spawn_main" in " ".join(each.cmdline())]
        workers[-1].kill()
    except (psutil.Error, IndexError):
        return False
    return True


def count_lines(job: object, shard: Shard) -> int:
    """A task without work."""
    del job
    return len(shard.lines)


def _scheduler_megabytes(n_paths: int) -> dict[str, float]:
    """Memory of the process that lists and schedules, at its start and at most."""
    shards = (
        Shard(
            number,
            tuple(f'"bucket/photos/of/2026/{number}/{i:08d}.jpg"' for i in range(SHARD_SIZE)),
        )
        for number in range(n_paths // SHARD_SIZE)
    )
    own = psutil.Process()
    with DaskEngine(1) as engine:
        start = most = own.memory_info().rss
        for _ in engine.results(count_lines, None, shards):
            most = max(most, own.memory_info().rss)
    return {"at_start": round(start / 1e6, 1), "at_most": round(most / 1e6, 1)}


if __name__ == "__main__":
    main()
