"""Image files: finding them, and writing one."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.errors import ImageError
from facesmith.files import replacing

# Files in folders are taken for photos by their suffix; a file that is named is always tried.
IMAGE_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".mpo", ".pgm", ".png", ".ppm",
    ".tif", ".tiff", ".webp",
)  # fmt: skip
JPEG_QUALITY = 95


def write_image(path: str | Path, image: npt.NDArray[np.uint8]) -> None:
    """Write an image, uint8 `(height, width, 3)`, BGR; the suffix decides the format.

    JPEG has quality 95. An existing file is replaced; its folder exists.

    Raises:
        ImageError: If no format of this suffix can be written.
        WriteError: If the file cannot be written.
    """
    path = Path(path)
    rgb = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    image_format = Image.registered_extensions().get(path.suffix.lower())
    if image_format not in Image.SAVE:
        raise ImageError(
            f"Cannot write {path}: '{path.suffix}' is no suffix of an image format that can be "
            "written. Choose one such as .jpg or .png."
        )
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if image_format == "JPEG" else {}
    with replacing(path) as file:
        rgb.save(file, format=image_format, **options)


def find_images(inputs: Iterable[str | Path]) -> list[Path]:
    """The image files that files, folders and patterns stand for, in their order, each once.

    Within a folder or pattern they come in natural order (`img2` before `img10`).

    Args:
        inputs: Each a file, which is kept whatever it is; a folder, which is searched with its
            sub-folders; or a pattern such as `photos/**/*.jpg`. In folders and by patterns, hidden
            files and folders and files without one of `IMAGE_SUFFIXES` are passed over.

    Raises:
        ImageError: If a folder or a pattern yields nothing.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            candidates = _walk(path)
        elif glob.has_magic(str(given)) and not path.exists():
            candidates = _expand(str(given))
        else:
            candidates = [path]
        if not candidates:
            where = f"{path}/" if path.is_dir() else str(given)
            raise ImageError(
                f"No images found in {where}. Looked for {', '.join(IMAGE_SUFFIXES)}"
                f"{', in sub-folders too' if path.is_dir() else ''}."
            )
        for candidate in candidates:
            found.setdefault(os.path.abspath(candidate), candidate)  # noqa: PTH100 - keeps links
    return list(found.values())


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(Path(parent) / name for name in names if _looks_like_image(name))
    return sorted(found, key=_natural_order)


def _expand(pattern: str) -> list[Path]:
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - absolute patterns
    return sorted(
        (path for path in matches if _looks_like_image(path.name) and path.is_file()),
        key=_natural_order,
    )


def _looks_like_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _natural_order(path: Path) -> tuple[list[list[tuple[int, int, str]]], str]:
    """Numbers by value, letters without case; the exact spelling settles what is then equal."""
    parts = [
        [
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
            for piece in re.split(r"(\d+)", part.casefold())
            if piece
        ]
        for part in path.parts
    ]
    return parts, str(path)
