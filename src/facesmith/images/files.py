"""Image files: finding them, and writing one."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.errors import ImageError
from facesmith.files import files_by_folder, replacing
from facesmith.images.heif import heif_installed

# Raw files are TIFFs outside, and would pass for the thumbnail that they carry along.
RAW_SUFFIXES = (".3fr", ".arw", ".cr2", ".dng", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".rw2")
# Files in folders are taken for photos by their suffix; a file that is named is always tried.
IMAGE_SUFFIXES = (
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf",
    ".jpg", ".jpx", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif",
    ".tiff", ".webp",
)  # fmt: skip
HEIF_SUFFIXES = (".heic", ".heif", ".hif")  # with the extra `heic`
# Files in folders that somebody may take for photos to be read: they are counted.
_OTHER_SUFFIXES = (
    *HEIF_SUFFIXES, ".3gp", ".ai", ".avi", ".eps", ".exr", ".hdr", ".jxl", ".m4v", ".mkv", ".mov",
    ".mp4", ".mpeg", ".mpg", ".mts", ".pdf", ".psd", ".svg", ".webm", ".wmv", *RAW_SUFFIXES,
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
    image_format = Image.registered_extensions().get(path.suffix.lower())
    if image_format not in Image.SAVE:
        raise ImageError(
            f"Cannot write {path}: '{path.suffix}' is no suffix of an image format that can be "
            "written. Choose one such as .jpg or .png."
        )
    with replacing(path) as file:
        save_image(file, image, image_format)


def save_image(file: BinaryIO, image: npt.NDArray[np.uint8], image_format: str) -> None:
    """Write an image, uint8 `(height, width, 3)`, BGR, into an open file.

    Args:
        file: The file.
        image: The image.
        image_format: As Pillow calls it, such as "JPEG", which has quality 95, or "PNG".
    """
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if image_format == "JPEG" else {}
    rgb = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    rgb.save(file, format=image_format, **options)


def find_images(
    inputs: Iterable[str | Path], passed_over: Callable[[str], object] | None = None
) -> list[Path]:
    """The image files that files, folders and patterns stand for, in their order, each once.

    Within a folder or pattern they come in natural order (`img2` before `img10`).

    Args:
        inputs: Each a file, which is kept whatever it is; a folder, which is searched with its
            sub-folders; or a pattern such as `photos/**/*.jpg`. In folders and by patterns, hidden
            files and folders and files without one of `IMAGE_SUFFIXES` are passed over; HEIC is
            not where pillow-heif is installed. Links to folders are followed, each folder once.
        passed_over: Called with a line for each folder in which videos, raw files or other pictures
            that cannot be read were passed over: how many of which kind.

    Raises:
        ImageError: If a folder or a pattern yields nothing.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        path = Path(given)
        folder = os.path.isdir(path)  # noqa: PTH112 - names that cannot be are none
        if folder:
            candidates, others = _walk(path)
            if others and passed_over is not None:
                passed_over(_in_words(path, others))
        elif glob.has_magic(str(given)) and not os.path.exists(path):  # noqa: PTH110
            candidates = _expand(str(given))
        else:
            candidates = [path]
        if not candidates:
            where = f"{path}/" if folder else str(given)
            raise ImageError(
                f"No images found in {where}. Looked for {', '.join(IMAGE_SUFFIXES)}"
                f"{', in sub-folders too' if folder else ''}."
            )
        for candidate in candidates:
            found.setdefault(os.path.abspath(candidate), candidate)  # noqa: PTH100 - keeps links
    return list(found.values())


def _walk(top: Path) -> tuple[list[Path], Counter[str]]:
    """The images below a folder, and how many other pictures and videos by suffix."""
    found: list[Path] = []
    others: Counter[str] = Counter()
    for parent, names in files_by_folder(top):
        found.extend(parent / name for name in names if _looks_like_image(name))
        others.update(Path(name).suffix.lower() for name in names if _looks_like_another(name))
    return sorted(found, key=_natural_order), others


def _in_words(folder: Path, others: Counter[str]) -> str:
    counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
    line = f"{folder}/: passed over {counts}, which cannot be read."
    if any(suffix in others for suffix in HEIF_SUFFIXES):
        line += ' HEIC needs pillow-heif: pip install "facesmith[heic]".'
    return line


def _expand(pattern: str) -> list[Path]:
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - absolute patterns
    return sorted(
        (path for path in matches if _looks_like_image(path.name) and path.is_file()),
        key=_natural_order,
    )


def _looks_like_image(name: str) -> bool:
    readable = IMAGE_SUFFIXES + (HEIF_SUFFIXES if heif_installed() else ())
    return name.lower().endswith(readable) and not name.startswith(".")


def _looks_like_another(name: str) -> bool:
    others = name.lower().endswith(_OTHER_SUFFIXES) and not name.startswith(".")
    return others and not _looks_like_image(name)


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
