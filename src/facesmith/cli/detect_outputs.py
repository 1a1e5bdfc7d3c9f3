"""What `facesmith detect` writes beside its lines: drawings, crops and a table."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from facesmith.errors import ImageError
from facesmith.files import OutputFolder, replacing, write_error

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facesmith.detection.photos import PhotoFaces, PhotoSource

STDIN = "-"
_CSV_HEADER = ("file", "width", "height", "face", "x_min", "y_min", "x_max", "y_max", "score")


class Pictures:
    """Writes drawings and crops; where there are several processes, in the one with the image."""

    def __init__(
        self,
        sources: Sequence[PhotoSource],
        draw_dir: Path | None,
        crops_dir: Path | None,
        crop_margin: float,
        *,
        force: bool = False,
    ) -> None:
        self._draw_dir, self._crops_dir, self._margin = draw_dir, crops_dir, crop_margin
        # Photos are never written over, even where a folder of drawings is looked at again.
        self._photos = {os.path.realpath(source.name) for source in sources}
        stems = unique_stems([source.name for source in sources])
        self._stems = dict(zip(map(_key, sources), stems, strict=True))
        self._force = force
        self._opened_by = 0
        self._open()

    def _open(self) -> None:
        """Open the folders in this process, which then lists what it writes in their marks."""
        if self._opened_by != os.getpid():
            for folder in filter(None, (self._draw_dir, self._crops_dir)):
                OutputFolder(folder, "detection").add(force=self._force)
            self._opened_by = os.getpid()

    def __call__(self, found: PhotoFaces) -> None:
        """Write the drawing and the crops of one photo."""
        self._open()
        from facesmith.pictures.drawing import crop_faces, draw_faces  # noqa: PLC0415 - see `detect`

        stem = self._stems[_key(found.source)]
        if self._draw_dir is not None:
            drawing = draw_faces(found.image(), found.faces)
            self._write_image(self._draw_dir / f"{stem}_faces.jpg", drawing)
        if self._crops_dir is not None and len(found.faces):
            crops = crop_faces(found.image(), found.faces, margin=self._margin)
            for number, crop in enumerate(crops, start=1):
                self._write_image(self._crops_dir / f"{stem}_face_{number}.jpg", crop)

    def _write_image(self, path: Path, image: npt.NDArray[np.uint8]) -> None:
        from facesmith.images import write_image  # noqa: PLC0415 - see `detect`

        if os.path.realpath(path) in self._photos:
            raise ImageError(
                f"Cannot write {path}: it is one of the photos to look at. Choose another folder."
            )
        write_image(path, image)


def _key(source: PhotoSource) -> tuple[str, bool]:
    """What tells a photo from all others: a file may have the name of standard input."""
    return source.name, isinstance(source.content, bytes)


class Table:
    """The CSV file with a row a face, if one is asked for; use it with `with`.

    It takes the place of an earlier one at the end, whole. What stops the work leaves the rows of
    the photos that were done; before the first of them, the earlier table.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._n_photos = path, 0
        self._stack = ExitStack()

    def __enter__(self) -> Table:
        if self._path is not None:
            self._file = self._stack.enter_context(replacing(self._path))
            self._add([_CSV_HEADER])
        return self

    def write(self, photo: dict[str, Any]) -> None:
        """Add the faces of one photo, as `--json` has them."""
        self._n_photos += 1
        self._add(
            (*(photo[name] for name in _CSV_HEADER[:3]), number, *face["box"], face["score"])
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


def is_table(path: Path) -> bool:
    """Whether a file was written by `Table`, or holds nothing."""
    begins = ",".join(_CSV_HEADER).encode()
    try:
        with path.open("rb") as file:
            return file.read(len(begins)) in (begins, b"")
    except OSError:
        return False


def unique_stems(names: Sequence[str]) -> list[str]:
    """Names for what is written about each photo, no two the same even where case is ignored.

    A photo's own name without suffix; where others have it too, folders are put before it until it
    is unique, then the suffix is added, and last a number.

    Example:
        >>> unique_stems(["2023/a.jpg", "2024/a.jpg", "2024/b.jpg", "2024/b.png"])
        ['2023_a', '2024_a', '2024_b_jpg', '2024_b_png']
    """
    choices = [_stems(name) for name in names]
    depths = [0] * len(names)
    while True:
        stems = [c[min(depth, len(c) - 1)] for c, depth in zip(choices, depths, strict=True)]
        count: dict[str, int] = {}
        for stem in stems:
            count[stem.casefold()] = count.get(stem.casefold(), 0) + 1
        clash = [
            i
            for i, stem in enumerate(stems)
            if count[stem.casefold()] > 1 and depths[i] < len(choices[i]) - 1
        ]
        if not clash:
            break
        for i in clash:
            depths[i] += 1
    taken: set[str] = set()
    for i, stem in enumerate(stems):
        number = 1
        while stems[i].casefold() in taken:
            number += 1
            stems[i] = f"{stem}-{number}"
        taken.add(stems[i].casefold())
    return stems


def _stems(name: str) -> list[str]:
    """From the shortest name of a photo to the longest."""
    if name == STDIN:
        return ["stdin"]
    path = Path(name)
    folders = [part for part in path.parent.parts if part not in (path.anchor, "..")]
    stems = ["_".join([*folders[len(folders) - n :], path.stem]) for n in range(len(folders) + 1)]
    return [*stems, f"{stems[-1]}_{path.suffix.lstrip('.')}"]
