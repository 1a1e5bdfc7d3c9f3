"""`facesmith bulk` beside `facesmith detect`, with processes that are killed, and a long listing.

    python benchmarks/bulk.py --photos-from PHOTOS --photos 20000

Copies of photos under other names are looked at by `detect --workers 2`, by `bulk` with both
engines, and by `bulk` again with each engine while a worker is killed every `--kill-every` seconds
and the command itself twice; the rows of those runs must equal the undisturbed ones. Then the
memory of a Dask scheduler is measured while it hands out tasks of 10^4 and 10^6 listed paths that
need no work. The result file is written anew after each part, so that a run that is cut off leaves
what it has.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from about import ROOT, about
from facesmith.bulk.dask_engine import DaskEngine
from facesmith.bulk.work import Shard
from facesmith.images import find_images

RUNS = ("detect", "bulk local", "bulk dask")
WORKERS = 2
SHARD_SIZE = 250


def main() -> None:
    arguments = _arguments()
    result: dict[str, Any] = {
        "about": about(("dask", "distributed", "pyarrow", "onnxruntime"), threads=1),
        "photos": arguments.photos,
        "workers": WORKERS,
        "shard_size": arguments.shard_size,
        "load_average_at_start": round(os.getloadavg()[0], 1),
    }
    with tempfile.TemporaryDirectory(dir=arguments.work) as name:
        work = Path(name)
        folder = arguments.copies or work / "photos"
        result["mb"] = _copies(arguments.photos_from, arguments.photos, folder)
        for part in _parts(folder, work, arguments):
            _merge(result, part)
            result["load_average_at_end"] = round(os.getloadavg()[0], 1)
            arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            print(json.dumps(part), flush=True)


def _parts(folder: Path, work: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What each measurement adds to the result, as it is done."""
    n, speeds = arguments.photos, {}
    for run in RUNS:
        engine = run.removeprefix("bulk ")
        detect: list[object] = ["detect", folder, "--json", "--workers", WORKERS]
        words = detect if run == "detect" else _words(folder, work / engine, engine, arguments)
        figures = _timed(words)
        speeds[run] = n / figures["seconds"]
        figures["photos_a_second"] = round(speeds[run], 2)
        figures["cpu_ms_a_photo"] = round(1000 * figures["cpu_seconds"] / n, 2)
        if run != "detect":
            figures["speed_of_detect"] = round(speeds[run] / speeds["detect"], 3)
        yield {"runs": {run: figures}}
    yield {"engines_agree": _rows(work / "local").equals(_rows(work / "dask"))}
    for engine in ("dask", "local") if arguments.kill_every else ():
        yield {"killed": {engine: _disturbed(folder, work, engine, arguments)}}
    for n_paths in arguments.listed:
        yield {"scheduler_mb": {str(n_paths): _scheduler_megabytes(n_paths)}}


def _merge(result: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        if isinstance(value, dict):
            result.setdefault(name, {}).update(value)
        else:
            result[name] = value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos-from", type=Path, required=True, metavar="DIR")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--shard-size", type=int, default=SHARD_SIZE)
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds; 0: never")
    parser.add_argument("--listed", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--work", type=Path, help="folder for results; default: of the system")
    parser.add_argument(
        "--copies", type=Path, help="keep the copies here, and take those that are here"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/bulk.json")
    return parser.parse_args()


def _copies(source: Path, n: int, folder: Path) -> int:
    """Make so many photos under other names, unless the folder has them; their megabytes."""
    folder.mkdir(exist_ok=True)
    n_there = sum(1 for _ in folder.iterdir())
    assert n_there in (0, n), f"{folder} has {n_there} files, expected {n} or none"
    sources = itertools.cycle(find_images([source]))
    for number, path in zip(range(n - n_there), sources, strict=False):
        shutil.copy(path, folder / f"{number:06d}{path.suffix}")
    return sum(path.stat().st_size for path in folder.iterdir()) // 10**6


def _words(folder: Path, out: Path, engine: str, arguments: argparse.Namespace) -> list[object]:
    return [
        "bulk", folder, "--out", out, "--engine", engine, "--workers", WORKERS, "--shard-size",
        arguments.shard_size, "--quiet",
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


def _rows(out: Path) -> pa.Table:
    return pq.read_table(sorted(out.glob("part-*.parquet")))


def _disturbed(
    folder: Path, work: Path, engine: str, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Workers killed again and again, the command at a third and at two thirds of the work."""
    out = work / f"killed-{engine}"
    words = _words(folder, out, engine, arguments)
    n_shards = -(-arguments.photos // arguments.shard_size)
    n_workers_killed = n_commands_killed = 0
    started = time.perf_counter()
    for share in (1 / 3, 2 / 3, 1.0):
        n_before = len(list(out.glob("part-*")))
        process, last = _started(words), time.monotonic()
        while process.poll() is None:
            time.sleep(0.1)
            n_parts = len(list(out.glob("part-*")))
            if n_parts == n_before:
                last = time.monotonic()  # still starting
            elif share < 1 and n_parts >= share * n_shards:
                process.send_signal(signal.SIGKILL)
                process.wait()
                n_commands_killed += 1
            elif time.monotonic() - last > arguments.kill_every:
                last = time.monotonic()
                n_workers_killed += _kill_a_worker(process.pid)
    assert process.returncode == 0, f"exit code {process.returncode}"
    seconds = time.perf_counter() - started
    rows, undisturbed = _rows(out), _rows(work / engine)
    return {
        "seconds": round(seconds, 2),
        "workers_killed": n_workers_killed,
        "command_killed": n_commands_killed,
        "rows": len(rows),
        "rows_equal": rows.equals(undisturbed),
    }


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
