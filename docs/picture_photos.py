"""Photographic pictures of README and docs: what the package does to photos that may be shown.

The photos are `data.astronaut()` of scikit-image (NASA, public domain) and drawings of people who
do not exist (`benchmarks/draw_photos.py`). Each function returns a picture, RGB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data

from facesmith import CoverConfig, Detector, Faces, align_faces, anonymise, load_detector
from facesmith.pictures.contact_sheet import CELL, HEAD, MARGIN
from facesmith.pictures.drawing import draw_faces
from facesmith.video import FrameFaces, TrackConfig, track

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from draw_photos import draw_all, draw_people

Pixels = npt.NDArray[np.uint8]
CROWD_SIZE = (880, 420)  # width and height, pixels
CROWD_SEED = (9, 5)
ROWS = ((5, 44, 0.26), (6, 52, 0.58))  # people, half height of a head (px), height in the picture
GAP = 10  # between two photos of one picture, pixels
FRAMES, SHOWN_FRAMES = 25, (2, 12, 22)
FRAME_SIZE = (230, 300)
HIDDEN_ROWS, HIDDEN_WIDTH = (50, 385), 250  # of the small picture of covers, pixels
COLUMNS, TILES = 3, 6  # shown of a sheet
TILE_GAP, TILE_TEXT = 12, 42  # of a sheet: between its tiles and below each, pixels
MOVED, MOVED_BY, DELETED = (30, 90, 150, 200), 45, (10, 60, 120)  # rows of annotations, pixels


@cache
def detector() -> Detector:
    """The shipped detector."""
    return load_detector()


def find(image: Pixels, min_score: float | None = None) -> Faces:
    """Faces with their landmarks in an RGB image."""
    return detector()(bgr(image), min_score=min_score, landmarks=True)


def bgr(image: Pixels) -> Pixels:
    """The other order of channels, RGB to BGR and back."""
    return np.ascontiguousarray(image[..., ::-1])


@cache
def crowd() -> Pixels:
    """Eleven drawn people in two rows."""
    width, height = CROWD_SIZE
    rng = np.random.default_rng(CROWD_SEED)
    places = [
        (width * (i + 0.5) / count + float(rng.uniform(-8, 8)),
         height * part + float(rng.uniform(-10, 10)), half_height)
        for count, half_height, part in ROWS for i in range(count)
    ]  # fmt: skip
    return draw_people(CROWD_SIZE, places, CROWD_SEED)[0]


def astronaut(side: int = CROWD_SIZE[1]) -> Pixels:
    """The upper left part of the photo, as a square of this side."""
    photo = Image.fromarray(data.astronaut()).crop((60, 0, 400, 340))
    return np.asarray(photo.resize((side, side), Image.Resampling.LANCZOS))


def with_boxes(image: Pixels) -> Pixels:
    """What `detect --draw --landmarks` draws."""
    return bgr(draw_faces(bgr(image), find(image)))


def beside(*images: Pixels) -> Image.Image:
    """Pictures of one height side by side on transparent ground."""
    width = sum(image.shape[1] for image in images) + GAP * (len(images) - 1)
    whole = Image.new("RGBA", (width, images[0].shape[0]))
    left = 0
    for image in images:
        whole.paste(Image.fromarray(image), (left, 0))
        left += image.shape[1] + GAP
    return whole


def found() -> Image.Image:
    """A photo and a crowd with their faces found: the top of README."""
    return beside(with_boxes(astronaut()), with_boxes(crowd()))


def found_small() -> Image.Image:
    """One face with box and landmarks."""
    return Image.fromarray(with_boxes(astronaut(480))[:320])


def covered(fill: str, image: Pixels) -> Pixels:
    """What `anonymise --fill` writes."""
    faces = find(image, detector().find_all_score)
    return bgr(anonymise(bgr(image), faces, CoverConfig(fill=fill)))


def hidden() -> Image.Image:
    """The crowd with its faces covered by mosaics."""
    return Image.fromarray(covered("mosaic", crowd()))


def hidden_small() -> Image.Image:
    """A part of the crowd, covered by one colour and by mosaics."""
    whole, (top, bottom) = crowd(), HIDDEN_ROWS
    parts = [covered(fill, whole)[top:bottom, left : left + HIDDEN_WIDTH]
             for fill, left in (("solid", 50), ("mosaic", 312))]  # fmt: skip
    return beside(*parts)


def aligned() -> Image.Image:
    """Six faces cut out upright."""
    faces = [face for image in (astronaut(), crowd())
             for face in align_faces(bgr(image), find(image), size=156)]  # fmt: skip
    rows = [np.hstack([_framed(bgr(face)) for face in faces[i : i + 3]]) for i in (0, 3)]
    return Image.fromarray(np.vstack(rows))


def _framed(face: Pixels) -> Pixels:
    return np.pad(face, ((2, 2), (2, 2), (0, 0)), constant_values=255)


def film() -> Image.Image:
    """Three frames of a camera that pans over the crowd, each face with the id of its track."""
    whole, (width, height) = crowd(), FRAME_SIZE
    step = (whole.shape[1] - width) // (3 * FRAMES)
    frames = [whole[70 : 70 + height, 200 + i * step : 120 + i * step + width]
              for i in range(FRAMES)]  # fmt: skip
    seen = [FrameFaces(i, i / FRAMES, FRAME_SIZE, detector()(bgr(frame)))
            for i, frame in enumerate(frames)]  # fmt: skip
    tracked = list(track(seen, TrackConfig.of_detector(detector())))
    drawn = [
        bgr(draw_faces(bgr(frames[i]), tracked[i].faces,
                       labels=[str(number) for number in tracked[i].tracks]))
        for i in SHOWN_FRAMES
    ]  # fmt: skip
    return beside(*drawn)


def tiles(sheet: Image.Image, count: int = TILES) -> Image.Image:
    """The first tiles of a sheet that `audit` or `benchmark failures` wrote, three in a row."""
    step_x, step_y = CELL + TILE_GAP, CELL + TILE_TEXT + TILE_GAP
    rows = -(-count // COLUMNS)
    paper = sheet.convert("RGB").getpixel((1, 1))
    whole = Image.new("RGB", (COLUMNS * step_x + TILE_GAP, rows * step_y), paper)
    for number in range(count):
        left = MARGIN + number * step_x
        tile = sheet.crop((left, HEAD, left + CELL, HEAD + CELL + TILE_TEXT))
        row, column = divmod(number, COLUMNS)
        whole.paste(tile, (TILE_GAP + column * step_x, TILE_GAP + row * step_y))
    return whole


def sheets() -> dict[str, Image.Image]:
    """Tiles of the sheets of `audit` and `benchmark failures`, on drawn photos.

    For the audit four boxes were moved by 45 pixels and three deleted.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_all(folder / "drawn")
        truth = json.loads((folder / "drawn" / "faces.json").read_text("utf-8"))
        boxes = truth["annotations"]
        for row in MOVED:
            boxes[row]["bbox"][0] = max(0, boxes[row]["bbox"][0] - MOVED_BY)
        truth["annotations"] = [box for i, box in enumerate(boxes) if i not in DELETED]
        (folder / "moved.json").write_text(json.dumps(truth), encoding="utf-8")
        _facesmith(folder, "audit", "moved.json", "--images", "drawn/photos", "--out", "audit")
        _facesmith(folder, "benchmark", "failures", "--annotations", "drawn/faces.json",
                   "--images", "drawn/photos", "--out", "failures")  # fmt: skip
        names = {"audit": "audit/missed.png", "failures": "failures/misses.png"}
        return {key: tiles(Image.open(folder / path)) for key, path in names.items()}


def _facesmith(folder: Path, *words: str) -> None:
    command: Sequence[str] = (sys.executable, "-m", "facesmith", *words)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - own command
