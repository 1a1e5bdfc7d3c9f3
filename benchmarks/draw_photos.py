"""Annotated photos of drawn people, for the exercise where FDDB is not at hand.

    python benchmarks/draw_photos.py OUT

OUT/photos has 120 drawings of one to four people, OUT/faces.json their faces as COCO JSON,
OUT/face-free 80 drawings without people. OUT/wide has two drawings of the size of the exercise's
last photos, 978x350, with 6 and 13 other people, and OUT/wide.json their faces. The same bytes at
every run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facesmith.demo.synthetic.animals import ANIMALS, draw_animal
from facesmith.demo.synthetic.backgrounds import draw_background
from facesmith.demo.synthetic.camera import take_photo
from facesmith.demo.synthetic.canvas import Canvas
from facesmith.demo.synthetic.head import Pose
from facesmith.demo.synthetic.objects import OBJECTS, draw_object
from facesmith.demo.synthetic.patches import draw_portrait
from facesmith.demo.synthetic.person import draw_person, draw_view

SIZE = (400, 300)  # width and height of a photo, pixels
WIDE = (978, 350)
N_PHOTOS, N_FACE_FREE = 120, 80
WIDE_PEOPLE = (6, 13)
# A face from the hairline to the chin, in half heights of the head: half width, top and bottom.
FACE = (0.68, -0.55, 1.0)
ROW_HEIGHT = 0.34  # of a wide photo, from one row of people to the next
_HARSHNESS = 0.0  # of the camera: sharp and without noise


def draw_people(
    size: tuple[int, int], places: list[tuple[float, float, float]], seed: tuple[int, ...]
) -> tuple[np.ndarray, list[list[float]]]:
    """People at `(x, y, half height of the head)`, the first ones behind the others.

    Returns:
        uint8 RGB, and the face of each as `x, y, width, height` in pixels.
    """
    rng = np.random.default_rng(seed)
    picture = draw_background(rng, *size).astype(np.float32)
    boxes = []
    for x, y, half_height in places:
        person = draw_person(rng)
        view = draw_view(rng, person)
        pose = Pose(x, y, half_height, view.yaw, view.pitch, view.roll)
        behind = np.clip(picture, 0, 255).astype(np.uint8)
        picture = draw_portrait(behind, person, view, pose, rng)
        half, top, bottom = (half_height * part for part in FACE)
        boxes.append([round(v, 1) for v in (x - half, y + top, 2 * half, bottom - top)])
    return take_photo(picture, rng, harshness=_HARSHNESS), boxes


def draw_things(seed: tuple[int, ...]) -> np.ndarray:
    """Animals and things, uint8 RGB."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(draw_background(rng, *SIZE, busy=0.7), 2)
    for x in SIZE[0] * np.array([0.2, 0.5, 0.8]):
        names, draw = (ANIMALS, draw_animal) if rng.random() < 0.5 else (OBJECTS, draw_object)
        name = names[rng.integers(0, len(names))]
        draw(canvas, name, float(x), float(rng.uniform(90, 210)), float(rng.uniform(25, 60)), rng)
    picture, _ = canvas.finish()
    return take_photo(picture, rng, harshness=_HARSHNESS)


def places_in_a_row(rng: np.random.Generator, n: int) -> list[tuple[float, float, float]]:
    """Where `n` people of a small photo stand, beside each other."""
    width, height = SIZE
    places = []
    for i in range(n):
        half_height = rng.uniform(22, 62 if n < 3 else 42)
        x = width * (i + 0.5) / n + rng.uniform(-0.1, 0.1) * width / n
        y = rng.uniform(max(0.3 * height, 1.2 * half_height), height - 1.2 * half_height)
        places.append((x, y, half_height))
    return places


def places_of_a_group(rng: np.random.Generator, n: int) -> list[tuple[float, float, float]]:
    """Where `n` people of a wide photo stand: one row, or two from 8 on."""
    width, height = WIDE
    rows = [n] if n < 8 else [n // 2, n - n // 2]
    places = []
    for row, count in enumerate(rows):
        for i in range(count):
            half_height = rng.uniform(36, 46) if len(rows) == 1 else rng.uniform(30, 36)
            x = width * (i + 0.5) / count + rng.uniform(-8, 8)
            y = height * (0.5 if len(rows) == 1 else 0.28 + ROW_HEIGHT * row) + rng.uniform(-12, 12)
            places.append((x, y, half_height))
    return places


def coco(photos: dict[str, tuple[np.ndarray, list[list[float]]]]) -> dict[str, Any]:
    """COCO JSON of photos by their file names."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, (picture, boxes) in photos.items():
        height, width = picture.shape[:2]
        image = len(images) + 1
        images.append({"id": image, "file_name": name, "width": width, "height": height})
        for box in boxes:
            annotation = {"id": len(annotations) + 1, "image_id": image, "category_id": 1}
            annotations.append(annotation | {"bbox": box})
    categories = [{"id": 1, "name": "face"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def draw_all(out: Path) -> None:
    """Draw and write everything."""
    rng = np.random.default_rng(0)
    photos = {}
    for number in range(N_PHOTOS):
        places = places_in_a_row(rng, int(rng.integers(1, 5)))
        photos[f"drawn-{number:03d}.png"] = draw_people(SIZE, places, (1, number))
    wide = {
        f"group-of-{n}.png": draw_people(WIDE, places_of_a_group(rng, n), (2, n))
        for n in WIDE_PEOPLE
    }
    things = {f"thing-{n:03d}.png": (draw_things((3, n)), []) for n in range(N_FACE_FREE)}
    for folder, drawn in (("photos", photos), ("wide", wide), ("face-free", things)):
        (out / folder).mkdir(parents=True, exist_ok=True)
        for name, (picture, _) in drawn.items():
            Image.fromarray(picture).save(out / folder / name)
    for name, drawn in (("faces.json", photos), ("wide.json", wide)):
        (out / name).write_text(json.dumps(coco(drawn)) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    out = parser.parse_args().out
    draw_all(out)
    print(f"wrote {out}: {N_PHOTOS} photos, {N_FACE_FREE} without people, {len(WIDE_PEOPLE)} wide")


if __name__ == "__main__":
    main()
