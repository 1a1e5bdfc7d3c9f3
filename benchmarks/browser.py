"""How the exported site's detection compares with the package's: equality and time, in Chromium.

    python benchmarks/browser.py --photos PHOTOS [--runtime onnxruntime-web.tgz]

PHOTOS is a folder of photos, searched with its sub-folders; the 50 that come first by the SHA-256
of their names are taken, a third from each sub-folder whose name begins with "train".
`results/README.md` says what each figure is.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import json
import os
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from skimage import data

from about import ROOT, about
from facesmith.detection import Detector, PhotoSource, detect_photos, load_detector
from facesmith.detection.photos import DetectionConfig
from facesmith.export.web import export_site
from facesmith.images import find_images

N_PHOTOS = 50
MIN_SCORE = 0.02  # what the page asks for
ROUNDS = 40
SIZES_WH = ((640, 480), (1280, 720), (4000, 3000))
OPEN = """async () => {
  const { openBackend } = await import(new URL("backend.js", document.baseURI));
  window.backend = await openBackend();
}"""
DETECT = """async ([encoded, type, minScore, landmarks]) => {
  const bytes = Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0));
  const file = new File([bytes], "photo", { type });
  return window.backend.detect(file, { minScore, landmarks });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, help="see `facesmith export-web --help`")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/browser.json")
    arguments = parser.parse_args()
    detector = load_detector()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder) / "site"
        export_site(site, runtime=arguments.runtime)
        with served(site) as address:
            browser = playwright.chromium.launch(
                executable_path=arguments.chromium, args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.goto(address)
            page.evaluate(OPEN)
            result = {
                "about": about(("numpy", "onnxruntime", "pillow", "playwright"), threads=1),
                "chromium": browser.version,
                "photos": equality(page, detector, chosen(arguments.photos)),
                "large_photo": equality(page, detector, [encoded((4000, 3000))]),
                "sizes": [times(page, detector, size_wh) for size_wh in SIZES_WH],
            }
            browser.close()
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("photos", "large_photo", "sizes")}, indent=2))


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address at which the files of the site lie."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def chosen(folder: Path) -> list[bytes]:
    """The photos that both look at."""
    parts = sorted(each for each in folder.iterdir() if each.is_dir() and each.name[:5] == "train")
    found = []
    for number, part in enumerate(parts):
        paths = sorted(find_images([part]), key=lambda p: hashlib.sha256(p.name.encode()).digest())
        found += paths[: N_PHOTOS * (number + 1) // len(parts) - N_PHOTOS * number // len(parts)]
    return [path.read_bytes() for path in found]


def encoded(size_wh: tuple[int, int]) -> bytes:
    """The astronaut at this size, as a JPEG."""
    buffer = BytesIO()
    Image.fromarray(data.astronaut()).resize(size_wh).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def in_browser(page: Page, photo: bytes, min_score: float, *, landmarks: bool) -> dict[str, Any]:
    text = base64.b64encode(photo).decode()
    found: dict[str, Any] = page.evaluate(DETECT, [text, "image/jpeg", min_score, landmarks])
    return found


def equality(page: Page, detector: Detector, photos: list[bytes]) -> dict[str, Any]:
    """Largest differences over all boxes, and boxes that only one of the two found."""
    config = DetectionConfig(min_score=MIN_SCORE, landmarks=True)
    sources = [PhotoSource(f"photo {i}", photo) for i, photo in enumerate(photos)]
    pixels, scores, points, alone, n_faces = [0.0], [0.0], [0.0], 0, 0
    for photo, expected in zip(photos, detect_photos(detector, sources, config), strict=True):
        assert expected.error is None, expected.error
        found = in_browser(page, photo, MIN_SCORE, landmarks=True)["faces"]
        n_faces += len(expected.faces)
        boxes = np.array([face["box"] for face in found], np.float32).reshape(-1, 4)
        used = set()
        for face in expected.faces:
            off = np.abs(boxes - face.boxes).max(axis=1, initial=0) if len(boxes) else np.zeros(0)
            best = int(off.argmin()) if len(off) else -1
            if best < 0 or best in used or off[best] > 0.25 * np.ptp(face.boxes[0, ::2]):
                alone += 1
                continue
            used.add(best)
            pixels.append(float(off[best]))
            scores.append(abs(found[best]["score"] - float(face.scores[0])))
            assert face.landmarks is not None
            there = np.array(found[best]["landmarks"])
            points.append(float(np.abs(there - face.landmarks[0]).max()))
        alone += len(boxes) - len(used)
    return {
        "n_photos": len(photos),
        "n_boxes": n_faces,
        "boxes_of_one_alone": alone,
        "largest_box_difference_px": round(max(pixels), 2),
        "largest_score_difference": round(max(scores), 4),
        "largest_landmark_difference_px": round(max(points), 2),
    }


def times(page: Page, detector: Detector, size_wh: tuple[int, int]) -> dict[str, Any]:
    """Medians in milliseconds from the pixels to the faces, and of the whole answer."""
    photo = encoded(size_wh)
    row: dict[str, Any] = {"size": f"{size_wh[0]}x{size_wh[1]}"}
    for name, landmarks in (("ms", False), ("with_landmarks_ms", True)):
        rounds = ROUNDS if size_wh[0] < 2000 else ROUNDS // 8
        for _ in range(2):
            in_browser(page, photo, detector.min_score, landmarks=landmarks)
        before = processor_seconds()
        spent = [
            in_browser(page, photo, detector.min_score, landmarks=landmarks)["milliseconds"]
            for _ in range(rounds)
        ]
        row[name] = round(statistics.median(spent), 1)
        row[f"fastest_{name}"] = round(min(spent), 1)
        row[f"processor_{name}"] = round(1000 * (processor_seconds() - before) / rounds, 1)
    return row


def processor_seconds() -> float:
    """Processor time of all processes below this one, which are the browser's; on Linux."""
    spent, parents = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        process = int(path.parent.name)
        parents[process] = int(words[1])
        spent[process] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    ours = {os.getpid()}
    while more := {each for each, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(spent[each] for each in ours - {os.getpid()})


if __name__ == "__main__":
    main()
