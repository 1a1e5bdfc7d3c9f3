"""CPU milliseconds a frame that covering the faces of a film takes, whole and by stages.

    python benchmarks/film_speed.py --annotations train.coco.json --images train/

A film of 1280x720 is made: a pan and a slow zoom over six annotated photos with noise, 25 frames a
second, H.264 at CRF 23. Counted are user and system time of all threads (`getrusage`). `whole` is
the command as users run it, start included, without and with the second look; `stages` are parts
by themselves, in one process: together they are less, for the film is read twice.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from about import ROOT, about
from facesmith import load_detector
from facesmith.annotations import AnnotatedPhoto, load_annotations
from facesmith.anonymisation import CoverConfig
from facesmith.anonymisation.film_frames import FrameCover
from facesmith.anonymisation.films import FULL_SECONDS, tracks_that_miss_little
from facesmith.video import LookConfig, VideoFrame, VideoWriter, detect_frames, open_video, track

SIZE_WH = (1280, 720)
RATE = 25
TILE = 700  # side of a photo in the picture that is panned over, pixels
TILES = (3, 2)
N_STAGE_FRAMES = 100  # that are in memory while stages are timed
RUNS = {"covered": ["--no-verify"], "looked at again": [], "every frame looked at": ["--verify"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--annotations", type=Path, required=True, help="of photos with faces")
    parser.add_argument("--images", type=Path, required=True, help="folder of the photos")
    parser.add_argument("--frames", type=int, default=750)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/film_speed.json")
    arguments = parser.parse_args()
    photos = load_annotations(arguments.annotations, arguments.images).photos
    chosen = [photo for photo in photos if 1 <= len(photo.boxes) <= 2][: TILES[0] * TILES[1]]
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(film, chosen, arguments.frames)
        result = {
            "about": about(("av", "numpy", "onnxruntime", "pillow"), threads=1),
            "film": {
                "frames": arguments.frames,
                "size_wh": SIZE_WH,
                "rate": RATE,
                "photos": [photo.path.name for photo in chosen],
                "bytes": film.stat().st_size,
            },
            "whole": {name: whole(film, words, arguments.frames) for name, words in RUNS.items()},
            "stages": stages(film, Path(folder) / "written.mp4"),
        }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: result[key] for key in ("whole", "stages")}, indent=2))


def write_film(path: Path, photos: list[AnnotatedPhoto], n_frames: int) -> None:
    """A pan and zoom over the photos, with noise in each frame."""
    canvas = Image.new("RGB", (TILES[0] * TILE, TILES[1] * TILE))
    for number, photo in enumerate(photos):
        picture = Image.open(photo.path).convert("RGB").resize((TILE, TILE))
        canvas.paste(picture, (number % TILES[0] * TILE, number // TILES[0] * TILE))
    grain = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        stream.options = {"crf": "23"}
        for number in range(n_frames):
            seconds = number / RATE
            zoom = 0.95 * (1 + 0.25 * np.sin(0.7 * seconds))
            width, height = SIZE_WH[0] * zoom, SIZE_WH[1] * zoom
            left = (canvas.width - width) * (0.5 + 0.5 * np.sin(0.5 * seconds))
            top = (canvas.height - height) * (0.5 + 0.5 * np.cos(0.37 * seconds))
            box = (left, top, left + width, top + height)
            shown = canvas.resize(SIZE_WH, Image.Resampling.BILINEAR, box=box)
            noise = grain.integers(-4, 5, (*SIZE_WH[::-1], 1), dtype=np.int16)
            pixels = np.clip(np.asarray(shown) + noise, 0, 255).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))


def whole(film: Path, words: list[str], n_frames: int) -> dict[str, float]:
    """The command on the film: CPU and clock milliseconds a frame, and its peak memory."""
    command = [sys.executable, "-m", "facesmith", "anonymise", str(film), "--quiet", *words]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--out", folder], check=False)
    if done.returncode > 1:  # 1: the second look lists something
        raise SystemExit(done.returncode)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_ms": round(1000 * used / n_frames, 2),
        "clock_ms": round(1000 * seconds / n_frames, 2),
        "peak_mb": round(after.ru_maxrss / 1024, 1),
    }


def stages(film: Path, written: Path) -> dict[str, float]:
    """CPU milliseconds a frame of each stage by itself."""
    detector = load_detector()
    tracking = tracks_that_miss_little(detector)
    sparing = LookConfig(tracking.lowest, full_seconds=FULL_SECONDS)
    with open_video(film) as video:
        frames = list(islice(video.frames(), N_STAGE_FRAMES))
    found = list(detect_frames(iter(frames), detector, sparing))
    tracked = list(track(found, tracking))
    paint = FrameCover(CoverConfig())
    pairs = list(zip(frames, tracked, strict=True))
    covered = [paint(frame, each.faces.boxes)[0] for frame, each in pairs]

    def encode() -> Iterable[None]:
        with VideoWriter(written, SIZE_WH, frames[0].time_base, rate=video.rate) as writer:
            for frame in covered:
                writer.write(frame)
                yield

    def decode() -> Iterable[VideoFrame]:
        with open_video(film) as again:
            yield from islice(again.frames(), N_STAGE_FRAMES)

    work: dict[str, Callable[[], Iterable[object]]] = {
        "decode, once": decode,
        "look, every frame": lambda: detect_frames(
            iter(frames), detector, LookConfig(tracking.lowest)
        ),
        "look, as films are": lambda: detect_frames(iter(frames), detector, sparing),
        "track": lambda: track(found, tracking),
        "cover": lambda: (paint(frame, each.faces.boxes) for frame, each in pairs),
        "encode and write": encode,
    }
    result = {name: _cpu_ms(run) for name, run in work.items()}
    result["faces a frame"] = round(float(np.mean([len(each.faces) for each in tracked])), 2)
    result["frames looked at"] = round(float(np.mean([each.looked for each in found])), 3)
    return result


def _cpu_ms(run: Callable[[], Iterable[object]]) -> float:
    before = time.process_time()
    n = sum(1 for _ in run())
    return round(1000 * (time.process_time() - before) / n, 2)


if __name__ == "__main__":
    main()
