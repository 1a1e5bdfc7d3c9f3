"""Small annotated photos on which a detector learns something within seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def draw_disc_photos(folder: Path, count: int) -> None:
    """Write photos of 128x96 with a light disc each, and their `faces.json`."""
    images, boxes = [], []
    for i in range(count):
        rng = np.random.default_rng(i)
        noise = rng.integers(30, 120, (12, 16, 3)).astype(np.uint8)
        photo = Image.fromarray(noise).resize((128, 96), Image.Resampling.BILINEAR)
        x, y, side = (int(rng.integers(*limits)) for limits in ((0, 70), (0, 40), (28, 50)))
        ImageDraw.Draw(photo).ellipse((x, y, x + side, y + side), fill=(235, 200, 170))
        photo.save(folder / f"{i:02d}.png")
        images.append({"id": i, "file_name": f"{i:02d}.png", "width": 128, "height": 96})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [x, y, side, side]})
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "face"}]}
    (folder / "faces.json").write_text(json.dumps(content))
