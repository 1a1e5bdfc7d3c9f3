"""Photos a second of `facesmith serve` beside those of detection alone, each on one core.

    python benchmarks/serving.py --photos-from PHOTOS --out benchmarks/results/serving.json

Detection and the server run in turns on the first core, the server's clients on the second. Both
take the same photos, JPEGs of 640x480, and give the same JSON. Detection is what `facesmith detect
--workers 1 --json` does, without its start. Beside other work on the machine the time of the
processor tells more than that of the clock; both are written.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image

from about import about
from facesmith.detection.as_json import photo_as_dict
from facesmith.detection.detector import load_detector
from facesmith.detection.photos import PhotoSource, detect_photos
from facesmith.images import find_images, read_photo

SIZE_WH = (640, 480)
N_CLIENTS = (1, 8)
WARM_UP = 8  # photos
TICKS = os.sysconf("SC_CLK_TCK")
PACKAGES = ("onnxruntime", "pillow", "fastapi", "uvicorn", "starlette", "python-multipart", "h11")


def main() -> None:
    arguments = _arguments()
    if arguments.detect is not None:
        _detect_alone(arguments.detect)
        return
    with tempfile.TemporaryDirectory() as folder:
        _make_photos(arguments.photos_from, Path(folder), arguments.photos)
        result = _measure(Path(folder), arguments.rounds)
    result["about"] = about(PACKAGES, threads=1)
    text = json.dumps(result, indent=1) + "\n"
    if arguments.out is not None:
        arguments.out.write_text(text)
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos-from", type=Path, help="A folder of photos.")
    parser.add_argument("--photos", type=int, default=60, help="How many of them.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--detect", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _make_photos(given: Path, folder: Path, count: int) -> None:
    paths = find_images([given])
    step = max(len(paths) // count, 1)
    for number, path in enumerate(paths[::step][:count]):
        bgr = read_photo(path).image
        photo = Image.fromarray(bgr[..., ::-1].copy()).resize(SIZE_WH)
        photo.save(folder / f"{number:03}.jpg", quality=90)


def _measure(folder: Path, rounds: int) -> dict[str, Any]:
    detection: list[dict[str, float]] = []
    serving: dict[int, list[dict[str, float]]] = {n: [] for n in N_CLIENTS}
    photos = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    os.sched_setaffinity(0, {1})
    with _server() as (process, port):
        wanted = [json.loads(line) for line in _detected(folder)["lines"]]
        _ask_all(port, photos[:WARM_UP], 1)
        for _ in range(rounds):
            found = _detected(folder)
            del found["lines"]
            detection.append(found)
            for n_clients in N_CLIENTS:
                cpu = _cpu_seconds(process.pid)
                start = time.perf_counter()
                answers, latencies = _ask_all(port, photos, n_clients)
                wall = time.perf_counter() - start
                assert answers == wanted
                cpu = _cpu_seconds(process.pid) - cpu
                serving[n_clients].append(
                    {
                        "photos_a_second": len(photos) / wall,
                        "photos_a_cpu_second": len(photos) / cpu,
                        "median_ms": 1000 * statistics.median(latencies),
                        "p95_ms": 1000 * statistics.quantiles(latencies, n=20)[-1],
                    }
                )
    alone = _medians(detection)
    result: dict[str, Any] = {
        "photos": len(photos), "size": list(SIZE_WH), "rounds": rounds, "detection": alone,
    }  # fmt: skip
    for n_clients, measured in serving.items():
        medians = _medians(measured)
        for name in ("photos_a_second", "photos_a_cpu_second"):
            medians[f"share_of_detection_{name}"] = round(medians[name] / alone[name], 3)
        medians["p95_by_median"] = round(
            statistics.median(each["p95_ms"] / each["median_ms"] for each in measured), 2
        )
        result[f"clients_{n_clients}"] = medians
    return result


def _medians(measured: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(each[name] for each in measured), 2)
            for name in measured[0]}  # fmt: skip


class _server:  # noqa: N801 - used as a function
    """`facesmith serve` on the first core."""

    def __enter__(self) -> tuple[subprocess.Popen[str], int]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "facesmith", "serve", "--port", "0"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.sched_setaffinity(self._process.pid, {0})  # before it starts any thread
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return self._process, int(line.split(":")[2].split("/")[0])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(30) == 0


def _detected(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--detect", str(folder)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _detect_alone(folder: Path) -> None:
    """What the command does in one process, timed after its start."""
    os.sched_setaffinity(0, {0})
    detector = load_detector()
    sources = [PhotoSource(path.name, path) for path in sorted(folder.iterdir())]
    list(detect_photos(detector, sources[:WARM_UP]))
    cpu, start = time.process_time(), time.perf_counter()
    lines = [json.dumps(photo_as_dict(found)) for found in detect_photos(detector, sources)]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    found = {"photos_a_second": len(lines) / wall, "photos_a_cpu_second": len(lines) / cpu}
    print(json.dumps({**found, "lines": lines}))


def _ask_all(
    port: int, photos: list[tuple[str, bytes]], n_clients: int
) -> tuple[list[Any], list[float]]:
    """The answers in order, and how long each took, seconds."""
    answers: list[Any] = [None] * len(photos)
    latencies = [0.0] * len(photos)
    left = iter(range(len(photos)))
    lock = threading.Lock()

    def client() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                line.close()
                return
            name, content = photos[number]
            start = time.perf_counter()
            line.request("POST", f"/v1/detect?name={name}", content, {"Content-Type": "image/jpeg"})
            answers[number] = json.loads(line.getresponse().read())
            latencies[number] = time.perf_counter() - start

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers, latencies


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
