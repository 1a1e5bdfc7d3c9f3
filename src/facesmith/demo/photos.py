"""The shipped detector on the photos that come along with scikit-image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.detection.detector import Detector
from facesmith.errors import FacesmithError
from facesmith.evaluation.timing import Stopwatch
from facesmith.faces import Faces
from facesmith.images import read_image
from facesmith.progress import NO_PROGRESS, Progress

# File -> what it shows and how many faces it has. Left out is what leaves room for an argument:
# the cameraman, seen from the side, and the coins with their heads in relief.
PHOTOS = {
    "astronaut.png": ("an astronaut", 1),
    "chelsea.png": ("Chelsea the cat", 0),
    "coffee.png": ("a cup of coffee", 0),
    "rocket.jpg": ("a rocket", 0),
    "clock_motion.png": ("a clock that moves", 0),
    "motorcycle_left.png": ("a motorcycle", 0),
    "retina.jpg": ("a retina", 0),
    "hubble_deep_field.jpg": ("galaxies", 0),
    "moon.png": ("the moon", 0),
    "ihc.png": ("stained tissue", 0),
    "cell.png": ("a cell", 0),
    "brick.png": ("bricks", 0),
    "grass.png": ("grass", 0),
    "gravel.png": ("gravel", 0),
    "page.png": ("a printed page", 0),
    "text.png": ("handwriting", 0),
}
_TIMED_CALLS = 5
_REAL_PATCHES = "lfw_subset.npy"  # 100 faces, then 100 pieces of background, 25x25, grey


@dataclass(frozen=True, eq=False)
class SearchedPhoto:
    """A photo and what the detector found in it."""

    name: str  # name of the file
    title: str  # what it shows
    expected: int  # how many faces it has
    image: npt.NDArray[np.uint8]  # uint8 `(height, width, 3)`, BGR
    faces: Faces  # what was found
    latency_ms: float  # median time of a call, with the image in memory


def search_photos(
    detector: Detector, progress: Progress = NO_PROGRESS
) -> tuple[SearchedPhoto, ...]:
    """Run the detector over the sample photos of scikit-image, in the order of `PHOTOS`.

    None is downloaded; a missing one is left out.

    Raises:
        FacesmithError: If none is there.
    """
    folder = _folder()
    present = [name for name in PHOTOS if (folder / name).is_file()]
    if not present:
        raise FacesmithError(
            f"No sample photos in {folder}. Install the release of scikit-image that "
            "constraints.txt names."
        )
    searched = []
    for name in progress.each(present, ""):
        title, expected = PHOTOS[name]
        image = read_image(folder / name)
        faces = detector(image)
        watch = Stopwatch()
        for _ in range(_TIMED_CALLS):
            watch(partial(detector, image))
        latency_ms = watch.timing().median_ms
        searched.append(SearchedPhoto(name, title, expected, image, faces, latency_ms))
    return tuple(searched)


def real_patches() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None:
    """200 small grey patches of real photos (Labeled Faces in the Wild), enlarged.

    Returns:
        Images uint8 `(200, 64, 64, 3)` and labels uint8 `(200,)`, 1 for the 100 faces; `None`
        where this version of scikit-image does not have them.
    """
    path = _folder() / _REAL_PATCHES
    if not path.is_file():
        return None
    grey = np.clip(np.load(path, allow_pickle=False) * 255, 0, 255).astype(np.uint8)
    large = [Image.fromarray(g).resize((64, 64), Image.Resampling.BICUBIC) for g in grey]
    images = np.repeat(np.stack([np.asarray(g) for g in large])[..., None], 3, axis=3)
    labels = (np.arange(len(grey)) < len(grey) // 2).astype(np.uint8)
    return images, labels


def _folder() -> Path:
    return Path(str(files("skimage.data")))
