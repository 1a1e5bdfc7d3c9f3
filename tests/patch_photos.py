"""Photos whose every pixel is known, for tests of patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from facesmith.annotations import AnnotatedPhoto
from facesmith.patches import Patches

FACE_GREEN = (20, 220, 20)  # BGR, of the drawn faces; no photo has such a green elsewhere
Pixels = npt.NDArray[np.uint8]


def noise(seed: int, shape_hw: tuple[int, int] = (160, 200)) -> Pixels:
    """A photo without green: blobs of blue and red, different for every seed."""
    height, width = shape_hw
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    coarse[..., 1] = 0
    large = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large.filter(ImageFilter.GaussianBlur(2)))


def save(path: Path, image: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(image[..., ::-1])).save(path)
    return path


def annotated(path: Path, seed: int, *boxes: tuple[int, int, int, int]) -> AnnotatedPhoto:
    """A saved photo whose face boxes are filled with `FACE_GREEN`."""
    image = noise(seed).copy()
    for x_min, y_min, x_max, y_max in boxes:
        image[y_min:y_max, x_min:x_max] = FACE_GREEN
    save(path, image)
    return AnnotatedPhoto(
        path=path,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        ignored=np.zeros(len(boxes), bool),
        name=path.name,
        width=200,
        height=160,
    )


def arrays_of(patches: Patches) -> dict[str, bytes]:
    return {
        "images": patches.images.tobytes(),
        "labels": patches.labels.tobytes(),
        "photo_indices": patches.photo_indices.tobytes(),
        "photo_names": "\n".join(patches.photo_names).encode(),
        "splits": patches.splits.tobytes(),
        "kinds": patches.kinds.tobytes(),
    }


def green(images: Pixels) -> npt.NDArray[np.float64]:
    """Part of each patch's pixels that show a drawn face; photos have no green at all."""
    share: npt.NDArray[np.float64] = (images[..., 1] > 110).mean(axis=(1, 2))
    return share
