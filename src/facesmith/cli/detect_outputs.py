"""What `facesmith detect` gives: lines, JSON, a table, drawings, crops and aligned faces."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from facesmith.cli.numbers import counted
from facesmith.cli.terminal import echo
from facesmith.errors import ImageError
from facesmith.files import OutputFolder, replacing, write_error
from facesmith.files.stems import unique_stems

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facesmith.detection.photos import PhotoFaces, PhotoSource

_CSV_HEADER = ("file", "width", "height", "face", "x_min", "y_min", "x_max", "y_max", "score")


def warn_of_animations(sources: Sequence[PhotoSource]) -> None:
    """Say which inputs have more frames than the one that was looked at."""
    from facesmith.video.opening import is_animation  # noqa: PLC0415 - loads NumPy

    moving = [each.name for each in sources if isinstance(each.content, Path)
              and is_animation(each.content)]  # fmt: skip
    if moving:
        more = f" and {len(moving) - 1:,} more" if len(moving) > 1 else ""
        echo(
            f"Warning: {moving[0]}{more}: of animations among photos the first frame alone was "
            "looked at. Name them without photos to have all frames looked at.",
            err=True,
        )


def as_line(found: PhotoFaces) -> str:
    """The line for people."""
    faces = [
        f"{score:.2f} [{', '.join(f'{edge:.0f}' for edge in box)}]"
        for box, score in zip(found.faces.boxes, found.faces.scores, strict=True)
    ]
    if found.faces.landmarks is not None:
        for number, points in enumerate(found.faces.landmarks):
            faces[number] += "".join(f" ({x:.0f}, {y:.0f})" for x, y in points)
    count = f"{counted(len(faces), 'face')}:" if faces else "no face"
    return "  ".join([found.source.name, f"{found.width}x{found.height}", count, *faces])


def as_dict(found: PhotoFaces, aligned: Sequence[Path]) -> dict[str, Any]:
    """What `--json` prints of a photo.

    Args:
        found: The photo.
        aligned: The files of the aligned faces, if they are written.
    """
    from facesmith.detection.as_json import photo_as_dict  # noqa: PLC0415 - see `detect`

    return photo_as_dict(found, [path.as_posix() for path in aligned])


@dataclass(frozen=True)
class PictureConfig:
    """Which pictures are written, and where.

    Attributes:
        draw_dir: The folder of the drawings; `None` for none.
        crops_dir: The folder of the crops; `None` for none.
        aligned_dir: The folder of the aligned faces; `None` for none.
        crop_margin: What crops show around the box, as a part of its sides.
        aligned_size: Width and height of aligned faces, pixels.
        force: Whether files that facesmith did not write are replaced.
    """

    draw_dir: Path | None
    crops_dir: Path | None
    aligned_dir: Path | None
    crop_margin: float
    aligned_size: int
    force: bool = False

    @property
    def folders(self) -> list[Path]:
        """The folders that are asked for."""
        return [each for each in (self.draw_dir, self.crops_dir, self.aligned_dir) if each]


class Pictures:
    """Writes the pictures; where there are several processes, in the one with the image."""

    def __init__(self, sources: Sequence[PhotoSource], config: PictureConfig) -> None:
        self._config = config
        # Photos are never written over, even where a folder of drawings is looked at again.
        self._photos = {os.path.realpath(source.name) for source in sources}
        stems = unique_stems([source.name for source in sources])
        self._stems = dict(zip(map(_key, sources), stems, strict=True))
        self._opened_by = 0
        self._open()

    def _open(self) -> None:
        """Open the folders in this process, which then lists what it writes in their marks."""
        if self._opened_by != os.getpid():
            for folder in self._config.folders:
                OutputFolder(folder, "detection").add(force=self._config.force)
            self._opened_by = os.getpid()

    def __call__(self, found: PhotoFaces) -> None:
        """Write the pictures of one photo."""
        self._open()
        from facesmith.pictures.drawing import crop_faces, draw_faces  # noqa: PLC0415 - see `detect`

        stem, config = self._stems[_key(found.source)], self._config
        if config.draw_dir is not None:
            drawing = draw_faces(found.image(), found.faces)
            self._write_image(config.draw_dir / f"{stem}_faces.jpg", drawing)
        if config.crops_dir is not None and len(found.faces):
            crops = crop_faces(found.image(), found.faces, margin=config.crop_margin)
            for number, crop in enumerate(crops, start=1):
                self._write_image(config.crops_dir / f"{stem}_face_{number}.jpg", crop)
        if config.aligned_dir is not None and len(found.faces):
            aligned = _aligned(found, config.aligned_size)
            for path, face in zip(self.aligned_paths(found), aligned, strict=True):
                self._write_image(path, face)

    def aligned_paths(self, found: PhotoFaces) -> list[Path]:
        """Where the aligned faces of a photo lie, in the order of the faces; none if not wanted."""
        folder = self._config.aligned_dir
        if folder is None:
            return []
        stem = self._stems[_key(found.source)]
        return [folder / f"{stem}_aligned_{i + 1}.png" for i in range(len(found.faces))]

    def _write_image(self, path: Path, image: npt.NDArray[np.uint8]) -> None:
        from facesmith.images import write_image  # noqa: PLC0415 - see `detect`

        if os.path.realpath(path) in self._photos:
            raise ImageError(
                f"Cannot write {path}: it is one of the photos to look at. Choose another folder."
            )
        write_image(path, image)


def _aligned(found: PhotoFaces, size: int) -> npt.NDArray[np.uint8]:
    from facesmith.pictures.alignment import align_faces  # noqa: PLC0415 - see `detect`

    try:
        return align_faces(found.image(), found.faces, size)
    except ValueError as error:  # landmarks that a foreign network puts all at one place
        raise ImageError(f"{found.source.name}: a face cannot be aligned. {error}") from error


def _key(source: PhotoSource) -> tuple[str, bool]:
    """What tells a photo from all others: a file may have the name of standard input."""
    return source.name, isinstance(source.content, bytes)


class Table:
    """The CSV file with a row a face, if one is asked for; use it with `with`.

    With landmarks it has three more columns for each. It takes the place of an earlier one at the
    end, whole. What stops the work leaves the rows of
    the photos that were done; before the first of them, the earlier table.
    """

    def __init__(self, path: Path | None, *, landmarks: bool = False) -> None:
        self._path, self._landmarks, self._n_photos = path, landmarks, 0
        self._stack = ExitStack()

    def __enter__(self) -> Table:
        if self._path is not None:
            self._file = self._stack.enter_context(replacing(self._path))
            self._add([(*_CSV_HEADER, *(_landmark_columns() if self._landmarks else ()))])
        return self

    def write(self, photo: dict[str, Any]) -> None:
        """Add the faces of one photo, as `--json` has them."""
        self._n_photos += 1
        self._add(
            (
                *(photo[name] for name in _CSV_HEADER[:3]),
                number,
                *face["box"],
                face["score"],
                *(_landmark_values(face) if self._landmarks else ()),
            )
            for number, face in enumerate(photo["faces"], start=1)
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or self._n_photos:
            self._stack.close()
        else:
            nothing = GeneratorExit()  # not `error`: its cause is none of the table's
            with suppress(GeneratorExit):
                self._stack.__exit__(GeneratorExit, nothing, None)

    def _add(self, rows: Iterable[Sequence[object]]) -> None:
        if self._path is None:
            return
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        try:
            self._file.write(text.getvalue().encode(errors="backslashreplace"))
            self._file.flush()
        except OSError as error:
            self._n_photos = 0  # not whole
            raise write_error(self._path, error) from error


def _landmark_columns() -> list[str]:
    from facesmith.faces import LANDMARK_NAMES  # noqa: PLC0415 - see `detect`

    return [f"{name}_{what}" for name in LANDMARK_NAMES for what in ("x", "y", "score")]


def _landmark_values(face: dict[str, Any]) -> list[float]:
    rows = zip(face["landmarks"], face["landmark_scores"], strict=True)
    return [value for (x, y), score in rows for value in (x, y, score)]


def is_table(path: Path) -> bool:
    """Whether a file was written by `Table`, or holds nothing."""
    begins = ",".join(_CSV_HEADER).encode()
    try:
        with path.open("rb") as file:
            return file.read(len(begins)) in (begins, b"")
    except OSError:
        return False
